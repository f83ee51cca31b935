//! Which of several responses for one address a request gets: `Vary`, RFC 9111, section 4.1.

use http::header::{ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE, HeaderMap, HeaderName, VARY};
use serde::{Deserialize, Serialize};

use super::control::items;

/// A response that depends on more fields of its request is not kept.
const MOST_NAMES: usize = 16;

/// The fields of the request that a response depends on, in order and each once; none for most.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Varies(Vec<String>);

impl Varies {
    /// As a response says it. `None` if it depends on what nobody can tell, or on too much.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut names = Vec::new();
        for name in headers.get_all(VARY).iter().flat_map(|value| items(value.as_bytes())) {
            if name == b"*" || names.len() >= MOST_NAMES {
                return None;
            }
            names.push(HeaderName::from_bytes(name).ok()?.as_str().to_owned());
        }
        names.sort_unstable();
        names.dedup();
        Some(Self(names))
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.0.is_empty()
    }

    /// What these fields of a request are, so that requests that mean the same say the same.
    pub(super) fn selected(&self, request: &HeaderMap) -> String {
        let mut out = String::new();
        for name in &self.0 {
            out.push_str(name);
            // A field that is not there differs from one that is empty.
            out.push(if request.contains_key(name) { '=' } else { '\n' });
            write_value(name, request, &mut out);
            // No value holds it, so that no two requests are written alike.
            out.push('\0');
        }
        out
    }

    pub(super) fn weight(&self) -> usize {
        self.0.iter().map(|name| name.len() + size_of::<String>()).sum()
    }
}

/// The members of a field of all its lines, each ended by a line: a line break can stand in no value.
fn write_value(name: &str, request: &HeaderMap, out: &mut String) {
    let lines = request.get_all(name).iter();
    let members = lines.flat_map(|line| items(line.as_bytes())).map(text_of);
    let mut members: Vec<String> = members.collect();
    if [ACCEPT_LANGUAGE, ACCEPT_ENCODING, ACCEPT_CHARSET].iter().any(|known| known == name) {
        // Tags of languages, encodings and character sets are the same in capitals, and space around `;` is nothing.
        members.iter_mut().for_each(|member| *member = member.to_ascii_lowercase().replace([' ', '\t'], ""));
    }
    if name == ACCEPT_ENCODING {
        // Weights say which is liked better, not the order.
        members.sort_unstable();
    }
    for member in members {
        out.push_str(&member);
        out.push('\n');
    }
}

/// Bytes as text, no two alike: each byte is the character of its number.
fn text_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn varies(lines: &[&'static str]) -> Option<Varies> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(VARY, HeaderValue::from_static(line));
        }
        Varies::of(&headers)
    }

    fn selected(name: &'static str, lines: &[&'static [u8]]) -> String {
        let mut request = HeaderMap::new();
        for line in lines {
            request.append(name, HeaderValue::from_bytes(line).expect("a header's value"));
        }
        varies(&[name]).expect("it varies").selected(&request)
    }

    #[test]
    fn a_star_anywhere_is_never_the_same_request() {
        for lines in [&["*"][..], &["*, Foo"], &["Foo, *"], &["", "*"], &[", *"], &["a b"]] {
            assert_eq!(varies(lines), None, "{lines:?}");
        }
        assert_eq!(varies(&["Foo, bar", "FOO"]), varies(&["bar, foo"]));
        assert!(varies(&[]).expect("nothing").is_nothing());
    }

    #[test]
    fn lines_and_the_space_between_members_mean_nothing() {
        assert_eq!(selected("foo", &[b"1, 2"]), selected("foo", &[b"1", b" 2 "]));
        assert_ne!(selected("foo", &[b"1, 2"]), selected("foo", &[b"2, 1"]));
        assert_ne!(selected("foo", &[b"\"1, 2\""]), selected("foo", &[b"\"1,2\""]), "but within quotes it does");
        assert_ne!(selected("foo", &[b""]), selected("foo", &[]));
        assert_ne!(selected("foo", &[b"\xff"]), selected("foo", &[b"\xfe"]));
        assert_eq!(selected("accept-language", &[b"en;q=0.5, De"]), selected("accept-language", &[b"EN; q=0.5,de"]));
        assert_eq!(selected("accept-encoding", &[b"gzip, br"]), selected("accept-encoding", &[b"br,gzip"]));
        assert_ne!(selected("accept-language", &[b"en, de"]), selected("accept-language", &[b"de, en"]));
    }
}
