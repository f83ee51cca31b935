//! How advice comes about: the database is asked how it answers each statement, and what it would do with other indexes.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::advice::{Advice, AdviceOptions, FullScan, IndexAdvice, RepeatedQuery};
use super::attend::LIMIT;
use super::figures::{Figures, Known};
use super::needs::{self, Need};
use super::plan::Plan;
use super::planner::{Outcome, Subject, Trial, Tried};
use super::subject::{self, Asked};
use super::table::{Index, Table, quoted};
use super::{Adviser, batch, candidates, queries, shortened};
use crate::database::{Core, Database, Driver};
use crate::error::{Error, ErrorKind, Result};
use crate::statement::{Backend, Kind};

/// A trial may take so long.
const TRIAL: Duration = Duration::from_secs(30);

impl<DB: Driver> Database<DB> {
    /// What the adviser has to say: figures and verdicts, slow and repeated statements, statements that read whole tables,
    /// and indexes that were tried and would help.
    ///
    /// Nothing is changed in the database, and no statement runs again: it is asked for plans. SQLite's indexes are tried
    /// in a database in memory that has the same tables without their rows; PostgreSQL's with HypoPG, where that is
    /// installed. Else an index is suggested that is not proved, and says so; see [`AdviceOptions::scratch`].
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # async fn all(db: &cached_runtime::database::Database<sqlx::Sqlite>) -> cached_runtime::Result<()> {
    /// let advice = db.advice().await?;
    /// println!("{advice}");
    /// std::fs::write("migrations/indexes.sql", advice.migration()).ok();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Cost: some milliseconds a statement; of SQLite up to 10,000 rows of a table are looked at for each index that is
    /// tried. To be called by hand or once a day, not for each request.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) if the adviser is off; [`Busy`](ErrorKind::Busy) or
    /// [`Connection`](ErrorKind::Connection) if there is no connection. A statement about which the database cannot be
    /// asked is counted in [`Advice::unexplained`].
    pub async fn advice(&self) -> Result<Advice> {
        self.advice_with(AdviceOptions::new()).await
    }

    /// The same, as far as these options go.
    ///
    /// # Errors
    /// As [`Database::advice`].
    pub async fn advice_with(&self, options: AdviceOptions) -> Result<Advice> {
        let Some(adviser) = &self.core.adviser else {
            return Err(Error::config("adviser", "the adviser is off: DatabaseOptions::adviser(true)"));
        };
        let mut advice = Advice {
            database: self.core.name.to_string(),
            backend: DB::BACKEND.to_string(),
            queries: adviser.queries(),
            slow: adviser.ring.all(),
            repeated: repeated(adviser, DB::BACKEND),
            ..Advice::default()
        };
        let mut all = adviser.all();
        all.sort_by_cached_key(|figures| std::cmp::Reverse(figures.nanos.load(Relaxed)));
        for figures in all.iter().take(options.statements) {
            // Boxed: the way is long, and the caller's future would have to hold it.
            let studied = Box::pin(study(&self.core, figures, &options, &mut advice)).await;
            match studied {
                Ok(()) => {}
                Err(error) if matches!(error.kind(), ErrorKind::Database | ErrorKind::Deadline) => {
                    advice.unexplained += 1;
                }
                Err(error) => return Err(error),
            }
        }
        without_shorter(&mut advice);
        Ok(advice)
    }
}

/// What the database says of one statement.
struct Said {
    tables: Vec<Table>,
    needs: Vec<Need>,
    subject: Subject,
    plan: Plan,
}

