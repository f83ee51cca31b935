//! Which rows a statement can only be about: those whose column has a value that the statement says.
//!
//! Read from the text alone. Whether a column is one by which rows may be told apart, and whether the value is one of its
//! type, is for who knows the schema.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use sqlparser::ast::{
    self, Assignment, AssignmentTarget, BinaryOperator, Expr, FromTable, Ident, ObjectName, ObjectNamePart,
    OnConflictAction, OnInsert, SetExpr, TableFactor, TableObject, TableWithJoins, UnaryOperator, Value, ValueWithSpan,
    Visit, Visitor,
};
use sqlparser::tokenizer::Location;

use super::tables;

/// More rows of one `INSERT` are not told apart.
const MOST_ROWS: usize = 64;

/// A value that a statement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// That of a parameter, counted from 0.
    Parameter(usize),
    /// A number in the text.
    Integer(i64),
    /// A text in the text.
    Text(String),
}

/// The rows of one table that a statement can only be about: in each of these columns they have one of these values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// The table, as [`Tables`](super::Tables) names it.
    pub table: String,
    /// Its columns, in small letters, each with at least one value.
    pub columns: Vec<(String, Vec<Given>)>,
}

/// The rows that its answer can only depend on, of those tables of which that is clear.
pub(super) fn read(statement: &ast::Statement) -> Vec<Rows> {
    let ast::Statement::Query(query) = statement else { return Vec::new() };
    let (None, SetExpr::Select(select)) = (&query.with, query.body.as_ref()) else { return Vec::new() };
    let Some(relations) = plain_relations(&select.from).filter(|relations| are_told_apart(relations)) else {
        return Vec::new();
    };
    let (Some(selection), Some(places)) = (&select.selection, Places::of(statement)) else { return Vec::new() };
    let said = Said::of(selection, &places);
    let often = Often::of(statement);
    let rows = relations.iter().filter(|relation| often.once(&relation.table)).map(|relation| Rows {
        table: relation.table.clone(),
        columns: said.of_relation(relation, relations.len() == 1),
    });
    rows.filter(|rows| !rows.columns.is_empty()).collect()
}

/// Does MySQL see other conditions in it than the parser does? There `||` and `XOR` bind less than `AND`, and comments for
/// other versions than the server's are left out.
pub(super) fn are_doubtful(statement: &ast::Statement, text: &str) -> bool {
    struct Joined;

    impl Visitor for Joined {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::BinaryOp { op: BinaryOperator::StringConcat | BinaryOperator::Xor, .. } => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }

    text.contains("/*!") || text.contains("/*M!") || statement.visit(&mut Joined).is_break()
}

/// The rows that it can only change or add, if it writes to one table and that is clear.
pub(super) fn written(statement: &ast::Statement) -> Option<Rows> {
    let places = Places::of(statement)?;
    let rows = match statement {
        ast::Statement::Update(update) if update.from.is_none() && update.or.is_none() => {
            let relation = only(std::slice::from_ref(&update.table))?;
            let said = Said::of(update.selection.as_ref()?, &places);
            let mut columns = said.of_relation(&relation, true);
            let assigned = assigned(&update.assignments)?;
            // A row that is given another value was one of the old one.
            columns.retain(|(column, _)| !assigned.contains(column));
            Rows { table: relation.table, columns }
        }
        ast::Statement::Delete(delete) if delete.tables.is_empty() && delete.using.is_none() => {
            let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
            let relation = only(from)?;
            let said = Said::of(delete.selection.as_ref()?, &places);
            Rows { columns: said.of_relation(&relation, true), table: relation.table }
        }
        ast::Statement::Insert(insert) => added(insert, &places)?,
        _ => return None,
    };
    (!rows.columns.is_empty()).then_some(rows)
}

/// Does it add rows, and do nothing to those that are there?
fn adds(insert: &ast::Insert) -> bool {
    let conflict = match &insert.on {
        None => true,
        Some(OnInsert::OnConflict(conflict)) => matches!(conflict.action, OnConflictAction::DoNothing),
        Some(_) => false,
    };
    let alone = insert.source.as_ref().is_none_or(|source| source.with.is_none());
    let replaces = matches!(insert.or, Some(ast::SqliteOnConflict::Replace)) || insert.replace_into || insert.overwrite;
    conflict && alone && !replaces
}

