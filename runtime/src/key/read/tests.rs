use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::ffi::OsString;
use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::{NonZeroI128, NonZeroU8};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::*;
use crate::chance::Chance;

#[derive(Debug, Clone, PartialEq, cached_derive::KeyPart, cached_derive::ReadPart)]
#[key(crate = crate)]
enum Sort {
    Of,
    Offset(u8),
    By { field: String, then: Option<Box<str>> },
    Among(Vec<String>),
    Nothing(()),
}

fn written<P: KeyPart + ?Sized>(part: &P) -> String {
    let mut out = KeyWriter::new(Secret::default());
    out.part(part);
    out.as_str().to_owned()
}

/// What was written is read as the same part, and so is what could have been nothing, and what stands beside others.
#[track_caller]
fn returns<P: KeyPart + ReadPart + Clone>(part: P) {
    fn same<P: KeyPart + ReadPart>(part: &P) {
        let text = written(part);
        let Some(read) = P::read_part(&text) else { panic!("{text} was written, and cannot be read") };
        assert!(read.same_part(&part.to_owned_part()), "{text} was read as {}", written(&read));
    }
    same(&part);
    same(&Some(part.clone()));
    same(&Some(Some(part.clone())));
    same(&vec![part.clone()]);
    same(&(part.clone(), [None, Some(part)]));
}

/// One of so many.
fn one_of(count: usize, chance: &Chance) -> usize {
    usize::try_from(chance.below(count as u64)).expect("below a usize")
}

/// Texts of the characters that mean something in keys.
fn hostile(chance: &Chance) -> String {
    const PIECES: &[&str] = &[
        "",
        "a",
        "~",
        "~~",
        "~e",
        "(",
        ")",
        "()",
        ",",
        "=",
        "%",
        "%2",
        "%7E",
        "%2C",
        "%ff",
        "%C3%A4",
        "ä",
        "\u{1F980}",
        ":",
        "#",
        "0",
        "7",
        "-",
        "+",
        ".",
        "1e9",
        "NaN",
        "true",
        "Of",
        "Offset",
        "By",
        " ",
        "\0",
    ];
    let piece = |_| PIECES[one_of(PIECES.len(), chance)];
    (0..chance.below(6)).map(piece).collect()
}

/// A text with one character taken out, doubled, or put where it was not.
fn damaged(text: &str, chance: &Chance) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    if !chars.is_empty() {
        let (at, from) = (one_of(chars.len(), chance), one_of(chars.len(), chance));
        match chance.below(3) {
            0 => drop(chars.remove(at)),
            1 => chars.insert(at, chars[from]),
            _ => chars.swap(at, from),
        }
    }
    chars.into_iter().collect()
}

#[test]
fn whole_numbers_return() {
    returns((i128::MIN, i128::MAX, u128::MAX, i64::MIN, u64::MAX, isize::MIN, usize::MAX));
    returns((i8::MIN, u8::MAX, i16::MIN, u16::MAX, i32::MIN, u32::MAX, 0_u8));
    returns((NonZeroU8::MIN, NonZeroI128::MIN, true, false));
}

#[test]
fn a_number_has_one_text() {
    for text in ["+5", "05", "5.", " 5", "-0", "", "256", "5)", "~", "%35"] {
        assert_eq!(u8::read_part(text), None, "{text}");
    }
    for text in ["1", "+1.0", "1.00", "01.0", "1e0", "infinity", "nan", "NaN", "NaN0", "NaN7FF8000000000000", "-NaN"] {
        assert_eq!(f64::read_part(text), None, "{text}");
    }
    for text in ["1", "1.0", "1.5000000000", "-1.000000000", "18446744073709551615.1999999999", "1.+00000005"] {
        assert_eq!(Duration::read_part(text), None, "{text}");
    }
    assert_eq!(SystemTime::read_part("-0.000000000"), None);
    assert_eq!(NonZeroU8::read_part("0"), None);
    assert_eq!(Ipv4Addr::read_part("127.0.0.01"), None);
    assert_eq!(IpAddr::read_part("::1"), None, "a raw colon ends a segment");
}

#[test]
fn floats_return_to_the_bit() {
    for bits in [0, 1, 1 << 63, 0x7FF0 << 48, 0xFFF0 << 48, 0x7FF8 << 48, (0x7FF0 << 48) + 1, u64::MAX, 0x000F << 48] {
        returns(f64::from_bits(bits));
        returns(f32::from_bits((bits >> 32) as u32));
    }
    let chance = Chance::new(1);
    for _ in 0..2_000 {
        returns(f64::from_bits(chance.next()));
        returns(f32::from_bits((chance.next() >> 32) as u32));
    }
}

