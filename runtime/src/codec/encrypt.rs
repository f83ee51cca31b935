//! Encrypted frames: which keys there are, and what they are used for.

use std::borrow::Cow;
use std::fmt;

use bytes::BufMut;
use chacha20poly1305::{AeadInOut, KeyInit, Tag, XChaCha20Poly1305, XNonce};

use super::frame::{Frame, Head, SEAL, broken};
use crate::error::{Error, ErrorKind, Result};

/// The length of a key's id and of a nonce.
const ID: usize = 4;
const NONCE: usize = 24;
const TAG: usize = SEAL - ID - NONCE;

/// The keys of encrypted frames: one that new frames are written with, and older ones that are still read.
///
/// XChaCha20-Poly1305: the cipher and the authenticator of RFC 8439 with the 24-byte nonce of
/// draft-irtf-cfrg-xchacha, taken from the operating system for every frame, so that a key never needs to be changed
/// for the number of its frames.
///
/// A frame's payload is encrypted; its head is readable and authenticated: key, tags, the positions in the log, the times,
/// the site, version and type, format and compression. A frame that was changed, dated anew or put under another
/// key is a miss, counted in `frames_refused`; so is one without encryption, or under a key that is not here. What
/// no encryption notices is an older frame put back in its own place, within its own life and not invalidated since; in
/// Redis, nodes that started after the invalidation of a single key do not know of it either (they do of tags, patterns
/// and namespaces).
///
/// Not hidden: keys and tags (hash an argument with `secret(arg)`, or all of them with
/// [`KeySecrecy`](super::KeySecrecy)), times, and lengths. A payload is compressed before it
/// is encrypted: who can choose a part of a value and see the length of its frame can guess at the rest; take
/// [`Compression::None`](super::Compression::None) where that matters.
///
/// To change the key, first give the new one to every node as [`also`](Self::also), then make it the first with the old
/// one beside it, and leave the old one out when the longest life of an entry is over.
///
/// Cost: about 4 µs more to write a frame of 1 KB and 3 µs more to read it, 2 µs for each further KB, 44 bytes a frame.
///
/// ```
/// # use cached_runtime::{Cache, Keys};
/// # fn example(new: [u8; 32], old: [u8; 32]) -> cached_runtime::Result<()> {
/// let cache = Cache::builder().encryption(Keys::new(2, new).also(1, old)).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct Keys {
    /// The first writes, all read. Never empty.
    known: Vec<(u32, XChaCha20Poly1305)>,
    accept_plain: bool,
    /// The first id that has a key of zeros only.
    blank: Option<u32>,
}

impl Keys {
    /// The key that frames are written with, and the id by which they name it. The key comes from a random source or
    /// a key store, not from a password; all nodes that share a tier need the same ids for the same keys.
    pub fn new(id: u32, key: [u8; 32]) -> Self {
        Self { known: Vec::new(), accept_plain: false, blank: None }.also(id, key)
    }

    /// One more key, with which frames are only read. Default: none.
    pub fn also(mut self, id: u32, key: [u8; 32]) -> Self {
        if key == [0; 32] {
            self.blank = self.blank.or(Some(id));
        }
        self.known.push((id, XChaCha20Poly1305::new(&key.into())));
        self
    }

    /// Are frames read that are not encrypted? Only while a store that was not encrypted is moved: anybody who can
    /// write to a tier can write those. Default: `false`.
    pub fn accept_plain(mut self, accept: bool) -> Self {
        self.accept_plain = accept;
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        if let Some(id) = self.blank {
            return Err(Error::config("encryption", "a key of zeros only was never filled in").with("id", id));
        }
        for (at, (id, _)) in self.known.iter().enumerate() {
            if self.known[..at].iter().any(|(other, _)| other == id) {
                return Err(Error::config("encryption", "two keys have one id").with("id", id));
            }
        }
        Ok(())
    }

