//! Reading the shared log in its order: on from where this node was, or anew.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::{Follow, count};
use crate::error::{Error, ErrorKind, Result};
use crate::group::{Cursor, Group, Record};
use crate::log::Adopted;
use crate::tier::behind::WeakBehind;
use crate::tier::shared::{Heard, Met, News};

/// How far a node has come in the log, and the steps by which it goes on.
pub(crate) struct Reader {
    follow: Arc<Follow>,
    /// How far the log was read, in order.
    read: Cursor,
    /// Was any log met yet?
    met: bool,
    /// Epochs that ended while this node followed them, the latest last.
    left: VecDeque<u64>,
}

/// How many of those are remembered: a replica that is behind by so many is none to fail over to.
const LEFT: usize = 64;

impl Reader {
    /// One that has met no log yet; an earlier process may have read to some place.
    pub(crate) fn new(follow: &Arc<Follow>, read: Option<Cursor>) -> Self {
        Self { follow: Arc::clone(follow), read: read.unwrap_or_default(), met: false, left: VecDeque::new() }
    }

    /// How far the log was read.
    pub(crate) const fn read(&self) -> Cursor {
        self.read
    }

    /// Is the log still the one that was read? If not, begins anew with the one there is.
    pub(crate) async fn look(&mut self) -> Result<()> {
        let (shared, log) = (self.follow.shared.clone(), self.follow.log.clone());
        let known = if self.met { log.shared_top() } else { self.read };
        let mut met = shared.meet(known, self.read).await?;
        let same = met.top.position.epoch == known.position.epoch;
        if same && !met.holds_known && self.met {
            // A failover lost what this node knows to have been there.
            shared.renew(known.position.epoch).await?;
            met = shared.meet(Cursor::default(), Cursor::default()).await?;
            self.adopt(met, true).await?;
        } else if !self.met && same && met.holds_read {
            // An earlier process of this node had read so far, if only to the beginning: what came since is read from
            // there, and if the log does not reach back to there any more, that is seen then.
            let read = self.read;
            self.adopt(Met { top: read, ..met }, false).await?;
        } else if !same || !met.holds_read {
            self.adopt(met, true).await?;
        }
        Ok(())
    }

    async fn adopt(&mut self, mut met: Met, drops: bool) -> Result<()> {
        if self.left.contains(&met.top.position.epoch) {
            // A failover brought back an epoch that had ended. What this node knows to have been invalidated since is in
            // no log, and frames of before it would be valid again.
            self.follow.shared.renew(met.top.position.epoch).await?;
            met = self.follow.shared.meet(Cursor::default(), Cursor::default()).await?;
        }
        let groups = self.follow.shared.groups().await?;
        // Groups of another epoch than the one that was met would say nothing of its frames.
        let again = self.follow.shared.meet(Cursor::default(), Cursor::default()).await?;
        if again.top.position.epoch != met.top.position.epoch {
            return Err(
                Error::new(ErrorKind::Tier, "the shared log began anew while it was read").with("code", "EPOCH")
            );
        }
        let records = self.follow.log.adopt(Adopted { top: met.top, groups }, drops);
        self.tell_own(records);
        self.leave(met.top.position.epoch);
        self.read = met.top;
        if std::mem::replace(&mut self.met, true) && drops {
            self.say_again();
        }
        count(&self.follow.seen.adopted, 1);
        Ok(())
    }

    /// Remembers the epoch that was followed so far, if it is another.
    fn leave(&mut self, next: u64) {
        let last = self.read.position.epoch;
        if last != 0 && last != next {
            self.left.push_back(last);
            let over = self.left.len().saturating_sub(LEFT);
            self.left.drain(..over);
        }
    }

    /// A log that was lost, or a server of frames, may have taken this node's last invalidations with it.
    pub(crate) fn say_again(&self) {
        let groups = self.follow.shared.remembered();
        if let (false, Some(tier)) = (groups.is_empty(), self.follow.tier.upgrade()) {
            tier.queue(self.follow.log.append(groups));
        }
    }

    /// Reads what comes next, waiting for it so long, and applies it. False if there may be more to read.
    pub(crate) async fn read_on(&mut self, wait: Duration) -> Result<bool> {
        let News { heard, complete, moved } = self.follow.shared.read(self.read, wait).await?;
        if moved {
            self.look().await?;
            return Ok(false);
        }
        let next = self.read.position.number + 1;
        if heard.first().is_some_and(|first| first.at.position.number != next) && !self.is_joined().await? {
            // What was read is from before the log was begun anew: it is dropped with all else.
            return Ok(false);
        }
        self.take(heard);
        Ok(complete)
    }

    /// Does the log still hold what was read last? If so, an append that failed half way has used up a number; if not,
    /// entries in between were trimmed before they could be read, and all begins anew.
    async fn is_joined(&mut self) -> Result<bool> {
        let met = self.follow.shared.meet(Cursor::default(), self.read).await?;
        let joined = met.top.position.epoch == self.read.position.epoch
            && met.holds_read
            // Before the first entry there is none to look for.
            && self.read.position.number > 0;
        if !joined {
            self.adopt(met, true).await?;
        }
        Ok(joined)
    }

    /// Applies what was read.
    fn take(&mut self, heard: Vec<Heard>) {
        let Some(last) = heard.last().map(|heard| heard.at) else { return };
        let others = heard.into_iter().filter(|heard| !heard.own);
        let records: Vec<(Group, Cursor)> =
            others.flat_map(|heard| heard.groups.into_iter().map(move |group| (group, heard.at))).collect();
        count(&self.follow.seen.heard, records.len());
        if !records.is_empty() {
            let records = self.follow.log.hear(records);
            self.tell_own(records);
        }
        self.read = last;
    }

    fn tell_own(&self, records: Vec<Record>) {
        if let (false, Some(own)) = (records.is_empty(), self.follow.own.as_ref().and_then(WeakBehind::upgrade)) {
            own.apply_behind(records);
        }
    }
}
