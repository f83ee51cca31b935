//! `predict`: each call is learned from, and what usually follows it is begun.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::{Type, TypeReference};

use super::load;
use crate::input::{Param, ours_at};
use crate::key::Key;
use crate::model::Model;
use crate::passing::{self, Passing};

/// ```text
/// fn __ahead<'ahead>(db: &'ahead Db, video_id: &'ahead str) -> P::Foreseen<'ahead> {
///     P::Box::pin(async move { let _answer = frames(db, video_id).await; })
/// }
/// __open.foresee::<_, _, R, _, _, _, _>(
///     __site, __cache, &__key, __shape,
///     || P::session_here(),
///     || (P::own!(video_id),),                     // kept of calls that are remembered
///     |__known| {                                  // called again, with what else this call has
///         let db = P::own!(db);
///         async move { __ahead(P::lend(&db), P::lend(&__known.1.0)).await }
///     },
/// );
/// ```
///
/// `__ahead` is a function of its own, for the compiler cannot look into the future of a function while it reads it.
pub(super) fn expand(model: &Model) -> TokenStream {
    let Some(predict) = model.args.predict.get() else { return TokenStream::new() };
    let (p, ours) = (&model.private, Span::mixed_site());
    let ret = &model.function.output;
    let (function, params) = (&model.function.sig.ident, &model.function.params);
    let names: Vec<_> = params.iter().map(|param| &param.name).collect();
    let types = params.iter().map(lasting);
    let (keyed, others): (Vec<_>, Vec<_>) = params.iter().partition(|param| Key::of(model).uses(param));
    let kept = keyed.iter().map(|param| load::own(p, param));
    let copies: TokenStream =
        others.iter().map(|param| load::copy(p, param).unwrap_or_else(|| load::clone(param))).collect();
    let arguments = params.iter().map(|param| match keyed.iter().position(|keyed| keyed.name == param.name) {
        Some(at) => {
            let at = syn::Index::from(at);
            again(model, param, &quote_spanned!(ours_at(&param.ty)=> __known.1.#at))
        }
        None => {
            let name = &param.name;
            again(model, param, &quote_spanned!(ours_at(&param.ty)=> #name))
        }
    });
    let session = match &predict.by {
        Some(by) => quote_spanned!(ours_at(by)=> #p::session_of(&#by)),
        None => quote_spanned!(ours=> #p::session_here()),
    };
    quote_spanned! {ours=>
        #[allow(clippy::items_after_statements)]
        fn __ahead<'ahead>(#(#names: #types),*) -> #p::Foreseen<'ahead> {
            #p::Box::pin(async move {
                let _answer = #function(#(#names),*).await;
            })
        }
        __open.foresee::<_, _, #ret, _, _, _, _>(
            __site,
            __cache,
            &__key,
            __shape,
            || #session,
            || (#(#kept,)*),
            |__known| {
                #copies
                async move { __ahead(#(#arguments),*).await }
            },
        );
    }
}

/// The argument's type, where what is lent is lent for as long as the call takes.
pub(super) fn lasting(param: &Param) -> TokenStream {
    let (ty, ours) = (&param.ty, ours_at(&param.ty));
    let lent = |ty: &Type| match passing::bare(ty) {
        Type::Reference(TypeReference { elem, .. }) => Some(quote_spanned!(ours=> &'ahead #elem)),
        _ => None,
    };
    let lasting = match passing::of(ty) {
        Passing::Lent => lent(ty),
        Passing::LentOption => passing::option_of(passing::bare(ty))
            .and_then(lent)
            .map(|ty| quote_spanned!(ours=> ::core::option::Option<#ty>)),
        _ => None,
    };
    lasting.unwrap_or_else(|| quote_spanned!(ours=> #ty))
}

/// The argument again, out of what was kept of it.
fn again(model: &Model, param: &Param, kept: &TokenStream) -> TokenStream {
    let (p, ours) = (&model.private, ours_at(&param.ty));
    match passing::of(&param.ty) {
        Passing::Lent => quote_spanned!(ours=> #p::lend(&#kept)),
        Passing::LentOption => quote_spanned!(ours=> #p::lend_option(&#kept)),
        _ => quote_spanned!(ours=> ::core::clone::Clone::clone(&#kept)),
    }
}
