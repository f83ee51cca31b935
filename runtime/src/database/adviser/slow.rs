//! Statements that took long: told with their plan, and kept for a while.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use parking_lot::Mutex;

use super::plan::Plan;
use super::question::Question;
use super::{Adviser, shortened};
use crate::clock::Millis;
use crate::database::{Database, Driver};
use crate::plain::plain;

/// So many are kept, the latest.
const KEPT: usize = 100;
/// One statement is told of once in this time.
const PAUSE: Millis = 60_000;

plain! {
    /// A statement that took long.
    #[derive(Debug, Clone, Default, PartialEq)]
    pub struct SlowQuery {
        /// The statement with `?` for its values.
        pub shape: String,
        /// How long it took, in microseconds, without the wait for a connection.
        pub micros: f64,
        /// Its rows; none if it failed or was given up.
        pub rows: Option<u64>,
        /// The cached function whose load asked it.
        pub site: Option<String>,
        /// From where it was asked: `file:line:column`.
        pub location: String,
        /// When, in milliseconds since the Unix epoch.
        pub at: u64,
        /// How the database answers it, if it was asked; at most once a minute for one statement.
        pub plan: Option<Plan>,
    }
}

/// The latest, by number.
#[derive(Debug, Default)]
pub(super) struct Ring(Mutex<(u64, VecDeque<(u64, SlowQuery)>)>);

impl Ring {
    fn push(&self, query: SlowQuery) -> u64 {
        let mut ring = self.0.lock();
        let (next, kept) = &mut *ring;
        *next += 1;
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back((*next, query));
        *next
    }

    /// The plan has come.
    fn explain(&self, number: u64, plan: &Plan) {
        if let Some((_, query)) = self.0.lock().1.iter_mut().find(|(of, _)| *of == number) {
            query.plan = Some(plan.clone());
        }
    }

    pub(super) fn all(&self) -> Vec<SlowQuery> {
        self.0.lock().1.iter().map(|(_, query)| query.clone()).collect()
    }
}

/// One took long. What is to be found out about it is found out behind.
#[cold]
pub(super) fn met(question: &Arc<Question>, took: Duration, rows: Option<u64>) {
    let Question { adviser, figures, at, asker } = &**question;
    figures.slow.fetch_add(1, Relaxed);
    let now = adviser.clock.now();
    let query = SlowQuery {
        shape: shortened(figures.shape()),
        micros: took.as_secs_f64() * 1e6,
        rows,
        site: asker.as_ref().map(|asker| asker.sign.name.clone()),
        location: at.to_string(),
        at: now,
        plan: None,
    };
    let number = adviser.ring.push(query.clone());
    if !figures.is_to_be_told(now, PAUSE) {
        return;
    }
    let (Some(known), Ok(runtime)) = (&figures.known, tokio::runtime::Handle::try_current()) else {
        return tell(adviser, &query);
    };
    let explain = adviser.explain(known);
    let adviser = Arc::clone(adviser);
    drop(runtime.spawn(async move {
        let plan = explain.await;
        if let Some(plan) = &plan {
            adviser.ring.explain(number, plan);
        }
        tell(&adviser, &SlowQuery { plan, ..query });
    }));
}

fn tell(adviser: &Adviser, query: &SlowQuery) {
    let plan = query.plan.as_ref().map_or_else(|| "not known".to_owned(), ToString::to_string);
    tracing::warn!(
        database = %adviser.database,
        shape = %query.shape,
        millis = query.micros / 1e3,
        rows = query.rows,
        site = query.site.as_deref(),
        location = %query.location,
        %plan,
        "a slow query"
    );
}

impl<DB: Driver> Database<DB> {
    /// The statements that took longer than [`slow`](super::super::DatabaseOptions::slow), the latest hundred, in order.
    #[must_use]
    pub fn slow_queries(&self) -> Vec<SlowQuery> {
        self.core.adviser.as_ref().map(|adviser| adviser.ring.all()).unwrap_or_default()
    }
}