async fn study<DB: Driver>(
    core: &Core<DB>,
    figures: &Arc<Figures>,
    options: &AdviceOptions,
    advice: &mut Advice,
) -> Result<()> {
    let Some(known) = figures.known.as_ref().filter(|known| may_be_asked_about(known)) else { return Ok(()) };
    let Some(asked) = Asked::read(&known.text, DB::BACKEND) else { return Ok(()) };
    let look = core.look(LIMIT, true, move |connection| {
        Box::pin(async move {
            let tables = subject::tables::<DB>(&mut *connection, &asked).await?;
            let needs = needs::of(&asked.query, &tables, DB::BACKEND);
            let subject = asked.subject(&tables, DB::BACKEND);
            let plan = if needs.is_empty() { Plan::default() } else { DB::explain(connection, &subject).await? };
            Ok(Said { tables, needs, subject, plan })
        })
    });
    let Said { tables, needs, subject, plan } = look.await?;
    for mut need in needs {
        let Some(table) = tables.get(need.table).filter(|table| is_read_in_vain(&need, table, &plan, options)) else {
            continue;
        };
        if known.varied.load(Relaxed) {
            // What it is compared with stands in one of its texts only.
            need.fixed.retain(|(_, is)| is == "IS NULL");
        }
        let trial = Trial {
            subject: subject.clone(),
            candidates: candidates::of(&need, table, DB::PARTIAL),
            tables: tables.clone(),
            table: table.clone(),
            scratch: options.scratch,
        };
        let (shape, name) = (shortened(figures.shape()), table.name.table.clone());
        let mut scan = FullScan {
            shape,
            table: name,
            rows: table.rows,
            count: figures.count.load(Relaxed),
            total_seconds: Duration::from_nanos(figures.nanos.load(Relaxed)).as_secs_f64(),
            plan: plan.clone(),
            index: None,
            why: None,
        };
        match suggested(core, trial, need, &plan).await? {
            Ok(index) => {
                scan.index = Some(index.name.clone());
                enter(advice, index, &scan.shape);
            }
            Err(why) => scan.why = Some(why.to_owned()),
        }
        advice.full_scans.push(scan);
    }
    Ok(())
}

/// What reads, and what finds the rows that it changes: only the finding is asked about.
fn may_be_asked_about(known: &Known) -> bool {
    let statement = &known.statement;
    !known.text.is_empty()
        && !statement.acts()
        && match statement.kind() {
            Kind::Select => statement.writes().is_none(),
            Kind::Update | Kind::Delete => true,
            _ => false,
        }
}

/// Are all rows read, though some are wanted?
fn is_read_in_vain(need: &Need, table: &Table, plan: &Plan, options: &AdviceOptions) -> bool {
    let wants_some = !need.equal.is_empty() || !need.ranged.is_empty() || need.limited;
    let scanned = plan.of(&need.alias).is_some_and(|step| {
        // Read in the order of an index, the first rows are enough.
        step.full_scan && (step.index.is_none() || !need.equal.is_empty() || !need.ranged.is_empty())
    });
    wants_some && scanned && table.rows.is_none_or(|rows| rows >= options.least_rows)
}

/// The best index that changes the plan, or why there is none.
async fn suggested<DB: Driver>(
    core: &Core<DB>,
    trial: Trial,
    need: Need,
    plan: &Plan,
) -> Result<std::result::Result<IndexAdvice, &'static str>> {
    let first = trial.candidates.iter().find(|index| index.only.is_none()).cloned();
    let (table, candidates) = (trial.table.clone(), trial.candidates.clone());
    let attempt =
        core.look(TRIAL, true, move |connection| Box::pin(async move { DB::attempt(connection, &trial).await }));
    let (how, before, after) = match attempt.await {
        Ok(Outcome::Tried { how, before, after }) => (how, before, after),
        Ok(Outcome::Untried(why)) => {
            return Ok(first.map(|index| unproved::<DB>(&index, &table, plan, why)).ok_or(why));
        }
        Err(error) if error.kind() == ErrorKind::Database => {
            let why = "the database refused the trial";
            return Ok(first.map(|index| unproved::<DB>(&index, &table, plan, why)).ok_or(why));
        }
        Err(error) => return Err(error),
    };
    let tried = candidates.iter().zip(after).filter_map(|(index, tried)| Some((index, tried?)));
    let helps = tried.filter(|(index, tried)| is_used(index, tried) && gains(&before, tried, &table, &need));
    let best = helps.min_by(|one, other| score(one).total_cmp(&score(other)));
    let Some((index, tried)) = best else { return Ok(Err("no index that was tried changes the plan for the better")) };
    Ok(Ok(IndexAdvice {
        proved: true,
        rows_after: tried.rows,
        plan_after: Some(tried.plan),
        plan_before: before,
        ..unproved::<DB>(index, &table, plan, how)
    }))
}

fn is_used(index: &Index, tried: &Tried) -> bool {
    tried.plan.steps.iter().any(|step| step.index.as_deref() == Some(&index.name()))
}

/// Is it less than half of the rows, or of the cost, or is nothing sorted any more?
fn gains(before: &Plan, tried: &Tried, table: &Table, need: &Need) -> bool {
    let sorted = before.sorts() && !tried.plan.sorts();
    let cheaper = match (before.cost, tried.plan.cost) {
        (Some(before), Some(after)) => Some(after * 2.0 <= before),
        _ => None,
    };
    let fewer = match (table.rows, tried.rows) {
        (Some(before), Some(after)) => after.saturating_mul(2) <= before,
        _ => tried.plan.of(&need.alias).is_some_and(|step| !step.full_scan),
    };
    cheaper.unwrap_or(fewer || (sorted && need.limited))
}

