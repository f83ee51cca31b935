//! One annotated function together with what its attribute says: what the checks read and the expansion prints.

use proc_macro2::TokenStream;
use syn::Result;

use crate::args::{self, Attribute, CacheArgs};
use crate::batch::Batch;
use crate::errors::Errors;
use crate::input::{Function, Param};
use crate::passing::{self, Passing};
use crate::path::Private;
use crate::sql::{For, Sql};
use crate::template::{Purpose, Template};
use crate::{check, words};

/// A cached function; of one that is asked for several at once, what it would be for one.
pub(crate) struct Model {
    pub(crate) function: Function,
    pub(crate) args: CacheArgs,
    pub(crate) key: Option<Template>,
    pub(crate) tags: Vec<Template>,
    pub(crate) sql: Option<Sql>,
    /// What it is beside, if it is asked for several at once.
    pub(crate) batch: Option<Batch>,
    pub(crate) private: Private,
}

/// Where the companions of a function go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Companions {
    /// Into a type of the function's own name.
    Type,
    /// Beside the method, as `load_entry` and `load_refresh`.
    Methods,
}

impl Model {
    /// Reads both, and reports all that is wrong with them at once.
    pub(crate) fn parse(which: Attribute, attribute: TokenStream, item: TokenStream) -> Result<Self> {
        let mut errors = Errors::default();
        let args = CacheArgs::parse(which, attribute, &mut errors);
        let Some(mut function) = errors.keep(syn::parse2::<Function>(item)) else {
            return Err(errors.finish().err().unwrap_or_else(unread));
        };
        let key = args.key.get().and_then(|lit| Template::parse(lit, Purpose::Key, &mut errors));
        let tags = args.tags.get().into_iter().flatten();
        let tags = tags.filter_map(|lit| Template::parse(lit, Purpose::Tag, &mut errors)).collect();
        let private = Private::new(args.krate.get().cloned());
        let sql = args
            .sql
            .get()
            .and_then(|text| Sql::of(text, &function, |name| args.is_skipped(name), For::Reading, &mut errors));
        if let Some(sql) = &sql {
            function.body = sql.ask(&function, &private);
        }
        let mut model = Self { function, args, key, tags, sql, batch: None, private };
        check::cache(&model, &mut errors);
        errors.finish()?;
        if let Some(ids) = model.args.batch.get() {
            model.batch = Batch::of(&mut model.function, ids, &model.private);
        }
        Ok(model)
    }

    /// The arguments of a query that may be a database: those that are no plain values. Only their types know.
    pub(crate) fn sources(&self) -> impl DoubleEndedIterator<Item = &Param> {
        let params = if self.args.is_query() { &self.function.params[..] } else { &[] };
        params.iter().filter(|param| !passing::is_plain_key(&param.ty))
    }

    /// Those of them that have a say.
    pub(crate) fn keyed_sources(&self) -> impl DoubleEndedIterator<Item = &Param> {
        self.sources().filter(|param| !self.args.is_skipped(&param.name))
    }

    /// What the database is called, if it does not know itself.
    pub(crate) fn database(&self) -> String {
        args::database(&self.args.database)
    }

    /// The tables that a query reads, by the last part of their names: as given, or else as its statement names them.
    pub(crate) fn tables(&self) -> impl Iterator<Item = String> {
        let read = self.sql.as_ref().filter(|_| !self.args.tables.is_given());
        args::tables(&self.args.tables).chain(read.into_iter().flat_map(|sql| sql.tables.clone()))
    }

    /// The statement that says what the query reads, if that is not given.
    pub(crate) fn reading(&self) -> Option<&Sql> {
        self.sql.as_ref().filter(|_| !self.args.tables.is_given())
    }

    /// Does the load run in a task of its own, away from what the caller lent?
    pub(crate) fn runs_apart(&self) -> bool {
        self.function.is_async() && !self.args.is_inline()
    }

    /// Do values stay in the near tier?
    pub(crate) const fn is_local(&self) -> bool {
        self.args.local.is_given() || !self.function.is_async()
    }

    /// Is the receiver known by another name in the body?
    pub(crate) fn renames_self(&self) -> bool {
        let passing = self.function.receiver.as_ref().map(passing::of_receiver);
        self.runs_apart() && matches!(passing, Some(Passing::Lent | Passing::LentOption))
    }

    /// Where companions go, if the function has any.
    pub(crate) fn companions(&self) -> Option<Companions> {
        let asked = self.args.companions.get();
        if asked == Some(&false) {
            return None;
        }
        if self.function.is_associated() {
            // An attribute cannot see whether it stands in the impl of a trait, where a method of our own would be
            // refused; a method with a visibility cannot.
            let named = !matches!(self.function.vis, syn::Visibility::Inherited);
            return (named || asked == Some(&true)).then_some(Companions::Methods);
        }
        (!words::is_type_of_the_language(&self.function.sig.ident.to_string())).then_some(Companions::Type)
    }
}

fn unread() -> syn::Error {
    syn::Error::new(proc_macro2::Span::call_site(), "this attribute goes on a function")
}
