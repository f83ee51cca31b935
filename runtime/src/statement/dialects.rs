//! Which of the functions that are known a database has.

use super::Backend;

/// Of those that are known, SQLite alone has these: elsewhere they are somebody's own, and may read what they like.
const OF_SQLITE: &[&str] = &[
    "bm25",
    "glob",
    "highlight",
    "iif",
    "json_group_array",
    "json_group_object",
    "json_tree",
    "likelihood",
    "likely",
    "printf",
    "snippet",
    "total",
    "typeof",
    "unicode",
    "unlikely",
    "zeroblob",
];

/// And these PostgreSQL has not: there they are written by those who come from another database.
const NOT_OF_POSTGRES: &[&str] = &[
    "date_format",
    "date_sub",
    "datediff",
    "day",
    "dayname",
    "dayofmonth",
    "dayofweek",
    "dayofyear",
    "field",
    "find_in_set",
    "from_unixtime",
    "group_concat",
    "hex",
    "hour",
    "if",
    "ifnull",
    "instr",
    "isnull",
    "json_extract",
    "json_quote",
    "json_type",
    "json_unquote",
    "json_valid",
    "lcase",
    "locate",
    "makedate",
    "match",
    "mid",
    "minute",
    "month",
    "monthname",
    "ord",
    "quarter",
    "quote",
    "second",
    "sha1",
    "sha2",
    "std",
    "str_to_date",
    "strcmp",
    "substring_index",
    "timestampdiff",
    "truncate",
    "ucase",
    "unhex",
    "week",
    "weekday",
    "year",
    "yearweek",
];

/// Is it one of this database's own, if it is known at all?
pub(super) fn has(backend: Backend, name: &str) -> bool {
    match backend {
        Backend::Sqlite => true,
        Backend::Mysql => !OF_SQLITE.contains(&name),
        Backend::Postgres => !OF_SQLITE.contains(&name) && !NOT_OF_POSTGRES.contains(&name),
    }
}
