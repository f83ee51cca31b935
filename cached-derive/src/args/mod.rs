//! The grammar of all attributes: `word`, `word = value`, `word(names)`, separated by commas.
//!
//! A mistake in one option never hides a mistake in the next: each is reported and the reading goes on behind the next
//! comma.

mod cache;
mod invalidate;
mod key;
mod predict;
mod value;
mod warmup;

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Ident, LitStr, Result, Token};

pub(crate) use cache::{Attribute, CacheArgs, CacheNone};
pub(crate) use invalidate::{InvalidateArgs, When};
pub(crate) use key::KeyArgs;
pub(crate) use predict::Predict;
pub(crate) use warmup::WarmupArgs;

use crate::errors::Errors;

/// The place of one option: empty, or a value and where its word stands.
///
/// The only place that knows about options given twice.
pub(crate) struct Slot<T>(Option<(Span, T)>);

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Slot<T> {
    /// Takes the value that stands behind `word`.
    fn fill(&mut self, word: &Ident, value: T) -> Result<()> {
        match self.0 {
            Some(_) => Err(Error::new(word.span(), format!("`{}` is given twice: keep one of the two", word.unraw()))),
            None => {
                self.0 = Some((word.span(), value));
                Ok(())
            }
        }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        self.0.as_ref().map(|(_, value)| value)
    }

    /// Where the option's word stands, if it is given.
    pub(crate) fn span(&self) -> Option<Span> {
        self.0.as_ref().map(|(span, _)| *span)
    }

    pub(crate) const fn is_given(&self) -> bool {
        self.0.is_some()
    }
}

/// Tables by the last part of their names, as tags name them.
pub(crate) fn tables(names: &Slot<Vec<LitStr>>) -> impl Iterator<Item = String> {
    let last = |name: &LitStr| name.value().rsplit('.').next().unwrap_or_default().to_lowercase();
    names.get().into_iter().flatten().map(last)
}

/// What a database is called that does not know itself.
pub(crate) fn database(name: &Slot<LitStr>) -> String {
    name.get().map_or_else(|| "main".to_owned(), LitStr::value)
}

/// Reads options until the tokens end; `option` reads what belongs to one.
fn read(tokens: TokenStream, errors: &mut Errors, mut option: impl FnMut(ParseStream<'_>, &mut Errors) -> Result<()>) {
    let all = |input: ParseStream<'_>| {
        while !input.is_empty() {
            if let Err(error) = option(input, errors).and_then(|()| comma(input)) {
                errors.push(error);
                skip_to_comma(input);
            }
            let _comma: Option<Token![,]> = input.parse()?;
        }
        Ok(())
    };
    if let Err(error) = all.parse2(tokens)
        && errors.is_empty()
    {
        // Only what a nested list left unread; when something else was wrong, that is why.
        errors.push(error);
    }
}

fn comma(input: ParseStream<'_>) -> Result<()> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(());
    }
    Err(input.error("expected a comma before the next option"))
}

fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        let _skipped: Result<proc_macro2::TokenTree> = input.parse();
    }
}

#[cfg(test)]
mod tests;