#[test]
fn texts_return() {
    let chance = Chance::new(2);
    for _ in 0..2_000 {
        let text = hostile(&chance);
        returns(PathBuf::from(&text));
        returns((Arc::<str>::from(&*text), Rc::<str>::from(&*text), text.clone().into_boxed_str()));
        returns(Cow::<'static, str>::Owned(text.clone()));
        returns(text);
    }
    for c in ['a', '~', '(', '\0', 'ä', char::MAX, '\u{301}'] {
        returns(c);
    }
    for text in ["", "~", "~~e", "%", "%4", "%4g", "%41", "%7e", "%FF", "a b", "a,b", "#", "ab%C3"] {
        assert_eq!(String::read_part(text), None, "{text}");
    }
    assert_eq!(char::read_part("ab"), None);
    assert_eq!(char::read_part("~e"), None);
}

#[test]
#[cfg(unix)]
fn a_path_is_bytes() {
    use std::os::unix::ffi::OsStringExt as _;
    for bytes in [vec![], vec![0xFF], b"a/\xC3\x28//b".to_vec(), (0..=255).collect()] {
        let name = OsString::from_vec(bytes);
        returns((PathBuf::from(&name), Arc::<Path>::from(Path::new(&name)), name.clone().into_boxed_os_str()));
        returns(name);
    }
    assert_eq!(PathBuf::read_part("a%2Fb"), None, "`/` is written as it is");
}

#[test]
fn addresses_and_times_return() {
    returns(IpAddr::from([127, 0, 0, 1]));
    for text in ["::", "::1", "::ffff:1.2.3.4", "2001:db8::8:800:200c:417a", "fe80::1"] {
        returns(text.parse::<Ipv6Addr>().expect(text));
        returns(text.parse::<IpAddr>().expect(text));
    }
    for text in ["1.2.3.4:80", "[::1]:0", "[fe80::1%5]:65535"] {
        returns(text.parse::<SocketAddr>().expect(text));
    }
    let flowing = std::net::SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, 7, 5);
    returns(SocketAddr::from(flowing));
    assert_eq!(
        written(&SocketAddr::from(flowing)),
        "%5B%3A%3A1%255%5D%3A80_7",
        "its flow is compared, so it is written"
    );
    for length in [Duration::ZERO, Duration::MAX, Duration::from_nanos(1), Duration::new(7, 999_999_999)] {
        returns(length);
    }
    for length in [Duration::ZERO, Duration::from_micros(1), Duration::new(1 << 30, 999_999_000)] {
        returns(UNIX_EPOCH + length);
        returns(UNIX_EPOCH - length);
    }
}

#[test]
#[cfg(feature = "uuid")]
fn ids_return() {
    returns(uuid::Uuid::nil());
    returns(uuid::Uuid::max());
    let id = uuid::Uuid::from_u128(0x1234_5678_90AB_CDEF_u128);
    returns(id);
    for text in [id.simple().to_string(), id.urn().to_string(), written(&id).to_uppercase()] {
        assert_eq!(uuid::Uuid::read_part(&text), None, "{text}");
    }
}

#[test]
#[cfg(feature = "chrono")]
fn dates_of_chrono_return() {
    use chrono::{NaiveDate, NaiveDateTime, NaiveTime, Timelike as _};
    let day = |year| NaiveDate::from_ymd_opt(year, 2, 28).expect("a day");
    let leap = NaiveTime::from_hms_nano_opt(23, 59, 59, 1_500_000_000).expect("a leap second");
    let times = [NaiveTime::MIN, leap, NaiveTime::from_hms_nano_opt(1, 2, 3, 4).expect("a time")];
    for date in [NaiveDate::MIN, day(-1), day(0), day(1), day(2026), day(9_999), day(10_000), NaiveDate::MAX] {
        returns(date);
        for time in times {
            returns(time);
            returns(NaiveDateTime::new(date, time));
            returns(NaiveDateTime::new(date, time).and_utc());
        }
    }
    let time =
        |s, nanos| NaiveTime::from_hms_opt(1, 2, s).and_then(|time| time.with_nanosecond(nanos)).expect("a time");
    let (leaps, next) = (time(3, 1_500_000_000), time(4, 500_000_000));
    assert_ne!(written(&leaps), written(&next), "two times, two keys");
    assert_eq!(NaiveDate::read_part("2026-2-28"), None);
    assert_eq!(NaiveTime::read_part("01%3A02"), None);
}

