//! Storing frames beside the log: none whose key was invalidated after its load began.

use std::collections::{BTreeMap, HashMap};

use super::append::Head;
use super::statements::LogStatements;
use crate::codec::Frame;
use crate::key::Key;
use crate::tier::fault::Fault;
use crate::tier::sql::server::fault::Trouble;
use crate::tier::sql::server::line::Value;
use crate::tier::sql::server::store::{Store, fitting, name, rows_of, unread};
use crate::tier::sql::server::transaction::{Transaction, Turns};

/// A frame as it is stored, what invalidates its key, and the lease under which it was loaded.
#[derive(Clone)]
pub(super) struct Loaded {
    pub(super) frame: Frame,
    /// The text of the entries that invalidate its key.
    pub(super) fence: String,
    pub(super) token: Option<u64>,
}

impl LogStatements {
    /// Stores these frames, in as many steps as their size demands.
    ///
    /// In each of them nobody appends: a frame that an invalidation is to remove is there before it, or is refused.
    /// Answers the keys of those that are.
    pub(super) async fn put(&self, store: &Store, frames: &[Loaded]) -> Result<Vec<Key>, Fault> {
        // In the order of the rows that are made of them.
        let latest: BTreeMap<&str, &Loaded> =
            frames.iter().map(|loaded| (loaded.frame.key().as_str(), loaded)).collect();
        let frames: Vec<&Loaded> = latest.into_values().collect();
        let rows = rows_of(frames.iter().map(|loaded| &loaded.frame))?;
        let _turn = store.writing.lock().await;
        let (mut from, mut refused) = (0, Vec::new());
        while from < frames.len() {
            let to = from + fitting(&rows[from..]);
            let mut turns = Turns::default();
            refused.extend(loop {
                match self.put_once(store, &frames[from..to]).await {
                    Ok(refused) => break refused,
                    Err(trouble) => turns.again(trouble)?,
                }
            });
            from = to;
        }
        Ok(refused)
    }

    async fn put_once(&self, store: &Store, frames: &[&Loaded]) -> Result<Vec<Key>, Trouble> {
        let mut step = store.links.begin(&self.beside).await?;
        let done = self.put_in(&mut step, store, frames).await;
        step.end(done, &self.commit).await
    }

    async fn put_in(&self, step: &mut Transaction<'_>, store: &Store, frames: &[&Loaded]) -> Result<Vec<Key>, Trouble> {
        let head = self.head(step).await?;
        let fences = self.fences(step, frames).await?;
        let (mut kept, mut refused) = (Vec::with_capacity(frames.len()), Vec::new());
        for loaded in frames {
            // Its lease ends here in any case: the next one need not wait for what is not stored.
            let held = self.release(step, loaded).await?;
            if held && !is_fenced(head, &fences, loaded) {
                kept.push(&loaded.frame);
            } else {
                refused.push(loaded.frame.key().clone());
            }
        }
        let rows = rows_of(kept)?;
        step.each(&store.statements.replace, &rows.concat(), 3).await?;
        Ok(refused)
    }

    /// The last invalidation of each of these keys, as far as the log reaches back.
    async fn fences(&self, step: &mut Transaction<'_>, frames: &[&Loaded]) -> Result<HashMap<String, i64>, Trouble> {
        let names: Vec<Value> = frames.iter().map(|loaded| name(&loaded.fence)).collect();
        let (mut fences, mut rest) = (HashMap::new(), &names[..]);
        while !rest.is_empty() {
            let (sql, many) = self.fences.most_of(rest.len());
            for row in step.rows(sql, &rest[..many]).await? {
                fences.insert(row.text(0).map_err(unread)?, row.number(1).map_err(unread)?);
            }
            rest = &rest[many..];
        }
        Ok(fences)
    }

    /// Ends the lease of a frame that was loaded under one. False if it had ended before: then another may have the turn.
    async fn release(&self, step: &mut Transaction<'_>, loaded: &Loaded) -> Result<bool, Trouble> {
        let Some(token) = loaded.token else { return Ok(true) };
        let values = [name(loaded.frame.key().as_str()), Value::Number(token.cast_signed())];
        Ok(step.change(&self.release, &values).await? > 0)
    }
}

/// Did its load begin before the last invalidation of its key, or so long ago that nobody knows?
fn is_fenced(head: Head, fences: &HashMap<String, i64>, loaded: &Loaded) -> bool {
    let birth = loaded.frame.head().shared;
    let number = i64::try_from(birth.number).unwrap_or(i64::MAX);
    let fence = fences.get(&loaded.fence).copied().unwrap_or(0);
    head.epoch != birth.epoch.cast_signed() || number < fence.max(head.trimmed)
}
