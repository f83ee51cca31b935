//! What is emitted when the input is refused: the errors, and the item as the user wrote it, so that one mistake stays
//! one error and the editor keeps working.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::quote_spanned;
use syn::{Error, Result};

/// The expansion, or the errors beside the untouched item.
pub(crate) fn or_untouched(
    attribute: TokenStream,
    item: TokenStream,
    expand: impl FnOnce(TokenStream, TokenStream) -> Result<TokenStream>,
) -> TokenStream {
    let has_sql = attribute.clone().into_iter().any(|token| matches!(token, TokenTree::Ident(word) if word == "sql"));
    match expand(attribute, item.clone()) {
        Ok(tokens) => tokens,
        Err(errors) => {
            let mut out = errors.to_compile_error();
            out.extend(if has_sql { with_a_body(item) } else { item });
            out
        }
    }
}

/// `sql` would have been the body.
fn with_a_body(item: TokenStream) -> TokenStream {
    let mut tokens: Vec<TokenTree> = item.into_iter().collect();
    if matches!(tokens.last(), Some(TokenTree::Punct(end)) if end.as_char() == ';') {
        tokens.pop();
        tokens.extend(quote_spanned!(Span::mixed_site()=> { ::core::unimplemented!() }));
    }
    let tokens: TokenStream = tokens.into_iter().collect();
    quote_spanned!(Span::mixed_site()=> #[allow(unused_variables)] #tokens)
}

/// The expansion, or the errors alone: a derive never touches its item.
pub(crate) fn or_errors(result: Result<TokenStream>) -> TokenStream {
    result.unwrap_or_else(Error::into_compile_error)
}
