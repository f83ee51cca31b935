//! Upkeep: a cursor over the frames in order of arrival that removes what may not be used any more.

use sqlx::Row;

use super::Sqlite;
use super::store::{Change, Size, Store, query};
use crate::error::Result;
use crate::group::Position;
use crate::tier::clear::told;
use crate::tier::fault::Fault;
use crate::tier::sql::walk::{Found, Round};
use crate::tier::{Cleared, Step, Tidied};

impl Sqlite {
    pub(super) async fn tidy_step(&self, step: Step<'_>) -> Result<Tidied> {
        let (round, entries) = (self.room.walk.round(), step.entries);
        let (round, found) = self.with(move |store| async move { store.walk(round, entries).await }).await?;
        let gone: Vec<i64> = found.iter().filter(|f| !f.stays(&step)).map(|f| f.id).collect();
        let seen = found.len();
        let wrapped = seen < entries;
        let (forget, most) = (step.forget, 2 * entries);
        let (removed, size) = self.with(move |store| async move { store.clean(&gone, most, forget).await }).await?;
        self.room.walk.step(round, &found, wrapped);
        let [entries, bytes] = [size.entries, size.bytes].map(|n| u64::try_from(n).unwrap_or(0));
        Ok(Tidied { seen, removed, wrapped, entries, bytes })
    }
}

impl Sqlite {
    /// The oldest go first, as many as there were at the first.
    pub(super) async fn clear_step(&self, after: Option<&str>, most: usize) -> Result<Cleared> {
        let left = told::<1>(after)?.map(|[left]| left);
        self.with(move |store| async move { store.clear(left, most as u64).await }).await
    }
}

impl Store {
    async fn clear(&self, left: Option<u64>, most: u64) -> Result<Cleared, Fault> {
        let mut change = Change::begin(self).await?;
        let done = change.clear(left, most).await;
        change.end(done).await
    }

    /// The version of the engine, and the bytes of the file.
    pub(super) async fn about(&self) -> Result<(String, u64), Fault> {
        let about = "SELECT sqlite_version(), page_count * page_size FROM pragma_page_count(), pragma_page_size()";
        let row = sqlx::query(about).fetch_one(&self.readers).await?;
        Ok((row.try_get(0)?, u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or(0)))
    }

    async fn walk(&self, round: Option<Round>, entries: usize) -> Result<(Round, Vec<Found>), Fault> {
        let mut connection = self.readers.acquire().await?;
        let round = match round {
            Some(round) => round,
            None => {
                let last = query(&self.statements.last).fetch_one(&mut *connection).await?.try_get(0)?;
                Round { seen: 0, last }
            }
        };
        let most = i64::try_from(entries).unwrap_or(i64::MAX);
        let walk = query(&self.statements.walk).bind(round.seen).bind(round.last).bind(most);
        let mut found = Vec::new();
        for row in walk.fetch_all(&mut *connection).await? {
            let frame = row.try_get::<Vec<u8>, _>(2)?.into();
            found.push(Found { id: row.try_get(0)?, key: row.try_get(1)?, frame });
        }
        Ok((round, found))
    }

    async fn clean(&self, gone: &[i64], most: usize, forget: Option<Position>) -> Result<(usize, Size), Fault> {
        let mut change = Change::begin(self).await?;
        let done = change.clean(gone, most, forget).await;
        change.end(done).await
    }
}

impl Change<'_> {
    async fn clear(&mut self, left: Option<u64>, most: u64) -> Result<Cleared, Fault> {
        let left = match left {
            Some(left) => left,
            None => u64::try_from(self.count().await?.entries).unwrap_or(0),
        };
        let removed = self.remove_first(most.min(left)).await?;
        self.count().await?;
        let more = removed == most && left > removed;
        Ok(if more { Cleared::so_far(removed, (left - removed).to_string()) } else { Cleared::all(removed) })
    }

    async fn clean(&mut self, gone: &[i64], most: usize, forget: Option<Position>) -> Result<(usize, Size), Fault> {
        let mut removed = 0;
        for id in gone {
            removed += usize::from(self.remove_id(*id).await?);
        }
        if let Some(swept) = forget {
            self.forget(swept).await?;
        }
        let size = self.count().await?;
        let (size, trimmed) = self.trim(size, most).await?;
        Ok((removed + trimmed, size))
    }
}
