//! What is emitted when the input is refused: the errors, and the item as the user wrote it, so that one mistake stays
//! one error and the editor keeps working.

use proc_macro2::TokenStream;
use syn::{Error, Result};

/// The expansion, or the errors beside the untouched item.
pub(crate) fn or_untouched(item: TokenStream, expand: impl FnOnce(TokenStream) -> Result<TokenStream>) -> TokenStream {
    match expand(item.clone()) {
        Ok(tokens) => tokens,
        Err(errors) => {
            let mut out = errors.to_compile_error();
            out.extend(item);
            out
        }
    }
}

/// The expansion, or the errors alone: a derive never touches its item.
pub(crate) fn or_errors(result: Result<TokenStream>) -> TokenStream {
    result.unwrap_or_else(Error::into_compile_error)
}
