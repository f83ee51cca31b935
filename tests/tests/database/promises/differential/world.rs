//! A database of random tables, asked in two ways: through a cache, and past it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cached_runtime::database::{Database, Values};
use cached_runtime::statement::{Backend, Statement, Tables};
use cached_runtime::{Cache, Error, Namespace};
use sqlx::{AssertSqlSafe, Connection as _};

use super::super::here::{BACKEND, Db, EMPTY, place};
use crate::random::answer::{Told, sorted};
use crate::random::asked::Asked;
use crate::random::rows::Rows;
use crate::random::write::{Deed, Ending, Step};
use crate::rig::{Place, patient};

/// What is prepared past the cache: in MariaDB all is kept, for a statement that is forgotten costs the next one 40 ms; in
/// PostgreSQL nothing, so that neither types nor columns of before are meant; in SQLite nothing is worth it.
const PREPARED: (&str, bool) = match BACKEND {
    Backend::Mysql => ("?statement-cache-capacity=5000", true),
    // Prepared under names of their own: a nameless one is lost when the driver has to ask for a type.
    Backend::Postgres => ("?statement-cache-capacity=0", true),
    Backend::Sqlite => ("", false),
};

type Plain = <Db as sqlx::Database>::Connection;

/// What was answered; a refusal is one, too, whatever its words.
pub(super) type Answer = Option<String>;

/// Who is told of what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// The database, which tells the cache.
    Openly,
    /// A connection that the cache knows nothing of.
    Behind,
}

/// A question, and what its entry is tagged with.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) asked: Asked,
    reads: Tables,
    /// Does it leave open which columns there are?
    open: bool,
    key: String,
}

impl Question {
    pub(super) fn new(asked: Asked, number: u64) -> Self {
        let statement = Statement::read_or_guess(&asked.text, BACKEND).unwrap();
        Self { reads: statement.reads().clone(), open: statement.all_columns(), key: number.to_string(), asked }
    }

    /// May it read anything, and write it, too? Each time it is asked, all is invalidated.
    pub(super) fn is_unclear(&self) -> bool {
        self.reads == Tables::Any
    }
}

pub(super) struct World {
    pub(super) db: Database<Db>,
    kept: Namespace<String>,
    plain: Plain,
    loads: Arc<AtomicU64>,
}

/// Where worlds stand, one after the other.
#[derive(Default)]
pub(super) struct Ground(Option<Place>);

impl Ground {
    fn url(&mut self) -> String {
        if EMPTY.is_none() {
            self.0 = None;
        }
        self.0.get_or_insert_with(place).url.clone()
    }

    /// What the database at this URL is called.
    pub(super) fn named(url: &str) -> &str {
        url.rsplit_once('/').map_or(url, |(_, name)| name)
    }

    /// An empty database, and its name.
    pub(super) async fn world(&mut self) -> (World, String) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let url = self.url();
        let mut plain = Plain::connect(&format!("{url}{}", PREPARED.0)).await.unwrap();
        if let Some(words) = EMPTY {
            let words = words.replace("{place}", Self::named(&url));
            sqlx::raw_sql(AssertSqlSafe(words)).execute(&mut plain).await.unwrap();
        }
        if BACKEND == Backend::Sqlite {
            // Nothing here is to outlive a loss of power.
            sqlx::raw_sql("PRAGMA synchronous = OFF").execute(&mut plain).await.unwrap();
        }
        let cache = Cache::builder().build().unwrap();
        let name = format!("world{}-{BACKEND}", NEXT.fetch_add(1, Ordering::Relaxed));
        let options = patient().name(&name).cache(&cache).max_connections(3);
        let options = if matches!(BACKEND, Backend::Mysql) { options.statement_cache(5_000) } else { options };
        let db = Database::open(&url, options).unwrap();
        let kept = cache.namespace("answers").unwrap();
        (World { db, kept, plain, loads: Arc::default() }, Self::named(&url).to_owned())
    }
}

impl World {
    /// How often the cache did not know.
    pub(super) fn loads(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }

    /// What the cache says.
    pub(super) async fn cached(&self, question: &Question) -> Answer {
        self.asked_through(&self.db, question).await
    }

    async fn asked_through(&self, db: &Database<Db>, question: &Question) -> Answer {
        let (db, asked, loads) = (db.clone(), question.asked.clone(), Arc::clone(&self.loads));
        let (tags, open) = (db.tags_of(&asked.text, &asked).await, question.open);
        let load = || async move {
            loads.fetch_add(1, Ordering::Relaxed);
            let rows = db.fetch_all::<Told>(AssertSqlSafe(asked.text.clone()), asked).await?;
            Ok::<_, Error>(sorted(rows, open))
        };
        self.kept.get_or_load_with(question.key.clone(), tags, load).await.ok()
    }

