//! What comes after `WHERE`.

use cached_runtime::statement::Backend;

use super::asked::{Kind, Sql, Value, of_kind, to_compare};
use super::dice::Dice;
use super::schema::{Column, Relation, Schema};

/// A column, as a statement names it.
pub(super) fn column_of(schema: &Schema, alias: &str, column: &Column) -> String {
    let name = schema.quoted(&column.name);
    if alias.is_empty() { name } else { format!("{alias}.{name}") }
}

/// Its text byte for byte: where `a` and `A` are equal, which of them stands for both is anybody's guess.
pub(super) fn exactly(schema: &Schema, alias: &str, column: &Column) -> String {
    let name = column_of(schema, alias, column);
    match (schema.backend, column.kind) {
        (Backend::Mysql, Kind::Text) => format!("HEX({name})"),
        _ => name,
    }
}

/// Its whole key, or its first column, is this.
pub(super) fn of_key(sql: &mut Sql, schema: &Schema, dice: &mut Dice, alias: &str, relation: &Relation) {
    let places = if relation.key.is_empty() { &[0][..] } else { &relation.key[..] };
    for (number, &place) in places.iter().enumerate() {
        if number > 0 {
            sql.add(" AND ");
        }
        let column = &relation.columns[place];
        let (name, value) = (column_of(schema, alias, column), to_compare(dice, column.kind, schema.backend));
        if dice.percent(85) {
            sql.add(name).add(" = ").value(dice, &value);
        } else {
            sql.value(dice, &value).add(" = ").add(name);
        }
    }
}

/// Any condition.
pub(super) fn any(sql: &mut Sql, schema: &Schema, dice: &mut Dice, alias: &str, relation: &Relation) {
    match dice.below(10) {
        0 | 1 => of_key(sql, schema, dice, alias, relation),
        2 => {
            sql.add("(");
            of_key(sql, schema, dice, alias, relation);
            sql.add(") OR ");
            one(sql, schema, dice, alias, relation);
        }
        3 => {
            sql.add("NOT (");
            of_key(sql, schema, dice, alias, relation);
            sql.add(")");
        }
        4 => {
            of_key(sql, schema, dice, alias, relation);
            sql.add(" AND ");
            one(sql, schema, dice, alias, relation);
        }
        5 => {
            // The same column twice.
            of_key(sql, schema, dice, alias, relation);
            sql.add(" AND ");
            of_key(sql, schema, dice, alias, relation);
        }
        _ => one(sql, schema, dice, alias, relation),
    }
}

/// One column, and what it is compared with.
fn one(sql: &mut Sql, schema: &Schema, dice: &mut Dice, alias: &str, relation: &Relation) {
    let column = dice.one(&relation.columns).clone();
    let (name, kind) = (column_of(schema, alias, &column), column.kind);
    let value = |dice: &mut Dice, sql: &mut Sql| {
        let value = to_compare(dice, kind, schema.backend);
        sql.value(dice, &value);
    };
    match dice.below(12) {
        0 | 1 => {
            sql.add(format!("{name} = "));
            value(dice, sql);
        }
        2 | 3 => {
            sql.add(format!("{name} {} ", dice.one(&["<", "<=", ">", ">=", "<>"])));
            value(dice, sql);
        }
        4 => {
            sql.add(format!("{name} {}BETWEEN ", dice.one(&["", "NOT "])));
            value(dice, sql);
            sql.add(" AND ");
            value(dice, sql);
        }
        5 | 6 => {
            sql.add(format!("{name} {}IN (", dice.one(&["", "", "NOT "])));
            for number in 0..dice.between(1, 4) {
                sql.add(if number > 0 { ", " } else { "" });
                value(dice, sql);
            }
            sql.add(")");
        }
        7 => {
            sql.add(format!("{name} IS {}NULL", dice.one(&["", "NOT "])));
        }
        8 => {
            let same = match schema.backend {
                Backend::Sqlite => "IS",
                Backend::Postgres => "IS NOT DISTINCT FROM",
                Backend::Mysql => "<=>",
            };
            let value = of_kind(dice, kind);
            sql.add(format!("{name} {same} ")).value(dice, &value);
        }
        9 => as_another(sql, schema, dice, &name, kind),
        10 => {
            let other = dice.one(&relation.columns).clone();
            let fits = other.kind == kind || schema.backend != Backend::Postgres;
            let other = column_of(schema, alias, if fits { &other } else { &column });
            sql.add(format!("{name} = {other}"));
        }
        _ => of_another(sql, schema, dice, &name, kind),
    }
}

fn as_another(sql: &mut Sql, schema: &Schema, dice: &mut Dice, name: &str, kind: Kind) {
    match kind {
        Kind::Text => {
            let value = Value::Text((*dice.one(&["a", "%", "1%", "_", "A%", "ä"])).to_owned());
            let words = *dice.one(&["LIKE", "="]);
            let side = if words == "=" { format!("lower({name})") } else { name.to_owned() };
            sql.add(format!("{side} {words} ")).value(dice, &value);
        }
        Kind::Int | Kind::Real => {
            let to = if schema.backend == Backend::Mysql { "CHAR" } else { "TEXT" };
            let value = of_kind(dice, Kind::Text);
            sql.add(format!("CAST({name} AS {to}) = ")).value(dice, &value);
        }
    }
}

/// By what stands in another table.
fn of_another(sql: &mut Sql, schema: &Schema, dice: &mut Dice, name: &str, kind: Kind) {
    let other = schema.relations[schema.any(dice)].clone();
    let Some(pair) = other.columns.iter().find(|column| column.kind == kind) else {
        sql.add(format!("EXISTS (SELECT 1 FROM {})", schema.named(dice, &other)));
        return;
    };
    let (from, pair) = (schema.named(dice, &other), column_of(schema, "o", pair));
    match dice.below(3) {
        0 => {
            sql.add(format!("{name} {}IN (SELECT {pair} FROM {from} o)", dice.one(&["", "NOT "])));
        }
        1 => {
            sql.add(format!("{name} = (SELECT max({pair}) FROM {from} o)"));
        }
        _ => {
            let not = *dice.one(&["", "NOT "]);
            sql.add(format!("{not}EXISTS (SELECT 1 FROM {from} o WHERE {pair} = {name} AND "));
            of_key(sql, schema, dice, "o", &other);
            sql.add(")");
        }
    }
}