#[test]
#[cfg(feature = "time")]
fn dates_of_time_return() {
    use time::{Date, Month, PrimitiveDateTime, Time};
    let day = |year| Date::from_calendar_date(year, Month::February, 28).expect("a day");
    let times = [Time::MIDNIGHT, Time::MAX, Time::from_hms_nano(1, 2, 3, 4_000_000).expect("a time")];
    for date in [Date::MIN, day(-1), day(0), day(1), day(2026), Date::MAX] {
        returns(date);
        for time in times {
            returns(time);
            returns(PrimitiveDateTime::new(date, time));
        }
    }
    let offset = |seconds| time::UtcOffset::from_whole_seconds(seconds).expect("an offset");
    let moment = |nanos, seconds| {
        time::OffsetDateTime::from_unix_timestamp_nanos(nanos).expect("a time").to_offset(offset(seconds))
    };
    for nanos in [0, 1, -1, 1_800_000_000_000_000_000] {
        for seconds in [0, 1, -3_600, 86_399] {
            returns(moment(nanos, seconds));
        }
    }
    assert_ne!(written(&moment(123, 4)), written(&moment(12, 34)));
    assert!(!moment(7, 0).same_part(&moment(7, 3_600).to_owned_part()), "what is shown of it depends on the offset");
    for text in ["2026-02-30", "2026-13-01", "2026-2-28", "+2026-02-28", "--2026-02-28"] {
        assert_eq!(Date::read_part(text), None, "{text}");
    }
    for text in ["24%3A00%3A00.0", "1%3A02%3A03.00", "1%3A02%3A03.0000000001", "01%3A02%3A03.0", "1%3A02%3A03%3A04.0"] {
        assert_eq!(Time::read_part(text), None, "{text}");
    }
}

#[test]
fn what_could_be_nothing_returns() {
    returns(None::<u8>);
    returns(Some(String::new()));
    returns([None, Some(None), Some(Some(None)), Some(Some(Some(String::new()))), Some(Some(Some("~".to_owned())))]);
    returns((Some(()), None::<()>, Some(Vec::<u8>::new())));
    assert_eq!(Option::<String>::read_part("~e"), None, "the empty text would have one more");
    assert_eq!(Option::<String>::read_part("~~e"), Some(Some(String::new())));
    assert_eq!(Option::<u8>::read_part("~7"), None);
}

#[test]
fn tuples_and_collections_return() {
    let chance = Chance::new(3);
    for _ in 0..300 {
        let texts: Vec<String> = (0..chance.below(5)).map(|_| hostile(&chance)).collect();
        let count = |text: &String| (text.clone(), Some(text.len()).filter(|n| *n > 1));
        returns(texts.iter().map(count).collect::<BTreeMap<_, _>>());
        returns(texts.iter().map(count).collect::<HashMap<_, _>>());
        returns(texts.iter().map(|text| (vec![text.clone()], HashMap::from([count(text)]))).collect::<HashMap<_, _>>());
        returns((texts.iter().cloned().collect::<BTreeSet<_>>(), texts.iter().cloned().collect::<VecDeque<_>>()));
        returns(texts.iter().cloned().collect::<HashSet<_>>());
        returns((Box::<[_]>::from(&*texts), Arc::<[_]>::from(&*texts), (Box::new(()), Arc::new(texts))));
    }
    returns(b"bytes are numbers".to_vec());
    returns((([(); 0], [[1_u8, 2], [3, 4]]), ((), ((),)), (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, Some(12))));
}

#[test]
fn a_collection_has_one_text() {
    assert_eq!(BTreeSet::<u8>::read_part("(10,9)"), None, "another order");
    assert_eq!(BTreeSet::<u8>::read_part("(9,9)"), None);
    assert_eq!(BTreeMap::<u8, u8>::read_part("((2,0),(1,0))"), None);
    assert_eq!(HashSet::<u8>::read_part("(9,10)"), None, "sorted as texts they are");
    assert_eq!(HashSet::<u8>::read_part("(9,9)"), None);
    assert_eq!(HashMap::<u8, u8>::read_part("(1=1,1=2)"), None);
    assert_eq!(HashMap::<u8, u8>::read_part("(1=1=1)"), None);
    assert_eq!(HashMap::<u8, u8>::read_part("(1)"), None);
    assert_eq!(<[u8; 2]>::read_part("(1,2,3)"), None);
    assert_eq!(<(u8, u8)>::read_part("(1,2,3)"), None);
    assert_eq!(<(u8, u8)>::read_part("(1)"), None);
    assert_eq!(<()>::read_part("(1)"), None);
}

