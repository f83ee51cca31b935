//! `ReadPart`: the way back from the text of a key to the parts it was written from.

#[cfg(test)]
mod tests;

use super::{KeyPart, KeyWriter, Secret};

/// A key part that can be read back out of its text.
///
/// Needed where a call is made again of which only the text is left: `#[warmup(hot = 1000)]` calls a function with the
/// arguments that were asked for most, and the access log keeps those as they stand in keys. It promises that what
/// [`KeyPart::write_part`] wrote is read as the same part. Any other text is `None`, or some part, and never a panic: who
/// reads a log reads what others may have damaged. A number has one text only: `007` and `+7` are nobody's.
///
/// Implemented for the types of std that are key parts and own what they are, and for tuples and collections of them;
/// `#[derive(ReadPart)]` makes it for your own types. What borrows cannot be read back, for nobody holds what it would
/// borrow from, and neither can what is hashed: arguments that are `secret(..)`, and keys that were cut because they were
/// too long.
///
/// ```
/// use cached_runtime::key::{KeyWriter, Secret};
/// use cached_runtime::{KeyPart, ReadPart};
///
/// #[derive(Debug, PartialEq, KeyPart, ReadPart)]
/// struct Page {
///     video: String,
///     number: Option<u32>,
/// }
///
/// let page = Page { video: "intro: the start".to_owned(), number: None };
/// let mut key = KeyWriter::new(Secret::default());
/// key.part(&page);
/// assert_eq!(key.as_str(), "(intro%3A%20the%20start,~)");
/// assert_eq!(Page::read_part(key.as_str()), Some(page));
/// assert_eq!(Page::read_part("(intro,007)"), None);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read back out of a key",
    label = "not read back",
    note = "`#[derive(ReadPart)]` on its type, or own what it borrows: `String` for `&str`, `Vec<T>` for `&[T]`"
)]
pub trait ReadPart: Sized {
    /// The part that was written as this text; `None` if none was.
    fn read_part(text: &str) -> Option<Self>;
}

/// The parts of a tuple or a list, whose text is `(a,b)`: what stands between commas that are not within parentheses.
///
/// `None` if this is no such text; `()` has no part.
#[must_use]
pub fn parts_of(text: &str) -> Option<Vec<&str>> {
    let within = text.strip_prefix('(')?.strip_suffix(')')?;
    if within.is_empty() { Some(Vec::new()) } else { split(within, b',') }
}

/// The name of an enum's variant and the text of its fields, which is empty if it has none.
#[must_use]
pub fn variant_of(text: &str) -> (&str, &str) {
    text.split_at(text.find('(').unwrap_or(text.len()))
}

/// Splits where this ASCII character stands outside of parentheses; `None` if those do not match.
pub(super) fn split(text: &str, at: u8) -> Option<Vec<&str>> {
    let (mut out, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for (i, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.checked_sub(1)?,
            _ if byte == at && depth == 0 => {
                out.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    out.push(&text[start..]);
    (depth == 0).then_some(out)
}

/// The bytes that were escaped: `%XX` is one of them, and `~e` says that there are none.
pub(super) fn bytes_of(text: &str) -> Option<Vec<u8>> {
    if text == "~e" {
        return Some(Vec::new());
    }
    let (mut out, mut bytes) = (Vec::with_capacity(text.len()), text.bytes());
    while let Some(byte) = bytes.next() {
        let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
        let byte = if byte == b'%' { u8::try_from(digit()? * 16 + digit()?).ok()? } else { byte };
        out.push(byte);
    }
    Some(out)
}

/// The text that was escaped.
pub(super) fn text_of(text: &str) -> Option<String> {
    String::from_utf8(bytes_of(text)?).ok()
}

/// The text that was escaped, as it was.
#[cfg(feature = "_seen")]
pub(crate) fn unescape(text: &str) -> Option<String> {
    text_of(text)
}

/// The part, if this is the text it writes. Parsers take more than one spelling, and a part must have one only: else two
/// texts of a log would be one call, counted as two.
pub(super) fn exact<P: KeyPart>(part: P, text: &str) -> Option<P> {
    let mut out = KeyWriter::new(Secret::default()); // plays no part: what is hashed is not read
    out.part(&part);
    (out.as_str() == text).then_some(part)
}
