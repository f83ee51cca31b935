//! The options of `#[invalidate]`.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Error, Expr, Ident, LitStr, Path, Result, Token};

use super::value::Opt;
use super::{Slot, read};
use crate::errors::Errors;
use crate::words::{self, INVALIDATE};

/// What `#[invalidate(..)]` says.
#[derive(Default)]
pub(crate) struct InvalidateArgs {
    pub(crate) key: Slot<LitStr>,
    pub(crate) keys: Slot<Vec<LitStr>>,
    pub(crate) tags: Slot<Vec<LitStr>>,
    pub(crate) pattern: Slot<LitStr>,
    pub(crate) patterns: Slot<Vec<LitStr>>,
    pub(crate) namespace: Slot<LitStr>,
    pub(crate) sql: Slot<LitStr>,
    pub(crate) tables: Slot<Vec<LitStr>>,
    pub(crate) database: Slot<LitStr>,
    pub(crate) secret: Slot<Vec<Ident>>,
    pub(crate) when: Slot<When>,
    pub(crate) cache: Slot<Expr>,
    pub(crate) krate: Slot<Path>,
    /// Calls of cached functions, whose entries are meant: `frames(video_id)`, `self.load(id)`.
    pub(crate) calls: Vec<Expr>,
}

/// When the invalidation happens, seen from the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    After,
    Both,
}

impl InvalidateArgs {
    /// Reads the attribute; what is wrong goes to `errors`, what is right is kept.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Self::default();
        read(tokens, errors, |input, errors| {
            let fork = input.fork();
            let is_option = fork.call(Ident::parse_any).is_ok_and(|word| {
                fork.is_empty() || fork.peek(Token![,]) || fork.peek(Token![=]) || is_listed(&word, &fork)
            });
            if is_option {
                let word = input.call(Ident::parse_any)?;
                args.option(&word, input, errors)
            } else {
                args.call(input)
            }
        });
        args
    }

    fn option(&mut self, word: &Ident, input: ParseStream<'_>, errors: &mut Errors) -> Result<()> {
        let opt = Opt { word, words: INVALIDATE, input };
        match word.unraw().to_string().as_str() {
            "key" => self.key.fill(word, opt.text()?),
            "keys" => self.keys.fill(word, opt.texts()?),
            "tags" => self.tags.fill(word, opt.texts()?),
            "pattern" => self.pattern.fill(word, opt.text()?),
            "patterns" => self.patterns.fill(word, opt.texts()?),
            "namespace" => self.namespace.fill(word, opt.segment()?),
            "sql" => self.sql.fill(word, opt.text()?),
            "tables" => self.tables.fill(word, opt.segments()?),
            "database" => self.database.fill(word, opt.segment()?),
            "secret" => self.secret.fill(word, opt.names(errors)?),
            "when" => self.when.fill(word, opt.choice(WHEN)?),
            "cache" => self.cache.fill(word, opt.expr()?),
            "crate" => self.krate.fill(word, opt.path()?),
            other => {
                let bare = input.is_empty() || input.peek(Token![,]);
                let message = if bare && words::near(INVALIDATE, other).is_none() {
                    format!("`{other}` is no option; for the entry of a cached function call it: `{other}(..)`")
                } else {
                    words::unknown(INVALIDATE, other)
                };
                Err(Error::new(word.span(), message))
            }
        }
    }

    fn call(&mut self, input: ParseStream<'_>) -> Result<()> {
        let expr: Expr = input.parse()?;
        let callable = match &expr {
            Expr::Call(call) => matches!(&*call.func, Expr::Path(path) if path.qself.is_none()),
            Expr::MethodCall(_) => true,
            _ => false,
        };
        if !callable {
            let message = "expected an option, such as `tags = [..]`, or the call of a cached function, such as `frames(video_id)`";
            return Err(Error::new_spanned(expr.to_token_stream(), message));
        }
        self.calls.push(expr);
        Ok(())
    }

    pub(crate) fn is_secret(&self, name: &Ident) -> bool {
        self.secret.get().is_some_and(|names| names.contains(name))
    }

    /// All keys, from `key` and `keys`.
    pub(crate) fn all_keys(&self) -> impl Iterator<Item = &LitStr> {
        self.key.get().into_iter().chain(self.keys.get().into_iter().flatten())
    }

    /// All patterns, from `pattern` and `patterns`.
    pub(crate) fn all_patterns(&self) -> impl Iterator<Item = &LitStr> {
        self.pattern.get().into_iter().chain(self.patterns.get().into_iter().flatten())
    }

    pub(crate) fn all_tags(&self) -> impl Iterator<Item = &LitStr> {
        self.tags.get().into_iter().flatten()
    }

    /// Is anything named that could be invalidated?
    pub(crate) fn names_something(&self) -> bool {
        self.all_keys().chain(self.all_patterns()).chain(self.all_tags()).next().is_some()
            || self.namespace.is_given()
            || self.tables.is_given()
            || self.sql.is_given()
            || !self.calls.is_empty()
    }
}

const WHEN: &[(&str, When)] = &[("before", When::Before), ("after", When::After), ("both", When::Both)];

/// `secret(..)` is the one option that looks like a call.
fn is_listed(word: &Ident, behind: ParseStream<'_>) -> bool {
    word == "secret" && behind.peek(syn::token::Paren)
}