#[test]
fn enums_return() {
    let chance = Chance::new(4);
    returns(Sort::Of);
    returns(Sort::Nothing(()));
    for _ in 0..300 {
        let texts: Vec<String> = (0..chance.below(4)).map(|_| hostile(&chance)).collect();
        returns(Sort::By { field: hostile(&chance), then: texts.first().map(|text| text.as_str().into()) });
        returns(Sort::Among(texts));
        returns(Sort::Offset(7));
    }
    for text in
        ["", "of", "Of()", "Of(1)", "Offset", "Offset()", "Offset(1,2)", "Offset(1", "Nothing", "Nothing()", "()"]
    {
        assert_eq!(Sort::read_part(text), None, "{text}");
    }
}

#[test]
fn parts_stand_between_the_outer_commas() {
    assert_eq!(parts_of("(a,(b,c),D(e))"), Some(vec!["a", "(b,c)", "D(e)"]));
    assert_eq!(parts_of("()"), Some(vec![]));
    assert_eq!(parts_of("(,)"), Some(vec!["", ""]));
    for text in ["", "(", ")", "a", "(a", "a)", "(a)b)", "(a)(b)", "((a)", ")(", "())", "(()", "(a))("] {
        assert_eq!(parts_of(text), None, "{text}");
    }
    assert_eq!(variant_of("By(a,b)"), ("By", "(a,b)"));
    assert_eq!(variant_of("Of"), ("Of", ""));
    assert_eq!(parts_of(&"(".repeat(100_000)), None);
    assert_eq!(parts_of(&["(".repeat(50_000), ")".repeat(50_000)].concat()).map(|parts| parts.len()), Some(1));
}

/// Whatever is read from a text writes this text: two texts are never one part, and none is a panic.
#[test]
fn what_is_read_was_written_so() {
    fn exact<P: KeyPart + ReadPart>(text: &str) {
        if let Some(part) = P::read_part(text) {
            assert_eq!(written(&part), text);
        }
    }
    fn all(text: &str) {
        exact::<(Sort, Option<Sort>, Vec<Sort>)>(text);
        exact::<(u8, f32, bool)>(text);
        exact::<(Option<Option<String>>, char)>(text);
        exact::<(Vec<Option<String>>, BTreeMap<String, i8>, HashMap<String, HashSet<u8>>)>(text);
        exact::<(Duration, SystemTime, SocketAddr, PathBuf)>(text);
        exact::<Vec<Vec<String>>>(text);
        exact::<Option<f64>>(text);
        exact::<Sort>(text);
        #[cfg(feature = "chrono")]
        exact::<(chrono::NaiveDateTime, chrono::DateTime<chrono::Utc>)>(text);
        #[cfg(feature = "time")]
        exact::<(time::PrimitiveDateTime, time::Date)>(text);
        #[cfg(feature = "uuid")]
        exact::<uuid::Uuid>(text);
    }
    let right = [
        "(Offset(7),~,(Of,By(a,~~e)))",
        "(7,-1.5e-9,true)",
        "(~~,%2C)",
        "((~,~~e,b),((a,1),(b,-2)),(a=(1,10),b=()))",
        "(1.500000000,-0.000000001,[::1]:80,a/b)",
        "(1.500000000,-0.000000001,%5B%3A%3A1%5D%3A80,%FFb)",
        "((a,b),(),(~e))",
        "(2026-02-28T23%3A59%3A60.500,-0001-02-28T00%3A00%3A00)",
        "(2026-02-28%207%3A05%3A00.25,-0001-02-28)",
        "00000000-0000-0000-1234-567890abcdef",
        "NaN7ff8000000000000",
    ];
    let chance = Chance::new(5);
    for _ in 0..5_000 {
        let text = hostile(&chance);
        all(&text);
        all(&format!("({text})"));
        let mut text = right[one_of(right.len(), &chance)].to_owned();
        for _ in 0..chance.below(4) {
            text = damaged(&text, &chance);
        }
        all(&text);
    }
}

#[test]
fn what_is_hashed_is_not_read() {
    let mut out = KeyWriter::new(Secret::default());
    out.part(&super::super::secret("token"));
    assert_eq!(String::read_part(out.as_str()), None);
    let mut out = KeyWriter::new(Secret::default());
    out.part(&vec!["a".repeat(500); 9]);
    let cut = out.finish_text();
    assert!(cut.contains('#') && Vec::<String>::read_part(&cut).is_none());
}
