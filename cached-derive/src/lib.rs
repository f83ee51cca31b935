//! The attributes of `cached-runtime`, which re-exports them: use them from there.

mod args;
mod check;
mod duration;
mod errors;
mod expand;
mod fallback;
mod input;
mod key;
mod model;
mod passing;
mod path;
mod receiver;
mod template;
mod words;

use proc_macro::TokenStream;

/// CACHE
#[proc_macro_attribute]
pub fn cache(attribute: TokenStream, item: TokenStream) -> TokenStream {
    fallback::or_untouched(item.into(), |item| expand::cache(attribute.into(), item)).into()
}

/// INVALIDATE
#[proc_macro_attribute]
pub fn invalidate(attribute: TokenStream, item: TokenStream) -> TokenStream {
    fallback::or_untouched(item.into(), |item| expand::invalidate(attribute.into(), item)).into()
}

/// KEYPART
#[proc_macro_derive(KeyPart, attributes(key))]
pub fn derive_key_part(item: TokenStream) -> TokenStream {
    fallback::or_errors(syn::parse(item).and_then(|item| expand::key_part(&item))).into()
}
