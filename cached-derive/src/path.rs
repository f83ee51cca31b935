//! Where generated code finds the runtime.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::Path;

/// The runtime's hidden module: the only door generated code uses.
///
/// Absolute, so that nothing in the user's scope can stand in its way; `crate = path` names another way to it.
pub(crate) struct Private(Option<Path>);

impl Private {
    pub(crate) const fn new(krate: Option<Path>) -> Self {
        Self(krate)
    }

    /// The path, shown where the user's code stands.
    pub(crate) fn at(&self, span: Span) -> TokenStream {
        let ours = Span::mixed_site().located_at(span);
        match &self.0 {
            Some(path) => {
                let path = path.to_token_stream().into_iter().map(|mut token| {
                    token.set_span(token.span().located_at(span));
                    token
                });
                let path: TokenStream = path.collect();
                quote_spanned!(ours=> #path::__private)
            }
            None => quote_spanned!(ours=> ::cached_runtime::__private),
        }
    }
}

impl ToTokens for Private {
    fn to_tokens(&self, out: &mut TokenStream) {
        out.extend(self.at(Span::mixed_site()));
    }
}
