//! One text for all ways to write the same JSON, and its hash.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};

use super::request::Request;
use crate::key::Secret;

/// So much of a model's name stands in keys; the hash holds the whole.
const MODEL: usize = 64;

/// Raised when the same request comes to have another text.
const VERSION: u32 = 2;

/// What is named, as it stands in keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Answer,
    Stream,
    Retrieval,
    /// Requests that differ in their question alone.
    #[cfg(feature = "semantic")]
    Scope,
}

/// The name of an entry: what it is, which model, a hash of all.
pub(super) type Named = (&'static str, String, String);

impl Kind {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Stream => "stream",
            Self::Retrieval => "retrieval",
            #[cfg(feature = "semantic")]
            Self::Scope => "similar",
        }
    }
}

/// The name of what a request is answered with.
pub(super) fn name_of(request: &Request, kind: Kind, secret: Secret) -> Named {
    #[allow(unused_mut, reason = "only similar questions leave one out")]
    let mut messages = Cow::Borrowed(request.messages.as_slice());
    #[cfg(feature = "semantic")]
    if kind == Kind::Scope
        && let Some(last) = messages.to_mut().last_mut()
    {
        // Who asks, and whatever else stands beside the question, is not the question.
        last.0.remove("content");
    }
    let mut text = Text::new(kind);
    text.text(&request.model);
    text.object(&request.parameters);
    text.list(messages.iter(), |text, message| text.object(&message.0));
    text.set(&request.tags);
    text.set(&request.documents);
    (kind.word(), request.model.chars().take(MODEL).collect(), text.hash(secret))
}

/// The name of a list of documents.
pub(super) fn name_of_query(query: &str, parameters: &Map<String, Value>, tags: &[String], secret: Secret) -> Named {
    let mut text = Text::new(Kind::Retrieval);
    text.text(query);
    text.object(parameters);
    text.set(tags);
    (Kind::Retrieval.word(), String::from("list"), text.hash(secret))
}

/// Canonical JSON: keys sorted, one form for each number. What differs in anything else has another text.
struct Text(String);

impl Text {
    fn new(kind: Kind) -> Self {
        Self(format!("[{VERSION},\"{}\"", kind.word()))
    }

    fn text(&mut self, text: &str) {
        self.0.push(',');
        write_text(text, &mut self.0);
    }

    fn object(&mut self, fields: &Map<String, Value>) {
        self.0.push(',');
        write_object(fields, &mut self.0);
    }

    fn list<T>(&mut self, items: impl Iterator<Item = T>, write: impl Fn(&mut Self, T)) {
        // Each item begins with a comma; the zero in front makes that a list.
        self.0.push_str(",[0");
        items.for_each(|item| write(self, item));
        self.0.push(']');
    }

    /// Texts whose order and number make no difference.
    fn set(&mut self, texts: &[String]) {
        let mut texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        texts.sort_unstable();
        texts.dedup();
        self.list(texts.into_iter(), Self::text);
    }

    /// With the cache's secret in front, so that nobody who sees keys can try whether they are those of a prompt he
    /// guesses, unless the secret is the public one.
    fn hash(mut self, secret: Secret) -> String {
        self.0.push(']');
        let hash = Sha256::new().chain_update(secret.0).chain_update(self.0.as_bytes()).finalize();
        hash.iter().fold(String::with_capacity(2 * hash.len()), |mut hex, byte| {
            // Writing to a String does not fail.
            let _written = write!(hex, "{byte:02x}");
            hex
        })
    }
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => write_object(fields, out),
    }
}

/// Sorted here: with a feature of `serde_json` that any crate may ask for, maps keep the order in which they were filled.
fn write_object(fields: &Map<String, Value>, out: &mut String) {
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_unstable_by_key(|(name, _)| *name);
    out.push('{');
    for (i, (name, value)) in fields.into_iter().enumerate() {
        out.push_str(if i > 0 { "," } else { "" });
        write_text(name, out);
        out.push(':');
        write_value(value, out);
    }
    out.push('}');
}

/// A number by what it is worth, from its digits: with a feature of `serde_json` that any crate may ask for, a number keeps
/// the text in which it was written.
fn write_number(number: &Number, out: &mut String) {
    /// Whole numbers of up to so many digits are written as such.
    const WHOLE: usize = 30;
    let text = number.to_string();
    let Some(Decimal { is_negative, digits, power }) = Decimal::of(&text) else { return out.push_str(&text) };
    out.push_str(if is_negative { "-" } else { "" });
    out.push_str(&digits);
    match usize::try_from(power) {
        Ok(zeros) if digits.len().saturating_add(zeros) <= WHOLE => out.extend(std::iter::repeat_n('0', zeros)),
        _ => {
            // Writing to a String does not fail.
            let _written = write!(out, "e{power}");
        }
    }
}

