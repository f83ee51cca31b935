//! Key secrecy: the names that stand below near instead of the names of entries and invalidations.

use std::fmt;

use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::error::{Error, Result};
use crate::group::{Group, HIDDEN};
use crate::key::{Key, Pattern, namespace_of};

/// The length of a nonce.
const NONCE: usize = 24;
/// The longest hidden name of a group, in bytes: every store takes it.
const LONGEST: usize = 1_280;

type Hash = Hmac<Sha256>;

/// The secret by which keys and tags are hidden below near, for [`Builder::key_secrecy`](crate::Builder::key_secrecy).
///
/// A frame is stored as `<namespace>:` and 32 hexadecimal digits, the first half of HMAC-SHA256 over the whole key; the
/// frame with its key, tags, site and type is encrypted inside. What the records of invalidations name is encrypted
/// too, equal names to equal texts, so that a store still tells one record from another. Every node with this secret
/// reads them back and knows exactly what was invalidated.
///
/// Not hidden: namespaces, the lengths of frames, their times and places in the log, which records name the same thing,
/// and who asks for what how often. A secret that is known hides nothing: names are easily guessed.
///
/// All nodes that share a tier need the same secret. One with another, or none, misses what the others have stored; what
/// it invalidates is for the others an invalidation of everything, and the other way round: never wrong, and slow for
/// as long as it lasts. To change the secret is to begin with an empty cache: what was stored before is removed by
/// upkeep, or ends by itself. The keys of [`Keys`](crate::Keys) are changed without that.
///
/// Cost: 1 to 1.5 µs a read and a write more than encryption alone, and upkeep decrypts what it looks at; 120 bytes a
/// frame and its namespace. A key or a glob of more than some 550 bytes is remembered as its namespace, such a tag as any
/// tag.
#[derive(Clone)]
#[must_use]
pub struct KeySecrecy {
    names: Hash,
    nonces: Hash,
    groups: XChaCha20Poly1305,
    id: u64,
    is_blank: bool,
}

impl KeySecrecy {
    /// Names by HMAC-SHA256 with this secret. It comes from a random source or a key store, not from a password, and is
    /// no key of [`Keys`](crate::Keys).
    pub fn hmac(secret: [u8; 32]) -> Self {
        let root = keyed(&secret);
        let derived = |purpose: &str| digest(&root, [purpose.as_bytes()]);
        let groups = XChaCha20Poly1305::new(&derived("cached: groups").into());
        let id = u64::from_be_bytes(first(&derived("cached: id")));
        let (names, nonces) = (keyed(&derived("cached: names")), keyed(&derived("cached: nonces")));
        Self { names, nonces, groups, id, is_blank: secret == [0; 32] }
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.is_blank {
            return Err(Error::config("key_secrecy", "a secret of zeros only was never filled in"));
        }
        Ok(())
    }

    /// Tells nodes with one secret from those with another; says nothing of the secret.
    pub(super) const fn id(&self) -> u64 {
        self.id
    }

    /// The name under which an entry is stored.
    ///
    /// Renaming is all that happens to a store: two keys of one name, which nobody will ever see, would be a miss, for
    /// the frame inside names its key. So the order of frames and removals is what it is without secrecy.
    pub(super) fn name(&self, key: &Key) -> Key {
        let hash = digest(&self.names, [key.as_str().as_bytes()]);
        Key::from(format!("{}:{:032x}", key.namespace(), u128::from_be_bytes(first(&hash))))
    }

    /// What a record says instead of this group: the group itself where it names no key or tag. A name that is too long
    /// becomes something coarser.
    pub(super) fn conceal(&self, group: &Group) -> Group {
        match group {
            Group::Key(key) => {
                let namespace = key.namespace();
                let hidden = self.seal(Kind::Key, Some(namespace), key.as_str());
                hidden.map_or_else(|| Group::Namespace(namespace.into()), |name| Group::Key(Key::from(name)))
            }
            Group::Tag(tag) => self.seal(Kind::Tag, None, tag).map_or(Group::Tagged, |name| Group::Tag(name.into())),
            Group::Pattern(pattern) => {
                let namespace = pattern.prefix().split_once(':').map(|(namespace, _)| namespace);
                let hidden = self.seal(Kind::Pattern, namespace, pattern.as_str());
                let coarser = || namespace.map_or(Group::Everything, |name| Group::Namespace(name.into()));
                hidden.and_then(|name| Pattern::new(&name).ok()).map_or_else(coarser, Group::Pattern)
            }
            Group::Tagged | Group::Namespace(_) | Group::Everything => group.clone(),
        }
    }