/// The less the better. Of equals the one that is smaller: of some of the rows, and of fewer columns.
#[allow(clippy::cast_precision_loss, reason = "to be compared")]
fn score((index, tried): &(&Index, Tried)) -> f64 {
    let work = tried.plan.cost.or(tried.rows.map(|rows| rows as f64)).unwrap_or(0.0) + 1.0;
    let sorting = if tried.plan.sorts() { 1.5 } else { 1.0 };
    let size = if index.only.is_some() { 0.9 } else { 1.0 };
    work * sorting * size * (1.0 + 0.02 * index.columns.len() as f64)
}

fn unproved<DB: Driver>(index: &Index, table: &Table, plan: &Plan, how: &str) -> IndexAdvice {
    IndexAdvice {
        name: index.name(),
        table: table.name.table.clone(),
        columns: index.columns.iter().map(|(name, _)| name.clone()).collect(),
        only: index.only.as_ref().map(|(column, is)| format!("{} {is}", quoted(column, DB::BACKEND))),
        sql: index.ddl(DB::BACKEND),
        shapes: Vec::new(),
        proved: false,
        how: how.to_owned(),
        rows_before: table.rows,
        rows_after: None,
        plan_before: plan.clone(),
        plan_after: None,
    }
}

/// One index may help several statements.
fn enter(advice: &mut Advice, index: IndexAdvice, shape: &str) {
    let at = advice.indexes.iter().position(|known| known.sql == index.sql).unwrap_or_else(|| {
        advice.indexes.push(index);
        advice.indexes.len() - 1
    });
    if let Some(known) = advice.indexes.get_mut(at) {
        known.shapes.push(shape.to_owned());
    }
}

/// An index whose columns begin another's is not needed beside it.
fn without_shorter(advice: &mut Advice) {
    let all = advice.indexes.clone();
    let longer = |index: &IndexAdvice| {
        all.iter().find(|other| {
            let begins = other.columns.starts_with(&index.columns) && other.columns.len() > index.columns.len();
            begins && other.table == index.table && other.only == index.only && other.proved == index.proved
        })
    };
    for index in &all {
        let Some(longer) = longer(index) else { continue };
        advice.indexes.retain(|known| known.name != index.name);
        if let Some(kept) = advice.indexes.iter_mut().find(|known| known.name == longer.name) {
            kept.shapes.extend(index.shapes.iter().cloned());
        }
        let named = advice.full_scans.iter_mut().filter(|scan| scan.index.as_deref() == Some(&index.name));
        named.for_each(|scan| scan.index = Some(longer.name.clone()));
    }
}

fn repeated(adviser: &Adviser, backend: Backend) -> Vec<RepeatedQuery> {
    let mut all: Vec<RepeatedQuery> = adviser.all().iter().flat_map(|figures| repeats_of(figures, backend)).collect();
    all.sort_by_key(|repeated| std::cmp::Reverse(repeated.callers.saturating_mul(repeated.most)));
    all
}

fn repeats_of(figures: &Figures, backend: Backend) -> Vec<RepeatedQuery> {
    let Some(known) = &figures.known else { return Vec::new() };
    let repeated = figures.repeated();
    if repeated.is_empty() {
        return Vec::new();
    }
    let batch = batch::of(&known.text, backend);
    let text = match (known.statement.kind(), &batch) {
        (Kind::Select, Some(batch)) => format!("ask once for all keys, and tell the rows apart by `{}`", batch.key),
        (Kind::Select, None) => "ask once for all, with a join or a list of keys".to_owned(),
        (Kind::Insert, _) => "write all rows at once: `execute_batch`, or several rows in one `VALUES`".to_owned(),
        _ => "do it for all keys in one statement (`WHERE .. IN (..)`), or in one transaction".to_owned(),
    };
    let one = |repeated: super::figures::Repeated| RepeatedQuery {
        shape: shortened(figures.shape()),
        kind: queries::word(known.statement.kind()).to_owned(),
        location: repeated.at.to_string(),
        site: repeated.site,
        callers: repeated.callers,
        most: repeated.most,
        batch: batch.as_ref().map(|batch| shortened(&batch.text)),
        key: batch.as_ref().map(|batch| batch.key.clone()),
        text: text.clone(),
    };
    repeated.into_iter().map(one).collect()
}
