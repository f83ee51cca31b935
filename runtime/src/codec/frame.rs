//! The frame: an encoded entry that names itself.
//!
//! Layout, integers little-endian:
//!
//! ```text
//! magic "cf" · version u8 · format u8 · compression u8 · flags u8 (1: encrypted; others are unknown)
//! fingerprint u64 · epoch u64 · number u64 · shared epoch u64 · shared number u64 · born u64 · fresh_until u64 · stale_until u64
//! raw length u32 · key length u16 · tag count u16 · key · (tag length u16 · tag)* · payload · checksum u64 (XXH3 of all before)
//! ```
//!
//! An encrypted payload is `key id u32 · nonce (24 bytes) · ciphertext · tag (16 bytes)`; all before the ciphertext is
//! authenticated with it. The checksum needs no key: it finds accidents, so that upkeep reads what it has no keys for.
//!
//! Magic, version and checksum have their places in every version, so that an older one knows a newer frame for what it
//! is, and leaves it alone.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use xxhash_rust::xxh3::xxh3_64;

use crate::clock::Millis;
use crate::error::{Error, ErrorKind, Result};
use crate::group::Position;
use crate::key::Key;

const MAGIC: [u8; 2] = *b"cf";
/// The flag of an encrypted payload.
const ENCRYPTED: u8 = 1;
const VERSION: u8 = 2;
const FIXED: usize = 6 + 8 * 8 + 4 + 2 + 2;
const CHECKSUM: usize = 8;
/// What an encrypted payload has beside its ciphertext: key id, nonce and tag.
pub(super) const SEAL: usize = 4 + 24 + 16;

/// What a frame says about its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Which site, version and type wrote the payload.
    pub fingerprint: u64,
    /// The position of the writing node's own log when the load began.
    pub birth: Position,
    /// The position of the log that nodes share, when the load began.
    pub shared: Position,
    /// When the load ended.
    pub born: Millis,
    /// Until when the value is fresh.
    pub fresh_until: Millis,
    /// Until when it may be served if the load fails; never before `fresh_until`.
    pub stale_until: Millis,
    /// The name of the entry.
    pub key: Key,
    /// The tags the entry carries.
    pub tags: Arc<[Arc<str>]>,
    /// The serde format of the payload, as its number.
    pub format: u8,
    /// The compression of the payload, as its number.
    pub compression: u8,
    /// How long the payload is once decompressed, in bytes.
    pub raw_len: u32,
}

/// One encoded entry: its head, already read, and all its bytes.
#[derive(Debug, Clone)]
pub struct Frame {
    head: Head,
    bytes: Bytes,
    payload: usize,
    encrypted: bool,
}

impl Frame {
    /// The tags the entry carries, as they stand in its head.
    pub(crate) fn shared_tags(&self) -> &Arc<[Arc<str>]> {
        &self.head.tags
    }

    /// Encodes a head and its payload, which is not encrypted.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] if the key, a tag or the number of tags does not fit the layout.
    pub fn seal(head: Head, payload: &[u8]) -> Result<Self> {
        Self::write(head, 0, payload.len(), |out| {
            out.put_slice(payload);
            Ok(())
        })
    }

    /// Encodes a head and a payload that is encrypted as it is written: `fill` adds it to what is to be authenticated.
    #[cfg(feature = "encryption")]
    pub(super) fn encrypt(head: Head, len: usize, fill: impl FnOnce(&mut BytesMut) -> Result<()>) -> Result<Self> {
        Self::write(head, ENCRYPTED, SEAL + len, fill)
    }

