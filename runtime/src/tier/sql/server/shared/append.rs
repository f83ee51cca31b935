//! Writing to the log: each step one transaction that nobody else appends or stores a frame beside, so that numbers
//! become visible in their order.

use std::collections::{BTreeMap, BTreeSet};

use super::statements::LogStatements;
use crate::group::{Group, Position};
use crate::tier::fault::{Fault, Harm};
use crate::tier::sql::server::fault::Trouble;
use crate::tier::sql::server::line::{Row, Value};
use crate::tier::sql::server::links::Links;
use crate::tier::sql::server::store::{Store, name, unread};
use crate::tier::sql::server::transaction::{Transaction, Turns};

/// How many entries the log keeps.
const LENGTH: i64 = 16_384;
/// How many groups it remembers one by one.
const REMEMBERED: i64 = 65_536;
/// After so many entries what is too much goes.
const STRIDE: i64 = 256;

/// The log has begun a new epoch, of which this node has not heard yet.
const MOVED: Fault = Fault::new(Harm::Passing, "the shared log has begun a new epoch");

/// What is appended in one step.
pub(super) struct Batch {
    pub(super) epoch: u64,
    pub(super) node: u64,
    pub(super) nonce: u64,
    /// By whose names keys are invalidated.
    pub(super) whose: i64,
    /// The texts of its groups.
    pub(super) texts: Vec<String>,
    /// The names of the frames that it removes. All nodes take rows in one order, so that they queue up instead of locking
    /// each other out.
    pub(super) frames: BTreeSet<String>,
}

/// The row about the whole log.
///
/// Nodes that hide keys otherwise have other frames of them, which no removal reaches and no fence keeps out. So it also
/// says by whose names keys were invalidated, as far as a node has to know that begins: a record of everything for all
/// others.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Head {
    pub(super) epoch: i64,
    pub(super) number: i64,
    /// Entries up to this one are not kept any more, and neither are the fences that they were.
    pub(super) trimmed: i64,
    /// Have groups been remembered?
    pub(super) grouped: i64,
    /// By whose names a key was invalidated last.
    pub(super) namer: i64,
    /// The last entry that invalidates a key.
    pub(super) keyed: i64,
    /// The last one that does under other names than those.
    pub(super) keyed_before: i64,
}

impl Head {
    pub(super) fn of(row: &Row) -> sqlx::Result<Self> {
        let at = |column: usize| row.number(column);
        let (epoch, number, trimmed, grouped) = (at(0)?, at(1)?, at(2)?, at(3)?);
        Ok(Self { epoch, number, trimmed, grouped, namer: at(4)?, keyed: at(5)?, keyed_before: at(6)? })
    }

    /// The head once a key was invalidated in this entry by these names.
    fn keyed_by(self, whose: i64, keyed: i64) -> Self {
        let keyed_before = if self.namer == whose { self.keyed_before } else { self.keyed };
        Self { namer: whose, keyed, keyed_before, ..self }
    }

    /// The last entry that invalidates a key under other names than these; 0 if there is none.
    pub(super) fn keyed_by_others(self, whose: i64) -> i64 {
        if self.namer == whose { self.keyed_before } else { self.keyed }
    }
}

impl LogStatements {
    /// Appends a batch, after the frames of the keys that it names were removed. Answers where its last entry is.
    ///
    /// If the answer is lost, it may be there twice: what is invalidated twice is invalidated.
    pub(super) async fn append(&self, store: &Store, batch: &Batch) -> Result<Position, Fault> {
        let _turn = store.writing.lock().await;
        let mut turns = Turns::default();
        loop {
            match self.append_once(store, batch).await {
                Ok(last) => return Ok(Position { epoch: batch.epoch, number: last.cast_unsigned() }),
                Err(trouble) => turns.again(trouble)?,
            }
        }
    }

    async fn append_once(&self, store: &Store, batch: &Batch) -> Result<i64, Trouble> {
        let mut step = store.links.begin(&self.alone).await?;
        let done = self.append_in(&mut step, store, batch).await;
        step.end(done, &self.told).await
    }

