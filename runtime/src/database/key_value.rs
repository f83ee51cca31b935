//! A value by which rows are told apart, in a form that is equal for all values that a database may take for equal.

#[cfg(feature = "sqlite")]
use std::fmt;

use sqlx::{Encode, Type};

use super::driver::Driver;

/// A longer text pins nothing: it would be a long tag.
const LONGEST: usize = 64;

/// A value that pins rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyValue {
    /// A whole number.
    Integer(i64),
    /// A text.
    Text {
        /// What it is compared by: tags show no texts. Two of one hash are one, which is coarser.
        hash: u64,
        /// How many characters it has.
        length: usize,
    },
}

impl KeyValue {
    /// Letters and digits of ASCII, in small letters; of other texts collations make too much that differs from database
    /// to database. Two texts that a collation takes for equal are equal here, and some others too: that is coarser, and
    /// never wrong. `v` is `w` in Swedish, and signs count for nothing in some.
    pub(super) fn text(text: &str) -> Option<Self> {
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if text.len() > LONGEST || !text.chars().all(known) {
            return None;
        }
        let mut folded = text.chars().filter(char::is_ascii_alphanumeric).map(fold).peekable();
        folded.peek()?;
        Some(Self::Text { hash: hash(folded), length: text.len() })
    }

    /// Of a value that is bound to a parameter.
    pub(super) fn bound<'q, DB: Driver, T: Encode<'q, DB> + Type<DB>>(value: &T) -> Option<Self> {
        let mut buffer = <DB as sqlx::Database>::ArgumentBuffer::default();
        let is_null = value.encode_by_ref(&mut buffer).ok()?;
        let info = value.produces().unwrap_or_else(T::type_info);
        if is_null.is_null() { None } else { DB::pin(&info, &buffer) }
    }

    /// As a tag shows it.
    pub(super) fn show(&self) -> String {
        match self {
            Self::Integer(number) => number.to_string(),
            Self::Text { hash, .. } => format!("#{hash:016x}"),
        }
    }
}

/// The same on all nodes: FNV-1a, by Fowler, Noll and Vo.
fn hash(text: impl Iterator<Item = char>) -> u64 {
    text.fold(0xcbf2_9ce4_8422_2325, |hash, c| (hash ^ u64::from(u32::from(c))).wrapping_mul(0x0100_0000_01b3))
}

fn fold(c: char) -> char {
    match c.to_ascii_lowercase() {
        'w' => 'v',
        other => other,
    }
}

/// What its `Debug` shows, if that is short enough to pin anything: of a long value it is not written out.
#[cfg(feature = "sqlite")]
pub(super) fn shown(value: &impl fmt::Debug) -> Option<String> {
    struct Short(String);

    impl fmt::Write for Short {
        fn write_str(&mut self, more: &str) -> fmt::Result {
            // Each character may be escaped, and they stand between words.
            if self.0.len() + more.len() > 2 * LONGEST + 64 {
                return Err(fmt::Error);
            }
            self.0.push_str(more);
            Ok(())
        }
    }

    let mut short = Short(String::new());
    fmt::Write::write_fmt(&mut short, format_args!("{value:?}")).ok()?;
    Some(short.0)
}

/// The number in these bytes, the last of which weighs least.
#[cfg(feature = "postgres")]
pub(super) fn big_endian(bytes: &[u8]) -> Option<KeyValue> {
    let first = bytes.first().filter(|_| bytes.len() <= 8)?;
    let start = if *first >= 0x80 { -1_i64 } else { 0 };
    Some(KeyValue::Integer(bytes.iter().fold(start, |number, byte| number << 8 | i64::from(*byte))))
}

/// The number in these bytes, the first of which weighs least.
#[cfg(feature = "mysql")]
pub(super) fn little_endian(bytes: &[u8], signed: bool) -> Option<KeyValue> {
    let last = bytes.last().filter(|_| bytes.len() <= 8)?;
    let negative = *last >= 0x80;
    if negative && !signed && bytes.len() == 8 {
        return None;
    }
    let start = if negative && signed { -1_i64 } else { 0 };
    Some(KeyValue::Integer(bytes.iter().rev().fold(start, |number, byte| number << 8 | i64::from(*byte))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_some_collation_takes_for_equal_are_one() {
        let shown = |text| KeyValue::text(text).map(|pin| pin.show());
        assert_eq!(shown("Wa-b_1"), shown("VAB1"));
        assert_ne!(shown("a1"), shown("a2"));
        for other in ["", "-", "a b", "a ", "ä", "a.b", "a'b", &"x".repeat(65)] {
            assert_eq!(shown(other), None, "{other:?}");
        }
    }

    #[test]
    #[cfg(all(feature = "postgres", feature = "mysql", feature = "sqlite"))]
    fn numbers_are_read_from_what_the_drivers_send() {
        use sqlx::{MySql, Postgres, Sqlite};
        let all = |short: i32| {
            let number = i64::from(short);
            let pins = [
                KeyValue::bound::<Postgres, _>(&number),
                KeyValue::bound::<Postgres, _>(&short),
                KeyValue::bound::<MySql, _>(&number),
                KeyValue::bound::<MySql, _>(&&short),
                KeyValue::bound::<Sqlite, _>(&number),
                KeyValue::bound::<Sqlite, _>(&Some(short)),
            ];
            assert!(pins.iter().all(|pin| *pin == Some(KeyValue::Integer(number))), "{number}: {pins:?}");
        };
        for number in [0, 1, -1, 127, 128, -128, -129, 65_535, 1 << 24, i32::MAX, i32::MIN] {
            all(number);
        }
        assert_eq!(KeyValue::bound::<MySql, _>(&u64::MAX), None);
        assert_eq!(KeyValue::bound::<MySql, _>(&200_u8), Some(KeyValue::Integer(200)));
        assert_eq!(KeyValue::bound::<Postgres, _>(&i64::MIN), Some(KeyValue::Integer(i64::MIN)));
    }

    #[test]
    #[cfg(all(feature = "postgres", feature = "mysql", feature = "sqlite"))]
    fn texts_are_read_from_what_the_drivers_send_and_nothing_else_is() {
        use sqlx::{MySql, Postgres, Sqlite};
        fn pins<'q, T>(value: T) -> [Option<String>; 3]
        where
            T: Encode<'q, Postgres> + Type<Postgres> + Encode<'q, MySql> + Type<MySql>,
            T: Encode<'q, Sqlite> + Type<Sqlite>,
        {
            let show = |pin: Option<KeyValue>| pin.map(|pin| pin.show());
            [
                show(KeyValue::bound::<Postgres, _>(&value)),
                show(KeyValue::bound::<MySql, _>(&value)),
                show(KeyValue::bound::<Sqlite, _>(&value)),
            ]
        }
        let abc = KeyValue::text("abc").map(|pin| pin.show());
        assert_eq!(pins("ABC"), [abc.clone(), abc.clone(), abc.clone()]);
        assert_eq!(pins("ABC".to_owned()), [abc.clone(), abc.clone(), abc.clone()]);
        assert_eq!(pins(Some("ABC")), [abc.clone(), abc.clone(), abc]);
        for odd in ["a\"b", "a\\b", "a\nb", "5)", "\u{e9}"] {
            assert_eq!(pins(odd), [None, None, None], "{odd:?}");
        }
        assert_eq!(pins(None::<String>), [None, None, None]);
        assert_eq!(pins(1.0_f64), [None, None, None]);
        assert_eq!(pins(vec![b'a']), [None, None, None]);
    }
}
