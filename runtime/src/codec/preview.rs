//! The beginning of a value's JSON: what people are shown of it.

use std::fmt;

use serde::Serialize;

use super::capped::Capped;
use super::shape::Shape;
use crate::error::{Error, ErrorKind, Result};

/// The beginning of a value's JSON.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Preview {
    pub(crate) json: String,
    /// Is there more of it?
    pub(crate) cut: bool,
}

/// At most so many bytes of the value's JSON. No more of the value is read than that takes.
///
/// # Errors
/// [`ErrorKind::Codec`] if it nests deeper than a frame may, if JSON has no words for it, or if its `Serialize` fails.
pub(crate) fn preview<T: Serialize + ?Sized>(value: &T, most: usize) -> Result<Preview> {
    // A walk before the text: a value without end would end the stack. What lies behind the cut is reached by neither.
    match Shape::of(value, None, true, most) {
        Err(error) if error.kind() != ErrorKind::TooLarge => return Err(error),
        _ => {}
    }
    let mut out = Capped::new(most);
    let written = serde_json::to_writer(&mut out, value);
    let cut = out.is_over();
    if written.is_err() && !cut {
        return Err(Error::new(ErrorKind::Codec, "JSON has no words for this value"));
    }
    let mut bytes = out.into_bytes();
    if let Err(broken) = std::str::from_utf8(&bytes) {
        // The cut went through a character.
        bytes.truncate(broken.valid_up_to());
    }
    Ok(Preview { json: String::from_utf8(bytes).unwrap_or_default(), cut })
}

/// Nothing of the value.
impl fmt::Debug for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Preview").field("cut", &self.cut).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn shown<T: Serialize>(value: &T, most: usize) -> (String, bool) {
        let Preview { json, cut } = preview(value, most).expect("a preview");
        (json, cut)
    }

    #[test]
    fn a_value_is_shown_as_json_and_cut_where_it_is_too_long() {
        assert_eq!(shown(&(1, "a\"b", None::<u8>), 100), (r#"[1,"a\"b",null]"#.to_owned(), false));
        assert!(!shown(&"x".repeat(98), 100).1, "with its quotes it fits");
        let (json, cut) = shown(&"x".repeat(99), 100);
        assert_eq!((json.len(), cut), (100, true));
        let (json, cut) = shown(&(0..1_000_000).collect::<Vec<u32>>(), 10);
        assert_eq!((json.as_str(), cut), ("[0,1,2,3,4", true));
    }

    #[test]
    fn a_cut_goes_through_no_character() {
        for most in 0..12 {
            let (json, cut) = shown(&"\u{1f600}\u{e9}\u{1f600}", most);
            assert!(json.len() <= most && cut, "{json}");
        }
    }

    #[test]
    fn what_json_has_no_words_for_or_nests_too_deep_is_an_error() {
        assert!(preview(&BTreeMap::from([((1, 2), 3)]), 100).is_err(), "a key that is no text");
        let deep = (0..1_000).fold(serde_json::Value::Null, |inside, _| serde_json::Value::Array(vec![inside]));
        let (json, cut) = shown(&deep, 50);
        assert_eq!((json.len(), cut), (50, true), "the end of what is shown comes first");
        assert!(preview(&deep, 4_096).is_err());
    }

    #[test]
    fn nothing_of_it_stands_in_debug() {
        let preview = preview(&"canary", 100).expect("a preview");
        assert!(!format!("{preview:?}").contains("canary"));
    }
}