    /// Encodes a head and its payload, encrypted with the first key.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] if the key, a tag or the number of tags does not fit the layout; [`ErrorKind::Codec`] if
    /// the operating system has no random bytes.
    pub fn seal(&self, head: Head, payload: &[u8]) -> Result<Frame> {
        let (id, cipher) = &self.known[0];
        let mut nonce = XNonce::default();
        getrandom::fill(&mut nonce).map_err(|error| {
            Error::new(ErrorKind::Codec, "the operating system has no random bytes").with("cause", error)
        })?;
        Frame::encrypt(head, payload.len(), |out| {
            out.put_u32_le(*id);
            out.put_slice(&nonce);
            let start = out.len();
            out.put_slice(payload);
            let (before, text) = out.split_at_mut(start);
            let tag = cipher.encrypt_inout_detached(&nonce, before, text.into());
            out.put_slice(&tag.map_err(|_| Error::new(ErrorKind::TooLarge, "does not fit a frame"))?);
            Ok(())
        })
    }

    /// The payload of a frame as it was before it was encrypted.
    ///
    /// # Errors
    /// [`ErrorKind::Frame`] if the frame was not written with one of these keys exactly as it is, or is not encrypted
    /// and those are not accepted.
    pub fn open<'a>(&self, frame: &'a Frame) -> Result<Cow<'a, [u8]>> {
        if !frame.is_encrypted() {
            let plain = self.accept_plain.then(|| Cow::Borrowed(frame.payload()));
            return plain.ok_or_else(|| broken("the frame is not encrypted"));
        }
        let (body, payload) = frame.body();
        // Long enough: a shorter one is not read as a frame.
        let (before, sealed) = body.split_at(payload + ID + NONCE);
        let (id, nonce) = before[payload..].split_at(ID);
        let (text, tag) = sealed.split_at(sealed.len() - TAG);
        let unknown = || broken("the frame is encrypted with a key that is not here");
        let (_, cipher) = self.known.iter().find(|(known, _)| known.to_le_bytes() == *id).ok_or_else(unknown)?;
        let changed = || broken("the frame is not as it was written");
        let nonce = <&XNonce>::try_from(nonce).map_err(|_| changed())?;
        let tag = <&Tag>::try_from(tag).map_err(|_| changed())?;
        let mut plain = text.to_vec();
        cipher.decrypt_inout_detached(nonce, before, plain.as_mut_slice().into(), tag).map_err(|_| changed())?;
        Ok(Cow::Owned(plain))
    }
}

