//! What PostgreSQL says about a database: all schemas but its own.

use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, FromRow};

use super::facts::{Column, Facts, Form, Function, LONGEST, MOST, Part, Reference, Relation, Source, Trigger};

/// All of it.
pub(in crate::database) async fn facts(connection: &mut PgConnection) -> sqlx::Result<Facts> {
    let mut facts = Facts::default();
    for (schema, name, form, text) in rows::<(String, String, String, Option<String>)>(connection, RELATIONS).await? {
        let form = match form.as_str() {
            "ruled" => Form::Ruled,
            "view" => Form::ViewOfSources,
            _ => Form::Table,
        };
        facts.relations.push(Relation { schema, name, form, text });
    }
    let sources = rows(connection, SOURCES).await?;
    let sources = facts.bounded(sources).into_iter().map(|(view, of, written)| Source { view, of, written });
    facts.sources = sources.collect();
    let triggers = rows(connection, TRIGGERS).await?;
    let triggers =
        facts.bounded(triggers).into_iter().map(|(table, at_insert, body)| Trigger { table, at_insert, body });
    facts.triggers = triggers.collect();
    let references = rows(connection, REFERENCES).await?;
    let references = facts.bounded(references).into_iter();
    facts.references = references.map(|(child, parent, follows)| Reference { child, parent, follows }).collect();
    let parts = rows(connection, PARTS).await?;
    facts.parts = facts.bounded(parts).into_iter().map(|(child, parent)| Part { child, parent }).collect();
    let columns = rows::<ColumnRow>(connection, COLUMNS).await?;
    facts.columns = facts.bounded(columns).into_iter().map(column).collect();
    let functions = rows(connection, FUNCTIONS).await?;
    let functions = facts.bounded(functions).into_iter().map(|(name, of_a_row)| Function { name, of_a_row });
    facts.functions = functions.collect();
    facts.relations = {
        let relations = std::mem::take(&mut facts.relations);
        facts.bounded(relations)
    };
    Ok(facts)
}

async fn rows<T>(connection: &mut PgConnection, text: &str) -> sqlx::Result<Vec<T>>
where
    T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    let limited = format!("{text} LIMIT {}", MOST + 1).replace("{LONGEST}", &LONGEST.to_string());
    sqlx::query_as(AssertSqlSafe(limited)).persistent(false).fetch_all(connection).await
}

type ColumnRow = (String, String, String, String, bool, Option<i64>, bool);

fn column((schema, table, name, declared, deterministic, longest, unique): ColumnRow) -> Column {
    let collation = if deterministic { "deterministic" } else { "foreign" }.to_owned();
    Column { schema, table, name, declared, collation, longest, unique }
}

/// Of a view its digest, as of a policy: they are not read here, but may change.
const RELATIONS: &str = "\
SELECT n.nspname::text, c.relname::text,
       CASE WHEN EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN') THEN 'ruled'
            WHEN c.relkind = 'v' THEN 'view' ELSE 'table' END,
       md5((SELECT string_agg(r.ev_action::text, ' ' ORDER BY r.rulename) FROM pg_rewrite r WHERE r.ev_class = c.oid))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname NOT LIKE 'pg\\_temp\\_%'
ORDER BY c.oid";

/// What views read, and what the policies of tables do. Of functions only those are told that may read tables: such as are
/// not immutable, and those of the database that are given queries or names of tables.
const SOURCES: &str = "\
WITH made AS (
  SELECT r.ev_class AS maker, 'pg_rewrite'::regclass AS class, r.oid, true AS written, r.ev_action::text AS tree
  FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class WHERE c.relkind = 'v' AND r.rulename = '_RETURN'
  UNION ALL
  SELECT p.polrelid, 'pg_policy'::regclass, p.oid, false, concat(p.polqual::text, p.polwithcheck::text)
  FROM pg_policy p),
