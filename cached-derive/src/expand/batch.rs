//! `#[cache(batch = ids)]`: near is asked about each element, and the body about those that are nowhere.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::ext::IdentExt;

use super::{cache, load, site, turbofish};
use crate::batch::Batch;
use crate::input::Function;
use crate::key::Key;
use crate::model::Model;

/// ```text
/// let __ids: &[VideoId] = &ids[..];
/// let __the_site = captions::site();
/// let mut __batch = P::Batch::of(__the_site, __ids.len());
/// for ids in __ids {                              // one of them, under the name of all
///     __batch.begin_one();
///     .. what near is asked, see `cache` ..
///     if let Some(__hit) = __open.hit(__site, __cache, __key, __shape) {
///         __batch.hit(ids, __hit);
///     } else {
///         __batch.near(ids, __open.near(__call));
///     }
/// }
/// __batch.load(|__ids: P::Ids<VideoId>| {
///     let db = P::own!(db);
///     async move {
///         let __taken = __ids.take();
///         let ids: &[VideoId] = &__taken;
///         BODY
///     }
/// }).await
/// ```
pub(super) fn expand(model: &Model, batch: &Batch, key: &Key<'_>) -> TokenStream {
    let (p, ours) = (&model.private, Span::mixed_site());
    let Batch { whole, ids, element } = batch;
    let (attrs, vis, sig, name) = (&whole.attrs, &whole.vis, &whole.sig, &ids.name);
    let (call, load) = (cache::call(model, key), load::together(model, batch));
    let (site, skipped) = (site::expand(model, key), cache::skipped(model));
    // A site is declared once, also where it has no other place than here.
    let question = cache::question_of(model, key, &quote_spanned!(ours=> __the_site));
    let beside = model.args.coalesce.is_given().then(|| {
        let text = key.beside(&name.unraw().to_string());
        quote_spanned!(ours=> let __batch = __batch.beside(|names: &mut #p::Names| { #text });)
    });
    quote_spanned! {ours=>
        #(#attrs)*
        #vis #sig {
            let __ids: &[#element] = { let __list = &#name; &__list[..] };
            #skipped
            let __the_site = #site;
            let mut __batch = #p::Batch::of(__the_site, __ids.len());
            #[allow(clippy::shadow_reuse, clippy::shadow_same, clippy::shadow_unrelated)]
            for #name in __ids {
                __batch.begin_one();
                #question
                if let #p::Some(__hit) = __open.hit(__site, __cache, __key, __shape) {
                    __batch.hit(#name, __hit);
                } else {
                    #call
                    __batch.near(#name, __open.near(__call));
                }
            }
            #beside
            #load
        }
    }
}

/// ```text
/// pub async fn one(db: &Db, ids: &VideoId) -> One {
///     .. what near is asked ..
///     let __one = [ids.clone()];
///     P::only(&__one, captions(db, &__one).await)
/// }
/// ```
pub(super) fn one(
    model: &Model,
    batch: &Batch,
    key: &Key<'_>,
    companion: &TokenStream,
    call: &TokenStream,
) -> TokenStream {
    let Model { function, private: p, .. } = model;
    let Function { vis, output: ret, sig, .. } = function;
    let ours = Span::mixed_site().located_at(sig.ident.span());
    let (generics, where_clause, inputs) = (&sig.generics, &sig.generics.where_clause, &sig.inputs);
    let (question, fish, name) = (cache::question(model, key), turbofish(sig), &batch.ids.name);
    let arguments = function.params.iter().map(|param| {
        let argument = &param.name;
        if *argument == *name { batch.lent(&quote_spanned!(ours=> __one)) } else { quote_spanned!(ours=> #argument) }
    });
    let receiver = function.receiver.as_ref().map(|receiver| {
        let keyword = receiver.self_token;
        quote_spanned!(ours=> #keyword,)
    });
    quote_spanned! {ours=>
        #vis async fn #companion #generics (#inputs) -> #ret #where_clause {
            #question
            if let #p::Some(__hit) = __open.hit(__site, __cache, __key, __shape) {
                return __hit;
            }
            let __one = [::core::clone::Clone::clone(#name)];
            #p::only(&__one, #call #fish(#receiver #(#arguments),*).await)
        }
    }
}
