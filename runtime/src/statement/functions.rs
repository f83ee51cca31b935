//! What is known of the functions that statements call.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{self, Expr, ObjectName, TableFactor, Visit, Visitor};

use super::{Backend, dialects};

/// Their answer may be another one each time.
const UNSTEADY: &[&str] = &[
    "changes",
    "clock_timestamp",
    "connection_id",
    "curdate",
    "current_date",
    "current_setting",
    "current_time",
    "current_timestamp",
    "current_user",
    "curtime",
    "found_rows",
    "gen_random_uuid",
    "get_lock",
    "is_free_lock",
    "is_used_lock",
    "last_insert_id",
    "last_insert_rowid",
    "lastval",
    "localtime",
    "localtimestamp",
    "nextval",
    "now",
    "pg_backend_pid",
    "rand",
    "random",
    "randomblob",
    "release_lock",
    "row_count",
    "session_user",
    "setval",
    "sleep",
    "pg_sleep",
    "statement_timestamp",
    "sysdate",
    "timeofday",
    "total_changes",
    "transaction_timestamp",
    "txid_current",
    "unix_timestamp",
    "user",
    "utc_date",
    "utc_time",
    "utc_timestamp",
    "uuid",
    "uuid_short",
    "uuidv4",
    "uuidv7",
    "currval",
    "uuid_generate_v4",
    "pg_current_xact_id",
    "age",
];

/// They act: to call them twice is something else than once.
const ACTING: &[&str] = &["get_lock", "nextval", "pg_notify", "release_lock", "setval"];

/// In SQLite these read the clock if they are told `now`, or nothing.
const DATES: &[&str] = &["date", "time", "datetime", "julianday", "strftime", "unixepoch", "timediff"];

/// They read nothing but what they are given, and write nothing.
const KNOWN: &[&str] = &[
    "abs",
    "acos",
    "array_agg",
    "array_length",
    "array_position",
    "array_to_string",
    "ascii",
    "asin",
    "atan",
    "atan2",
    "avg",
    "bit_and",
    "bit_count",
    "bit_length",
    "bit_or",
    "bool_and",
    "bool_or",
    "btrim",
    "cardinality",
    "cast",
    "ceil",
    "ceiling",
    "char",
    "char_length",
    "character_length",
    "chr",
    "coalesce",
    "concat",
    "concat_ws",
    "convert",
    "cos",
    "cot",
    "count",
    "cume_dist",
    "date_add",
    "date_format",
    "date_part",
    "date_sub",
    "date_trunc",
    "datediff",
    "day",
    "dayname",
    "dayofmonth",
    "dayofweek",
    "dayofyear",
    "decode",
    "degrees",
    "dense_rank",
    "div",
    "encode",
    "every",
    "exp",
    "extract",
    "field",
    "find_in_set",
    "first_value",
    "floor",
    "format",
    "from_unixtime",
    "generate_series",
    "glob",
    "greatest",
    "group_concat",
    "hex",
    "hour",
    "if",
    "ifnull",
    "iif",
    "initcap",
    "instr",
    "isnull",
    "json",
    "json_agg",
    "json_array",
    "json_array_length",
    "json_build_array",
    "json_build_object",
    "json_each",
    "json_extract",
    "json_group_array",
    "json_group_object",
    "json_object",
    "json_object_agg",
    "json_quote",
    "json_tree",
    "json_type",
    "json_unquote",
    "json_valid",
    "jsonb_agg",
    "jsonb_array_elements",
    "jsonb_array_elements_text",
    "jsonb_array_length",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_each",
    "jsonb_object_agg",
    "jsonb_path_query",
    "jsonb_set",
    "jsonb_typeof",
    "lag",
    "last_value",
    "lcase",
    "lead",
    "least",
    "left",
    "length",
    "like",
    "likelihood",
    "likely",
    "ln",
    "locate",
    "log",
    "log10",
    "log2",
    "lower",
    "lpad",
    "ltrim",
    "make_date",
    "makedate",
    "max",
    "md5",
    "mid",
    "min",
    "minute",
    "mod",
    "month",
    "monthname",
    "nth_value",
    "ntile",
    "nullif",
    "octet_length",
    "ord",
    "overlay",
    "percent_rank",
    "percentile_cont",
    "percentile_disc",
    "pi",
    "position",
    "pow",
    "power",
    "printf",
    "quarter",
    "quote",
    "quote_literal",
    "radians",
    "rank",
    "regexp_like",
    "regexp_match",
    "regexp_matches",
    "regexp_replace",
    "regexp_substr",
    "repeat",
    "replace",
    "reverse",
    "right",
    "round",
    "row",
    "row_number",
    "rpad",
    "rtrim",
    "second",
    "sha1",
    "sha2",
    "sha256",
    "sign",
    "sin",
    "soundex",
    "split_part",
    "sqrt",
    "starts_with",
    "std",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "str_to_date",
    "strcmp",
    "string_agg",
    "string_to_array",
    "strpos",
    "substr",
    "substring",
    "substring_index",
    "sum",
    "tan",
    "timestampdiff",
    "to_char",
    "to_date",
    "to_json",
    "to_jsonb",
    "to_number",
    "to_timestamp",
    "to_tsquery",
    "to_tsvector",
    "total",
    "translate",
    "trim",
    "trunc",
    "truncate",
    "typeof",
    "ucase",
    "unhex",
    "unicode",
    "unlikely",
    "unnest",
    "upper",
    "values",
    "var_pop",
    "var_samp",
    "variance",
    "websearch_to_tsquery",
    "pg_notify",
    "plainto_tsquery",
    "raise",
    "row_to_json",
    "ts_rank",
    "week",
    "weekday",
    "width_bucket",
    "year",
    "yearweek",
    "zeroblob",
    "bm25",
    "highlight",
    "snippet",
    "match",
];

