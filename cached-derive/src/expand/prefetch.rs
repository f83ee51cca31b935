//! `prefetch(captions(db, video_id))`: calls that usually come after this one, begun beside its load.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote_spanned};
use syn::Expr;

use super::load;
use crate::input::ours_at;
use crate::model::Model;
use crate::passing;
use crate::receiver;

/// ```text
/// miss.prefetch(|| {
///     let db = P::own!(db);                        // what the call names is copied, if it is begun at all
///     let video_id = P::own!(video_id);
///     async move {
///         let db: &Db = P::lend(&db);
///         let video_id: &str = P::lend(&video_id);
///         let _answer = captions(db, video_id).await;
///     }
/// });
/// ```
pub(super) fn expand(model: &Model) -> TokenStream {
    model.args.prefetch.get().into_iter().flatten().map(|call| one(model, call)).collect()
}

fn one(model: &Model, call: &Expr) -> TokenStream {
    let (p, ours) = (&model.private, ours_at(call));
    let is_named = |name: &syn::Ident| passing::holds_word(call.to_token_stream(), &name.to_string());
    let named: Vec<_> = model.function.params.iter().filter(|param| is_named(&param.name)).collect();
    let copies: TokenStream =
        named.iter().map(|param| load::copy(p, param).unwrap_or_else(|| load::clone(param))).collect();
    let rebound: TokenStream = named.iter().filter_map(|param| load::lend_again(model, param)).collect();
    let (copy_self, lend_self, call) = match &model.function.receiver {
        Some(of_self) if passing::holds_word(call.to_token_stream(), "self") => {
            let (copy, lend) = load::copy_receiver(p, of_self);
            (copy, lend, receiver::rename(call.to_token_stream()))
        }
        _ => (TokenStream::new(), TokenStream::new(), call.to_token_stream()),
    };
    quote_spanned! {ours=>
        miss.prefetch(|| {
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
