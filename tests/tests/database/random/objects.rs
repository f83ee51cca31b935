//! What stands beside tables: views, triggers, partitions, functions.

use cached_runtime::statement::Backend;

use super::asked::{Asked, Kind};
use super::dice::Dice;
use super::schema::{Column, Relation, Schema};

pub(super) fn add(schema: &mut Schema, dice: &mut Dice) {
    let features = schema.features;
    if features.partitions && schema.backend == Backend::Postgres {
        partitioned(schema);
        heir(schema, dice);
    }
    if features.views {
        (0..dice.between(1, 3)).for_each(|number| view(schema, dice, number));
    }
    if features.triggers {
        (0..dice.between(1, 3)).for_each(|number| trigger(schema, dice, number));
        if schema.backend == Backend::Postgres && dice.percent(50) {
            rule(schema, dice);
        }
    }
    if features.functions && schema.backend != Backend::Sqlite {
        function(schema, dice);
    }
    if features.sequences && schema.backend == Backend::Sqlite {
        let column = |name: &str, kind| Column { name: name.to_owned(), kind, optional: true };
        schema.relations.push(Relation {
            name: "sqlite_sequence".to_owned(),
            columns: vec![column("name", Kind::Text), column("seq", Kind::Int)],
            key: Vec::new(),
            written: false,
            is_table: false,
        });
    }
}

fn make(schema: &mut Schema, text: String) {
    schema.made_by.push(Asked { text, values: Vec::new() });
}

fn view(schema: &mut Schema, dice: &mut Dice, number: usize) {
    let name = format!("{}{number}", dice.one(&["v", "View ", "sicht-ä"]));
    let at = schema.any(dice);
    let base = schema.relations[at].clone();
    if base.columns.is_empty() || base.name == "sqlite_sequence" {
        return;
    }
    let (from, quoted) = (schema.named(dice, &base), |name: &str| schema.quoted(name));
    let first = &base.columns[0];
    let (text, columns, written) = match dice.below(4) {
        // Rows can be put in through it, where it is of one table.
        0 | 1 => {
            let columns: Vec<String> = base.columns.iter().map(|column| quoted(&column.name)).collect();
            let written = schema.backend != Backend::Sqlite && base.written;
            (format!("SELECT {} FROM {from}", columns.join(", ")), base.columns.clone(), written)
        }
        2 => {
            let text = format!("SELECT {0} AS k, count(*) AS n FROM {from} GROUP BY {0}", quoted(&first.name));
            let column = |name: &str, kind| Column { name: name.to_owned(), kind, optional: true };
            (text, vec![column("k", first.kind), column("n", Kind::Int)], false)
        }
        _ => {
            let other = schema.relations[schema.any(dice)].clone();
            let pair = other.columns.iter().find(|column| column.kind == first.kind);
            let Some(pair) = pair else { return };
            let to = schema.named(dice, &other);
            let text = format!(
                "SELECT a.{} AS p, b.{} AS q FROM {from} a JOIN {to} b ON a.{} = b.{}",
                quoted(&first.name),
                quoted(&other.columns[other.columns.len() - 1].name),
                quoted(&first.name),
                quoted(&pair.name)
            );
            let column = |name: &str, kind| Column { name: name.to_owned(), kind, optional: true };
            (text, vec![column("p", first.kind), column("q", other.columns[other.columns.len() - 1].kind)], false)
        }
    };
    let made = format!("CREATE VIEW {} AS {text}", quoted(&name));
    make(schema, made);
    schema.relations.push(Relation { name, columns, key: vec![0], written, is_table: false });
}

