//! What SQLite says about its schema: that of the file, and of all that are attached to the connection.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::facts::{Column, Facts, Form, LONGEST, MOST, Reference, Relation, Trigger};
use super::routine;

/// What it counts its changes with.
pub(in crate::database) async fn version(connection: &mut SqliteConnection) -> sqlx::Result<Option<String>> {
    let schemas = schemas(connection).await?;
    version_of(connection, &schemas).await
}

/// All of it. The version is read first: what changes meanwhile makes it an old one.
pub(in crate::database) async fn facts(connection: &mut SqliteConnection) -> sqlx::Result<Facts> {
    let schemas = schemas(connection).await?;
    let mut facts = Facts { version: version_of(connection, &schemas).await?, ..Facts::default() };
    for schema in &schemas {
        relations(connection, schema, &mut facts).await?;
        references(connection, schema, &mut facts).await?;
        columns(connection, schema, &mut facts).await?;
    }
    Ok(facts)
}

async fn schemas(connection: &mut SqliteConnection) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar("SELECT name FROM pragma_database_list ORDER BY seq").fetch_all(connection).await
}

async fn version_of(connection: &mut SqliteConnection, schemas: &[String]) -> sqlx::Result<Option<String>> {
    let mut all = String::new();
    for schema in schemas {
        let pragma = format!("PRAGMA {}.schema_version", quoted(schema));
        let version: i64 = sqlx::query_scalar(AssertSqlSafe(pragma)).fetch_one(&mut *connection).await?;
        all.push_str(&format!("{schema}:{version} "));
    }
    Ok(Some(all))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

async fn relations(connection: &mut SqliteConnection, schema: &str, facts: &mut Facts) -> sqlx::Result<()> {
    let text = format!(
        "SELECT type, name, tbl_name, CASE WHEN length(sql) <= {LONGEST} THEN sql END FROM {}.sqlite_schema \
         WHERE type IN ('table', 'view', 'trigger') LIMIT {}",
        quoted(schema),
        MOST + 1
    );
    let rows: Vec<(String, String, String, Option<String>)> =
        sqlx::query_as(AssertSqlSafe(text)).persistent(false).fetch_all(connection).await?;
    for (kind, name, table, text) in facts.bounded(rows) {
        let form = match kind.as_str() {
            "trigger" => {
                let at_insert = text.as_deref().is_none_or(routine::runs_at_insert);
                facts.triggers.push(Trigger { table, at_insert, body: text });
                continue;
            }
            "view" => Form::View,
            // One whose text is too long is not looked at: it may replace rows.
            _ if text.is_none() && !name.starts_with("sqlite_") => Form::Ruled,
            _ if text.as_deref().is_some_and(is_virtual) => Form::Virtual,
            _ => Form::Table,
        };
        facts.relations.push(Relation { schema: schema.to_owned(), name, form, text });
    }
    Ok(())
}

fn is_virtual(text: &str) -> bool {
    text.split_ascii_whitespace().nth(1).is_some_and(|word| word.eq_ignore_ascii_case("virtual"))
}

async fn references(connection: &mut SqliteConnection, schema: &str, facts: &mut Facts) -> sqlx::Result<()> {
    const FOLLOWS: &str = "('CASCADE', 'SET NULL', 'SET DEFAULT')";
    let text = format!(
        "SELECT DISTINCT m.name, f.\"table\", f.on_update IN {FOLLOWS} OR f.on_delete IN {FOLLOWS} \
         FROM {}.sqlite_schema m JOIN pragma_foreign_key_list(m.name, ?) f WHERE m.type = 'table' LIMIT {}",
        quoted(schema),
        MOST + 1
    );
    let rows: Vec<(String, String, bool)> =
        sqlx::query_as(AssertSqlSafe(text)).persistent(false).bind(schema).fetch_all(connection).await?;
    for (child, parent, follows) in facts.bounded(rows) {
        facts.references.push(Reference { child, parent, follows });
    }
    Ok(())
}

/// A key column, as the pragmas tell it: table, column, type, whether it is unique, and the table's text.
type Row = (String, String, String, bool, String);

/// The columns of primary keys, unique indexes and foreign keys, and the first of each other index.
async fn columns(connection: &mut SqliteConnection, schema: &str, facts: &mut Facts) -> sqlx::Result<()> {
    let text = format!(
        "WITH tables AS (SELECT name, sql FROM {0}.sqlite_schema WHERE type = 'table' AND length(sql) <= {LONGEST} \
           AND sql NOT LIKE 'CREATE VIRTUAL %'), \
         key AS ( \
           SELECT t.name AS tbl, x.name AS col, max(x.pk) OVER (PARTITION BY t.name) = 1 AS sole, x.pk > 0 AS is_key \
           FROM tables t JOIN pragma_table_xinfo(t.name, ?1) x \
           UNION ALL \
           SELECT t.name, c.name, l.\"unique\" AND NOT l.partial AND \
                  (SELECT count(*) FROM pragma_index_xinfo(l.name, ?1) o WHERE o.key) = 1, \
                  l.\"unique\" OR c.seqno = 0 \
           FROM tables t JOIN pragma_index_list(t.name, ?1) l JOIN pragma_index_xinfo(l.name, ?1) c \
           WHERE c.key AND c.cid >= 0 \
           UNION ALL \
           SELECT t.name, f.\"from\", 0, 1 FROM tables t JOIN pragma_foreign_key_list(t.name, ?1) f) \
         SELECT t.name, x.name, x.type, max(key.sole) <> 0, t.sql \
         FROM tables t JOIN pragma_table_xinfo(t.name, ?1) x \
         JOIN key ON key.tbl = t.name AND key.col = x.name COLLATE NOCASE AND key.is_key \
         WHERE x.hidden = 0 GROUP BY t.name, x.cid ORDER BY t.name, x.cid LIMIT {1}",
        quoted(schema),
        MOST + 1
    );
    let rows: Vec<Row> =
        sqlx::query_as(AssertSqlSafe(text)).persistent(false).bind(schema).fetch_all(connection).await?;
    let mut collations: BTreeMap<String, Collation> = BTreeMap::new();
    for (table, name, declared, unique, text) in facts.bounded(rows) {
        let collation = *collations.entry(table.clone()).or_insert_with(|| Collation::of(&text));
        let is_text = !declared.to_ascii_lowercase().contains("int");
        facts.columns.push(Column {
            schema: schema.to_owned(),
            table,
            name,
            declared,
            collation: if collation == Collation::Foreign { "foreign" } else { "known" }.to_owned(),
            longest: None,
            unique: unique && !(is_text && collation != Collation::None),
        });
    }
    Ok(())
}

/// What a table says of collations. Which column says it is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Collation {
    None,
    /// One of SQLite's own: an index by another one may hold apart what the column takes for equal.
    Own,
    /// A function of this program.
    Foreign,
}

impl Collation {
    fn of(text: &str) -> Self {
        let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
        let mut worst = Self::None;
        while let Some(word) = words.next() {
            if word.eq_ignore_ascii_case("collate") {
                let own = ["binary", "nocase", "rtrim"];
                let name = words.next().unwrap_or_default();
                if !own.iter().any(|own| own.eq_ignore_ascii_case(name)) {
                    return Self::Foreign;
                }
                worst = Self::Own;
            }
        }
        worst
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_compares_by_functions_of_the_program_is_told() {
        let of = Collation::of;
        assert_eq!(of("CREATE TABLE a (x TEXT, y INTEGER)"), Collation::None);
        assert_eq!(of("CREATE TABLE a (x TEXT COLLATE nocase, y TEXT COLLATE \"RTRIM\")"), Collation::Own);
        assert_eq!(of("CREATE TABLE a (x TEXT COLLATE BINARY, y TEXT COLLATE [german])"), Collation::Foreign);
    }
}
