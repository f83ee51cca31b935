//! The log as its follower sees it.

use std::time::{Duration, Instant};

use super::SharedSql;
use super::append::Head;
use super::names::LogNames;
use super::statements::LogStatements;
use crate::error::Result;
use crate::group::{Cursor, Group, Position};
use crate::tier::Reply;
use crate::tier::fault::Fault;
use crate::tier::shared::{Heard, Met, News, SharedLog};
use crate::tier::sql::server::fault::{self, Trouble};
use crate::tier::sql::server::line::{Row, Value};
use crate::tier::sql::server::links::Links;
use crate::tier::sql::server::store::unread;
use crate::tier::sql::server::transaction::Transaction;

/// How many entries are asked for at once.
const ENTRIES: usize = 512;
/// How long a look at the log may take.
const LOOK: Duration = Duration::from_millis(800);
/// How long all groups may take.
const GROUPS: Duration = Duration::from_millis(1_600);
/// How long connecting may take, tables and all.
const CONNECT: Duration = Duration::from_secs(4);
/// The pauses between two looks for news where nobody tells us that there are some; longer the longer there were none.
const FIRST: Duration = Duration::from_millis(5);
const MOST: Duration = Duration::from_millis(40);

/// The whole log at a glance.
pub(super) struct Glance {
    head: Head,
    /// The nonce of the last entry.
    nonce: Option<i64>,
    /// The highest entry there is.
    highest: Option<i64>,
    /// The nonces of the entries that were asked for.
    asked: [Option<i64>; 2],
    has_groups: bool,
}

impl Glance {
    fn of(row: &Row) -> sqlx::Result<Self> {
        let (nonce, highest) = (row.maybe(7)?, row.maybe(8)?);
        let asked = [row.maybe(9)?, row.maybe(10)?];
        Ok(Self { head: Head::of(row)?, nonce, highest, asked, has_groups: row.number(11)? > 0 })
    }

    /// Is there a log, and all of it? A part that someone has emptied may have held anything.
    pub(super) fn is_whole(&self) -> bool {
        let Head { epoch, number, grouped, .. } = self.head;
        let has_entries = if number == 0 { self.highest.is_none() } else { self.highest == Some(number) };
        epoch != 0 && has_entries && (grouped == 0 || self.has_groups)
    }

    fn met(&self, known: Cursor, read: Cursor) -> Met {
        let Head { epoch, number, trimmed, .. } = self.head;
        let position = Position { epoch: epoch.cast_unsigned(), number: number.cast_unsigned() };
        let [at_known, at_read] = self.asked.map(|nonce| nonce.map(i64::cast_unsigned));
        let is_there = |of: Cursor, nonce| of.position.number == 0 || nonce == Some(of.nonce);
        Met {
            top: Cursor { position, nonce: self.nonce.map_or(0, i64::cast_unsigned) },
            // A record that was trimmed was not lost: this node is late, and that is no matter of the others.
            holds_known: is_there(known, at_known) || known.position.number <= trimmed.cast_unsigned(),
            holds_read: is_there(read, at_read),
        }
    }
}

impl LogStatements {
    async fn meet(&self, links: &Links, known: Cursor, read: Cursor, fresh: u64) -> Result<Met, Fault> {
        let asked = [known, read].map(|at| Value::Number(at.position.number.cast_signed()));
        let mut seen = Glance::of(&links.row(&self.meet, &asked).await?).map_err(unread)?;
        if !seen.is_whole() {
            self.begin_epoch(links, None, fresh).await?;
            seen = Glance::of(&links.row(&self.meet, &asked).await?).map_err(unread)?;
        }
        Ok(seen.met(known, read))
    }

    pub(super) async fn seen_in(&self, step: &mut Transaction<'_>) -> Result<Glance, Trouble> {
        let row = step.row(&self.meet, &[Value::Number(0), Value::Number(0)]).await?;
        Ok(Glance::of(&row).map_err(unread)?)
    }

    /// The texts of all groups with their last places, and the head as it was then or later.
    async fn groups(&self, links: &Links) -> Result<(Vec<(Vec<u8>, u64)>, Head), Fault> {
        let rows = links.rows(&self.groups, &[]).await?;
        let remembered = |row: &Row| Ok((row.bytes(0)?, row.number(1)?.cast_unsigned()));
        let remembered = rows.iter().map(remembered).collect::<sqlx::Result<_>>().map_err(unread)?;
        Ok((remembered, Head::of(&links.row(&self.head, &[]).await?).map_err(unread)?))
    }