    /// Which group a record names; `None` if it was not written with this secret.
    pub(super) fn reveal(&self, group: &Group) -> Option<Group> {
        match group {
            Group::Key(key) => self.open(Kind::Key, key.as_str()).map(|text| Group::Key(Key::from(text))),
            Group::Tag(tag) => self.open(Kind::Tag, tag).map(|text| Group::Tag(text.into())),
            Group::Pattern(pattern) => {
                let text = self.open(Kind::Pattern, pattern.as_str())?;
                Pattern::new(&text).ok().map(Group::Pattern)
            }
            Group::Tagged | Group::Namespace(_) | Group::Everything => Some(group.clone()),
        }
    }

    /// Encrypts a name so that it can stand where names stand, behind its namespace. The nonce is a hash of the text:
    /// equal texts are equal ciphertexts, and no two texts share a nonce.
    fn seal(&self, kind: Kind, namespace: Option<&str>, text: &str) -> Option<String> {
        let about = about(kind, namespace);
        let nonce: [u8; NONCE] = first(&digest(&self.nonces, [about.as_bytes(), text.as_bytes()]));
        let mut cipher = text.as_bytes().to_vec();
        let tag = self.groups.encrypt_inout_detached(&nonce.into(), about.as_bytes(), cipher.as_mut_slice().into());
        let mut name = namespace.map_or_else(String::new, |namespace| format!("{namespace}:"));
        name.push(HIDDEN);
        for part in [&nonce[..], &cipher, &tag.ok()?] {
            write_hex(part, &mut name);
        }
        (name.len() <= LONGEST).then_some(name)
    }

    fn open(&self, kind: Kind, name: &str) -> Option<String> {
        let (before, hidden) = name.split_once(HIDDEN)?;
        let namespace = before.strip_suffix(':');
        let mut bytes = read_hex(hidden)?;
        let (nonce, rest) = bytes.split_at_mut_checked(NONCE)?;
        let (text, tag) = rest.split_at_mut_checked(rest.len().checked_sub(TAG)?)?;
        let (nonce, tag) = (<&XNonce>::try_from(&*nonce).ok()?, <&chacha20poly1305::Tag>::try_from(&*tag).ok()?);
        let about = about(kind, namespace);
        self.groups.decrypt_inout_detached(nonce, about.as_bytes(), text.into(), tag).ok()?;
        let text = std::str::from_utf8(text).ok()?;
        // A key that is moved to another namespace would be removed in the wrong one.
        let belongs = !matches!(kind, Kind::Key) || namespace == Some(namespace_of(text));
        belongs.then(|| text.to_owned())
    }
}

/// The length of what authenticates a name.
const TAG: usize = 16;

#[derive(Clone, Copy)]
enum Kind {
    Key,
    Tag,
    Pattern,
}

/// What is authenticated with a name: what it is the name of, and where it stands.
fn about(kind: Kind, namespace: Option<&str>) -> String {
    let kind = match kind {
        Kind::Key => 'k',
        Kind::Tag => 't',
        Kind::Pattern => 'p',
    };
    namespace.map_or_else(|| format!("{kind}{HIDDEN}"), |namespace| format!("{kind}{namespace}:{HIDDEN}"))
}

fn keyed(secret: &[u8; 32]) -> Hash {
    // The other constructor takes any length, and says that it might not.
    <Hash as KeyInit>::new(&hmac_block(secret).into())
}

/// A secret that is shorter than the hash's block is filled up with zeros, as HMAC defines.
fn hmac_block(secret: &[u8; 32]) -> [u8; 64] {
    let mut block = [0; 64];
    block[..32].copy_from_slice(secret);
    block
}

fn digest<const N: usize>(keyed: &Hash, parts: [&[u8]; N]) -> [u8; 32] {
    let mut hash = keyed.clone();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into_bytes().into()
}

/// The first bytes of a hash.
fn first<const N: usize>(hash: &[u8; 32]) -> [u8; N] {
    std::array::from_fn(|at| hash[at])
}

fn write_hex(bytes: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

fn read_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::try_from(digit(*pair.first()?)? * 16 + digit(*pair.get(1)?)?).ok()).collect()
}

