//! The load: the user's body, run on a miss, in a task of its own or in its caller.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;
use syn::{FnArg, Receiver, ReceiverKind, Type};

use crate::input::{Function, Param, ours_at};
use crate::key::Key;
use crate::model::Model;
use crate::passing::{self, Passing};
use crate::path::Private;
use crate::receiver;

/// ```text
/// miss.load(move || {
///     let db = P::own(db);                        // what was lent is copied, when the load begins
///     P::once(async move || -> R {
///         let db: &Db = P::lend(&db);             // and is lent again
///         BODY
///     })
/// }).await
/// ```
pub(super) fn expand(model: &Model) -> TokenStream {
    let Function { output: ret, body, params, .. } = &model.function;
    let p = &model.private;
    let ours = ours_at(&model.function.sig.ident);
    let rebound: TokenStream = params.iter().filter_map(|param| rebind(model, param)).collect();
    if !model.function.is_async() {
        return quote_spanned!(ours=> miss.load_sync(move || -> #ret { #rebound #body }));
    }
    if !model.runs_apart() {
        return quote_spanned!(ours=> miss.load_inline(move || #p::once(async move || -> #ret { #rebound #body })).await);
    }
    let copies: TokenStream = params.iter().filter_map(|param| copy(p, param)).collect();
    let (copy_self, lend_self) = match &model.function.receiver {
        Some(receiver) if model.renames_self() => copy_receiver(p, receiver),
        _ => Default::default(),
    };
    let body = if model.renames_self() { receiver::rename(body.clone()) } else { body.clone() };
    quote_spanned! {ours=>
        miss.load(move || {
            #copy_self
            #copies
            #p::once(async move || -> #ret {
                #lend_self
                #rebound
                #body
            })
        }).await
    }
}

/// `let db = P::own(db);`
fn copy(p: &Private, param: &Param) -> Option<TokenStream> {
    let name = &param.name;
    let ours = ours_at(&param.ty);
    match passing::of(&param.ty) {
        Passing::Lent => Some(quote_spanned!(ours=> let #name = #p::own(#name);)),
        Passing::LentOption => Some(quote_spanned!(ours=> let #name = #p::own_option(#name);)),
        Passing::Moved | Passing::Exclusive | Passing::Borrowing => None,
    }
}

/// `let db: &Db = P::lend(&db);`, or what gives an argument its `mut` back.
fn rebind(model: &Model, param: &Param) -> Option<TokenStream> {
    let Param { name, mutability, ty } = param;
    let p = &model.private;
    let ours = ours_at(ty);
    let passing = if model.runs_apart() { passing::of(ty) } else { Passing::Moved };
    let value = match passing {
        Passing::Lent => quote_spanned!(ours=> #p::lend(&#name)),
        Passing::LentOption => quote_spanned!(ours=> #p::lend_option(&#name)),
        Passing::Moved | Passing::Exclusive | Passing::Borrowing => {
            mutability.as_ref()?;
            quote_spanned!(ours=> #name)
        }
    };
    // A part of the key is used by the key; that the body does not use it is no mistake.
    let allow = Key::of(model).uses(param).then(|| quote_spanned!(ours=> #[allow(unused_variables)]));
    let annotation = (!holds_impl(ty)).then(|| quote_spanned!(ours=> : #ty));
    Some(quote_spanned!(ours=> #allow let #mutability #name #annotation = #value;))
}

/// `impl Trait` cannot be written where a variable is bound.
fn holds_impl(ty: &Type) -> bool {
    let is_impl = |token| matches!(token, proc_macro2::TokenTree::Ident(word) if word == "impl");
    ty.to_token_stream().into_iter().any(is_impl)
}

fn copy_receiver(p: &Private, receiver: &Receiver) -> (TokenStream, TokenStream) {
    let keyword = receiver.self_token;
    let ours = Span::mixed_site().located_at(keyword.span());
    let renamed = receiver::renamed(keyword.span());
    let annotation = match &receiver.kind {
        ReceiverKind::Typed(_, ty) => quote_spanned!(ours=> #ty),
        _ => quote_spanned!(ours=> &Self),
    };
    (
        quote_spanned!(ours=> let #renamed = #p::own(#keyword);),
        quote_spanned!(ours=> #[allow(unused_variables)] let #renamed: #annotation = #p::lend(&#renamed);),
    )
}

/// The arguments of a call of the function itself, receiver first.
pub(super) fn arguments(function: &Function) -> impl Iterator<Item = TokenStream> {
    let receiver = function.receiver.iter().map(|receiver| receiver.self_token.to_token_stream());
    receiver.chain(function.params.iter().map(|param| param.name.to_token_stream()))
}

/// The inputs of a signature that stand for these arguments.
pub(super) fn inputs<'a>(
    function: &'a Function,
    keep: impl Fn(&Param) -> bool + 'a,
) -> impl Iterator<Item = &'a FnArg> + 'a {
    let typed = function.sig.inputs.iter().filter(|input| matches!(input, FnArg::Typed(_)));
    typed.zip(&function.params).filter(move |(_, param)| keep(param)).map(|(input, _)| input)
}