    async fn append_in(&self, step: &mut Transaction<'_>, store: &Store, batch: &Batch) -> Result<i64, Trouble> {
        let head = self.head(step).await?;
        if batch.epoch == 0 || head.epoch != batch.epoch.cast_signed() {
            return Err(MOVED.into());
        }
        let names: Vec<(i64, String)> = (head.number + 1..).zip(batch.texts.iter().cloned()).collect();
        let last = head.number + i64::try_from(names.len()).unwrap_or(0);
        let is_due = last / STRIDE > head.number / STRIDE;
        let groups = groups_of(&names);
        let grouped = if groups.is_empty() { head.grouped } else { 1 };
        let trimmed = if is_due { head.trimmed.max(last - LENGTH) } else { head.trimmed };
        let keyed = names.iter().rev().find(|(_, group)| is_key(group));
        let head = keyed.map_or(head, |(number, _)| head.keyed_by(batch.whose, *number));
        self.advance(step, Head { number: last, trimmed, grouped, ..head }).await?;
        let entry = |(number, group): &(i64, String)| {
            let [nonce, node] = [batch.nonce, batch.node].map(|n| Value::Number(n.cast_signed()));
            [Value::Number(*number), nonce, node, name(group)]
        };
        step.each(&self.enter, &names.iter().flat_map(entry).collect::<Vec<_>>(), 4).await?;
        let frames: Vec<Value> = batch.frames.iter().map(|frame| name(frame)).collect();
        step.each(&store.statements.remove, &frames, 1).await?;
        self.raise(step, &groups).await?;
        if is_due {
            step.change(&self.trim, &[Value::Number(trimmed)]).await?;
            self.coarsen(step).await?;
        }
        Ok(last)
    }

    pub(super) async fn head(&self, step: &mut Transaction<'_>) -> Result<Head, Trouble> {
        Ok(Head::of(&step.row(&self.head, &[]).await?).map_err(unread)?)
    }

    async fn advance(&self, step: &mut Transaction<'_>, to: Head) -> Result<(), Trouble> {
        let Head { epoch, number, trimmed, grouped, namer, keyed, keyed_before } = to;
        let values = [epoch, number, trimmed, grouped, namer, keyed, keyed_before].map(Value::Number);
        step.change(&self.advance, &values).await.map(drop)
    }

    async fn raise(&self, step: &mut Transaction<'_>, groups: &BTreeMap<String, i64>) -> Result<(), Trouble> {
        let rows: Vec<Value> =
            groups.iter().flat_map(|(group, number)| [name(group), Value::Number(*number)]).collect();
        step.each(&self.raise, &rows, 2).await
    }

    /// Of too many groups the oldest become coarser: they name more, and nothing that they named is forgotten.
    async fn coarsen(&self, step: &mut Transaction<'_>) -> Result<(), Trouble> {
        let over = step.row(&self.count, &[]).await?.number(0).map_err(unread)? - REMEMBERED;
        if over <= 0 {
            return Ok(());
        }
        let (mut coarse, mut gone) = (BTreeMap::new(), BTreeSet::new());
        for row in step.rows(&self.oldest, &[Value::Number(over)]).await? {
            let (group, number) = (row.text(0).map_err(unread)?, row.number(1).map_err(unread)?);
            let last = coarse.entry(coarser(&group)).or_insert(number);
            *last = number.max(*last);
            gone.insert(group);
        }
        let gone: Vec<Value> = gone.iter().map(|group| name(group)).collect();
        step.each(&self.forget, &gone, 1).await?;
        self.raise(step, &coarse).await
    }

    /// Begins an epoch: where there is none that holds together, or in the place of this one if it is still in force.
    pub(super) async fn begin_epoch(&self, links: &Links, instead: Option<u64>, fresh: u64) -> Result<(), Fault> {
        let mut turns = Turns::default();
        while let Err(trouble) = self.begin_once(links, instead, fresh).await {
            turns.again(trouble)?;
        }
        Ok(())
    }

    async fn begin_once(&self, links: &Links, instead: Option<u64>, fresh: u64) -> Result<(), Trouble> {
        let mut step = links.begin(&self.alone).await?;
        let done = self.begin_in(&mut step, instead, fresh).await;
        step.end(done, &self.told).await
    }

    async fn begin_in(&self, step: &mut Transaction<'_>, instead: Option<u64>, fresh: u64) -> Result<(), Trouble> {
        let head = self.head(step).await?;
        let ends = match instead {
            Some(epoch) => head.epoch == epoch.cast_signed(),
            None => !self.seen_in(step).await?.is_whole(),
        };
        if ends {
            for clear in &self.clear {
                step.change(clear, &[]).await?;
            }
            self.advance(step, Head { epoch: fresh.cast_signed(), ..Head::default() }).await?;
        }
        Ok(())
    }
}

/// Each group but keys, with its last place.
fn groups_of(names: &[(i64, String)]) -> BTreeMap<String, i64> {
    let groups = names.iter().filter(|(_, group)| !is_key(group));
    groups.map(|(number, group)| (group.clone(), *number)).collect()
}

/// Does this text name one key, readable or hidden?
fn is_key(group: &str) -> bool {
    group.starts_with("k:")
}

/// The group that stands for one that is not remembered by itself any more.
fn coarser(group: &str) -> String {
    match Group::from_text(group) {
        Ok(Group::Tag(_)) => Group::Tagged.to_text(),
        Ok(Group::Pattern(pattern)) => match pattern.prefix().split_once(':') {
            Some((namespace, _)) => Group::Namespace(namespace.into()).to_text(),
            None => Group::Everything.to_text(),
        },
        _ => Group::Everything.to_text(),
    }
}
