//! Random questions.

use cached_runtime::statement::Backend;

use super::asked::{Asked, Kind, Sql};
use super::conditions::{any, column_of, exactly, of_key};
use super::dice::Dice;
use super::schema::{Column, Relation, Schema};
use super::strange;

/// A question whose answer is the same for the same rows, but for their order.
pub(crate) fn random(schema: &Schema, dice: &mut Dice) -> Asked {
    let mut sql = Sql::new(schema.backend);
    let relation = schema.relations[schema.any(dice)].clone();
    match dice.below(20) {
        0..5 => point(&mut sql, schema, dice, &relation),
        5..8 => range(&mut sql, schema, dice, &relation),
        8 => joined(&mut sql, schema, dice, &relation),
        9 => counted_beside(&mut sql, schema, dice, &relation),
        10 => with(&mut sql, schema, dice, &relation),
        11 => with_the_name_of_a_table(&mut sql, schema, dice, &relation),
        12 => recursive(&mut sql, schema, dice, &relation),
        13 => united(&mut sql, schema, dice, &relation),
        14 => grouped(&mut sql, schema, dice, &relation),
        15 => windowed(&mut sql, schema, dice, &relation),
        16 => derived(&mut sql, schema, dice, &relation),
        17 => first_few(&mut sql, schema, dice, &relation),
        18 => crossed(&mut sql, schema, dice, &relation),
        _ => strange::question(&mut sql, schema, dice, &relation),
    }
    sql.done()
}

fn columns(schema: &Schema, dice: &mut Dice, alias: &str, relation: &Relation) -> String {
    if dice.percent(45) {
        return if alias.is_empty() { "*".to_owned() } else { format!("{alias}.*") };
    }
    let count = dice.between(1, relation.columns.len());
    let some: Vec<String> = (0..count).map(|_| column_of(schema, alias, dice.one(&relation.columns))).collect();
    some.join(", ")
}

/// One of them by its key: what is asked most.
fn point(sql: &mut Sql, schema: &Schema, dice: &mut Dice, relation: &Relation) {
    let what = columns(schema, dice, "", relation);
    sql.add(format!("SELECT {what} FROM {} WHERE ", schema.named(dice, relation)));
    of_key(sql, schema, dice, "", relation);
}

fn range(sql: &mut Sql, schema: &Schema, dice: &mut Dice, relation: &Relation) {
    let what = columns(schema, dice, "", relation);
    sql.add(format!("SELECT {what} FROM {}", schema.named(dice, relation)));
    if dice.percent(90) {
        sql.add(" WHERE ");
        any(sql, schema, dice, "", relation);
    }
}

fn pair(schema: &Schema, dice: &mut Dice, relation: &Relation) -> (Relation, Column, Column) {
    let other = schema.relations[schema.any(dice)].clone();
    let own = dice.one(&relation.columns).clone();
    let theirs = other.columns.iter().find(|column| column.kind == own.kind).cloned();
    match theirs {
        Some(theirs) => (other, own, theirs),
        None => (relation.clone(), own.clone(), own),
    }
}

fn joined(sql: &mut Sql, schema: &Schema, dice: &mut Dice, relation: &Relation) {
    let (other, own, theirs) = pair(schema, dice, relation);
    let join = *dice.one(&["JOIN", "LEFT JOIN", "INNER JOIN", "CROSS JOIN", "RIGHT JOIN"]);
    let what = format!("{}, {}", columns(schema, dice, "a", relation), columns(schema, dice, "b", &other));
    sql.add(format!(
        "SELECT {what} FROM {} a {join} {} AS b",
        schema.named(dice, relation),
        schema.named(dice, &other)
    ));
    let (own, theirs) = (column_of(schema, "a", &own), column_of(schema, "b", &theirs));
    sql.add(if join == "CROSS JOIN" { " WHERE ".to_owned() } else { format!(" ON {own} = {theirs} WHERE ") });
    if dice.percent(50) {
        of_key(sql, schema, dice, "b", &other);
    } else {
        any(sql, schema, dice, "a", relation);
    }
}

fn counted_beside(sql: &mut Sql, schema: &Schema, dice: &mut Dice, relation: &Relation) {
    let (other, own, theirs) = pair(schema, dice, relation);
    let (own, theirs) = (column_of(schema, "a", &own), column_of(schema, "o", &theirs));
    let (from, beside) = (schema.named(dice, relation), schema.named(dice, &other));
    sql.add(format!("SELECT {own}, (SELECT count(*) FROM {beside} o WHERE {theirs} = {own}) FROM {from} a WHERE "));
    any(sql, schema, dice, "a", relation);
}

fn with(sql: &mut Sql, schema: &Schema, dice: &mut Dice, relation: &Relation) {
    let (other, own, theirs) = pair(schema, dice, relation);
    let (own, theirs) = (column_of(schema, "", &own), column_of(schema, "o", &theirs));
    sql.add(format!("WITH w(k) AS (SELECT {own} FROM {} WHERE ", schema.named(dice, relation)));
    any(sql, schema, dice, "", relation);
    sql.add(format!(") SELECT w.k, {theirs} FROM w JOIN {} o ON {theirs} = w.k", schema.named(dice, &other)));
}

