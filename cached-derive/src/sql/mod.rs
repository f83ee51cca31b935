//! `sql = ".."`: the statement that makes the body, checked where it is written.

#[cfg(feature = "query")]
mod named;
#[cfg(feature = "query")]
mod read;

use proc_macro2::{Ident, TokenStream};
use quote::quote_spanned;
use syn::LitStr;

use crate::errors::Errors;
use crate::input::{Function, Param, ours_at};
use crate::passing;
use crate::path::Private;

/// What a statement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// Its rows are kept.
    Reading,
    /// What it changes is forgotten.
    Writing,
}

/// A statement that was checked, and the arguments that it is given.
pub(crate) struct Sql {
    /// With `$1`, where its parameters had names.
    numbered: String,
    /// The same with `?`.
    in_order: String,
    /// The tables that it names, for the site's declaration.
    pub(crate) tables: Vec<String>,
    database: Ident,
    values: Vec<Ident>,
}

impl Sql {
    /// Checks the statement against the function; what is wrong goes to `errors`.
    pub(crate) fn of(
        text: &LitStr,
        function: &Function,
        skipped: impl Fn(&Ident) -> bool,
        purpose: For,
        errors: &mut Errors,
    ) -> Option<Self> {
        form(text, function, errors);
        let (database, values) = arguments(text, function, skipped, errors)?;
        let read = read(text, database, &values, purpose, errors)?;
        let values = match read.by_name {
            Some(names) => named_values(text, function, &values, &names, errors)?,
            None => values.iter().map(|param| param.name.clone()).collect(),
        };
        let Read { numbered, in_order, tables, .. } = read;
        Some(Self { numbered, in_order, tables, database: database.name.clone(), values })
    }

    /// `P::ask!(R, &db, P::query::Sql { .. }, (&video_id,))`.
    pub(crate) fn ask(&self, function: &Function, p: &Private) -> TokenStream {
        let ret = &function.output;
        let (db, sql, values) = (self.database(function), self.text(p), self.values());
        let at = ours_at(ret);
        let p = p.at(syn::spanned::Spanned::span(ret));
        quote_spanned!(at=> #p::ask!(#ret, #db, #sql, #values))
    }

    /// `P::query::run(P::query::database(&db), P::query::Sql { .. }, (&title, &id)).await`.
    pub(crate) fn run(&self, function: &Function, p: &Private) -> TokenStream {
        let (db, sql, values) = (self.database(function), self.text(p), self.values());
        let at = ours_at(&function.output);
        let p = p.at(syn::spanned::Spanned::span(&function.output));
        quote_spanned!(at=> #p::query::run(#p::query::database(#db), #sql, #values).await)
    }

    /// `P::query::ready(&db, P::query::Sql { .. }).await;`
    pub(crate) fn ready(&self, function: &Function, p: &Private) -> TokenStream {
        let (db, sql) = (self.database(function), self.text(p));
        quote_spanned!(proc_macro2::Span::mixed_site()=> #p::query::ready(#db, #sql).await;)
    }

    /// `P::query::tag(names, &db, P::query::Sql { .. }, &[&|| P::query::open(&db, &video_id)]);` What is secret is not
    /// shown.
    pub(crate) fn tag(&self, function: &Function, p: &Private, is_secret: impl Fn(&Ident) -> bool) -> TokenStream {
        let (db, sql) = (self.database(function), self.text(p));
        let ours = proc_macro2::Span::mixed_site();
        let values = self.values.iter().map(|name| {
            if is_secret(name) {
                quote_spanned!(ours=> &|| #p::query::secret())
            } else {
                quote_spanned!(ours=> &|| #p::query::open(#db, &#name))
            }
        });
        quote_spanned!(ours=> #p::query::tag(names, #db, #sql, &[#(#values),*]);)
    }

    fn database(&self, function: &Function) -> TokenStream {
        let name = &self.database;
        let at = function.params.first().map_or_else(proc_macro2::Span::mixed_site, |param| ours_at(&param.ty));
        quote_spanned!(at=> &#name)
    }

    fn text(&self, p: &Private) -> TokenStream {
        let Self { numbered, in_order, .. } = self;
        quote_spanned!(proc_macro2::Span::mixed_site()=> #p::query::Sql { numbered: #numbered, in_order: #in_order })
    }

    fn values(&self) -> TokenStream {
        let values = &self.values;
        quote_spanned!(proc_macro2::Span::mixed_site()=> (#(&#values,)*))
    }
}

/// What was read of a statement.
struct Read {
    numbered: String,
    in_order: String,
    tables: Vec<String>,
    /// The names of its parameters, one for each place, if they have names.
    by_name: Option<Vec<String>>,
}

/// No body, and something that waits.
fn form(text: &LitStr, function: &Function, errors: &mut Errors) {
    if function.has_body {
        errors.at(text.span(), "`sql` is the body: end the signature with `;`, or drop `sql`");
    }
    if !function.is_async() {
        errors.at(function.sig.ident.span(), "a database is waited for: make the function `async`");
    }
}

/// The database, and what the statement is given.
fn arguments<'a>(
    text: &LitStr,
    function: &'a Function,
    skipped: impl Fn(&Ident) -> bool,
    errors: &mut Errors,
) -> Option<(&'a Param, Vec<&'a Param>)> {
    let database = function.params.first().filter(|param| !passing::is_plain_key(&param.ty));
    let Some(database) = database else {
        let message = "the first argument is the database that is asked, such as `db: &Database<Sqlite>`";
        errors.at(function.params.first().map_or(text.span(), |param| param.name.span()), message);
        return None;
    };
    if skipped(&database.name) {
        errors.at(database.name.span(), "the database that is asked is part of the key: take it out of `skip(..)`");
        return None;
    }
    Some((database, function.params.iter().skip(1).filter(|param| !skipped(&param.name)).collect()))
}

/// By name: each has to be an argument, and each argument to be used.
fn named_values(
    text: &LitStr,
    function: &Function,
    values: &[&Param],
    names: &[String],
    errors: &mut Errors,
) -> Option<Vec<Ident>> {
    use syn::ext::IdentExt;
    let known = |name: &str| values.iter().find(|param| param.name.unraw() == name);
    let mut found = Vec::new();
    for name in names {
        match known(name) {
            Some(param) => found.push(param.name.clone()),
            None => errors.at(text.span(), crate::check::no_argument(function, name)),
        }
    }
    for param in values.iter().filter(|param| !names.iter().any(|name| param.name.unraw() == name.as_str())) {
        let name = &param.name;
        errors.at(name.span(), format!("the statement does not use `{name}`: write `:{name}`, or drop the argument"));
    }
    (found.len() == names.len()).then_some(found)
}

#[cfg(feature = "query")]
fn read(text: &LitStr, database: &Param, values: &[&Param], purpose: For, errors: &mut Errors) -> Option<Read> {
    read::statement(text, database, values, purpose, errors)
}

#[cfg(not(feature = "query"))]
fn read(text: &LitStr, _: &Param, _: &[&Param], _: For, errors: &mut Errors) -> Option<Read> {
    errors.at(text.span(), "`sql` needs the feature `query` of `cached-runtime`");
    None
}
