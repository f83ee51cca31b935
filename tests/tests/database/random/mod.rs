//! Random schemas, queries and writes, in each of the three dialects. The same seed makes the same ones.

pub(crate) mod answer;
pub(crate) mod asked;
mod conditions;
pub(crate) mod dice;
mod names;
mod objects;
pub(crate) mod query;
pub(crate) mod rows;
pub(crate) mod schema;
pub(crate) mod strange;
pub(crate) mod write;

/// What a schema may hold beside tables.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Features {
    /// Views, views over views, and writes through them.
    pub(crate) views: bool,
    /// Triggers, and rules of PostgreSQL, that write other tables.
    pub(crate) triggers: bool,
    /// Foreign keys that carry a change on: `CASCADE`, `SET NULL`; and `TRUNCATE .. CASCADE`.
    pub(crate) cascades: bool,
    /// Partitions and heirs, in PostgreSQL.
    pub(crate) partitions: bool,
    /// Functions of the schema that have the name of one that a database has, and read a table.
    pub(crate) functions: bool,
    /// Numbers that tables give themselves, and the tables in which those are kept.
    pub(crate) sequences: bool,
    /// Tables that no transaction takes back, in MariaDB.
    pub(crate) engines: bool,
}

impl Features {
    /// Those that are named, with commas between.
    pub(crate) fn named(names: &str) -> Self {
        let has = |name: &str| names.split(',').any(|one| one == name || one == "all");
        Self {
            views: has("views"),
            triggers: has("triggers"),
            cascades: has("cascades"),
            partitions: has("partitions"),
            functions: has("functions"),
            sequences: has("sequences"),
            engines: has("engines"),
        }
    }
}