fn with_the_name_of_a_table(sql: &mut Sql, schema: &Schema, dice: &mut Dice, relation: &Relation) {
    let other = schema.relations[schema.any(dice)].clone();
    let (own, name) = (column_of(schema, "", dice.one(&relation.columns)), schema.quoted(&other.name));
    sql.add(format!("WITH {name} AS (SELECT {own} AS k FROM {} WHERE ", schema.named(dice, relation)));
    any(sql, schema, dice, "", relation);
    sql.add(format!(") SELECT k FROM {name}"));
}

fn recursive(sql: &mut Sql, schema: &Schema, dice: &mut Dice, relation: &Relation) {
    let from = schema.named(dice, relation);
    sql.add("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 4) ");
    let number = relation.columns.iter().find(|column| column.kind == Kind::Int);
    let than = number.map_or_else(|| "1".to_owned(), |column| column_of(schema, "o", column));
    sql.add(format!("SELECT r.n, (SELECT count(*) FROM {from} o WHERE {than} >= r.n) FROM r"));
}

fn united(sql: &mut Sql, schema: &Schema, dice: &mut Dice, relation: &Relation) {
    let (other, own, theirs) = pair(schema, dice, relation);
    let (own, theirs) = (exactly(schema, "", &own), exactly(schema, "", &theirs));
    sql.add(format!("SELECT {own} AS k FROM {} WHERE ", schema.named(dice, relation)));
    any(sql, schema, dice, "", relation);
    let how = *dice.one(&["UNION", "UNION ALL", "EXCEPT", "INTERSECT"]);
    sql.add(format!(" {how} SELECT {theirs} FROM {}", schema.named(dice, &other)));
}

/// Sums of numbers that add up in any order.
fn grouped(sql: &mut Sql, schema: &Schema, dice: &mut Dice, relation: &Relation) {
    let (by, of) = (dice.one(&relation.columns).clone(), dice.one(&relation.columns).clone());
    let (by, exact) = (exactly(schema, "", &by), exactly(schema, "", &of));
    let sum = if of.kind == Kind::Int { format!("sum({exact})") } else { format!("count(DISTINCT {exact})") };
    let from = schema.named(dice, relation);
    let call = if schema.calls.is_empty() { "1" } else { &schema.calls[0] };
    if dice.percent(50) {
        sql.add(format!("SELECT count(*), min({exact}), max({exact}), {sum}, {call} FROM {from} WHERE "));
        any(sql, schema, dice, "", relation);
    } else {
        sql.add(format!("SELECT {by} AS g, count(*), max({exact}), {sum} FROM {from} WHERE "));
        any(sql, schema, dice, "", relation);
        sql.add(format!(" GROUP BY {by} HAVING count(*) >= 1"));
    }
}

fn windowed(sql: &mut Sql, schema: &Schema, dice: &mut Dice, relation: &Relation) {
    let (by, of) = (dice.one(&relation.columns).clone(), dice.one(&relation.columns).clone());
    let (by, of) = (column_of(schema, "", &by), column_of(schema, "", &of));
    let from = schema.named(dice, relation);
    sql.add(format!("SELECT {of}, count(*) OVER (PARTITION BY {by}), rank() OVER (ORDER BY {of}) FROM {from}"));
}

fn derived(sql: &mut Sql, schema: &Schema, dice: &mut Dice, relation: &Relation) {
    let other = schema.relations[schema.any(dice)].clone();
    let own = column_of(schema, "", dice.one(&relation.columns));
    sql.add(format!("SELECT d.k FROM (SELECT {own} AS k FROM {} WHERE ", schema.named(dice, relation)));
    any(sql, schema, dice, "", relation);
    sql.add(format!(") d WHERE EXISTS (SELECT 1 FROM {} x WHERE ", schema.named(dice, &other)));
    of_key(sql, schema, dice, "x", &other);
    sql.add(")");
}

fn first_few(sql: &mut Sql, schema: &Schema, dice: &mut Dice, relation: &Relation) {
    let of = exactly(schema, "", dice.one(&relation.columns));
    sql.add(format!("SELECT {of} AS k FROM {} ORDER BY k LIMIT {}", schema.named(dice, relation), dice.between(1, 4)));
    if schema.backend != Backend::Mysql && dice.percent(50) {
        sql.add(" OFFSET 1");
    }
}

fn crossed(sql: &mut Sql, schema: &Schema, dice: &mut Dice, relation: &Relation) {
    let other = schema.relations[schema.any(dice)].clone();
    sql.add(format!(
        "SELECT count(*) FROM {} a, {} b WHERE ",
        schema.named(dice, relation),
        schema.named(dice, &other)
    ));
    of_key(sql, schema, dice, "a", relation);
    sql.add(" AND ");
    any(sql, schema, dice, "b", &other);
}
