//! `prefetch(captions(db, video_id))`: calls that usually come after this one, begun beside its load.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{Expr, Ident};

use super::load;
use crate::input::{Param, ours_at};
use crate::lasting;
use crate::model::Model;
use crate::passing;
use crate::receiver;

/// What near is asked, and what is done with its answer. Where something is prefetched, also the first use of what was
/// itself loaded ahead counts: who turns pages finds each there, and still the next is to be on its way.
///
/// ```text
/// __open.near_noting(__call)
///
/// P::Noted::Hit(hit) => hit,
/// P::Noted::Next(__first, miss) => {
///     PREFETCH
///     match __first { P::Some(hit) => hit, P::None => LOAD }
/// }
/// ```
pub(super) fn around(model: &Model, load: &TokenStream) -> (TokenStream, TokenStream) {
    let (p, ours) = (&model.private, Span::mixed_site());
    let Some(calls) = model.args.prefetch.get() else {
        let arms = quote_spanned!(ours=> #p::Near::Hit(hit) => hit, #p::Near::Miss(miss) => #load,);
        return (quote_spanned!(ours=> __open.near(__call)), arms);
    };
    let calls: TokenStream = calls.iter().map(|call| one(model, call)).collect();
    let arms = quote_spanned! {ours=>
        #p::Noted::Hit(hit) => hit,
        #p::Noted::Next(__first, miss) => {
            #calls
            match __first {
                #p::Some(hit) => hit,
                #p::None => #load,
            }
        }
    };
    (quote_spanned!(ours=> __open.near_noting(__call)), arms)
}

/// ```text
/// miss.prefetch(false, || {
///     let db = P::own!(db);                        // what the call names is copied, if it is begun at all
///     let video_id = P::own!(video_id);
///     async move {
///         let db: &Db = P::lend(&db);
///         let video_id: &str = P::lend(&video_id);
///         __after(db, video_id).await;
///     }
/// });
/// ```
fn one(model: &Model, call: &Expr) -> TokenStream {
    let (p, ours) = (&model.private, ours_at(call));
    let is_named = |name: &Ident| passing::holds_word(call.to_token_stream(), &name.to_string());
    let named: Vec<_> = model.function.params.iter().filter(|param| is_named(&param.name)).collect();
    let copies: TokenStream =
        named.iter().map(|param| load::copy(p, param).unwrap_or_else(|| load::clone(param))).collect();
    let rebound: TokenStream = named.iter().filter_map(|param| load::lend_again(model, param)).collect();
    let itself = is_named(&model.function.sig.ident);
    if stands_alone(model) {
        let (after, names) = (after(model, call, &named), named.iter().map(|param| &param.name));
        return quote_spanned! {ours=>
            {
                #after
                miss.prefetch(#itself, || {
                    #copies
                    async move {
                        #rebound
                        __after(#(#names),*).await;
                    }
                });
            }
        };
    }
    let (copy_self, lend_self, call) = match &model.function.receiver {
        Some(of_self) if passing::holds_word(call.to_token_stream(), "self") => {
            let (copy, lend) = load::copy_receiver(p, of_self);
            (copy, lend, receiver::rename(call.to_token_stream()))
        }
        _ => (TokenStream::new(), TokenStream::new(), call.to_token_stream()),
    };
    quote_spanned! {ours=>
        miss.prefetch(#itself, || {
            #copy_self
            #copies
            async move {
                #lend_self
                #rebound
                let _answer = #call.await;
            }
        });
    }
}

/// Can the call stand in a function of its own? There it may lead back to this one, in a circle: the compiler cannot look
/// into the future of a function while it reads it.
fn stands_alone(model: &Model) -> bool {
    let types = model.function.sig.generics.params.iter().any(|param| !matches!(param, syn::GenericParam::Lifetime(_)));
    let nameless = |param: &Param| passing::holds_word(param.ty.to_token_stream(), "impl");
    !model.function.is_associated() && !types && !model.function.params.iter().any(nameless)
}

/// ```text
/// fn __after<'ahead>(db: &'ahead Db, video_id: &'ahead str) -> P::Foreseen<'ahead> {
///     P::Box::pin(async move { let _answer = captions(db, video_id).await; })
/// }
/// ```
fn after(model: &Model, call: &Expr, named: &[&Param]) -> TokenStream {
    let (p, ours) = (&model.private, ours_at(call));
    let names = named.iter().map(|param| &param.name);
    let types = named.iter().map(|param| lasting::ty(param));
    quote_spanned! {ours=>
        fn __after<'ahead>(#(#names: #types),*) -> #p::Foreseen<'ahead> {
            #p::Box::pin(async move {
                let _answer = #call.await;
            })
        }
    }
}
