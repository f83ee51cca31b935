//! The names of our keys in Redis.
//!
//! - `<prefix>:v:{<key>}`: a frame; `<prefix>:f:{<key>}`: its fence. The braces put both into one slot of a cluster.
//! - `<prefix>:l:{<key>}`: the lease of who loads it for all nodes.
//! - Where keys are secret, `<key>` is the name that hides it.
//! - `<prefix>:{log}:meta`, `<prefix>:{log}:stream`, `<prefix>:{log}:groups`: the shared log.

use std::borrow::Cow;
use std::sync::Arc;

use crate::codec::Veil;
use crate::key::Key;

/// All names of one cache in Redis.
#[derive(Debug, Clone)]
pub(super) struct RedisNames {
    veil: Option<Arc<Veil>>,
    value: String,
    fence: String,
    lease: String,
    pub(super) meta: String,
    pub(super) stream: String,
    pub(super) groups: String,
}

/// The names of what belongs to one key.
#[derive(Debug)]
pub(super) struct KeyNames {
    pub(super) value: String,
    pub(super) fence: String,
    pub(super) lease: String,
}

impl RedisNames {
    pub(super) fn new(prefix: &str, veil: Option<Arc<Veil>>) -> Self {
        Self {
            veil,
            value: format!("{prefix}:v:{{"),
            fence: format!("{prefix}:f:{{"),
            lease: format!("{prefix}:l:{{"),
            meta: format!("{prefix}:{{log}}:meta"),
            stream: format!("{prefix}:{{log}}:stream"),
            groups: format!("{prefix}:{{log}}:groups"),
        }
    }

    /// The name of a frame.
    pub(super) fn value(&self, key: &Key) -> String {
        named(&self.value, &self.stored(key))
    }

    pub(super) fn lease(&self, key: &Key) -> String {
        named(&self.lease, &self.stored(key))
    }

    /// All names of one key, which is hidden once for all of them.
    pub(super) fn of(&self, key: &Key) -> KeyNames {
        let stored = self.stored(key);
        KeyNames {
            value: named(&self.value, &stored),
            fence: named(&self.fence, &stored),
            lease: named(&self.lease, &stored),
        }
    }

    /// The name under which a key is stored.
    fn stored<'a>(&self, key: &'a Key) -> Cow<'a, Key> {
        self.veil.as_ref().map_or(Cow::Borrowed(key), |veil| Cow::Owned(veil.name(key)))
    }

    /// The name of a frame, of a name that `SCAN` found.
    pub(super) fn key_of<'a>(&self, name: &'a str) -> Option<&'a str> {
        name.strip_prefix(self.value.as_str())?.strip_suffix('}')
    }

    /// The glob of all frames whose keys begin like this. Of a hidden key no more than the namespace can be told.
    pub(super) fn glob(&self, beginning: &str) -> String {
        let beginning = match (&self.veil, beginning.find(':')) {
            (Some(_), Some(colon)) => &beginning[..=colon],
            _ => beginning,
        };
        let mut glob = String::with_capacity(self.value.len() + beginning.len() + 1);
        for c in self.value.chars().chain(beginning.chars()) {
            if matches!(c, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
                glob.push('\\');
            }
            glob.push(c);
        }
        glob.push('*');
        glob
    }
}

fn named(beginning: &str, stored: &Key) -> String {
    [beginning, stored.as_str(), "}"].concat()
}

/// How many slots a cluster has.
pub(super) const SLOTS: u16 = 16_384;

/// The slot of a name in a cluster: of what stands between its first brace and the next closing one, if anything does.
///
/// The rule and the checksum are Redis's own (redis.io, "Redis cluster specification", CRC16 XMODEM).
pub(super) fn slot_of(name: &str) -> u16 {
    let tag = name.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    let hashed = tag.filter(|tag| !tag.is_empty()).unwrap_or(name);
    checksum(hashed.as_bytes()) % SLOTS
}

fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, &byte| (sum << 8) ^ CHECKSUMS[usize::from((sum >> 8) as u8 ^ byte)])
}

/// The checksum of each single byte: a slot is told from every name that is read in a cluster.
const CHECKSUMS: [u16; 256] = {
    let mut sums = [0; 256];
    let mut byte = 0;
    while byte < sums.len() {
        let (mut sum, mut bit) = ((byte as u16) << 8, 0);
        while bit < 8 {
            sum = if sum & 0x8000 == 0 { sum << 1 } else { (sum << 1) ^ 0x1021 };
            bit += 1;
        }
        sums[byte] = sum;
        byte += 1;
    }
    sums
};

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of Redis's own specification and documentation.
    #[test]
    fn slots_are_those_of_redis() {
        assert_eq!(checksum(b"123456789"), 0x31C3);
        assert_eq!(slot_of("foo"), 12_182);
        assert_eq!(slot_of("{user1000}.following"), slot_of("{user1000}.followers"));
        assert_eq!(slot_of("foo{}{bar}"), checksum(b"foo{}{bar}") % SLOTS);
        assert_eq!(slot_of("foo{{bar}}zap"), checksum(b"{bar") % SLOTS);
        assert_eq!(slot_of("foo{bar}{zap}"), slot_of("bar"));
    }

    #[test]
    fn what_belongs_to_one_key_is_in_one_slot() {
        let names = RedisNames::new("cached", None);
        for key in ["user:1", "user:{1}", "user:}{", "user:a}b{c}", "user:"] {
            let key = Key::from_stored(key);
            let slot = slot_of(&names.value(&key));
            let KeyNames { value, fence, lease } = names.of(&key);
            assert_eq!([&value, &fence, &lease].map(|name| slot_of(name)), [slot; 3], "{key}");
            assert_eq!((names.value(&key), names.lease(&key)), (value, lease));
        }
        assert_eq!(slot_of(&names.stream), slot_of(&names.meta));
        assert_eq!(slot_of(&names.groups), slot_of(&names.meta));
    }
}
