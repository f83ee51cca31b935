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

    /// The runtime itself, for what users name too.
    pub(crate) fn runtime(&self) -> TokenStream {
        match &self.0 {
            Some(path) => path.to_token_stream(),
            None => quote_spanned!(Span::mixed_site()=> ::cached_runtime),
        }
    }
}

impl ToTokens for Private {
    fn to_tokens(&self, out: &mut TokenStream) {
        let runtime = self.runtime();
        out.extend(quote_spanned!(Span::mixed_site()=> #runtime::__private));
    }
}