    /// One page of the log. The entry that was read last is asked for again: it has to be the same.
    async fn read(&self, links: &Links, names: &LogNames, after: Cursor, node: u64) -> Result<News, Fault> {
        let Cursor { position: Position { epoch, number }, nonce } = after;
        let most = i64::try_from(ENTRIES + 1).unwrap_or(i64::MAX);
        let rows = links.rows(&self.read, &[Value::Number(number.cast_signed()), Value::Number(most)]).await?;
        let Some(first) = rows.first() else { return Err(fault::MISSING) };
        let nothing = |moved: bool| News { heard: Vec::new(), complete: !moved, moved };
        if first.number(0).map_err(unread)?.cast_unsigned() != epoch {
            return Ok(nothing(true));
        }
        if first.maybe(1).map_err(unread)?.is_none() {
            // Not even what was read last.
            return Ok(nothing(number > 0));
        }
        let complete = rows.len() <= ENTRIES;
        let heard: sqlx::Result<Vec<Heard>> = rows.iter().map(|row| entry(row, names, epoch, node)).collect();
        let mut heard = heard.map_err(unread)?;
        if heard.first().is_some_and(|first| first.at.position.number == number) && heard.remove(0).at.nonce != nonce {
            return Ok(nothing(true));
        }
        Ok(News { heard, complete, moved: false })
    }
}

fn entry(row: &Row, names: &LogNames, epoch: u64, node: u64) -> sqlx::Result<Heard> {
    let position = Position { epoch, number: row.number(1)?.cast_unsigned() };
    let at = Cursor { position, nonce: row.number(2)?.cast_unsigned() };
    Ok(Heard { at, own: row.number(3)?.cast_unsigned() == node, groups: vec![names.group(row.bytes(4)?)] })
}

impl SharedSql {
    async fn news(&self, after: Cursor, wait: Duration) -> Result<News> {
        let (bell, end, mut pause) = (self.bell()?, Instant::now() + wait, FIRST);
        loop {
            let (sql, names, node) = (self.0.sql.clone(), self.0.names.clone(), self.0.node);
            let news = self.look(LOOK, |links| async move { sql.read(&links, &names, after, node).await }).await?;
            let left = end.saturating_duration_since(Instant::now());
            if !news.heard.is_empty() || news.moved || left.is_zero() {
                return Ok(news);
            }
            bell.wait(left, pause).await;
            pause = (pause * 2).min(MOST);
        }
    }
}

impl SharedLog for SharedSql {
    fn connect(&self) -> Reply<'_, ()> {
        Box::pin(self.open(CONNECT))
    }

    fn meet(&self, known: Cursor, read: Cursor) -> Reply<'_, Met> {
        let (sql, fresh) = (self.0.sql.clone(), self.0.chance.next() | 1);
        Box::pin(async move {
            let met = self.look(LOOK, move |links| async move { sql.meet(&links, known, read, fresh).await }).await?;
            self.0.lags.looked(&met, read);
            Ok(met)
        })
    }

    fn renew(&self, epoch: u64) -> Reply<'_, ()> {
        let (sql, fresh) = (self.0.sql.clone(), self.0.chance.next() | 1);
        Box::pin(self.look(LOOK, move |links| async move { sql.begin_epoch(&links, Some(epoch), fresh).await }))
    }

    fn groups(&self) -> Reply<'_, Vec<(Group, u64)>> {
        Box::pin(async move {
            let (sql, names) = (self.0.sql.clone(), &self.0.names);
            let (texts, head) = self.look(GROUPS, |links| async move { sql.groups(&links).await }).await?;
            let groups = texts.into_iter().map(|(text, number)| (names.group(text), number));
            Ok(groups.chain(names.others(head)).collect())
        })
    }

    fn read(&self, after: Cursor, wait: Duration) -> Reply<'_, News> {
        Box::pin(self.news(after, wait))
    }

    fn is_late(&self) -> bool {
        self.is_broken()
    }

    /// Frames and log are on one server: what it loses it loses of both, and the log's own places tell.
    fn check(&self) -> Reply<'_, bool> {
        Box::pin(async move { self.check_lines().await.map(|()| false) })
    }

    fn admit(&self, admit: bool) {
        self.let_through(admit);
    }

    fn remembered(&self) -> Vec<Group> {
        self.0.memory.groups()
    }
}
