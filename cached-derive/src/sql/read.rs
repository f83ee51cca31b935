//! Reading the statement: is it one, does it read or write, and is it given what it takes?

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    self, ObjectName, ObjectNamePart, Query, SetExpr, Statement, Value, ValueWithSpan, Visit, Visitor,
};
use sqlparser::dialect::{Dialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;
use syn::LitStr;

use super::{For, Read, named};
use crate::errors::Errors;
use crate::input::Param;
use crate::passing;

/// Of a longer one the compiler would run out of stack.
const LONGEST: usize = 16 << 10;

/// So many values a tuple of them holds.
const MOST: usize = 16;

pub(super) fn statement(
    lit: &LitStr,
    database: &Param,
    values: &[&Param],
    purpose: For,
    errors: &mut Errors,
) -> Option<Read> {
    let text = lit.value();
    let mut refuse = |message: String| {
        errors.at(lit.span(), message);
        None
    };
    if text.len() > LONGEST {
        return refuse(format!("a statement in an attribute has {LONGEST} bytes at most: put it in a view"));
    }
    let mut parsed = match parse(&text, database) {
        Ok(parsed) => parsed,
        Err(error) => return refuse(format!("this SQL cannot be read: {error}")),
    };
    let count = parsed.len();
    let (Some(statement), true) = (parsed.pop(), parsed.is_empty()) else {
        return refuse(format!("this is not one statement, but {count}: give each a function of its own"));
    };
    if let Some(message) = misplaced(&statement, purpose) {
        return refuse(message);
    }
    let mut found = Found::default();
    let _ = statement.visit(&mut found);
    let tables = found.tables();
    match found.parameters() {
        Err(message) => refuse(message),
        Ok(Parameters::Counted(count)) if count != values.len() => refuse(miscounted(count, values)),
        Ok(Parameters::Counted(count)) if count > MOST => refuse(too_many(count)),
        Ok(Parameters::Counted(_)) => Some(Read { numbered: text.clone(), in_order: text, tables, by_name: None }),
        Ok(Parameters::Named(count)) if count > MOST => refuse(too_many(count)),
        Ok(Parameters::Named(count)) => match named::rewrite(&text) {
            // Of what only looks like a name, as in a text of another dialect, there would be more.
            Some((numbered, in_order, names)) if names.len() == count => {
                Some(Read { numbered, in_order, tables, by_name: Some(names) })
            }
            _ => refuse("these names of parameters cannot be told apart: write `?` or `$1`".to_owned()),
        },
    }
}

/// In the dialect that the type of the database spells, or else in one that can be read.
fn parse(text: &str, database: &Param) -> Result<Vec<Statement>, String> {
    let all: [(&str, &dyn Dialect); 3] =
        [("Sqlite", &SQLiteDialect {}), ("Postgres", &PostgreSqlDialect {}), ("MySql", &MySqlDialect {})];
    let says = |word: &str| passing::holds_word(quote::ToTokens::to_token_stream(&database.ty), word);
    let spelled = all.iter().find(|(word, _)| says(word));
    let tried = spelled.map_or(&all[..], std::slice::from_ref);
    let mut first = None;
    for (_, dialect) in tried {
        match Parser::parse_sql(*dialect, text) {
            Ok(parsed) => return Ok(parsed),
            Err(error) => drop(first.get_or_insert(error)),
        }
    }
    let error = first.map_or_else(String::new, |error| error.to_string());
    Err(error.trim_start_matches("sql parser error: ").to_owned())
}

/// Does it do what the attribute is not for?
fn misplaced(statement: &Statement, purpose: For) -> Option<String> {
    let word = first_word(statement);
    match (purpose, does(statement)) {
        (For::Reading, Does::Read) | (For::Writing, Does::Write) => None,
        (For::Reading, Does::Write) => Some(format!(
            "`{word}` writes, and a hit would skip it: write `#[invalidate(sql = \"..\")]`, or `db.execute(..)`"
        )),
        (For::Writing, Does::Read) => {
            Some(format!("`{word}` changes nothing: write `#[cache_query(sql = \"..\")]` to keep its rows"))
        }
        (_, Does::Other) => Some(format!("`{word}` is no query: run it with `Database::execute`, as in a migration")),
    }
}

/// What a statement does to rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Read,
    Write,
    Other,
}

