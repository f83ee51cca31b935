//! Writing the text of a key: literals as they are, everything else escaped, long keys cut and hashed.

use std::fmt::Write as _;
use std::hash::Hasher as _;

use siphasher::sip128::{Hasher128, SipHasher24};

use super::{Key, KeyPart};
use crate::error::{Error, Result};

/// The longest key, in bytes. A longer text keeps its head and ends in `#` and a 128-bit keyed hash of the whole.
pub const MAX_KEY: usize = 1024;

/// `#` and 32 hexadecimal digits.
const HASH_TEXT: usize = 33;

/// The secret behind hashed keys: `secret(arg)` and texts over [`MAX_KEY`].
///
/// All nodes that share a tier need the same one. Default: a fixed public one, which is enough against accidents and
/// for arguments that cannot be guessed; set your own where arguments are guessable or hostile.
#[derive(Clone, Copy)]
pub struct Secret(pub [u8; 16]);

impl Default for Secret {
    fn default() -> Self {
        Self(*b"cached key text\0")
    }
}

#[cfg(feature = "response")]
impl Secret {
    /// The keyed hash of bytes, by which equal ones are found again.
    pub(crate) fn hash(&self, bytes: &[u8]) -> u128 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(bytes);
        hasher.finish128().as_u128()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Builds the text of one key.
#[derive(Debug)]
pub struct KeyWriter {
    text: String,
    secret: Secret,
}

impl KeyWriter {
    /// An empty text; hashes are keyed with `secret`.
    #[must_use]
    pub fn new(secret: Secret) -> Self {
        Self { text: String::with_capacity(64), secret }
    }

    /// Text from the program's source, as it stands: separators and fixed segments.
    pub fn literal(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// A value from a call, escaped so that it stays within its segment.
    pub fn part<P: KeyPart + ?Sized>(&mut self, part: &P) -> &mut Self {
        part.write_part(self);
        self
    }

    /// Digits and signs: text that needs no escaping because of what it is.
    pub fn plain(&mut self, text: impl std::fmt::Display) {
        // Writing to a String does not fail.
        let _written = write!(self.text, "{text}");
    }

    /// Any text, escaped. The empty text is `~e`, so that it differs from nothing at all.
    pub fn text(&mut self, text: &str) {
        if text.is_empty() {
            self.text.push_str("~e");
        }
        escape_into(text, &mut self.text);
    }

    /// Any bytes, those that are not plain letters and digits as `%XX`.
    pub fn bytes(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            self.text.push_str("~e");
        }
        for chunk in bytes.utf8_chunks() {
            escape_into(chunk.valid(), &mut self.text);
            for byte in chunk.invalid() {
                percent(*byte, &mut self.text);
            }
        }
    }

    /// Nothing, as in `Option::None`.
    pub fn nothing(&mut self) {
        self.text.push('~');
    }

    /// Something that could have been nothing: written as itself, with one `~` more if it begins with one.
    pub fn something<P: KeyPart + ?Sized>(&mut self, part: &P) {
        let start = self.text.len();
        part.write_part(self);
        if self.text[start..].starts_with('~') {
            self.text.insert(start, '~');
        }
    }

    /// Several parts: `(a,b,c)`.
    pub fn list<P: KeyPart>(&mut self, parts: impl IntoIterator<Item = P>) {
        self.text.push('(');
        for (i, part) in parts.into_iter().enumerate() {
            self.comma(i);
            part.write_part(self);
        }
        self.text.push(')');
    }

    /// A separator before all but the first.
    pub(super) fn comma(&mut self, i: usize) {
        if i > 0 {
            self.text.push(',');
        }
    }

    /// A variant of an enum: its name, and its fields behind it if it has any.
    pub fn variant<P: KeyPart + ?Sized>(&mut self, name: &str, fields: &P) {
        self.text.push_str(name);
        let start = self.text.len();
        fields.write_part(self);
        if &self.text[start..] == "()" {
            self.text.truncate(start);
        } else if !self.text[start..].starts_with('(') {
            self.text.insert(start, '(');
            self.text.push(')');
        }
    }

