//! Keys: any argument stays in its segment, can be told from any other, and can be read back by who knows the rules.

use cached_runtime::key::{Key, KeyWriter, MAX_KEY, Pattern, Secret, escape};
use cached_runtime::{KeyPart, ReadPart};

/// Two arguments, split at the first zero byte.
pub(crate) fn run(bytes: &[u8]) {
    let (a, b) = halves(bytes);
    let (one, other) = (String::from_utf8_lossy(a), String::from_utf8_lossy(b));
    check(&key(&*one, &*other));
    if key(&*one, &*other).as_str().len() < MAX_KEY {
        assert_eq!(key(&*one, &*other).as_str().matches(':').count(), 2, "an argument reaches beyond its segment");
    }
    differ(&*one, &*other, one == other);
    differ(&a.to_vec(), &b.to_vec(), a == b);
    differ(&Some(one.to_string()), &Some(other.to_string()), one == other);
    differ(&vec![&*one], &vec![&*one, &*other], false);
    if !one.is_empty() {
        assert_eq!(unescape(&escape(&one)), one.as_bytes(), "escaped and read back it is another text");
    }
    own_pattern(&one);
    returns(&(one.to_string(), vec![Some(other.to_string())], a.to_vec()));
    is_its_own::<Vec<Option<String>>>(&one);
    is_its_own::<(Option<i64>, f64, Option<char>)>(&one);
}

pub(crate) fn halves(bytes: &[u8]) -> (&[u8], &[u8]) {
    let at = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    (&bytes[..at], bytes.get(at + 1..).unwrap_or_default())
}

fn key(one: &(impl KeyPart + ?Sized), other: &(impl KeyPart + ?Sized)) -> Key {
    let mut out = KeyWriter::new(Secret::default());
    out.literal("video:").part(one).literal(":").part(other);
    out.finish()
}

fn check(key: &Key) {
    let text = key.as_str();
    assert!(text.len() <= MAX_KEY, "a key of {} bytes", text.len());
    assert!(!text.contains(['*', '?', '[', ']', ' ']) && !text.chars().any(char::is_control), "a raw character");
    assert_eq!(Key::from_stored(text), *key);
    assert_eq!(key.namespace(), "video");
}

fn differ<P: KeyPart + ?Sized>(a: &P, b: &P, same: bool) {
    assert_eq!(key(a, "") == key(b, ""), same, "two arguments and one key, or one argument and two keys");
}

/// What is written is read back as it was.
fn returns<P: KeyPart + ReadPart + PartialEq>(part: &P) {
    assert!(P::read_part(&written(part)).is_some_and(|read| read == *part), "a part does not return");
}

/// If a text is read as a part, it is the text of this part.
fn is_its_own<P: KeyPart + ReadPart>(text: &str) {
    assert!(P::read_part(text).is_none_or(|part| written(&part) == text), "two texts of one part");
}

fn written(part: &impl KeyPart) -> String {
    let mut out = KeyWriter::new(Secret::default());
    out.part(part);
    out.as_str().to_owned()
}

/// An escaped text never widens a pattern: it matches the key of its own argument.
fn own_pattern(text: &str) {
    if text.is_empty() {
        return;
    }
    let Ok(pattern) = Pattern::new(&format!("video:{}:*", escape(text))) else { return };
    assert!(pattern.matches(key(text, "x").as_str()), "a key does not match the pattern of its argument");
    assert_eq!(pattern.prefix().matches(':').count(), 2);
}

/// `%XX` is one byte; all else is itself.
fn unescape(text: &str) -> Vec<u8> {
    let (mut out, mut bytes) = (Vec::new(), text.bytes());
    while let Some(byte) = bytes.next() {
        let mut digit = || bytes.next().and_then(|d| char::from(d).to_digit(16)).expect("two digits");
        out.push(if byte == b'%' { (digit() * 16 + digit()) as u8 } else { byte });
    }
    out
}