/// What a statement calls.
pub(super) fn of(statement: &ast::Statement, backend: Backend) -> Called {
    let mut called = Called::of(backend);
    let _ = statement.visit(&mut called);
    called
}

pub(super) struct Called {
    backend: Backend,
    /// The first function whose answer may be another one each time.
    pub(super) unsteady: Option<String>,
    /// Is one called that acts?
    pub(super) acts: bool,
    /// Is a function called that is not known here? It may read and write what it likes.
    pub(super) unknown: bool,
    /// What is called, if it is taken for the database's own.
    pub(super) names: BTreeSet<String>,
    /// What may be called as if it were a column: `v.frames` is `frames(v)` to PostgreSQL, if there is no such column.
    pub(super) fields: BTreeSet<String>,
}

impl Called {
    const fn of(backend: Backend) -> Self {
        let names = BTreeSet::new();
        Self { backend, unsteady: None, acts: false, unknown: false, names, fields: BTreeSet::new() }
    }

    fn call(&mut self, name: &str, reads_the_clock: bool) {
        let is = |names: &[&str]| names.contains(&name);
        if !dialects::has(self.backend, name) || !(is(UNSTEADY) || is(DATES) || is(KNOWN)) {
            self.unknown = true;
            return;
        }
        self.names.insert(name.to_owned());
        self.acts |= is(ACTING);
        if is(UNSTEADY) || (is(DATES) && reads_the_clock) {
            self.unsteady.get_or_insert_with(|| name.to_owned());
        }
    }
}

impl Visitor for Called {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) => match of_the_database(&function.name) {
                Some(name) => self.call(&name, reads_the_clock(&function.args)),
                None => self.unknown = true,
            },
            Expr::CompoundIdentifier(parts) if self.backend == Backend::Postgres => {
                self.fields.extend(parts.last().map(|part| part.value.to_lowercase()));
            }
            Expr::CompoundFieldAccess { access_chain, .. } if self.backend == Backend::Postgres => {
                self.fields.extend(access_chain.iter().filter_map(|access| match access {
                    ast::AccessExpr::Dot(Expr::Identifier(part)) => Some(part.value.to_lowercase()),
                    _ => None,
                }));
            }
            // Some are called without brackets.
            Expr::Identifier(name) if name.quote_style.is_none() => {
                let name = name.value.to_lowercase();
                if name.starts_with("current_") || name.starts_with("local") {
                    self.unsteady.get_or_insert(name);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        let name = match factor {
            TableFactor::Table { name, args: Some(_), .. } => name,
            TableFactor::Function { name, .. } => name,
            _ => return ControlFlow::Continue(()),
        };
        match of_the_database(name) {
            Some(name) => self.call(&name, true),
            None => self.unknown = true,
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, statement: &ast::Statement) -> ControlFlow<()> {
        self.unknown |= matches!(statement, ast::Statement::Call(_) | ast::Statement::Execute { .. });
        ControlFlow::Continue(())
    }
}

/// The name of a function of the database's own; one of another schema is somebody else's, whatever it is called.
fn of_the_database(name: &ObjectName) -> Option<String> {
    let parts: Option<Vec<String>> =
        name.0.iter().map(|part| part.as_ident().map(|ident| ident.value.to_lowercase())).collect();
    match parts?.as_slice() {
        [name] => Some(name.clone()),
        [schema, name] if schema == "pg_catalog" || schema == "sys" => Some(name.clone()),
        _ => None,
    }
}

/// What is given as a parameter may be `now`.
fn reads_the_clock(args: &ast::FunctionArguments) -> bool {
    use ast::{FunctionArg, FunctionArgExpr, FunctionArguments, Value};
    let FunctionArguments::List(list) = args else { return true };
    let may_be_now = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value))) => match &value.value {
            Value::SingleQuotedString(text) => text.eq_ignore_ascii_case("now"),
            Value::Placeholder(_) => true,
            _ => false,
        },
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(_) | Expr::CompoundIdentifier(_))) => false,
        _ => true,
    };
    list.args.is_empty() || list.args.iter().any(may_be_now)
}