/// The rows of an `INSERT .. VALUES`, by their columns.
fn added(insert: &ast::Insert, places: &Places) -> Option<Rows> {
    let TableObject::TableName(name) = &insert.table else { return None };
    let source = insert.source.as_ref()?;
    let SetExpr::Values(values) = source.body.as_ref() else { return None };
    let clear = adds(insert) && insert.or.is_none() && insert.assignments.is_empty() && source.with.is_none();
    if !clear || values.rows.len() > MOST_ROWS {
        return None;
    }
    // `(addr.id)` is a part of the column `addr`.
    let is_plain = |name: &&ObjectName| name.0.len() == 1;
    let names = insert.columns.iter().map(|name| Some(name).filter(is_plain).and_then(last_part));
    let names = names.collect::<Option<Vec<_>>>()?;
    let once = names.iter().collect::<BTreeSet<_>>().len() == names.len();
    if !once || names.iter().any(|name| may_be_a_key(name)) {
        return None;
    }
    let mut columns = Vec::new();
    for (at, column) in names.into_iter().enumerate() {
        let given = values.rows.iter().map(|row| places.given(row.content.get(at)?)).collect::<Option<Vec<_>>>();
        if let Some(given) = given.filter(|given| !given.is_empty()) {
            columns.push((column, given));
        }
    }
    Some(Rows { table: last_part(name)?, columns })
}

/// Of SQLite these are other names of a column that is an `INTEGER PRIMARY KEY`.
fn may_be_a_key(column: &str) -> bool {
    matches!(column, "rowid" | "oid" | "_rowid_")
}

/// The columns that are given values, if all have names of their own.
fn assigned(assignments: &[Assignment]) -> Option<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for assignment in assignments {
        let targets = match &assignment.target {
            AssignmentTarget::ColumnName(name) => std::slice::from_ref(name),
            AssignmentTarget::Tuple(names) => names,
        };
        for target in targets {
            names.insert(last_part(target)?);
        }
    }
    (!names.iter().any(|name| may_be_a_key(name))).then_some(names)
}

/// A table in a `FROM`, and what its columns are named by.
struct Relation {
    table: String,
    called: String,
}

/// All of them, if they are nothing but tables.
fn plain_relations(from: &[TableWithJoins]) -> Option<Vec<Relation>> {
    let factors = from
        .iter()
        .flat_map(|table| std::iter::once(&table.relation).chain(table.joins.iter().map(|join| &join.relation)));
    let relation = |factor: &TableFactor| match factor {
        TableFactor::Table { name, alias, args: None, version: None, sample: None, .. } => {
            let table = last_part(name)?;
            // Columns that are given other names by it are not looked through.
            let called = match alias {
                Some(alias) if alias.columns.is_empty() => alias.name.value.to_lowercase(),
                Some(_) => return None,
                None => table.clone(),
            };
            Some(Relation { table, called })
        }
        _ => None,
    };
    factors.map(relation).collect()
}

/// Databases may tell `C` from `c`, and here both are `c`.
fn are_told_apart(relations: &[Relation]) -> bool {
    relations.iter().map(|relation| &relation.called).collect::<BTreeSet<_>>().len() == relations.len()
}

fn only(from: &[TableWithJoins]) -> Option<Relation> {
    let mut relations = plain_relations(from)?;
    let last = relations.pop()?;
    relations.is_empty().then_some(last)
}

/// What is said of columns: by qualifier and name.
struct Said(BTreeMap<(Option<String>, String), Given>);

