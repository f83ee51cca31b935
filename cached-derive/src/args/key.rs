//! The options of `#[key(..)]`, the helper of `#[derive(KeyPart)]` and `#[derive(ReadPart)]`.

use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Attribute, Error, Ident, Meta, Path};

use super::value::Opt;
use super::{Slot, read};
use crate::errors::Errors;
use crate::words::{self, KEY};

/// What all `#[key(..)]` on one item say.
#[derive(Default)]
pub(crate) struct KeyArgs {
    pub(crate) skip: Slot<()>,
    pub(crate) krate: Slot<Path>,
}

impl KeyArgs {
    /// Reads the attributes; what is wrong goes to `errors`, what is right is kept.
    pub(crate) fn parse(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut args = Self::default();
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("key")) {
            let Meta::List(list) = &attr.meta else {
                errors.push(Error::new_spanned(
                    attr.meta.to_token_stream(),
                    "`#[key(..)]` takes options: `#[key(skip)]`",
                ));
                continue;
            };
            read(list.tokens.clone(), errors, |input, _| {
                let word = &input.call(Ident::parse_any)?;
                let opt = Opt { word, words: KEY, input };
                match word.unraw().to_string().as_str() {
                    "skip" => args.skip.fill(word, opt.flag()?),
                    "crate" => args.krate.fill(word, opt.path()?),
                    other => Err(Error::new(word.span(), words::unknown(KEY, other))),
                }
            });
        }
        args
    }
}
