//! The options of `#[cache]`.

use proc_macro2::TokenStream;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Error, Expr, Ident, LitStr, Path, Result, Token};

use super::predict::Predict;
use super::value::Opt;
use super::{Slot, read};
use crate::errors::Errors;
use crate::rate::Rate;
use crate::words::{self, CACHE, QUERY};

/// What `#[cache(..)]` says, or `#[cache_query(..)]`.
#[derive(Default)]
pub(crate) struct CacheArgs {
    pub(crate) attribute: Attribute,
    pub(crate) sql: Slot<LitStr>,
    pub(crate) tables: Slot<Vec<LitStr>>,
    pub(crate) database: Slot<LitStr>,
    pub(crate) key: Slot<LitStr>,
    pub(crate) tags: Slot<Vec<LitStr>>,
    pub(crate) skip: Slot<Vec<Ident>>,
    pub(crate) secret: Slot<Vec<Ident>>,
    pub(crate) namespace: Slot<LitStr>,
    pub(crate) name: Slot<LitStr>,
    pub(crate) version: Slot<u32>,
    pub(crate) ttl: Slot<u64>,
    /// `ttl = "adaptive(30s..1h)"`.
    pub(crate) adaptive: Slot<(u64, u64)>,
    pub(crate) profile: Slot<LitStr>,
    pub(crate) stale: Slot<u64>,
    pub(crate) refresh_ahead: Slot<u64>,
    pub(crate) jitter: Slot<f32>,
    pub(crate) soft_timeout: Slot<u64>,
    pub(crate) timeout: Slot<u64>,
    pub(crate) rate: Slot<Rate>,
    pub(crate) idle: Slot<u64>,
    pub(crate) local: Slot<()>,
    pub(crate) strict: Slot<bool>,
    pub(crate) lock: Slot<bool>,
    pub(crate) format: Slot<&'static str>,
    pub(crate) compress: Slot<LitStr>,
    pub(crate) load: Slot<Load>,
    pub(crate) batch: Slot<Ident>,
    pub(crate) max_batch: Slot<u32>,
    pub(crate) coalesce: Slot<u64>,
    pub(crate) prefetch: Slot<Vec<Expr>>,
    pub(crate) predict: Slot<Predict>,
    pub(crate) cache_none: Slot<CacheNone>,
    pub(crate) cache_err: Slot<u64>,
    pub(crate) cache_if: Slot<Expr>,
    pub(crate) ttl_with: Slot<Expr>,
    pub(crate) weigh: Slot<Expr>,
    pub(crate) companions: Slot<bool>,
    pub(crate) cache: Slot<Expr>,
    pub(crate) krate: Slot<Path>,
}

/// Which of the two it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Attribute {
    #[default]
    Cache,
    Query,
}

/// Where a load runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// In a task of its own, with copies of the arguments.
    Task,
    /// In its caller.
    Inline,
}

/// How long `None` is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheNone {
    /// As long as a value.
    AsValue,
    /// This many milliseconds.
    For(u64),
}

impl CacheArgs {
    /// Reads the attribute; what is wrong goes to `errors`, what is right is kept.
    pub(crate) fn parse(attribute: Attribute, tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Self { attribute, ..Self::default() };
        read(tokens, errors, |input, errors| {
            let Ok(word) = input.call(Ident::parse_any) else {
                return Err(input.error("expected an option, such as `ttl = \"10m\"`"));
            };
            args.option(&word, input, errors)
        });
        args
    }

