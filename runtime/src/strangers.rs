//! Frames that another version of a type wrote under our keys, and who was told of them.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::clock::Millis;
use crate::codec::Frame;

/// How often it is said of one namespace.
const EVERY: Millis = 60_000;
/// Of so many namespaces it is known when it was said last.
const MOST: usize = 1_024;

/// When it was last said of each namespace.
#[derive(Debug, Default)]
pub(crate) struct Strangers(Mutex<HashMap<Box<str>, Millis>>);

impl Strangers {
    /// A frame of one of our keys carries another fingerprint than our site's. Said at most once a minute for each
    /// namespace: after a deploy it passes by itself, and while both run it tells why the cache does so little.
    #[cold]
    pub(crate) fn met(&self, site: &str, ours: u64, frame: &Frame, now: Millis) {
        let namespace = frame.key().namespace();
        if !self.is_due(namespace, now) {
            return;
        }
        let (ours, theirs) = (format_args!("{ours:016x}"), format_args!("{:016x}", frame.head().fingerprint));
        tracing::warn!(
            namespace,
            site,
            %ours,
            %theirs,
            "two schemas share a namespace: each side misses what the other stores, and stores over it; if both are to \
             go on, give one another `namespace`, or its tiers another prefix"
        );
    }

    fn is_due(&self, namespace: &str, now: Millis) -> bool {
        let mut said = self.0.lock();
        // A wall clock set far back must not silence the log for as long.
        if said.get(namespace).is_some_and(|last| now.abs_diff(*last) < EVERY) {
            return false;
        }
        if said.len() >= MOST {
            said.retain(|_, last| now.abs_diff(*last) < EVERY);
        }
        let room = said.len() < MOST;
        if room {
            said.insert(namespace.into(), now);
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_once_a_minute_for_each_of_so_many_namespaces() {
        let strangers = Strangers::default();
        assert!(strangers.is_due("a", 1_000) && strangers.is_due("b", 1_000));
        assert!(!strangers.is_due("a", 1_000 + EVERY - 1) && strangers.is_due("a", 1_000 + EVERY));
        let said = (0..2 * MOST).filter(|n| strangers.is_due(&n.to_string(), 2 * EVERY)).count();
        assert!(said < MOST && strangers.0.lock().len() <= MOST);
        assert!(strangers.is_due("c", 9 * EVERY));
    }
}
