//! `predict`: each call is learned from, and what usually follows it is begun.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};

use super::{load, site, turbofish};
use crate::input::{Param, ours_at};
use crate::key::Key;
use crate::lasting;
use crate::model::Model;
use crate::passing::{self, Passing};
use crate::receiver;

/// ```text
/// fn __ahead<'ahead>(db: &'ahead Db, video_id: &'ahead str) -> P::Foreseen<'ahead> {
///     P::Box::pin(async move { let _answer = frames(db, video_id).await; })
/// }
/// __open.foresee::<_, _, R, _, _, _, _>(
///     __site, __cache, &__key, __shape,
///     || P::session_here(),
///     || (P::own!(video_id),),                     // kept of calls that are remembered
///     |_| true,                                    // of a generic function: for the same types and constants?
///     |__known| {                                  // called again, with what else this call has
///         let db = P::own!(db);
///         async move { __ahead(P::lend(&db), P::lend(&__known.1.0)).await }
///     },
/// );
/// ```
///
/// `__ahead` is a function of its own, for the compiler cannot look into the future of a function while it reads it. That
/// of a method stands beside it, as `Self::__load_ahead`, where `Self` has a meaning.
pub(super) fn expand(model: &Model) -> TokenStream {
    let Some(predict) = model.args.predict.get() else { return TokenStream::new() };
    let (p, ours) = (&model.private, Span::mixed_site());
    let (ret, key) = (&model.function.output, Key::of(model));
    let given = given(model);
    let (keyed, others): (Vec<_>, Vec<_>) = given.iter().partition(|param| key.uses(param));
    let kept = keyed.iter().map(|param| load::own(p, param));
    let copies = others.iter().map(|param| {
        let (local, own) = (local(param), load::own(p, param));
        quote_spanned!(ours_at(&param.ty)=> let #local = #own;)
    });
    let arguments = given.iter().map(|param| match keyed.iter().position(|keyed| keyed.name == param.name) {
        Some(at) => {
            let at = syn::Index::from(at);
            again(model, param, &quote_spanned!(ours_at(&param.ty)=> __known.1.#at))
        }
        None => again(model, param, &local(param).to_token_stream()),
    });
    let session = match &predict.by {
        Some(by) => quote_spanned!(ours_at(by)=> #p::session_of(&#by)),
        None => quote_spanned!(ours=> #p::session_here()),
    };
    let nested = (!model.function.is_associated()).then(|| whole(model));
    let (name, fish) = (callee(model, &ahead(model)), turbofish(&model.function.sig));
    let is_ours = is_ours(model, &key);
    quote_spanned! {ours=>
        #nested
        __open.foresee::<_, _, #ret, _, _, _, _>(
            __site,
            __cache,
            &__key,
            __shape,
            || #session,
            || (#(#kept,)*),
            #is_ours,
            |__known| {
                #(#copies)*
                async move { #name #fish(#(#arguments),*).await }
            },
        );
    }
}

/// The function that calls a method again, to stand beside it.
pub(super) fn beside(model: &Model) -> Option<TokenStream> {
    model.args.predict.is_given().then(|| whole(model))
}

/// The function that calls this one again.
fn whole(model: &Model) -> TokenStream {
    let (p, ours) = (&model.private, Span::mixed_site());
    let (sig, given) = (&model.function.sig, given(model));
    let names: Vec<_> = given.iter().map(|param| &param.name).collect();
    let types = given.iter().map(lasting::ty);
    let generics = lasting::generics(sig);
    let (params, where_clause) = (generics.params.iter(), &generics.where_clause);
    let (name, function, fish) = (ahead(model), callee(model, &sig.ident), turbofish(sig));
    let allow =
        (!model.function.is_associated()).then(|| quote_spanned!(ours=> #[allow(clippy::items_after_statements)]));
    quote_spanned! {ours=>
        #allow
        fn #name<'ahead, #(#params),*>(#(#names: #types),*) -> #p::Foreseen<'ahead> #where_clause {
            #p::Box::pin(async move {
                let _answer = #function #fish(#(#names),*).await;
            })
        }
    }
}

/// What it is called.
fn ahead(model: &Model) -> Ident {
    match model.function.is_associated() {
        true => site::hidden(&model.function.sig.ident, "ahead"),
        false => Ident::new("__ahead", Span::mixed_site()),
    }
}

/// How a function is found from here.
fn callee(model: &Model, name: &Ident) -> TokenStream {
    match model.function.is_associated() {
        true => quote_spanned!(Span::mixed_site()=> Self::#name),
        false => name.to_token_stream(),
    }
}

/// What the function is called with, its receiver too.
fn given(model: &Model) -> Vec<Param> {
    let receiver = model.function.receiver.as_ref().map(receiver::as_param);
    receiver.into_iter().chain(model.function.params.iter().cloned()).collect()
}

/// What a copy is called: `self` cannot be bound again.
fn local(param: &Param) -> Ident {
    if param.name == "self" { receiver::renamed(param.name.span()) } else { param.name.clone() }
}

/// Calls for other types and constants are remembered among those for these, and this instance cannot make them.
fn is_ours(model: &Model, key: &Key<'_>) -> TokenStream {
    let (p, ours) = (&model.private, Span::mixed_site());
    let same = key.instance().map(|(at, part)| {
        let at = syn::Index::from(at);
        quote_spanned!(ours=> #p::KeyPart::same_part(&#part, &__known.#at))
    });
    let same: Vec<_> = same.collect();
    if same.is_empty() { quote_spanned!(ours=> |_| true) } else { quote_spanned!(ours=> |__known| #(#same)&&*) }
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