    /// A value that must not be readable in keys: only its 128-bit keyed hash is written.
    pub fn secret<P: KeyPart + ?Sized>(&mut self, part: &P) {
        let start = self.text.len();
        part.write_part(self);
        let hash = hash_text(&self.secret, &self.text[start..]);
        self.text.truncate(start);
        self.text.push_str(&hash);
    }

    /// What was written so far.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The key, cut and hashed if it is longer than [`MAX_KEY`].
    #[must_use]
    pub fn finish(self) -> Key {
        Key::from(self.finish_text())
    }

    /// The text, cut and hashed if it is longer than [`MAX_KEY`]: for tags, which have the same bound.
    #[must_use]
    pub fn finish_text(mut self) -> String {
        if self.text.len() > MAX_KEY {
            let hash = hash_text(&self.secret, &self.text);
            let mut head = MAX_KEY - HASH_TEXT;
            while !self.text.is_char_boundary(head) {
                head -= 1;
            }
            self.text.truncate(head);
            self.text.push_str(&hash);
        }
        self.text
    }
}

/// The text of a part by itself, whole however long it is.
pub(crate) fn written<P: KeyPart + ?Sized>(part: &P, secret: Secret) -> String {
    let mut out = KeyWriter::new(secret);
    part.write_part(&mut out);
    out.text
}

/// A part whose value must not be readable in keys, made by [`secret`].
#[derive(Clone, PartialEq, Eq)]
pub struct SecretPart<P>(P);

/// Wraps an argument for `secret(arg)`: compared as it is in memory, hashed in text.
pub const fn secret<P: KeyPart>(part: P) -> SecretPart<P> {
    SecretPart(part)
}

impl<P> std::fmt::Debug for SecretPart<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretPart(..)")
    }
}

impl<P: KeyPart> KeyPart for SecretPart<P> {
    type Owned = SecretPart<P::Owned>;

    fn to_owned_part(&self) -> Self::Owned {
        SecretPart(self.0.to_owned_part())
    }

    fn hash_part<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash_part(state);
    }

    fn same_part(&self, owned: &Self::Owned) -> bool {
        self.0.same_part(&owned.0)
    }

    fn write_part(&self, out: &mut KeyWriter) {
        out.secret(&self.0);
    }

    fn heap_bytes(&self) -> usize {
        self.0.heap_bytes()
    }
}

/// Text as it stands in a key: what could separate segments, widen a pattern or break a log line becomes `%XX`.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape_into(text, &mut out);
    out
}

/// Was this key cut? Then the text behind its head is unknown.
pub(super) fn head_of_cut(key: &str) -> Option<&str> {
    let cut = key.len().checked_sub(HASH_TEXT).filter(|&cut| cut + HASH_TEXT > MAX_KEY - 4)?;
    let (head, tail) = key.split_at_checked(cut)?;
    tail.starts_with('#').then_some(head)
}

fn escape_into(text: &str, out: &mut String) {
    for c in text.chars() {
        if is_plain(c) {
            out.push(c);
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                percent(byte, out);
            }
        }
    }
}

/// Is this text a namespace: the first segment of a key, as `#[cache]` takes it too?
///
/// # Errors
/// A `Config` error if it is empty or holds a character that is escaped in keys.
pub(crate) fn check_namespace(setting: &'static str, name: &str) -> Result<()> {
    if name.is_empty() || !name.chars().all(is_plain) {
        let message = "a namespace is one segment of a key: letters, digits and `-_.@/+$&!`";
        return Err(Error::config(setting, message).with("namespace", escape(name)));
    }
    Ok(())
}

/// Characters that mean nothing in keys, globs, terminals and logs.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '/' | '+' | '$' | '&' | '!')
}

fn percent(byte: u8, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(HEX[usize::from(byte >> 4)]));
    out.push(char::from(HEX[usize::from(byte & 15)]));
}

/// SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, "SipHash: a fast short-input PRF").
fn hash_text(secret: &Secret, text: &str) -> String {
    let mut hasher = SipHasher24::new_with_key(&secret.0);
    hasher.write(text.as_bytes());
    let hash = hasher.finish128().as_u128();
    format!("#{hash:032x}")
}
