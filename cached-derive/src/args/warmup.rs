//! The options of `#[warmup]`.

use proc_macro2::TokenStream;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Error, Expr, Ident, LitStr, Path, Result};

use super::cache::LOCKS;
use super::value::Opt;
use super::{Slot, read};
use crate::errors::Errors;
use crate::words::{self, WARMUP};

/// What `#[warmup(..)]` says.
#[derive(Default)]
pub(crate) struct WarmupArgs {
    pub(crate) args: Slot<Expr>,
    pub(crate) args_from: Slot<Expr>,
    pub(crate) hot: Slot<u32>,
    pub(crate) on_start: Slot<()>,
    pub(crate) every: Slot<u64>,
    pub(crate) cron: Slot<LitStr>,
    pub(crate) priority: Slot<i32>,
    pub(crate) concurrency: Slot<u32>,
    pub(crate) retries: Slot<u32>,
    pub(crate) spread: Slot<u64>,
    pub(crate) deadline: Slot<u64>,
    pub(crate) lock: Slot<bool>,
    pub(crate) skip: Slot<Vec<Ident>>,
    pub(crate) name: Slot<LitStr>,
    pub(crate) krate: Slot<Path>,
}

impl WarmupArgs {
    /// Reads the attribute; what is wrong goes to `errors`, what is right is kept.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Self::default();
        read(tokens, errors, |input, errors| {
            let Ok(word) = input.call(Ident::parse_any) else {
                return Err(input.error("expected an option, such as `every = \"30m\"`"));
            };
            args.option(&word, input, errors)
        });
        args
    }

    fn option(&mut self, word: &Ident, input: ParseStream<'_>, errors: &mut Errors) -> Result<()> {
        let opt = Opt { word, words: WARMUP, input };
        match word.unraw().to_string().as_str() {
            "args" => self.args.fill(word, opt.expr()?),
            "args_from" => self.args_from.fill(word, opt.expr()?),
            "hot" => {
                // Wrong as it is, it says for what.
                let most = errors.keep(opt.positive()).unwrap_or(1);
                self.hot.fill(word, most)
            }
            "on_start" => self.on_start.fill(word, opt.flag()?),
            "every" => self.every.fill(word, opt.duration()?),
            "cron" => self.cron.fill(word, cron(&opt.text()?)?),
            "priority" => self.priority.fill(word, opt.signed()?),
            "concurrency" => self.concurrency.fill(word, opt.positive()?),
            "retries" => self.retries.fill(word, opt.number()?),
            "spread" => self.spread.fill(word, opt.duration()?),
            "deadline" => self.deadline.fill(word, opt.duration()?),
            "lock" => self.lock.fill(word, opt.choice(LOCKS)?),
            "skip" => self.skip.fill(word, opt.names(errors)?),
            "name" => self.name.fill(word, opt.segment()?),
            "crate" => self.krate.fill(word, opt.path()?),
            other => Err(Error::new(word.span(), words::unknown(WARMUP, other))),
        }
    }

    pub(crate) fn is_skipped(&self, name: &Ident) -> bool {
        self.skip.get().is_some_and(|names| names.contains(name))
    }
}

/// A line of cron that can be read, by the library that will read it when the program runs.
#[cfg(feature = "cron")]
fn cron(line: &LitStr) -> Result<LitStr> {
    match croner::parser::CronParser::new().parse(&line.value()) {
        Ok(_) => Ok(line.clone()),
        Err(why) => {
            let message = format!(
                "this is no line of cron: {why}; write minute, hour, day, month and weekday: \"0 6 * * MON-FRI\""
            );
            Err(Error::new(line.span(), message))
        }
    }
}

#[cfg(not(feature = "cron"))]
fn cron(line: &LitStr) -> Result<LitStr> {
    let message =
        "`cron` needs the feature `cron` of `cached-runtime`: write `features = [\"cron\"]` behind it in Cargo.toml";
    Err(Error::new(line.span(), message))
}
