//! What the adviser is to know of the tiers.

use super::Builder;
use super::tiers::Kind;
use crate::clock::millis;
use crate::facts::Facts;

impl Builder {
    /// Notes what the tiers are before they are opened.
    pub(super) fn note_facts(&mut self) {
        let kinds = &self.tiers.kinds;
        if kinds.is_empty() {
            return;
        }
        let (deadlines, queue) = (&self.tiers.deadlines, &self.tiers.queue);
        let mut facts = Facts {
            read_deadline: millis(deadlines.read),
            pending: queue.max_pending_frames,
            batch: queue.batch,
            encrypted: self.settings.keys.is_some(),
            ..Facts::default()
        };
        kinds.iter().for_each(|kind| kind.note(&mut facts));
        self.settings.facts = facts;
    }
}

impl Kind {
    #[cfg_attr(not(any(feature = "disk", feature = "_shared")), allow(unused_variables, reason = "nothing to note"))]
    fn note(&self, facts: &mut Facts) {
        match self {
            Self::Given(_) => {}
            #[cfg(feature = "redis")]
            Self::Redis(options) => {
                facts.shared = true;
                facts.redis = Some(options.facts());
            }
            #[cfg(feature = "disk")]
            Self::Disk(path, _) => facts.places.push(("disk", path.clone())),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(path, _) => facts.places.push(("sqlite", path.clone())),
            #[cfg(feature = "_server")]
            Self::Server(..) => facts.shared = true,
            Self::Never(_, never) => match *never {},
        }
    }
}
