//! The databases it tells of, whatever they run on.

use serde_json::Value;
#[cfg(all(feature = "query", any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
use serde_json::json;

use crate::seen::Warning;

/// The databases that were named.
#[derive(Default)]
pub(super) struct Databases(Vec<Box<dyn Told>>);

/// What is told of a database.
trait Told: Send + Sync {
    fn stats(&self) -> Value;
    fn is_away(&self) -> Option<String>;
    /// Its slow statements, and the figures of all.
    fn told(&self) -> Value;
    /// What its adviser says of the statements of sites.
    fn verdicts(&self) -> Vec<(String, Value)>;
}

impl Databases {
    pub(super) fn stats(&self) -> Vec<Value> {
        self.0.iter().map(|database| database.stats()).collect()
    }

    pub(super) fn told(&self) -> Vec<Value> {
        self.0.iter().map(|database| database.told()).collect()
    }

    pub(super) fn verdicts(&self) -> Vec<(String, Value)> {
        self.0.iter().flat_map(|database| database.verdicts()).collect()
    }

    pub(super) fn health(&self) -> Vec<Value> {
        let up = |database: &dyn Told| {
            let mut stats = database.stats();
            serde_json::json!({ "name": stats["name"].take(), "up": database.is_away().is_none() })
        };
        self.0.iter().map(|database| up(&**database)).collect()
    }

    pub(super) fn warnings(&self) -> Vec<Warning> {
        let away = |name: String| {
            let text = format!("the database {name} fails, or is away: its breaker is open");
            Warning::new("database_away", &name, text)
        };
        self.0.iter().filter_map(|database| database.is_away()).map(away).collect()
    }

    #[cfg(all(feature = "query", any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
    pub(super) fn add<DB: crate::database::Driver>(&mut self, database: &crate::database::Database<DB>) {
        self.0.push(Box::new(database.clone()));
    }
}

#[cfg(all(feature = "query", any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
impl<DB: crate::database::Driver> Told for crate::database::Database<DB> {
    fn stats(&self) -> Value {
        serde_json::to_value(Self::stats(self)).unwrap_or_default()
    }

    fn is_away(&self) -> Option<String> {
        (self.breaker() != crate::tier::BreakerState::Closed).then(|| self.name().to_owned())
    }

    fn told(&self) -> Value {
        let mut told = Told::stats(self);
        told["slow_queries"] = json!(self.slow_queries());
        told["queries"] = json!(self.queries());
        told
    }

    fn verdicts(&self) -> Vec<(String, Value)> {
        let of = |query: crate::database::QueryStats| {
            let verdict = json!({ "database": self.name(), "shape": query.shape, "verdict": query.verdict });
            query.sites.into_iter().map(move |site| (site, verdict.clone())).collect::<Vec<_>>()
        };
        self.queries().into_iter().flat_map(of).collect()
    }
}