fn does(statement: &Statement) -> Does {
    match statement {
        Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) | Statement::Merge(_) => Does::Write,
        Statement::Query(query) if writes(query) => Does::Write,
        Statement::Query(_) => Does::Read,
        _ => Does::Other,
    }
}

/// `WITH gone AS (DELETE ..) SELECT ..`, and `SELECT .. INTO`.
fn writes(query: &Query) -> bool {
    struct Writes;

    impl Visitor for Writes {
        type Break = ();

        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            match query.body.as_ref() {
                SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }

        fn pre_visit_select(&mut self, select: &ast::Select) -> ControlFlow<()> {
            if select.into.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }

    query.visit(&mut Writes).is_break()
}

/// As it begins: `CREATE TABLE`.
fn first_word(statement: &Statement) -> String {
    let text = statement.to_string();
    let mut words = text.split_whitespace();
    let first = words.next().unwrap_or_default();
    let two = matches!(first, "CREATE" | "DROP" | "ALTER" | "SELECT" | "WITH");
    match words.next().filter(|word| two && word.chars().all(|c| c.is_ascii_uppercase())) {
        Some(second) => format!("{first} {second}"),
        None => first.to_owned(),
    }
}

fn miscounted(count: usize, values: &[&Param]) -> String {
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let names: Vec<String> = values.iter().map(|param| format!("`{}`", param.name)).collect();
    let named = if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
    format!(
        "the statement has {}, and the function {} for them{named}",
        plural(count, "parameter"),
        plural(values.len(), "argument")
    )
}

fn too_many(count: usize) -> String {
    format!("the statement has parameters at {count} places, of {MOST} at most: make it smaller, or ask in a body")
}

enum Parameters {
    Counted(usize),
    /// At so many places.
    Named(usize),
}

#[derive(Default)]
struct Found {
    named: BTreeSet<String>,
    defined: BTreeSet<String>,
    in_order: usize,
    numbers: BTreeSet<usize>,
    by_name: usize,
}

impl Found {
    fn tables(&self) -> Vec<String> {
        self.named.difference(&self.defined).cloned().collect()
    }

    fn parameters(&self) -> Result<Parameters, String> {
        match (self.in_order, self.numbers.last(), self.by_name) {
            (count, None, 0) => Ok(Parameters::Counted(count)),
            (0, None, places) => Ok(Parameters::Named(places)),
            (0, Some(&most), 0) => match (1..=most).find(|number| !self.numbers.contains(number)) {
                None => Ok(Parameters::Counted(most)),
                Some(gap) => Err(format!("parameter {gap} is left out: number them from 1 on")),
            },
            _ => Err("parameters are written in two ways: use `?`, numbers or names".to_owned()),
        }
    }
}

impl Visitor for Found {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let last = relation.0.last().and_then(ObjectNamePart::as_ident);
        self.named.extend(last.map(|name| name.value.to_lowercase()));
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.defined.extend(tables.map(|table| table.alias.name.value.to_lowercase()));
        ControlFlow::Continue(())
    }

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<()> {
        if let Value::Placeholder(text) = &value.value {
            let rest = text.trim_start_matches(['?', '$', ':', '@']);
            match (rest.is_empty(), rest.parse::<usize>()) {
                (true, _) => self.in_order += 1,
                (false, Ok(number)) => drop(self.numbers.insert(number)),
                (false, Err(_)) => self.by_name += 1,
            }
        }
        ControlFlow::Continue(())
    }
}
