//! The signature of a function that calls another again: what is lent is lent for `'ahead`, as long as that call takes.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::{GenericParam, Generics, Lifetime, Signature, TypeParamBound, WherePredicate};

use crate::input::{Param, ours_at};
use crate::passing;

/// The argument's type.
pub(crate) fn ty(param: &Param) -> TokenStream {
    let ours = ours_at(&param.ty);
    passing::in_place(&param.ty, ours, |lent| quote_spanned!(ours=> &'ahead #lent))
}

/// The types and constants of the function and what they are bound by, without its lifetimes, for each would be `'ahead`.
///
/// That a type outlives one of them need not be said: what is lent says it, and what is moved goes into a task and
/// outlives all.
pub(crate) fn generics(sig: &Signature) -> Generics {
    let own: Vec<&Lifetime> = sig.generics.lifetimes().map(|param| &param.lifetime).collect();
    let stays =
        |bound: &TypeParamBound| !matches!(bound, TypeParamBound::Lifetime(lifetime) if own.contains(&lifetime));
    let mut generics = Generics::default();
    for param in &sig.generics.params {
        let mut param = param.clone();
        match &mut param {
            GenericParam::Lifetime(_) => continue,
            GenericParam::Type(of) => of.bounds = of.bounds.iter().filter(|bound| stays(bound)).cloned().collect(),
            _ => {}
        }
        generics.params.push(param);
    }
    for predicate in sig.generics.where_clause.iter().flat_map(|clause| &clause.predicates) {
        let mut predicate = predicate.clone();
        match &mut predicate {
            WherePredicate::Lifetime(_) => continue,
            WherePredicate::Type(of) => of.bounds = of.bounds.iter().filter(|bound| stays(bound)).cloned().collect(),
            _ => {}
        }
        generics.make_where_clause().predicates.push(predicate);
    }
    generics
}

#[cfg(test)]
mod tests {
    use quote::{ToTokens as _, quote};

    use super::*;

    #[test]
    fn lifetimes_of_the_function_go_and_all_others_stay() {
        let sig = syn::parse_quote! {
            async fn f<'a, 'b: 'a, T: Part + 'a + 'static, U: 'b, const N: usize>(t: &'a T, u: Option<&'b U>) -> u64
            where
                'b: 'a,
                U: Other + 'a,
                for<'c> &'c T: Into<U>
        };
        let generics = generics(&sig);
        let expected = quote!(T: Part + 'static, U, const N: usize);
        assert_eq!(generics.params.to_token_stream().to_string(), expected.to_string());
        let expected = quote!(where U: Other, for<'c> &'c T: Into<U>);
        assert_eq!(generics.where_clause.to_token_stream().to_string(), expected.to_string());
    }
}