told AS (
  SELECT m.maker, m.written, d.refobjid AS source FROM made m
  JOIN pg_depend d ON d.classid = m.class AND d.objid = m.oid AND d.refclassid = 'pg_class'::regclass
  UNION
  SELECT m.maker, m.written, NULL FROM made m
  JOIN pg_depend d ON d.classid = m.class AND d.objid = m.oid
  LEFT JOIN pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
  JOIN pg_proc p ON p.oid = CASE WHEN d.refclassid = 'pg_proc'::regclass THEN d.refobjid ELSE o.oprcode END
  WHERE p.provolatile <> 'i' OR p.prokind = 'a'
  UNION
  SELECT m.maker, m.written, NULL FROM made m
  WHERE m.tree ~ (SELECT concat(':funcid (', string_agg(p.oid::text, '|'), ') ') FROM pg_proc p
                  WHERE p.pronamespace = 'pg_catalog'::regnamespace AND (p.proname ~ '_to_xml' OR p.proname = 'ts_stat')))
SELECT v.relname::text, s.relname::text, told.written
FROM told JOIN pg_class v ON v.oid = told.maker JOIN pg_namespace n ON n.oid = v.relnamespace
LEFT JOIN pg_class s ON s.oid = told.source
WHERE told.source IS DISTINCT FROM told.maker AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY v.oid, s.oid";

/// Those of PostgreSQL's own functions write nothing but their own row.
const TRIGGERS: &str = "\
SELECT c.relname::text, t.tgtype & 4 <> 0,
       CASE WHEN p.pronamespace = 'pg_catalog'::regnamespace THEN ''
            WHEN l.lanname = 'plpgsql' AND length(p.prosrc) <= {LONGEST} THEN p.prosrc END
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
JOIN pg_language l ON l.oid = p.prolang
WHERE NOT (t.tgisinternal AND p.pronamespace = 'pg_catalog'::regnamespace)
ORDER BY t.oid";

const REFERENCES: &str = "\
SELECT DISTINCT c.relname::text, p.relname::text, f.confdeltype IN ('c', 'n', 'd') OR f.confupdtype IN ('c', 'n', 'd')
FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid JOIN pg_class p ON p.oid = f.confrelid
WHERE f.contype = 'f' ORDER BY 1, 2, 3";

const PARTS: &str = "\
SELECT c.relname::text, p.relname::text
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
WHERE c.relkind IN ('r', 'p', 'f') ORDER BY c.oid, p.oid";

/// Not those in C, which extensions bring along: of these none is known to read tables under a name that PostgreSQL has too.
const FUNCTIONS: &str = "\
SELECT p.proname::text, bool_or(p.pronargs = 1 AND a.typtype = 'c')
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
LEFT JOIN pg_type a ON a.oid = p.proargtypes[0]
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND (p.prokind = 'a' OR p.prokind <> 'p' AND p.provolatile <> 'i' AND l.lanname NOT IN ('c', 'internal'))
GROUP BY p.proname ORDER BY p.proname";

const COLUMNS: &str = "\
WITH key AS (
  SELECT i.indrelid AS tbl, k.attnum,
         i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indnkeyatts = 1 AS sole
  FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
  WHERE k.place <= i.indnkeyatts AND (i.indisunique OR k.place = 1)
  UNION ALL
  SELECT f.conrelid, unnest(f.conkey), false FROM pg_constraint f WHERE f.contype = 'f')
SELECT n.nspname::text, c.relname::text, a.attname::text, t.typname::text, bool_and(coalesce(l.collisdeterministic, true)),
       CASE WHEN t.typname IN ('varchar', 'bpchar') AND a.atttypmod > 4 THEN (a.atttypmod - 4)::int8 END,
       bool_or(key.sole)
FROM key JOIN pg_class c ON c.oid = key.tbl JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = key.attnum
JOIN pg_type t ON t.oid = a.atttypid AND t.typnamespace = 'pg_catalog'::regnamespace
LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE a.attnum > 0 AND a.attgenerated = '' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
  AND NOT EXISTS (SELECT FROM pg_attribute o WHERE o.attrelid = a.attrelid AND o.attnum <> a.attnum AND NOT o.attisdropped
                  AND lower(o.attname) = lower(a.attname))
  AND n.nspname NOT LIKE 'pg\\_temp\\_%'
GROUP BY n.nspname, c.oid, c.relname, a.attnum, a.attname, t.typname, a.atttypmod ORDER BY c.oid, a.attnum";
