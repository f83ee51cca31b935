//! Statements that are written in unusual ways, or that a parser does not know.

use cached_runtime::statement::Backend;

use super::asked::{Kind, Sql, literal, of_kind};
use super::conditions::{any, column_of, of_key};
use super::dice::Dice;
use super::schema::{Relation, Schema};

/// A question.
pub(super) fn question(sql: &mut Sql, schema: &Schema, dice: &mut Dice, relation: &Relation) {
    let other = schema.relations[schema.any(dice)].clone();
    let (from, beside) = (schema.named(dice, relation), schema.named(dice, &other));
    let first = column_of(schema, "", &relation.columns[0]);
    match (schema.backend, dice.below(8)) {
        (_, 0) => {
            // A comment is no table, and a text no comment.
            sql.add(format!("/* FROM nothing */ SELECT {first}, '-- */' -- FROM nobody\n FROM {from} WHERE "));
            any(sql, schema, dice, "", relation);
        }
        (_, 1) => {
            sql.add(format!("(SELECT count(*) FROM {from}) UNION ALL (SELECT count(*) FROM {beside})"));
            if schema.backend == Backend::Sqlite {
                *sql = Sql::new(schema.backend);
                sql.add(format!("SELECT count(*) FROM {from} UNION ALL SELECT count(*) FROM (SELECT 1 FROM {beside})"));
            }
        }
        (_, 2) => {
            sql.add(format!("SELECT x.n FROM (VALUES (1), (2)) AS x(n) WHERE x.n <= (SELECT count(*) FROM {from})"));
            if schema.backend != Backend::Postgres {
                *sql = Sql::new(schema.backend);
                sql.add(format!(
                    "SELECT CASE WHEN EXISTS (SELECT 1 FROM {from}) THEN (SELECT count(*) FROM {beside}) END"
                ));
            }
        }
        (Backend::Sqlite, 3) => {
            // Its own short form: all rows of a table of one column.
            let name = schema.quoted(&other.name);
            sql.add(format!("SELECT 1 FROM {from} WHERE {first} IN {name}"));
        }
        (Backend::Sqlite, 4) => put(sql, format!("SELECT count(*) FROM {from} NOT INDEXED")),
        (Backend::Sqlite, 5) => {
            let name = other.name.replace('\'', "''");
            sql.add(format!("SELECT count(*) FROM '{name}' WHERE rowid > 2"));
        }
        (Backend::Sqlite, 6) => {
            let name = literal(&super::asked::Value::Text(other.name), schema.backend);
            sql.add(format!("SELECT count(*), max(name) FROM pragma_table_info({name})"));
        }
        (Backend::Postgres, 3) => put(sql, format!("TABLE {from}")),
        (Backend::Postgres, 4) => put(sql, format!("SELECT count(*) FROM ONLY {from}")),
        (Backend::Postgres, 5) => {
            sql.add(format!("SELECT a.{first}, n.c FROM {from} a, LATERAL (SELECT count(*) AS c FROM {beside} o) n"));
        }
        (Backend::Postgres, 6) => put(sql, format!("SELECT (t).* FROM {from} t")),
        (Backend::Postgres, 7) => put(sql, format!("SELECT array_length(ARRAY(SELECT 1 FROM {from}), 1)")),
        // What MariaDB does not take for a comment.
        (Backend::Mysql, 3) => {
            put(sql, format!("SELECT (SELECT count(*) FROM {from}) /*M! + (SELECT count(*) FROM {beside}) */"));
        }
        (Backend::Mysql, 4) => {
            put(sql, format!("SELECT (SELECT count(*) FROM {from}) /*! + (SELECT count(*) FROM {beside}) */"));
        }
        (Backend::Mysql, 5) => {
            sql.add(format!("SELECT count(*) FROM {from} a STRAIGHT_JOIN {beside} b # FROM nobody\n WHERE "));
            of_key(sql, schema, dice, "b", &other);
        }
        (Backend::Mysql, 6) => {
            put(sql, format!("SELECT (SELECT count(*) FROM {from}) /*M!100100 + (SELECT count(*) FROM {beside}) */"));
        }
        _ => {
            sql.add(format!("SELECT DISTINCT 1 FROM {from} NATURAL JOIN {beside}"));
        }
    }
}

fn put(sql: &mut Sql, text: String) {
    sql.add(text);
}