    fn option(&mut self, word: &Ident, input: ParseStream<'_>, errors: &mut Errors) -> Result<()> {
        let words = if self.is_query() { QUERY } else { CACHE };
        let opt = Opt { word, words, input };
        match word.unraw().to_string().as_str() {
            "sql" if self.is_query() => self.sql.fill(word, opt.text()?),
            "tables" if self.is_query() => self.tables.fill(word, opt.segments()?),
            "database" if self.is_query() => self.database.fill(word, opt.segment()?),
            "key" => self.key.fill(word, opt.text()?),
            "tags" => self.tags.fill(word, opt.texts()?),
            "skip" => self.skip.fill(word, opt.names(errors)?),
            "secret" => self.secret.fill(word, opt.names(errors)?),
            "namespace" => self.namespace.fill(word, opt.segment()?),
            "name" => self.name.fill(word, opt.segment()?),
            "version" => self.version.fill(word, opt.number()?),
            "ttl" => match opt.life()? {
                (least, Some(most)) => self.adaptive.fill(word, (least, most)),
                (ttl, None) => self.ttl.fill(word, ttl),
            },
            "profile" => self.profile.fill(word, opt.segment()?),
            "stale" => self.stale.fill(word, opt.duration()?),
            "refresh_ahead" => self.refresh_ahead.fill(word, opt.duration()?),
            "jitter" => self.jitter.fill(word, opt.fraction()?),
            "soft_timeout" => self.soft_timeout.fill(word, opt.duration_or_zero()?.1),
            "timeout" => self.timeout.fill(word, opt.duration()?),
            "rate" => self.rate.fill(word, opt.rate()?),
            "idle" => self.idle.fill(word, opt.duration()?),
            "local" => self.local.fill(word, opt.flag()?),
            "lock" => self.lock.fill(word, opt.choice(LOCKS)?),
            "strict" => self.strict.fill(word, truth(&opt)?),
            "format" => self.format.fill(word, opt.choice(FORMATS)?),
            "compress" => self.compress.fill(word, opt.segment()?),
            "load" => self.load.fill(word, opt.choice(LOADS)?),
            "batch" => self.batch.fill(word, opt.name_of_argument()?),
            "max_batch" => self.max_batch.fill(word, opt.number()?),
            "coalesce" => self.coalesce.fill(word, opt.duration()?),
            "prefetch" => self.prefetch.fill(word, opt.calls()?),
            "predict" => self.predict.fill(word, Predict::read(&opt)?),
            "cache_none" => self.cache_none.fill(word, none(&opt)?),
            "cache_err" => self.cache_err.fill(word, opt.duration()?),
            "cache_if" => self.cache_if.fill(word, opt.expr()?),
            "ttl_with" => self.ttl_with.fill(word, opt.expr()?),
            "weigh" => self.weigh.fill(word, opt.expr()?),
            "companions" => self.companions.fill(word, opt.truth()?),
            "cache" => self.cache.fill(word, opt.expr()?),
            "crate" => self.krate.fill(word, opt.path()?),
            other => Err(Error::new(word.span(), words::unknown(words, other))),
        }
    }

    pub(crate) fn is_skipped(&self, name: &Ident) -> bool {
        self.skip.get().is_some_and(|names| names.contains(name))
    }

    pub(crate) fn is_secret(&self, name: &Ident) -> bool {
        self.secret.get().is_some_and(|names| names.contains(name))
    }

    pub(crate) fn is_query(&self) -> bool {
        self.attribute == Attribute::Query
    }

    pub(crate) fn is_inline(&self) -> bool {
        self.load.get() == Some(&Load::Inline)
    }
}

/// The word, and whether it is one load for all nodes.
pub(super) const LOCKS: &[(&str, bool)] = &[("node", false), ("cluster", true)];

const LOADS: &[(&str, Load)] = &[("inline", Load::Inline), ("task", Load::Task)];

/// The word and the name of its variant in the runtime.
const FORMATS: &[(&str, &str)] = &[("postcard", "Postcard"), ("msgpack", "Msgpack"), ("json", "Json")];

/// `strict` alone, or `= false`.
fn truth(opt: &Opt<'_>) -> Result<bool> {
    if opt.input.peek(Token![=]) { opt.truth() } else { opt.flag().map(|()| true) }
}

/// `cache_none` alone, or `= "30s"`.
fn none(opt: &Opt<'_>) -> Result<CacheNone> {
    if opt.input.peek(Token![=]) { opt.duration().map(CacheNone::For) } else { opt.flag().map(|()| CacheNone::AsValue) }
}
