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

    pub(super) fn value(&self, key: &Key) -> String {
        [&self.value, self.stored(key).as_str(), "}"].concat()
    }

    pub(super) fn fence(&self, key: &Key) -> String {
        [&self.fence, self.stored(key).as_str(), "}"].concat()
    }

    pub(super) fn lease(&self, key: &Key) -> String {
        [&self.lease, self.stored(key).as_str(), "}"].concat()
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