/// Digits that begin and end with none that is zero, and the power of ten by which they count.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    digits: String,
    power: i64,
}

impl Decimal {
    /// The number of this text, as JSON writes numbers; nothing, if it is none or its power has more than 64 bits.
    fn of(text: &str) -> Option<Self> {
        let (is_negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
        let (digits, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() || !whole.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits = format!("{whole}{part}");
        let significant = digits.trim_end_matches('0');
        let zeros = i64::try_from(digits.len() - significant.len()).ok()?;
        let power = power.parse::<i64>().ok()?.checked_sub(i64::try_from(part.len()).ok()?)?.checked_add(zeros)?;
        Some(match significant.trim_start_matches('0') {
            "" => Self { is_negative: false, digits: "0".to_owned(), power: 0 },
            significant => Self { is_negative, digits: significant.to_owned(), power },
        })
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            _ => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text_of(value: &Value) -> String {
        let mut out = String::new();
        write_value(value, &mut out);
        out
    }

    #[test]
    fn a_number_has_one_form() -> Result<(), serde_json::Error> {
        for same in [
            ["1", "1.0", "1e0", "10e-1"],
            ["0", "0.0", "-0.0", "0e5"],
            ["1e20", "100000000000000000000", "1e+20", "10e19"],
        ] {
            let texts = same.iter().map(|text| Ok(text_of(&serde_json::from_str(text)?)));
            let texts = texts.collect::<Result<Vec<_>, serde_json::Error>>()?;
            assert!(texts.windows(2).all(|pair| pair[0] == pair[1]), "{texts:?}");
        }
        assert_ne!(text_of(&json!(u64::MAX)), text_of(&json!(u64::MAX as f64)), "not the same number");
        assert_ne!(text_of(&json!(0.1)), text_of(&json!(0.1_f64.next_up())));
        assert_ne!(text_of(&json!(1)), text_of(&json!("1")));
        Ok(())
    }

    /// As `serde_json` hands numbers over with its feature `arbitrary_precision`, and without.
    #[test]
    fn the_text_of_a_number_makes_no_difference_but_its_worth() {
        let same: [&[&str]; 7] = [
            &["1", "1.0", "1e0", "10e-1", "0.1E+1", "1.00"],
            &["100", "1e2", "1E2", "1e+2", "100.0", "0.01e4"],
            &["0", "-0", "-0.0", "0.00", "0e99"],
            &["0.7", "0.70", "7e-1", "70e-2"],
            &["-0.7", "-7e-1"],
            &["1e400", "10e399"],
            &["0.1000000000000000055511151231257827"],
        ];
        for (i, texts) in same.iter().enumerate() {
            let all: Vec<_> = texts.iter().map(|text| Decimal::of(text)).collect();
            assert!(all.iter().all(|one| one.is_some() && *one == all[0]), "{texts:?}: {all:?}");
            assert!(same[..i].iter().all(|other| Decimal::of(other[0]) != all[0]), "{texts:?}");
        }
        for none in ["", "-", ".5", "1e", "1e1.5", "NaN", "1e99999999999999999999", "0x1"] {
            assert_eq!(Decimal::of(none), None, "{none}");
        }
        assert_eq!([text_of(&json!(1e2)), text_of(&json!(0.7)), text_of(&json!(-1e300))], ["100", "7e-1", "-1e300"]);
    }

    #[test]
    fn texts_cannot_end_early() {
        let secret = Secret::default();
        let one = Request::new("m").user("a").user("b");
        let other = Request::new("m").user("a\"},{\"content\":\"b");
        assert_ne!(name_of(&one, Kind::Answer, secret), name_of(&other, Kind::Answer, secret));
        assert_ne!(text_of(&json!(["a,b"])), text_of(&json!(["a", "b"])));
        assert_ne!(text_of(&json!("\\\"")), text_of(&json!("\"")));
    }

    #[test]
    fn keys_name_the_model_and_no_content() {
        let request = Request::new("gpt-4o").user("my secret").tag("t");
        let (kind, model, hash) = name_of(&request, Kind::Answer, Secret::default());
        assert_eq!((kind, model.as_str(), hash.len()), ("answer", "gpt-4o", 64));
        let other = name_of(&request, Kind::Answer, Secret(*b"another secret!!"));
        assert_ne!(hash, other.2, "who does not know the secret cannot try guesses");
    }
}