/// The ids alone.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<u32> = self.known.iter().map(|(id, _)| *id).collect();
        f.debug_struct("Keys").field("ids", &ids).field("accept_plain", &self.accept_plain).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::Position;
    use crate::key::Key;

    const TEXT: &[u8] = b"what nobody reads";

    fn head() -> Head {
        Head {
            fingerprint: 3,
            birth: Position { epoch: 1, number: 2 },
            shared: Position { epoch: 4, number: 5 },
            born: 6,
            fresh_until: 7,
            stale_until: 8,
            key: Key::from_stored("a:1"),
            tags: ["b:1".into(), "c".into()].into(),
            format: 1,
            compression: 0,
            raw_len: TEXT.len() as u32,
        }
    }

    fn keys(id: u32, byte: u8) -> Keys {
        Keys::new(id, [byte; 32])
    }

    fn sealed(keys: &Keys) -> Frame {
        keys.seal(head(), TEXT).expect("a frame")
    }

    /// These bytes as a frame with a checksum that matches, as one makes it who has no keys.
    fn forged(bytes: &[u8]) -> Option<Frame> {
        let mut bytes = bytes[..bytes.len() - 8].to_vec();
        let checksum = xxhash_rust::xxh3::xxh3_64(&bytes);
        bytes.put_u64_le(checksum);
        Frame::read(bytes.into()).ok()
    }

    #[test]
    fn a_frame_is_opened_with_its_key_only() {
        let frame = sealed(&keys(1, 1));
        let again = Frame::read(frame.bytes().clone()).expect("read without a key");
        assert!(again.is_encrypted() && *again.head() == head(), "the head is readable");
        assert_eq!(&*keys(1, 1).open(&again).expect("opened"), TEXT);
        assert_eq!(&*keys(2, 2).also(1, [1; 32]).open(&again).expect("by an older key"), TEXT);
        assert!(keys(1, 2).open(&again).is_err(), "another key of that id");
        assert!(keys(2, 1).open(&again).is_err(), "an id that is not here");
        assert_eq!(frame.payload().len(), TEXT.len() + SEAL);
    }

    #[test]
    fn nothing_of_a_frame_can_be_changed() {
        let (keys, frame) = (keys(1, 1).accept_plain(true), sealed(&keys(1, 1)));
        let mut read = 0;
        for at in 0..frame.bytes().len() - 8 {
            for bit in 0..8 {
                let mut bytes = frame.bytes().to_vec();
                bytes[at] ^= 1 << bit;
                let Some(changed) = forged(&bytes) else { continue };
                read += 1;
                // Without its flag it is a plain frame, whose payload decodes as nothing: accepted where plain ones are.
                let opened = keys.open(&changed);
                assert_eq!(opened.is_ok(), !changed.is_encrypted(), "byte {at}, bit {bit}");
                assert!(opened.map_or(true, |payload| *payload != *TEXT));
            }
        }
        assert!(read > 8 * frame.payload().len(), "the control: most are frames for who has no keys");
        for len in 8..frame.bytes().len() {
            let short = forged(&frame.bytes()[..len]);
            assert!(short.is_none_or(|frame| keys.open(&frame).is_err()), "cut to {len} bytes");
        }
    }

    #[test]
    fn a_payload_is_not_moved_to_another_head() {
        let (keys, frame) = (keys(1, 1), sealed(&keys(1, 1)));
        let other = Head { key: Key::from_stored("a:2"), ..head() };
        let moved = Frame::encrypt(other, TEXT.len(), |out| {
            out.put_slice(frame.payload());
            Ok(())
        });
        assert!(keys.open(&moved.expect("a frame")).is_err());
    }

    #[test]
    fn equal_values_are_unlike_frames() {
        let keys = keys(1, 1);
        let frames: Vec<Frame> = (0..100).map(|_| sealed(&keys)).collect();
        let nonces: std::collections::HashSet<_> =
            frames.iter().map(|frame| &frame.payload()[ID..ID + NONCE]).collect();
        let texts: std::collections::HashSet<_> = frames.iter().map(|frame| &frame.payload()[ID + NONCE..]).collect();
        assert_eq!((nonces.len(), texts.len()), (100, 100));
        assert!(texts.iter().all(|text| !text.windows(8).any(|part| TEXT.windows(8).any(|known| known == part))));
    }

    #[test]
    fn a_frame_without_encryption_is_refused_unless_it_is_accepted() {
        let plain = Frame::seal(head(), TEXT).expect("a frame");
        assert!(keys(1, 1).open(&plain).is_err());
        assert_eq!(&*keys(1, 1).accept_plain(true).open(&plain).expect("accepted"), TEXT);
    }

    /// A frame of an earlier build: what is authenticated, and in which order, does not change unnoticed.
    #[test]
    fn a_frame_of_an_earlier_build_is_opened() {
        let frame = Frame::read(from_hex(EARLIER).into()).expect("a frame");
        assert_eq!(&*keys(1, 1).open(&frame).expect("opened"), TEXT);
    }

    const EARLIER: &str = "\
        6366020100010300000000000000010000000000000002000000000000000400000000000000050000000000000006000000\
        00000000070000000000000008000000000000001100000003000200613a310300623a3101006301000000ab549307803ca1\
        9f8afcb382302e1c409bc30d67f2793d69f8ee870f73db48115e6da6ba607bfce1ef1d23b6bf7eb7938a8b46df1f71c59c72\
        50421e1573231c2e";

    fn from_hex(text: &str) -> Vec<u8> {
        (0..text.len() / 2).filter_map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()).collect()
    }

    #[test]
    fn keys_are_checked_and_never_shown() {
        assert!(keys(1, 1).also(2, [2; 32]).check().is_ok());
        for wrong in [keys(1, 1).also(1, [2; 32]), keys(1, 0), keys(1, 1).also(2, [0; 32])] {
            let error = wrong.check().expect_err("refused");
            assert_eq!(error.context("setting"), Some("encryption"), "{error}");
        }
        let shown = format!("{:?}", keys(77, 201).also(78, [202; 32]));
        assert_eq!(shown, "Keys { ids: [77, 78], accept_plain: false, .. }");
    }
}
