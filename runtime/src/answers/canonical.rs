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
const VERSION: u32 = 1;

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

/// A number by what it is worth: a float that is whole is written as the integer.
fn write_number(number: &Number, out: &mut String) {
    /// All whole floats below this are integers of 128 bits, exactly.
    const WHOLE: f64 = 1e30;
    let _written = match (number.as_i64(), number.as_u64(), number.as_f64()) {
        (Some(integer), ..) => write!(out, "{integer}"),
        (_, Some(integer), _) => write!(out, "{integer}"),
        (.., Some(float)) if float.fract() == 0.0 && float.abs() < WHOLE => write!(out, "{}", float as i128),
        _ => write!(out, "{number}"),
    };
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