    /// What the database says.
    pub(super) async fn uncached(&mut self, question: &Question) -> Answer {
        let asked = &question.asked;
        if BACKEND == Backend::Sqlite {
            // Else it may tell columns as they were called before.
            let _ = sqlx::raw_sql("SELECT count(*) FROM sqlite_schema").execute(&mut self.plain).await;
        }
        let values = Values::<Db>::arguments(asked).unwrap();
        let query = sqlx::query_with::<Db, _>(AssertSqlSafe(asked.text.clone()), values).persistent(PREPARED.1);
        let rows = query.fetch_all(&mut self.plain).await.ok()?;
        let told: sqlx::Result<Vec<Told>> = rows.iter().map(sqlx::FromRow::from_row).collect();
        Some(sorted(told.ok()?, question.open))
    }

    async fn behind(&mut self, asked: &Asked) -> bool {
        let values = Values::<Db>::arguments(asked).unwrap();
        let query = sqlx::query_with::<Db, _>(AssertSqlSafe(asked.text.clone()), values).persistent(PREPARED.1);
        query.execute(&mut self.plain).await.is_ok()
    }

    /// Makes the tables; how many statements were refused.
    pub(super) async fn prepared(&mut self, made_by: &[Asked]) -> usize {
        let mut refused = 0;
        for asked in made_by {
            // Functions and triggers cannot be prepared everywhere.
            let done = if asked.values.is_empty() {
                sqlx::raw_sql(AssertSqlSafe(asked.text.clone())).execute(&mut self.plain).await.is_ok()
            } else {
                self.behind(asked).await
            };
            refused += usize::from(!done);
        }
        refused
    }

    /// Takes a step; which of its statements took effect. `meanwhile` is asked inside of a transaction, too.
    pub(super) async fn step(&mut self, step: &Step, written: Written, meanwhile: Option<&Question>) -> Vec<bool> {
        match (step, written) {
            (Step::One(deed), Written::Openly) => vec![done(&self.db, deed).await],
            (Step::One(deed), Written::Behind) => vec![self.behind(&deed.asked).await],
            (Step::Together(deeds, _), Written::Behind) => self.all_behind(deeds.iter().map(|deed| &deed.asked)).await,
            (Step::Rows(rows), Written::Behind) => self.all_behind(&rows.rows).await,
            (Step::Together(deeds, ending), Written::Openly) => {
                let one_by_one = async |tx: &Database<Db>| {
                    let mut all = Vec::new();
                    for deed in deeds {
                        all.push(done(tx, deed).await);
                        self.asked_inside(tx, meanwhile).await;
                    }
                    all
                };
                self.together(deeds.len(), *ending, one_by_one).await
            }
            (Step::Rows(rows), Written::Openly) => match rows.ending {
                None => batch(&self.db, rows).await,
                Some(ending) => {
                    let at_once = async |tx: &Database<Db>| {
                        let all = batch(tx, rows).await;
                        self.asked_inside(tx, meanwhile).await;
                        all
                    };
                    self.together(rows.rows.len(), ending, at_once).await
                }
            },
        }
    }

    async fn all_behind(&mut self, all: impl IntoIterator<Item = &Asked>) -> Vec<bool> {
        let mut done = Vec::new();
        for asked in all {
            done.push(self.behind(asked).await);
        }
        done
    }

    /// What a transaction sees is nobody else's.
    async fn asked_inside(&self, tx: &Database<Db>, meanwhile: Option<&Question>) {
        if let Some(question) = meanwhile {
            self.asked_through(tx, question).await;
        }
    }

    /// In a transaction that ends so; of its so many writes none took effect if it was not committed.
    async fn together(
        &self,
        writes: usize,
        ending: Ending,
        scope: impl AsyncFnOnce(&Database<Db>) -> Vec<bool>,
    ) -> Vec<bool> {
        let answer: Result<Vec<bool>, Error> = self
            .db
            .transaction(|tx| async move {
                let all = scope(&tx).await;
                match ending {
                    Ending::Committed => Ok(all),
                    Ending::RolledBack => {
                        Err(Error::new(cached_runtime::ErrorKind::Database, "this one is taken back"))
                    }
                    Ending::Failed => {
                        let _ = tx.execute("DELETE FROM nowhere_at_all", ()).await;
                        Ok(all)
                    }
                }
            })
            .await;
        answer.unwrap_or_else(|_| vec![false; writes])
    }
}

/// Which rows of a batch were written. Where the statement itself was refused, that is one refusal.
async fn batch(db: &Database<Db>, rows: &Rows) -> Vec<bool> {
    let text = AssertSqlSafe(rows.rows[0].text.clone());
    let ended = db.execute_batch(text, rows.rows.clone()).batch_size(rows.size).await;
    let (report, refused) = match &ended {
        Ok(report) => (report, 0),
        Err(stopped) => (stopped.report(), 1),
    };
    let mut all = vec![true; report.written];
    all.resize(report.written + report.failed + refused, false);
    all
}

async fn done(db: &Database<Db>, deed: &Deed) -> bool {
    let text = AssertSqlSafe(deed.asked.text.clone());
    if deed.fetched {
        db.fetch_all::<Told>(text, deed.asked.clone()).await.is_ok()
    } else {
        db.execute(text, deed.asked.clone()).await.is_ok()
    }
}
