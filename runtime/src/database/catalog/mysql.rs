//! What MySQL and MariaDB say about the schema of a connection.
//!
//! Other schemas of a server are most often of other programs. Of those only what hangs on this one is read; a statement
//! that names one of them by its name may touch anything. Triggers, and the texts of views, are told to users with the
//! privilege for them alone (`TRIGGER`, `SHOW VIEW`).
//!
//! Each question says which schemas it is about, in words that the server looks at before it opens a table: asked about all
//! of them, MariaDB opens those of `information_schema` too, which takes a hundred times as long.

use std::collections::{BTreeSet, HashMap};

use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, FromRow, MySqlConnection};

use super::facts::{Column, Facts, Form, Function, LONGEST, MOST, Reference, Relation, Trigger};

/// All of it.
pub(in crate::database) async fn facts(connection: &mut MySqlConnection) -> sqlx::Result<Facts> {
    let mut facts = Facts::default();
    let schema: Option<String> = sqlx::query_scalar("SELECT DATABASE()").fetch_one(&mut *connection).await?;
    facts.schemas = Some(BTreeSet::from([schema.unwrap_or_default().to_lowercase()]));
    let relations = rows::<(String, String, String)>(connection, RELATIONS).await?;
    let mut texts: HashMap<String, Option<String>> = rows(connection, VIEWS).await?.into_iter().collect();
    for (schema, name, form) in facts.bounded(relations) {
        let form = match form.as_str() {
            "rolled back" => Form::Table,
            form if form.ends_with("VIEW") => Form::View,
            _ => Form::Lasting,
        };
        let text = texts.remove(&name).flatten();
        facts.relations.push(Relation { schema, name, form, text });
    }
    let elsewhere = rows(connection, VIEWS_ELSEWHERE).await?;
    for (schema, name, text) in facts.bounded(elsewhere) {
        facts.relations.push(Relation { schema, name, form: Form::View, text });
    }
    let triggers = rows(connection, TRIGGERS).await?;
    let triggers = facts.bounded(triggers).into_iter();
    facts.triggers = triggers.map(|(table, at_insert, body)| Trigger { table, at_insert, body }).collect();
    let references = rows(connection, REFERENCES).await?;
    let references = facts.bounded(references).into_iter();
    facts.references = references.map(|(child, parent, follows)| Reference { child, parent, follows }).collect();
    let columns = rows::<ColumnRow>(connection, COLUMNS).await?;
    facts.columns = facts.bounded(columns).into_iter().map(column).collect();
    let functions = rows::<(String,)>(connection, FUNCTIONS).await?;
    let functions = facts.bounded(functions).into_iter().map(|(name,)| Function { name, of_a_row: false });
    facts.functions = functions.collect();
    Ok(facts)
}

async fn rows<T>(connection: &mut MySqlConnection, text: &str) -> sqlx::Result<Vec<T>>
where
    T: for<'r> FromRow<'r, MySqlRow> + Send + Unpin,
{
    let limited = format!("{text} LIMIT {}", MOST + 1).replace("{LONGEST}", &LONGEST.to_string());
    sqlx::query_as(AssertSqlSafe(limited)).persistent(false).fetch_all(connection).await
}

type ColumnRow = (String, String, String, String, Option<String>, Option<i64>, bool);

fn column((schema, table, name, declared, collation, longest, unique): ColumnRow) -> Column {
    Column { schema, table, name, declared, collation: collation.unwrap_or_default(), longest, unique }
}

const RELATIONS: &str = "\
SELECT CAST(table_schema AS CHAR), CAST(table_name AS CHAR),
       CASE WHEN table_type = 'BASE TABLE' AND engine IN ('InnoDB', 'RocksDB', 'ndbcluster') THEN 'rolled back'
            ELSE CAST(table_type AS CHAR) END
FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1, 2";

/// Not joined to the tables: the server would open all views there are.
const VIEWS: &str = "\
SELECT CAST(table_name AS CHAR),
       CASE WHEN view_definition <> '' AND LENGTH(view_definition) <= {LONGEST} THEN CAST(view_definition AS CHAR) END
FROM information_schema.views WHERE table_schema = DATABASE() ORDER BY 1";

/// Those of other schemas that name this one.
const VIEWS_ELSEWHERE: &str = "\
SELECT CAST(table_schema AS CHAR), CAST(table_name AS CHAR),
       CASE WHEN LENGTH(view_definition) <= {LONGEST} THEN CAST(view_definition AS CHAR) END
FROM information_schema.views
WHERE table_schema <> DATABASE() AND table_schema <> 'information_schema' AND table_schema <> 'performance_schema'
  AND table_schema <> 'mysql' AND table_schema <> 'sys' AND view_definition LIKE CONCAT('%`', DATABASE(), '`.%')
ORDER BY 1, 2";

const TRIGGERS: &str = "\
SELECT CAST(event_object_table AS CHAR), event_manipulation = 'INSERT',
       CASE WHEN LENGTH(action_statement) <= {LONGEST} THEN CAST(action_statement AS CHAR) END
FROM information_schema.triggers WHERE event_object_schema = DATABASE() ORDER BY trigger_name";

const REFERENCES: &str = "\
SELECT DISTINCT CAST(table_name AS CHAR), CAST(referenced_table_name AS CHAR),
       delete_rule IN ('CASCADE', 'SET NULL', 'SET DEFAULT') OR update_rule IN ('CASCADE', 'SET NULL', 'SET DEFAULT')
FROM information_schema.referential_constraints
WHERE constraint_schema <> 'information_schema' AND constraint_schema <> 'performance_schema'
  AND constraint_schema <> 'mysql' AND constraint_schema <> 'sys' AND unique_constraint_schema = DATABASE()
ORDER BY 1, 2, 3";

const FUNCTIONS: &str = "\
SELECT CAST(routine_name AS CHAR) FROM information_schema.routines
WHERE routine_schema = DATABASE() AND routine_type = 'FUNCTION' ORDER BY 1";

/// An index over a part of a column holds apart what the column does not, or the other way round.
const COLUMNS: &str = "\
SELECT CAST(c.table_schema AS CHAR), CAST(c.table_name AS CHAR), CAST(c.column_name AS CHAR), CAST(c.column_type AS CHAR),
       CAST(c.collation_name AS CHAR), CAST(c.character_maximum_length AS SIGNED), MAX(k.sole) <> 0
FROM (
  SELECT s.table_name, s.column_name, s.non_unique = 0 AND s.sub_part IS NULL AND w.width = 1 AS sole
  FROM information_schema.statistics s
  JOIN (SELECT table_name, index_name, COUNT(*) AS width FROM information_schema.statistics
        WHERE table_schema = DATABASE() GROUP BY table_name, index_name) w
    ON w.table_name = s.table_name AND w.index_name = s.index_name
  WHERE s.table_schema = DATABASE() AND s.column_name IS NOT NULL AND (s.non_unique = 0 OR s.seq_in_index = 1)
  UNION ALL
  SELECT u.table_name, u.column_name, 0 FROM information_schema.key_column_usage u
  WHERE u.table_schema = DATABASE() AND u.referenced_table_name IS NOT NULL) k
JOIN information_schema.columns c
  ON c.table_schema = DATABASE() AND c.table_name = k.table_name AND c.column_name = k.column_name
WHERE COALESCE(c.generation_expression, '') = ''
GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3";
