//! The names of our keys in Redis.
//!
//! - `<prefix>:v:{<key>}`: a frame; `<prefix>:f:{<key>}`: its fence. The braces put both into one slot of a cluster.
//! - `<prefix>:{log}:meta`, `<prefix>:{log}:stream`, `<prefix>:{log}:groups`: the shared log.

use crate::key::Key;

/// All names of one cache in Redis.
#[derive(Debug, Clone)]
pub(super) struct RedisNames {
    value: String,
    fence: String,
    pub(super) meta: String,
    pub(super) stream: String,
    pub(super) groups: String,
}

impl RedisNames {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            value: format!("{prefix}:v:{{"),
            fence: format!("{prefix}:f:{{"),
            meta: format!("{prefix}:{{log}}:meta"),
            stream: format!("{prefix}:{{log}}:stream"),
            groups: format!("{prefix}:{{log}}:groups"),
        }
    }

    pub(super) fn value(&self, key: &Key) -> String {
        [&self.value, key.as_str(), "}"].concat()
    }

    pub(super) fn fence(&self, key: &Key) -> String {
        [&self.fence, key.as_str(), "}"].concat()
    }

    /// Our key, of a name that `SCAN` found.
    pub(super) fn key_of<'a>(&self, name: &'a str) -> Option<&'a str> {
        name.strip_prefix(self.value.as_str())?.strip_suffix('}')
    }

    /// The glob of all frames whose keys begin like this.
    pub(super) fn glob(&self, beginning: &str) -> String {
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
