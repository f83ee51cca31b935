//! `hot`: a function is warmed for what it was asked for most, read out of the keys that were noted.

use proc_macro2::{Literal, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use super::{Job, warmup};
use crate::input::{Param, ours_at};
use crate::key::Key;
use crate::passing;

/// `P::inventory::submit! { P::Watched { module: module_path!(), function: "frames", line: line!(), most: 1000 } }`: known before the
/// first call, so that the first call is noted.
pub(super) fn watch(job: &Job) -> TokenStream {
    let (p, ours) = (&job.private, Span::mixed_site());
    let Some(most) = job.args.hot.get().map(|most| Literal::u32_unsuffixed(*most)) else { return TokenStream::new() };
    let function = job.function.sig.ident.unraw().to_string();
    quote_spanned! {ours=>
        #p::inventory::submit! {
            #p::Watched { module: ::core::module_path!(), function: #function, line: ::core::line!(), most: #most }
        }
    }
}

/// ```text
/// let __given = [];
/// let __args = __run.hottest(2, &__given, |__parts| {
///     P::Some((P::read::<String>(__parts, 0)?, P::read::<u32>(__parts, 1)?))
/// }).await?;
/// ```
pub(super) fn elements(job: &Job) -> Option<TokenStream> {
    let (ours, at) = (Span::mixed_site(), job.args.hot.span()?);
    let p = job.private.at(at);
    let key = Key::of(job.keyed.as_ref()?);
    let parts = Literal::usize_unsuffixed(key.len());
    let read = job.warmed().map(|param| {
        let (ty, place) = (owned(job, param), Literal::usize_unsuffixed(key.place_of(param).unwrap_or_default()));
        let p = job.private.at(param.ty.span());
        quote_spanned!(ours_at(&param.ty)=> #p::read::<#ty>(__parts, #place)?)
    });
    let read: Vec<_> = read.collect();
    let read = match &read[..] {
        [one] => one.clone(),
        several => quote_spanned!(ours=> (#(#several),*)),
    };
    let given = given(job, &key);
    Some(quote_spanned! {ours=>
        #given
        let __args = #p::Run::hottest(&__run, #parts, &__given, |__parts| #p::Some(#read)).await?;
    })
}

/// What the parts of keys are that whoever begins the warm-up gives: keys of others are not this job's.
fn given(job: &Job, key: &Key<'_>) -> TokenStream {
    let (p, ours) = (&job.private, Span::mixed_site());
    let params = &job.function.params;
    let is_given = |name: &str| params.iter().any(|param| param.name.unraw() == name && job.is_given(param));
    let made = key.made_of(is_given);
    let lent: TokenStream = params.iter().filter(|param| job.is_given(param)).map(warmup::lend).collect();
    let texts = made.iter().map(|(place, part)| {
        let place = Literal::usize_unsuffixed(*place);
        quote_spanned!(ours=> (#place, #p::Run::text_of(&__run, &#part)))
    });
    let texts: Vec<_> = texts.collect();
    let lent = if texts.is_empty() { TokenStream::new() } else { lent };
    quote_spanned!(ours=> let __given = { #lent [#(#texts),*] };)
}

/// What an argument is when nobody lends it.
fn owned(job: &Job, param: &Param) -> TokenStream {
    let batch = job.keyed.as_ref().and_then(|model| model.batch.as_ref());
    if let Some(batch) = batch.filter(|batch| batch.ids.name == param.name) {
        return batch.element.to_token_stream();
    }
    let ours = ours_at(&param.ty);
    passing::in_place(&param.ty, ours, |lent| quote_spanned!(ours=> <#lent as ::std::borrow::ToOwned>::Owned))
}
