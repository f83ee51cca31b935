//! The tags that a response lists.

use http::header::HeaderMap;

use super::settings::Settings;
use crate::key::MAX_KEY;

/// A response with more tags is not stored.
const MOST: usize = 64;

/// All tags, each once. `None` if there are too many, or one could not be invalidated as it stands.
pub(super) fn read(headers: &HeaderMap, settings: &Settings) -> Option<Vec<String>> {
    let mut tags: Vec<String> = Vec::new();
    for value in settings.tag_fields.iter().flat_map(|name| headers.get_all(name)) {
        let text = std::str::from_utf8(value.as_bytes()).ok()?;
        for tag in text.split([',', ' ', '\t']).filter(|tag| !tag.is_empty()) {
            if tag.len() > MAX_KEY || tags.len() >= MOST {
                return None;
            }
            if !tags.iter().any(|known| known == tag) {
                tags.push(tag.to_owned());
            }
        }
    }
    Some(tags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn who_lists_what_cannot_be_invalidated_is_not_stored() {
        let tags = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert("cache-tag", HeaderValue::from_bytes(value).expect("a header's value"));
            read(&headers, &Settings::default())
        };
        assert_eq!(tags(b"a, b  a,,video:7").expect("tags"), ["a", "b", "video:7"]);
        assert_eq!(tags("zür\u{fc}".as_bytes()).expect("a tag"), ["zür\u{fc}"]);
        assert_eq!(tags(b"a, \xff"), None);
        assert_eq!(tags("x".repeat(MAX_KEY + 1).as_bytes()), None);
        let many: Vec<String> = (0..=MOST).map(|n| n.to_string()).collect();
        assert_eq!(tags(many.join(",").as_bytes()), None);
    }
}
