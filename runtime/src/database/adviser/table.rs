//! What is known of a table, and the indexes that it may be given.

use crate::statement::Backend;

/// A table, as a statement names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    pub(super) schema: Option<String>,
    pub(super) table: String,
}

/// A table that is there.
#[derive(Debug, Clone)]
pub struct Table {
    pub(super) name: Name,
    pub(super) columns: Vec<Column>,
    /// About so many rows.
    pub(super) rows: Option<u64>,
}

/// A column, by its own name.
#[derive(Debug, Clone)]
pub(in crate::database) struct Column {
    pub(super) name: String,
    pub(super) class: Class,
}

/// What a column holds, as far as it matters what it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "mysql"), allow(dead_code, reason = "for MySQL"))]
pub(in crate::database) enum Class {
    Number,
    Time,
    Other,
}

/// An index that there might be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::database) struct Index {
    pub(super) table: Name,
    /// The columns, and which of them are in descending order.
    pub(super) columns: Vec<(String, bool)>,
    /// How many of them are compared for equality.
    pub(super) equal: usize,
    /// The rows that it is for: a column, and what it is equal to or `IS NULL`.
    pub(super) only: Option<(String, String)>,
}

impl Table {
    /// The column of this name, as it is written in the catalogue.
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        let exact = self.columns.iter().find(|column| column.name == name);
        exact.or_else(|| self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name)))
    }
}

impl Name {
    pub(super) fn quoted(&self, backend: Backend) -> String {
        let table = quoted(&self.table, backend);
        match &self.schema {
            Some(schema) => format!("{}.{table}", quoted(schema, backend)),
            None => table,
        }
    }
}

impl Index {
    /// A name that says what it is for, short enough for all backends.
    pub(super) fn name(&self) -> String {
        let columns: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        let only = self.only.as_ref().map(|(column, _)| format!("_for_{column}")).unwrap_or_default();
        let all = format!("idx_{}_{}{only}", self.table.table, columns.join("_"));
        let plain: String = all
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '_' })
            .collect();
        if plain.len() <= 60 && plain == all {
            return plain;
        }
        // What was cut or replaced may have told two apart.
        let sum = all
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        format!("{}_{:08x}", plain.get(..plain.len().min(50)).unwrap_or_default(), sum & 0xffff_ffff)
    }

    /// `CREATE INDEX ..`, without the semicolon.
    pub(super) fn ddl(&self, backend: Backend) -> String {
        self.ddl_on(&self.table.quoted(backend), backend)
    }

    pub(super) fn ddl_on(&self, table: &str, backend: Backend) -> String {
        let column =
            |(name, down): &(String, bool)| format!("{}{}", quoted(name, backend), if *down { " DESC" } else { "" });
        let columns: Vec<String> = self.columns.iter().map(column).collect();
        let name = quoted(&self.name(), backend);
        format!("CREATE INDEX {name} ON {table} ({}){}", columns.join(", "), self.condition(backend))
    }

    /// ` WHERE ..`, or nothing.
    pub(super) fn condition(&self, backend: Backend) -> String {
        self.only.as_ref().map(|(column, is)| format!(" WHERE {} {is}", quoted(column, backend))).unwrap_or_default()
    }
}

/// A name of the schema, as text of a statement.
pub(super) fn quoted(name: &str, backend: Backend) -> String {
    match backend {
        Backend::Mysql => format!("`{}`", name.replace('`', "``")),
        Backend::Sqlite | Backend::Postgres => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(table: &str, columns: &[&str]) -> Index {
        let columns = columns.iter().map(|&name| (name.to_owned(), false)).collect();
        Index { table: Name { schema: None, table: table.to_owned() }, columns, equal: 1, only: None }
    }

    #[test]
    fn names_are_quoted_as_each_backend_does() {
        let odd = index("a\"b`c", &["d\"e`f"]);
        assert!(
            odd.ddl(Backend::Postgres).ends_with("ON \"a\"\"b`c\" (\"d\"\"e`f\")"),
            "{}",
            odd.ddl(Backend::Postgres)
        );
        assert!(odd.ddl(Backend::Mysql).ends_with("ON `a\"b``c` (`d\"e``f`)"), "{}", odd.ddl(Backend::Mysql));
        assert!(!odd.name().contains(['"', '`']));
    }

    #[test]
    fn names_are_short_and_tell_indexes_apart() {
        assert_eq!(index("video", &["owner", "at"]).name(), "idx_video_owner_at");
        let long = "a_column_of_a_very_long_name_that_says_all_there_is_to_say";
        let (first, second) = (index("video", &[long, "one"]).name(), index("video", &[long, "two"]).name());
        assert!(first.len() <= 60 && first != second, "{first} {second}");
    }
}
