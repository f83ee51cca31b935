//! What the attributes become.

mod batch;
mod cache;
mod companions;
mod fields;
mod hot;
mod invalidate;
mod key_part;
mod load;
mod predict;
mod prefetch;
mod read_part;
mod site;
mod warmup;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{Result, Signature};

use crate::args::Attribute;

pub(crate) use invalidate::expand as invalidate;
pub(crate) use key_part::expand as key_part;
pub(crate) use read_part::expand as read_part;
pub(crate) use warmup::{Job, expand as warmup};

/// `#[cache]`.
pub(crate) fn cache(attribute: TokenStream, item: TokenStream) -> Result<TokenStream> {
    cache::expand(Attribute::Cache, attribute, item)
}

/// `#[cache_query]`.
pub(crate) fn cache_query(attribute: TokenStream, item: TokenStream) -> Result<TokenStream> {
    cache::expand(Attribute::Query, attribute, item)
}

/// The types and constants a function was called with, to call it again: `::<T, N>`.
fn turbofish(sig: &Signature) -> TokenStream {
    let types = sig.generics.type_params().map(|param| param.ident.to_token_stream());
    let arguments: Vec<_> =
        types.chain(sig.generics.const_params().map(|param| param.ident.to_token_stream())).collect();
    if arguments.is_empty() { TokenStream::new() } else { quote_spanned!(Span::mixed_site()=> ::<#(#arguments),*>) }
}

#[cfg(test)]
mod tests;
