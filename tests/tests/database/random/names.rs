//! Names of all sorts, and the ways to write them.

use cached_runtime::statement::Backend;

use super::dice::Dice;

const TABLES: &[&str] = &[
    "alpha",
    "Beta",
    "gamma_2",
    "two words",
    "größe",
    "select",
    "say\"so",
    "a.b",
    "ÉTÉ",
    "order",
    "t",
    "x",
    "Заказ",
    "semi;colon",
    "dash--ed",
    "user",
    "star*",
    "tick`ed",
    "it's",
];
const COLUMNS: &[&str] =
    &["id", "n", "Name", "two words", "from", "größe", "x", "y", "value", "key", "a.b", "t", "ref"];
const SPARE: &[&str] = &["spare", "Spare Two", "späte", "group", "w", "new\"one"];

/// Names that differ in any database, however it compares them.
pub(super) fn tables(dice: &mut Dice, count: usize) -> Vec<String> {
    distinct(dice, TABLES, count)
}

pub(super) fn columns(dice: &mut Dice, count: usize) -> Vec<String> {
    distinct(dice, COLUMNS, count)
}

/// For what is added or renamed later.
pub(super) fn spare(dice: &mut Dice) -> String {
    format!("{} {}", dice.one(SPARE), dice.below(1000))
}

fn distinct(dice: &mut Dice, of: &[&str], count: usize) -> Vec<String> {
    let mut left: Vec<&str> = of.to_vec();
    (0..count).map(|_| left.swap_remove(dice.below(left.len())).to_owned()).collect()
}

/// Quoted as this database does.
pub(crate) fn quoted(name: &str, backend: Backend) -> String {
    match backend {
        Backend::Mysql => format!("`{}`", name.replace('`', "``")),
        Backend::Sqlite | Backend::Postgres => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// One of the ways in which a table can be named.
pub(super) fn spelled(dice: &mut Dice, name: &str, backend: Backend, schema: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit())
        && !RESERVED.contains(&name);
    let bare = match (backend, dice.below(4)) {
        (Backend::Sqlite, 0) => quoted(&name.to_ascii_uppercase(), backend),
        (Backend::Sqlite, 1) => format!("`{}`", name.replace('`', "``")),
        (Backend::Sqlite, 2) if !name.contains(']') => format!("[{name}]"),
        (Backend::Postgres, 0) if plain => name.to_ascii_uppercase(),
        (_, 3) if plain => name.to_owned(),
        _ => quoted(name, backend),
    };
    match (backend, dice.below(8)) {
        (Backend::Sqlite, 0) => format!("main.{bare}"),
        (Backend::Sqlite, 1) => format!("\"MAIN\".{bare}"),
        (Backend::Postgres, 0) => format!("public.{bare}"),
        (Backend::Mysql, 0) => format!("{schema}.{bare}"),
        (Backend::Mysql, 1) => format!("`{schema}` . {bare}"),
        _ => bare,
    }
}

const RESERVED: &[&str] = &["select", "order", "user"];