/// From an earlier table to a later one, so that they end.
fn trigger(schema: &mut Schema, dice: &mut Dice, number: usize) {
    let tables: Vec<Relation> = schema.relations.iter().filter(|relation| relation.is_table).cloned().collect();
    let from = dice.below(tables.len() - 1);
    let to = dice.between(from + 1, tables.len() - 1);
    let (on, other) = (schema.quoted(&tables[from].name), &tables[to]);
    let into = schema.named(dice, other);
    let event = *dice.one(&["INSERT", "UPDATE", "DELETE"]);
    let when = *dice.one(&["AFTER", "BEFORE"]);
    let last = &other.columns[other.columns.len() - 1];
    let name = schema.quoted(&last.name);
    let act = match (dice.below(3), last.kind) {
        (0, _) => format!("DELETE FROM {into} WHERE {name} IS NULL"),
        (_, Kind::Int | Kind::Real) => format!("UPDATE {into} SET {name} = 5 WHERE {name} < 5 OR {name} IS NULL"),
        (_, Kind::Text) => format!("UPDATE {into} SET {name} = 'told' WHERE {name} < 'c' OR {name} IS NULL"),
    };
    match schema.backend {
        Backend::Sqlite => {
            make(schema, format!("CREATE TRIGGER tr{number} {when} {event} ON {on} BEGIN {act}; END"));
        }
        Backend::Mysql => make(schema, format!("CREATE TRIGGER tr{number} {when} {event} ON {on} FOR EACH ROW {act}")),
        Backend::Postgres => {
            let each = *dice.one(&["ROW", "STATEMENT"]);
            make(
                schema,
                format!(
                    "CREATE FUNCTION trf{number}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {act}; \
                     IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$"
                ),
            );
            let text = format!(
                "CREATE TRIGGER tr{number} {when} {event} ON {on} FOR EACH {each} EXECUTE FUNCTION trf{number}()"
            );
            make(schema, text);
        }
    }
}

fn rule(schema: &mut Schema, dice: &mut Dice) {
    let tables: Vec<Relation> = schema.relations.iter().filter(|relation| relation.is_table).cloned().collect();
    let (on, other) = (schema.quoted(&tables[0].name), &tables[tables.len() - 1]);
    let event = *dice.one(&["INSERT", "UPDATE", "DELETE"]);
    let into = schema.quoted(&other.name);
    let name = schema.quoted(&other.columns[other.columns.len() - 1].name);
    make(schema, format!("CREATE RULE ru AS ON {event} TO {on} DO ALSO DELETE FROM {into} WHERE {name} IS NULL"));
}

fn partitioned(schema: &mut Schema) {
    for text in [
        "CREATE TABLE parted (id bigint NOT NULL, note text) PARTITION BY RANGE (id)",
        "CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (MINVALUE) TO (4)",
        "CREATE TABLE parted_high PARTITION OF parted FOR VALUES FROM (4) TO (MAXVALUE)",
    ] {
        make(schema, text.to_owned());
    }
    let columns = vec![
        Column { name: "id".to_owned(), kind: Kind::Int, optional: false },
        Column { name: "note".to_owned(), kind: Kind::Text, optional: true },
    ];
    for name in ["parted", "parted_low", "parted_high"] {
        let (name, columns) = (name.to_owned(), columns.clone());
        schema.relations.push(Relation { name, columns, key: vec![0], written: true, is_table: false });
    }
}

fn heir(schema: &mut Schema, dice: &mut Dice) {
    let parent = schema.relations[schema.any_table(dice)].clone();
    make(schema, format!("CREATE TABLE heir () INHERITS ({})", schema.quoted(&parent.name)));
    let is_table = false;
    schema.relations.push(Relation { name: "heir".to_owned(), is_table, ..parent });
}

/// With the name of one that another database has.
fn function(schema: &mut Schema, dice: &mut Dice) {
    let table = schema.relations[schema.any_table(dice)].clone();
    let (from, name) = (schema.quoted(&table.name), *dice.one(&["total", "likely", "glob"]));
    let text = match schema.backend {
        Backend::Postgres => {
            format!("CREATE FUNCTION {name}() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM {from} $$")
        }
        _ => format!("CREATE FUNCTION {name}() RETURNS BIGINT READS SQL DATA RETURN (SELECT count(*) FROM {from})"),
    };
    make(schema, text);
    schema.calls.push(format!("{name}()"));
}
