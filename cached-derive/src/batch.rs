//! A function that is asked for several at once: the argument that holds them, and the function that it would be for one.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::spanned::Spanned;
use syn::{FnArg, Ident, Type, TypeReference, parse_quote};

use crate::input::{Function, Param, ours_at};
use crate::passing;
use crate::path::Private;

/// What `batch = ids` makes of a function.
pub(crate) struct Batch {
    /// The function as it is written. The model holds what it would be for one element.
    pub(crate) whole: Function,
    /// The argument that holds the elements.
    pub(crate) ids: Param,
    /// Of which type they are.
    pub(crate) element: Type,
}

impl Batch {
    /// Takes a function apart: the argument becomes one element, and the answer that of one.
    pub(crate) fn of(function: &mut Function, name: &Ident, private: &Private) -> Option<Self> {
        let at = function.params.iter().position(|param| param.name == *name)?;
        let ids = function.params[at].clone();
        let element = element(&ids.ty)?.clone();
        let whole = function.clone();
        let one: Type = parse_quote!(&#element);
        function.params[at].ty = one.clone();
        function.params[at].mutability = None;
        let typed = function.sig.inputs.iter_mut().filter_map(|input| match input {
            FnArg::Typed(typed) => Some(typed),
            FnArg::Receiver(_) => None,
        });
        if let Some(typed) = typed.into_iter().nth(at) {
            *typed.ty = one;
        }
        function.output = one_of(&whole.output, &element, private);
        let output = &function.output;
        function.sig.output = parse_quote!(-> #output);
        Some(Self { whole, ids, element })
    }

    /// The elements, as the body's argument has them: `&__taken`, or `__taken`.
    pub(crate) fn given(&self, taken: &TokenStream) -> TokenStream {
        let ours = ours_at(&self.ids.ty);
        match passing::bare(&self.ids.ty) {
            Type::Reference(_) => quote_spanned!(ours=> &#taken),
            _ => quote_spanned!(ours=> #taken),
        }
    }

    /// Elements in a list, as a call has them.
    pub(crate) fn lent(&self, list: &TokenStream) -> TokenStream {
        let ours = ours_at(&self.ids.ty);
        match passing::bare(&self.ids.ty) {
            Type::Reference(reference) if matches!(passing::bare(&reference.elem), Type::Slice(_)) => {
                quote_spanned!(ours=> &#list)
            }
            Type::Reference(_) => quote_spanned!(ours=> &#list.to_vec()),
            _ => quote_spanned!(ours=> #list.to_vec()),
        }
    }
}

/// `<R as P::Batched<T>>::One`, shown where the return type stands.
fn one_of(output: &Type, element: &Type, private: &Private) -> Type {
    let (p, ours) = (private.at(output.span()), ours_at(output));
    Type::Verbatim(quote_spanned!(ours=> <#output as #p::Batched<#element>>::One))
}

/// What is in `&[T]`, `Vec<T>` or `&Vec<T>`.
pub(crate) fn element(ty: &Type) -> Option<&Type> {
    match passing::bare(ty) {
        Type::Reference(TypeReference { mutability: None, elem, .. }) => match passing::bare(elem) {
            Type::Slice(slice) => Some(&slice.elem),
            other => in_vec(other),
        },
        other => in_vec(other),
    }
}

fn in_vec(ty: &Type) -> Option<&Type> {
    match passing::spelled(ty)? {
        (name, arguments) if name == "Vec" => arguments.first().copied(),
        _ => None,
    }
}