impl Said {
    /// By those conditions that all have to hold.
    fn of(selection: &Expr, places: &Places) -> Self {
        let mut said = BTreeMap::new();
        let mut open = vec![selection];
        while let Some(expr) = open.pop() {
            match expr {
                Expr::Nested(nested) => open.push(nested),
                Expr::BinaryOp { left, op: BinaryOperator::And, right } => open.extend([left.as_ref(), right.as_ref()]),
                Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
                    for (column, value) in [(left, right), (right, left)] {
                        if let (Some(column), Some(value)) = (column_of(column), places.given(value)) {
                            said.entry(column).or_insert(value);
                        }
                    }
                }
                _ => {}
            }
        }
        Self(said)
    }

    /// Of this table; of columns that do not say whose they are only if there is no other.
    fn of_relation(&self, relation: &Relation, alone: bool) -> Vec<(String, Vec<Given>)> {
        let mine = |qualifier: &Option<String>| match qualifier {
            Some(name) => *name == relation.called,
            None => alone,
        };
        let found = self.0.iter().filter(|((qualifier, _), _)| mine(qualifier));
        found.map(|((_, column), given)| (column.clone(), vec![given.clone()])).collect()
    }
}

fn column_of(expr: &Expr) -> Option<(Option<String>, String)> {
    let lower = |ident: &Ident| ident.value.to_lowercase();
    match expr {
        Expr::Identifier(ident) => Some((None, lower(ident))),
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [table, column] => Some((Some(lower(table)), lower(column))),
            _ => None,
        },
        _ => None,
    }
}

/// Where the parameters stand: that of `?` is told by its place in the text.
struct Places(Vec<Location>);

impl Places {
    /// `None` if places cannot be told apart, or if parameters have names.
    fn of(statement: &ast::Statement) -> Option<Self> {
        struct Found(Vec<Location>, bool);

        impl Visitor for Found {
            type Break = ();

            fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<()> {
                if let Value::Placeholder(text) = &value.value {
                    match text.trim_start_matches(['?', '$']) {
                        "" => self.0.push(value.span.start),
                        rest => self.1 |= rest.parse::<usize>().is_err(),
                    }
                }
                ControlFlow::Continue(())
            }
        }

        let mut found = Found(Vec::new(), false);
        let _ = statement.visit(&mut found);
        let Found(mut places, named) = found;
        places.sort_unstable();
        let told_apart = places.windows(2).all(|two| two[0] < two[1]) && places.first().is_none_or(|at| at.line > 0);
        (told_apart && !named).then_some(Self(places))
    }

    fn given(&self, expr: &Expr) -> Option<Given> {
        match expr {
            Expr::Value(value) => match &value.value {
                Value::Placeholder(text) => match text.trim_start_matches(['?', '$']) {
                    "" => self.0.binary_search(&value.span.start).ok().map(Given::Parameter),
                    number => number.parse::<usize>().ok()?.checked_sub(1).map(Given::Parameter),
                },
                Value::Number(number, false) => number.to_string().parse().ok().map(Given::Integer),
                Value::SingleQuotedString(text) => Some(Given::Text(text.clone())),
                _ => None,
            },
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match expr.as_ref() {
                Expr::Value(value) => match &value.value {
                    Value::Number(number, false) => format!("-{number}").parse().ok().map(Given::Integer),
                    _ => None,
                },
                _ => None,
            },
            Expr::Nested(nested) => self.given(nested),
            _ => None,
        }
    }
}

/// How often each table is named, wherever.
#[derive(Default)]
struct Often(BTreeMap<String, usize>);

impl Often {
    fn of(statement: &ast::Statement) -> Self {
        let mut often = Self::default();
        let _ = statement.visit(&mut often);
        often
    }

    fn once(&self, table: &str) -> bool {
        self.0.get(table) == Some(&1)
    }
}

impl Visitor for Often {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        if let Some(name) = last_part(relation) {
            *self.0.entry(name).or_default() += 1;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias, .. } = factor
            && let Some(table) = tables::behind_a_word(name, alias.as_ref())
        {
            *self.0.entry(table).or_default() += 1;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &ast::Query) -> ControlFlow<()> {
        // `TABLE a` is no relation to the parser.
        if let SetExpr::Table(table) = query.body.as_ref()
            && let Some(name) = &table.table_name
        {
            *self.0.entry(name.to_lowercase()).or_default() += 1;
        }
        ControlFlow::Continue(())
    }
}

fn last_part(name: &ObjectName) -> Option<String> {
    name.0.last().and_then(ObjectNamePart::as_ident).map(|ident| ident.value.to_lowercase())
}