    fn write(head: Head, flags: u8, len: usize, fill: impl FnOnce(&mut BytesMut) -> Result<()>) -> Result<Self> {
        let short = |what: &'static str, n: usize| {
            u16::try_from(n).map_err(|_| Error::new(ErrorKind::TooLarge, "does not fit a frame").with("what", what))
        };
        let tags_len: usize = head.tags.iter().map(|t| t.len() + 2).sum();
        let mut out = BytesMut::with_capacity(FIXED + head.key.as_str().len() + tags_len + len + CHECKSUM);
        out.put_slice(&MAGIC);
        out.put_slice(&[VERSION, head.format, head.compression, flags]);
        out.put_u64_le(head.fingerprint);
        for position in [head.birth, head.shared] {
            out.put_u64_le(position.epoch);
            out.put_u64_le(position.number);
        }
        for n in [head.born, head.fresh_until, head.stale_until] {
            out.put_u64_le(n);
        }
        out.put_u32_le(head.raw_len);
        out.put_u16_le(short("key", head.key.as_str().len())?);
        out.put_u16_le(short("tags", head.tags.len())?);
        out.put_slice(head.key.as_str().as_bytes());
        for tag in head.tags.iter() {
            out.put_u16_le(short("tag", tag.len())?);
            out.put_slice(tag.as_bytes());
        }
        let payload = out.len();
        fill(&mut out)?;
        out.put_u64_le(xxh3_64(&out));
        Ok(Self { head, bytes: out.freeze(), payload, encrypted: flags == ENCRYPTED })
    }

    /// Reads a frame, checking every length and the checksum.
    ///
    /// # Errors
    /// [`ErrorKind::Frame`] if the bytes are not exactly one intact frame of a version known here.
    pub fn read(bytes: Bytes) -> Result<Self> {
        if bytes.len() < FIXED + CHECKSUM || bytes[..2] != MAGIC {
            return Err(broken("these bytes are not a frame"));
        }
        if bytes[2] != VERSION {
            return Err(broken("the frame's version is unknown here"));
        }
        let body = bytes.len() - CHECKSUM;
        let mut tail = Reader { bytes: &bytes, at: body };
        if tail.u64()? != xxh3_64(&bytes[..body]) {
            return Err(broken("the frame's checksum does not match"));
        }
        let (head, payload, flags) = read_head(&bytes[..body])?;
        let encrypted = flags == ENCRYPTED;
        if encrypted && body - payload < SEAL {
            return Err(broken("the frame's encrypted payload is cut short"));
        }
        Ok(Self { head, bytes, payload, encrypted })
    }

    /// Are these bytes an intact frame of a version that is newer than any known here? Nothing else of it can be read.
    #[must_use]
    pub fn is_newer(bytes: &[u8]) -> bool {
        let Some((body, checksum)) = bytes.split_last_chunk::<CHECKSUM>() else { return false };
        body.len() > 2 && body[..2] == MAGIC && body[2] > VERSION && u64::from_le_bytes(*checksum) == xxh3_64(body)
    }

    /// What the frame says about itself.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// The name of the entry.
    #[must_use]
    pub const fn key(&self) -> &Key {
        &self.head.key
    }

    /// The tags the entry carries.
    pub fn tags(&self) -> impl Iterator<Item = &str> + Clone {
        self.head.tags.iter().map(|t| &**t)
    }

    /// The whole frame as stored.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Is the payload encrypted? Its head never is.
    #[must_use]
    pub const fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// All but the checksum, and where the payload begins in it.
    #[cfg(feature = "encryption")]
    pub(super) fn body(&self) -> (&[u8], usize) {
        (&self.bytes[..self.bytes.len() - CHECKSUM], self.payload)
    }

    /// The encoded value, as it is stored.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.bytes[self.payload..self.bytes.len() - CHECKSUM]
    }
}

fn read_head(body: &[u8]) -> Result<(Head, usize, u8)> {
    let mut r = Reader { bytes: body, at: 3 };
    let [format, compression, flags] = *r.take(3)? else { return Err(broken("the frame is cut short")) };
    if flags & !ENCRYPTED != 0 {
        return Err(broken("the frame has flags unknown here"));
    }
    let fingerprint = r.u64()?;
    let birth = Position { epoch: r.u64()?, number: r.u64()? };
    let shared = Position { epoch: r.u64()?, number: r.u64()? };
    let (born, fresh_until, stale_until) = (r.u64()?, r.u64()?, r.u64()?);
    let raw_len = r.u32()?;
    let (key_len, tag_count) = (r.u16()?, r.u16()?);
    let key = Key::from_stored(r.text(usize::from(key_len))?);
    let mut tags = Vec::with_capacity(usize::from(tag_count).min(64));
    for _ in 0..tag_count {
        let n = r.u16()?;
        tags.push(Arc::from(r.text(usize::from(n))?));
    }
    let head = Head {
        fingerprint,
        birth,
        shared,
        born,
        fresh_until,
        stale_until,
        key,
        tags: tags.into(),
        format,
        compression,
        raw_len,
    };
    Ok((head, r.at, flags))
}

/// Reads forward; running out of bytes is an error, never a panic.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(n).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| broken("the frame is cut short"))?;
        let out = &self.bytes[self.at..end];
        self.at = end;
        Ok(out)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| broken("the frame is cut short"))
    }

    fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn text(&mut self, n: usize) -> Result<&'a str> {
        std::str::from_utf8(self.take(n)?).map_err(|_| broken("the frame holds text that is not UTF-8"))
    }
}

pub(super) fn broken(message: &'static str) -> Error {
    Error::new(ErrorKind::Frame, message)
}