/// A write.
pub(super) fn write(sql: &mut Sql, schema: &Schema, dice: &mut Dice, relation: &Relation, alone: bool) {
    let at = schema.any_written(dice);
    let other = schema.relations[at].clone();
    let (into, beside) = (schema.named(dice, relation), schema.named(dice, &other));
    let column = dice.one(&relation.columns).clone();
    let (name, value) = (schema.quoted(&column.name), literal(&of_kind(dice, column.kind), schema.backend));
    match (schema.backend, dice.below(8)) {
        (Backend::Postgres, 0) => with_a_write(sql, schema, dice, relation, &other),
        (Backend::Postgres, 1) => {
            sql.add(format!("WITH gone AS (DELETE FROM {into} WHERE "));
            of_key(sql, schema, dice, "", relation);
            sql.add(" RETURNING 1) SELECT count(*) FROM gone");
        }
        (Backend::Postgres, 2) => {
            // More than one statement inside of one that a parser does not look into.
            sql.add(format!("DO $do$ BEGIN UPDATE {into} SET {name} = {value}; END $do$"));
        }
        (Backend::Postgres, 3) => {
            sql.add(format!("UPDATE {into} SET ({name}, {name}) = ({value}, {value})"));
            if relation.columns.len() > 1 {
                let (one, two) = (&relation.columns[0], &relation.columns[1]);
                *sql = Sql::new(schema.backend);
                sql.add(format!(
                    "UPDATE {into} SET ({}, {}) = ROW (",
                    schema.quoted(&one.name),
                    schema.quoted(&two.name)
                ));
                let values = [of_kind(dice, one.kind), of_kind(dice, two.kind)];
                sql.value(dice, &values[0]).add(", ").value(dice, &values[1]).add(") WHERE ");
                of_key(sql, schema, dice, "", relation);
            }
        }
        (Backend::Postgres, 4) => merge(sql, schema, dice, relation),
        (Backend::Postgres, 5) => {
            sql.add(format!("EXPLAIN ANALYZE DELETE FROM {into} WHERE "));
            of_key(sql, schema, dice, "", relation);
        }
        (Backend::Postgres, 6) => {
            let cascade = if schema.features.cascades { " CASCADE" } else { "" };
            sql.add(if dice.percent(30) {
                format!("TRUNCATE {into}{cascade}")
            } else {
                format!("DELETE FROM ONLY {into} WHERE {name} IS NULL")
            });
        }
        (Backend::Mysql, 0) => put(sql, format!("INSERT INTO {into} SET {name} = {value}")),
        (Backend::Mysql, 1) => {
            let text = format!("UPDATE {into} SET {name} = {value} LIMIT 2");
            sql.add(format!("EXECUTE IMMEDIATE {}", literal(&super::asked::Value::Text(text), schema.backend)));
        }
        (Backend::Mysql, 2) => put(sql, format!("UPDATE {into} SET {name} = {value} ORDER BY {name} LIMIT 1")),
        (Backend::Mysql, 3) => put(sql, format!("DELETE FROM {into} ORDER BY {name} LIMIT 1")),
        (Backend::Mysql, 4) => put(sql, format!("DELETE /*M! FROM {into} WHERE {name} = {value} */")),
        (Backend::Mysql, 5) if alone && dice.percent(30) => put(sql, format!("TRUNCATE TABLE {into}")),
        (Backend::Mysql, 6) => {
            let theirs = other.columns[0].clone();
            sql.add(format!("UPDATE ({into} u JOIN {beside} o) SET o.{} = ", schema.quoted(&theirs.name)));
            let value = of_kind(dice, theirs.kind);
            sql.value(dice, &value).add(" WHERE ");
            of_key(sql, schema, dice, "o", &other);
        }
        (Backend::Sqlite, 0) => {
            sql.add(format!("WITH w(k) AS (SELECT {name} FROM {into} WHERE "));
            any(sql, schema, dice, "", relation);
            sql.add(format!(") DELETE FROM {into} WHERE {name} IN w"));
        }
        (Backend::Sqlite, 1) => {
            sql.add(format!("WITH w(k) AS (SELECT {value}) UPDATE {into} SET {name} = (SELECT k FROM w) WHERE "));
            of_key(sql, schema, dice, "", relation);
        }
        (Backend::Sqlite, 2) => put(sql, format!("INSERT INTO {into} ({name}) VALUES ({value});")),
        (Backend::Sqlite, 3) => put(sql, format!("UPDATE {into} INDEXED BY nothing SET {name} = {value}")),
        (Backend::Sqlite, 4) => put(sql, format!("DELETE FROM {into} NOT INDEXED WHERE {name} IS {value}")),
        (Backend::Sqlite, 5) => put(sql, format!("UPDATE {into} SET {name} = {value} WHERE rowid = 2")),
        _ => {
            // An old name of what is one word to a parser.
            sql.add(format!("/* of {{}} */ DELETE -- from\n FROM {into} WHERE {name} = {value};"));
        }
    }
}

/// What is written inside a `WITH`, and what is written by what that returned.
fn with_a_write(sql: &mut Sql, schema: &Schema, dice: &mut Dice, relation: &Relation, other: &Relation) {
    let (into, beside) = (schema.named(dice, relation), schema.named(dice, other));
    let first = &relation.columns[0];
    sql.add(format!("WITH w AS (DELETE FROM {into} WHERE "));
    of_key(sql, schema, dice, "", relation);
    sql.add(format!(" RETURNING {} AS k), x AS (UPDATE {beside} SET ", schema.quoted(&first.name)));
    let set = dice.one(&other.columns).clone();
    let value = of_kind(dice, set.kind);
    sql.add(format!("{} = ", schema.quoted(&set.name))).value(dice, &value).add(" WHERE ");
    any(sql, schema, dice, "", other);
    sql.add(" RETURNING 1) SELECT (SELECT count(*) FROM w), (SELECT count(*) FROM x)");
}

fn merge(sql: &mut Sql, schema: &Schema, dice: &mut Dice, relation: &Relation) {
    let into = schema.named(dice, relation);
    let key = &relation.columns[0];
    let set = dice.one(&relation.columns).clone();
    let (key_name, set_name) = (schema.quoted(&key.name), schema.quoted(&set.name));
    let of = match key.kind {
        Kind::Int => "bigint",
        Kind::Real => "double precision",
        Kind::Text => "text",
    };
    let value = of_kind(dice, key.kind);
    sql.add(format!("MERGE INTO {into} m USING (SELECT CAST({} AS {of}) AS k) s ", literal(&value, schema.backend)));
    sql.add(format!("ON m.{key_name} = s.k WHEN MATCHED THEN UPDATE SET {set_name} = "));
    let value = of_kind(dice, set.kind);
    sql.value(dice, &value);
    if dice.percent(40) {
        sql.add(format!(" WHEN NOT MATCHED THEN INSERT ({key_name}) VALUES (s.k)"));
    }
}
