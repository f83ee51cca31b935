//! The load: the user's body, run on a miss, in a task of its own or in its caller.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;
use syn::{FnArg, Receiver, ReceiverKind, Type, TypeReference};

use super::companions;
use crate::batch::Batch;
use crate::input::{Function, Param, ours_at};
use crate::key::Key;
use crate::model::Model;
use crate::passing::{self, Passing};
use crate::path::Private;
use crate::receiver;

/// ```text
/// miss.load(move || {
///     let db = P::own!(db);                        // what was lent is copied when the load begins
///     async move {
///         let db: &Db = P::lend(&db);             // and is lent again
///         BODY, see `typed`
///     }
/// }).await
/// ```
pub(super) fn expand(model: &Model) -> TokenStream {
    let Function { output: ret, body, params, .. } = &model.function;
    let p = &model.private;
    let ours = ours_at(ret);
    let rebound: TokenStream = params.iter().filter_map(|param| rebind(model, param)).collect();
    if !model.function.is_async() {
        return quote_spanned!(ours=> miss.load_sync(move || -> #ret { #rebound #body }));
    }
    if !model.runs_apart() {
        let body = typed(p, ret, &quote_spanned!(ours=> #rebound #body));
        return quote_spanned!(ours=> miss.load_inline(move || async move { #body }).await);
    }
    let copies: TokenStream = params.iter().filter_map(|param| copy(p, param)).collect();
    let (copy_self, lend_self) = match &model.function.receiver {
        Some(receiver) if model.renames_self() => copy_receiver(p, receiver),
        _ => Default::default(),
    };
    let body = if model.renames_self() { receiver::rename(body.clone()) } else { body.clone() };
    let body = typed(p, ret, &quote_spanned!(ours=> #lend_self #rebound #body));
    quote_spanned!(ours=> miss.load(move || { #copy_self #copies async move { #body } }).await)
}

/// The same for several: `batch.load(|__ids| ..).await`, whose closure may be called several times.
pub(super) fn together(model: &Model, batch: &Batch) -> TokenStream {
    let Function { output: ret, body, params, .. } = &batch.whole;
    let (p, element) = (&model.private, &batch.element);
    let ours = ours_at(ret);
    let others = || params.iter().filter(|param| param.name != batch.ids.name);
    let copies: TokenStream = others().map(|param| copy(p, param).unwrap_or_else(|| clone(param))).collect();
    let rebound: TokenStream = others().filter_map(|param| rebind(model, param)).collect();
    let (copy_self, lend_self) = match &batch.whole.receiver {
        Some(receiver) if model.renames_self() => copy_receiver(p, receiver),
        _ => Default::default(),
    };
    let body = if model.renames_self() { receiver::rename(body.clone()) } else { body.clone() };
    let Param { name, mutability, ty } = &batch.ids;
    let given = batch.given(&quote_spanned!(ours=> __taken));
    let ty = lent_type(p, ty).unwrap_or_else(|| quote_spanned!(ours_at(ty)=> : #ty));
    let body = typed(p, ret, &quote_spanned!(ours=> #lend_self #rebound let #mutability #name #ty = #given; #body));
    quote_spanned! {ours=>
        __batch.load(|__ids: #p::Ids<#element>| {
            #copy_self
            #copies
            async move {
                let __taken = __ids.take();
                #body
            }
        })
        .await
    }
}

/// `let tenant = tenant.clone();`: each load has its own.
pub(super) fn clone(param: &Param) -> TokenStream {
    let name = &param.name;
    let ours = ours_at(&param.ty);
    quote_spanned!(ours=> #[allow(unused_variables)] let #name = ::core::clone::Clone::clone(&#name);)
}

/// A body whose type is known, as a function's is: `?`, `return` and coercions work as they did.
///
/// ```text
/// if let P::Some(__early) = P::None::<R> { return __early; }      // never taken: it says what `return` returns
/// let __result: R = { BODY };
/// __result
/// ```
pub(super) fn typed(p: &Private, ret: &Type, body: &TokenStream) -> TokenStream {
    quote_spanned! {ours_at(ret)=>
        if let #p::Some(__early) = #p::None::<#ret> {
            return __early;
        }
        #[allow(clippy::diverging_sub_expression)]
        let __result: #ret = { #body };
        #[allow(unreachable_code)]
        __result
    }
}

/// `P::own!(db)`, or a clone of what is not lent.
pub(super) fn own(p: &Private, param: &Param) -> TokenStream {
    let name = &param.name;
    let (p, ours) = (p.at(param.ty.span()), ours_at(&param.ty));
    match passing::of(&param.ty) {
        Passing::Lent => quote_spanned!(ours=> #p::own!(#name)),
        Passing::LentOption => quote_spanned!(ours=> #p::own_option!(#name)),
        Passing::Moved | Passing::Exclusive | Passing::Borrowing => {
            quote_spanned!(ours=> ::core::clone::Clone::clone(&#name))
        }
    }
}

/// `let db = P::own!(db);`
pub(super) fn copy(p: &Private, param: &Param) -> Option<TokenStream> {
    let name = &param.name;
    let (p, ours) = (p.at(param.ty.span()), ours_at(&param.ty));
    match passing::of(&param.ty) {
        Passing::Lent => Some(quote_spanned!(ours=> let #name = #p::own!(#name);)),
        Passing::LentOption => Some(quote_spanned!(ours=> let #name = #p::own_option!(#name);)),
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
    // What the key or the cache is made of is used by that; that the body does not use it is no mistake.
    let is_needed = companions::is_needed(model, &Key::of(model), param);
    let allow = is_needed.then(|| quote_spanned!(ours=> #[allow(unused_variables)]));
    let annotation = (model.runs_apart()).then(|| lent_type(p, ty)).flatten();
    Some(quote_spanned!(ours=> #allow let #mutability #name #annotation = #value;))
}

/// `let db: &Db = P::lend(&db);`, for what was copied.
pub(super) fn lend_again(model: &Model, param: &Param) -> Option<TokenStream> {
    let Param { name, ty, .. } = param;
    let (p, ours) = (&model.private, ours_at(ty));
    let value = match passing::of(ty) {
        Passing::Lent => quote_spanned!(ours=> #p::lend(&#name)),
        Passing::LentOption => quote_spanned!(ours=> #p::lend_option(&#name)),
        Passing::Moved | Passing::Exclusive | Passing::Borrowing => return None,
    };
    let annotation = lent_type(p, ty);
    Some(quote_spanned!(ours=> let #name #annotation = #value;))
}

/// `: &Db`, without lifetimes, for what is lent lives as long as the load; `impl Trait` cannot be written here.
fn lent_type(p: &Private, ty: &Type) -> Option<TokenStream> {
    let ours = ours_at(ty);
    let (inside, is_option) = match passing::option_of(passing::bare(ty)) {
        Some(inside) => (inside, true),
        None => (passing::bare(ty), false),
    };
    let Type::Reference(TypeReference { elem, .. }) = inside else { return None };
    match is_option {
        _ if passing::holds_word(elem.to_token_stream(), "impl") => None,
        true => Some(quote_spanned!(ours=> : #p::Option<&#elem>)),
        false => Some(quote_spanned!(ours=> : &#elem)),
    }
}

pub(super) fn copy_receiver(p: &Private, receiver: &Receiver) -> (TokenStream, TokenStream) {
    let keyword = receiver.self_token;
    let ours = Span::mixed_site().located_at(keyword.span());
    let renamed = receiver::renamed(keyword.span());
    let annotation = match &receiver.kind {
        ReceiverKind::Typed(_, ty) => lent_type(p, ty),
        _ => Some(quote_spanned!(ours=> : &Self)),
    };
    let p = p.at(keyword.span());
    (
        quote_spanned!(ours=> let #renamed = #p::own!(#keyword);),
        quote_spanned!(ours=> #[allow(unused_variables)] let #renamed #annotation = #p::lend(&#renamed);),
    )
}

/// The inputs of a signature that stand for these arguments.
pub(super) fn inputs<'a>(
    function: &'a Function,
    keep: impl Fn(&Param) -> bool + 'a,
) -> impl Iterator<Item = &'a FnArg> + 'a {
    let typed = function.sig.inputs.iter().filter(|input| matches!(input, FnArg::Typed(_)));
    typed.zip(&function.params).filter(move |(_, param)| keep(param)).map(|(input, _)| input)
}
