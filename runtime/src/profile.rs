//! Lives by name: what a function does says how long its results usually stay good.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// The names that are there without being configured, and their lives in seconds: what is asked of a database, what is
/// fetched, what is worked out, what a model was asked, and what only a deploy changes.
const BUILTIN: [(&str, u64); 5] =
    [("query", 5 * MINUTE), ("resource", 10 * MINUTE), ("analysis", 30 * MINUTE), ("ml", HOUR), ("static", 24 * HOUR)];

/// The life of answers of models, where it is configured.
#[cfg(feature = "answers")]
pub(crate) const ANSWER: &str = "answer";
/// The life of lists of retrieved documents, where it is configured.
#[cfg(feature = "answers")]
pub(crate) const RETRIEVAL: &str = "retrieval";

/// The life that this name stands for, unless the user has given it another one. Names are written in lower case.
pub(crate) fn builtin(name: &str) -> Option<Duration> {
    BUILTIN.iter().find(|(known, _)| *known == name).map(|(_, seconds)| Duration::from_secs(*seconds))
}

/// All of them, the shortest life first: for those who say what there is.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    BUILTIN.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_life() {
        let minutes = |name| builtin(name).map(|life| life.as_secs() / MINUTE);
        let lives: Vec<_> =
            ["query", "resource", "analysis", "ml", "static"].map(minutes).into_iter().flatten().collect();
        assert_eq!(lives, [5, 10, 30, 60, 24 * 60]);
    }

    #[test]
    fn other_names_have_none() {
        assert!(["", "Query", "query ", "queries"].iter().all(|name| builtin(name).is_none()));
    }

    #[test]
    fn names_are_told_from_the_shortest_life_to_the_longest() {
        assert!(names().map(builtin).is_sorted() && names().all(|name| builtin(name).is_some()));
    }
}