/// Nothing of the secret.
impl fmt::Debug for KeySecrecy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySecrecy(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrecy(byte: u8) -> KeySecrecy {
        KeySecrecy::hmac([byte; 32])
    }

    fn groups(text: &str) -> [Group; 3] {
        [
            Group::Key(Key::from(format!("one:{text}"))),
            Group::Tag(text.into()),
            Group::Pattern(Pattern::new(&format!("one:{text}*")).expect("a pattern")),
        ]
    }

    #[test]
    fn what_is_concealed_is_revealed_by_the_same_secret_only() {
        for group in groups("somebody") {
            let hidden = secrecy(1).conceal(&group);
            assert!(hidden.is_hidden() && !hidden.to_text().contains("somebody"), "{hidden}");
            assert_eq!(Group::from_text(&hidden.to_text()).ok(), Some(hidden.clone()), "a store gives it back");
            assert_eq!(secrecy(1).conceal(&group), hidden, "equal names stay equal");
            assert_eq!(secrecy(1).reveal(&hidden), Some(group.clone()));
            assert_eq!(secrecy(2).reveal(&hidden), None);
            assert_eq!(secrecy(1).reveal(&group), None, "nor is one that was never concealed");
        }
        for group in [Group::Tagged, Group::Namespace("one".into()), Group::Everything] {
            assert_eq!(secrecy(1).reveal(&secrecy(1).conceal(&group)), Some(group));
        }
    }

    /// A log folds what it no longer remembers one by one, and reads no more than beginnings for it.
    #[test]
    fn a_hidden_name_stands_behind_its_namespace() {
        let [key, tag, pattern] = groups("somebody").map(|group| secrecy(1).conceal(&group).to_text());
        let begins = |text: &str, with: &str| text.starts_with(&format!("{with}{HIDDEN}"));
        assert!(begins(&key, "k:one:") && begins(&tag, "t:") && begins(&pattern, "p:one:"));
        let open = Group::Pattern(Pattern::new("o*").expect("a pattern"));
        let hidden = secrecy(1).conceal(&open);
        assert!(begins(&hidden.to_text(), "p:"));
        assert_eq!(secrecy(1).reveal(&hidden), Some(open));
    }

    #[test]
    fn a_name_is_not_moved_to_another_kind_or_namespace() {
        let hidden = |group: &Group| secrecy(1).conceal(group).to_text();
        let [key, tag, pattern] = groups("somebody").map(|group| hidden(&group));
        let moved = [
            key.replace("k:one:", "k:two:"),
            key.replace("k:one:", "p:one:"),
            key.replace("k:one:", "t:"),
            tag.replace("t:", "k:one:"),
            tag.replace("t:", "p:"),
            pattern.replace("p:one:", "p:"),
            pattern.replace("p:one:", "k:one:"),
            key[..key.len() - 2].to_owned(),
            key.replace("k:one:", "k:one:0"),
        ];
        for text in moved {
            let group = Group::from_text(&text).expect("a group");
            assert_eq!(secrecy(1).reveal(&group), None, "{text}");
        }
    }

    #[test]
    fn a_name_that_is_too_long_becomes_coarser() {
        let coarser = groups(&"x".repeat(900)).map(|group| secrecy(1).conceal(&group));
        assert_eq!(coarser, [Group::Namespace("one".into()), Group::Tagged, Group::Namespace("one".into())]);
        let open = Pattern::new(&"x".repeat(900)).expect("a pattern");
        assert_eq!(secrecy(1).conceal(&Group::Pattern(open)), Group::Everything);
        let long = groups(&"x".repeat(550));
        assert!(long.iter().all(|group| secrecy(1).reveal(&secrecy(1).conceal(group)).as_ref() == Some(group)));
    }

    /// Stores outlive builds: what hides a name does not change unnoticed. By another implementation of HMAC.
    #[test]
    fn names_are_those_of_earlier_builds() {
        assert_eq!(secrecy(1).name(&Key::from_stored("one:somebody")).as_str(), NAME);
        assert_eq!(secrecy(1).name(&Key::from_stored("settings")).namespace(), "settings");
        assert_ne!(secrecy(2).name(&Key::from_stored("one:somebody")).as_str(), NAME);
        let tag = secrecy(1).conceal(&Group::Tag("somebody".into())).to_text();
        assert_eq!(tag.strip_prefix("t:\u{1}"), Some(TAGGED));
    }

    const NAME: &str = "one:ad00f29e2e2a729f6f311b90a6a9c926";
    const TAGGED: &str =
        "ce3705e956617aa0bee461f85df185ad82e5cdc50f04397b380b56e27a12fc48e0f25541460ecbfdf8a79d28ffb69121";
}
