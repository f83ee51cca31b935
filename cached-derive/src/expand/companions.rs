//! What stands beside a cached function: its entry, its key, a look without a load, a refresh, its site.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::ext::IdentExt;
use syn::{FnArg, Pat, Signature};

use super::{batch, cache, load, predict, site, turbofish};
use crate::input::{Function, Param};
use crate::key::Key;
use crate::model::{Companions, Model};

pub(super) fn expand(model: &Model, key: &Key<'_>) -> TokenStream {
    match model.companions() {
        Some(Companions::Type) => of_function(model, key),
        Some(Companions::Methods) => of_method(model, key),
        None => TokenStream::new(),
    }
}

/// ```text
/// pub struct frames {}                 // braces: the name stays free for the function itself
/// impl frames {
///     pub fn entry(video_id: &str) -> P::Entry<R> { .. }
///     pub fn key(video_id: &str) -> P::Key { .. }
///     pub async fn peek(video_id: &str) -> Option<R> { .. }
///     pub async fn remove(video_id: &str) -> P::Applied { .. }
///     pub async fn refresh(db: &Db, video_id: &str) -> R { .. }
///     pub fn site() -> &'static P::Site { .. }
/// }
/// ```
fn of_function(model: &Model, key: &Key<'_>) -> TokenStream {
    let Model { function, private: p, .. } = model;
    let Function { vis, output: ret, .. } = function;
    let name = &function.sig.ident;
    let ours = Span::mixed_site().located_at(name.span());
    let (generics, where_clause) = (&function.sig.generics, &function.sig.generics.where_clause);
    let keyed: Vec<_> = load::inputs(function, |param| is_needed(model, key, param)).collect();
    let named = function.params.iter().filter(|param| is_needed(model, key, param)).map(|param| &param.name);
    let entry = quote_spanned!(ours=> Self::entry);
    let fish = turbofish(&function.sig);
    let arguments = quote_spanned!(ours=> #fish(#(#named),*));
    let (question, call) = (cache::question(model, key), cache::call(model, key));
    let declare = site::declare(model, key);
    let refresh = refresh(model, &format_ident!("refresh", span = ours), &quote_spanned!(ours=> #name));
    let one = model.batch.as_ref().map(|batch| {
        let doc = format!("What [`{}()`] answers for one.", name.unraw());
        let one = batch::one(model, batch, key, &quote_spanned!(ours=> one), &quote_spanned!(ours=> #name));
        quote_spanned!(ours=> #[doc = #doc] #one)
    });
    let (asyncness, peek, remove, wait) = if function.is_async() {
        (Some(quote_spanned!(ours=> async)), "peek", "remove", Some(quote_spanned!(ours=> .await)))
    } else {
        (None, "peek_near", "remove_blocking", None)
    };
    let (peek, remove) = (Ident::new(peek, ours), Ident::new(remove, ours));
    let text = name.unraw();
    let docs = [
        format!("Companions of [`{text}()`]: its entries, by its own arguments."),
        format!("The entry that [`{text}()`] has for these arguments."),
        "The key of that entry.".to_owned(),
        format!("What [`{text}()`] would answer without running its body."),
        "Removes that entry.".to_owned(),
        format!("The site of [`{text}()`]: its name and its policy."),
    ];
    let [of_all, of_entry, of_key, of_peek, of_remove, of_site] = docs.map(|doc| quote_spanned!(ours=> #[doc = #doc]));
    let cfgs: Vec<_> = function.cfgs().collect();
    quote_spanned! {ours=>
        #(#cfgs)*
        #of_all
        #[allow(non_camel_case_types, dead_code, missing_debug_implementations)]
        #vis struct #name {}

        #(#cfgs)*
        #[allow(dead_code, deprecated, clippy::all, clippy::pedantic, clippy::nursery)]
        impl #name {
            #of_entry
            #[must_use]
            #vis fn entry #generics (#(#keyed),*) -> #p::Entry<#ret> #where_clause {
                #question
                #call
                __open.entry(__call)
            }

            #of_key
            #[must_use]
            #vis fn key #generics (#(#keyed),*) -> #p::Key #where_clause {
                #entry #arguments.key().clone()
            }

            #of_peek
            #vis #asyncness fn peek #generics (#(#keyed),*) -> #p::Option<#ret> #where_clause {
                #entry #arguments.#peek() #wait
            }

            #of_remove
            #vis #asyncness fn remove #generics (#(#keyed),*) -> #p::Applied #where_clause {
                #entry #arguments.#remove() #wait
            }

            #refresh

            #one

            #of_site
            #[inline]
            #[must_use]
            #vis fn site() -> &'static #p::Site {
                #declare
            }
        }
    }
}

/// ```text
/// pub fn load_entry(&self, id: u64) -> P::Entry<R> { .. }
/// pub async fn load_refresh(&self, id: u64) -> R { .. }
/// fn __load_site() -> &'static P::Site { .. }
/// ```
///
/// And what calls it again, see `predict`.
fn of_method(model: &Model, key: &Key<'_>) -> TokenStream {
    let Model { function, private: p, .. } = model;
    let Function { vis, output: ret, .. } = function;
    let name = &function.sig.ident;
    let ours = Span::mixed_site().located_at(name.span());
    let (generics, where_clause) = (&function.sig.generics, &function.sig.generics.where_clause);
    let receiver = function.receiver.as_ref().map(|receiver| {
        let keyword = receiver.self_token;
        quote_spanned!(ours=> &#keyword,)
    });
    let keyed = load::inputs(function, |param| is_needed(model, key, param));
    let (question, call) = (cache::question(model, key), cache::call(model, key));
    let (declare, hidden) = (site::declare(model, key), site::hidden(name, "site"));
    let entry = format_ident!("{}_entry", name.unraw(), span = ours);
    let refresh =
        refresh(model, &format_ident!("{}_refresh", name.unraw(), span = ours), &quote_spanned!(ours=> Self::#name));
    let cfgs: Vec<_> = function.cfgs().collect();
    let allow = quote_spanned!(ours=> #[allow(dead_code, deprecated, clippy::all, clippy::pedantic, clippy::nursery)]);
    let one = model.batch.as_ref().map(|batch| {
        let doc = format!("What [`{0}()`](Self::{0}) answers for one.", name.unraw());
        let companion = format_ident!("{}_one", name.unraw(), span = ours).to_token_stream();
        let one = batch::one(model, batch, key, &companion, &quote_spanned!(ours=> Self::#name));
        quote_spanned!(ours=> #(#cfgs)* #[doc = #doc] #allow #one)
    });
    let ahead = predict::beside(model).map(|ahead| quote_spanned!(ours=> #(#cfgs)* #allow #ahead));
    let text = format!("The entry that [`{0}()`](Self::{0}) has for these arguments.", name.unraw());
    quote_spanned! {ours=>
        #(#cfgs)*
        #[doc = #text]
        #allow
        #[must_use]
        #vis fn #entry #generics (#receiver #(#keyed),*) -> #p::Entry<#ret> #where_clause {
            #question
            #call
            __open.entry(__call)
        }

        #(#cfgs)*
        #allow
        #refresh

        #one

        #ahead

        #(#cfgs)*
        #[inline]
        fn #hidden() -> &'static #p::Site {
            #declare
        }
    }
}

/// The function itself, asked to load anew.
fn refresh(model: &Model, companion: &Ident, call: &TokenStream) -> TokenStream {
    let p = &model.private;
    let function = model.batch.as_ref().map_or(&model.function, |batch| &batch.whole);
    let mut sig = function.sig.clone();
    let ours = Span::mixed_site().located_at(sig.ident.span());
    let fish = turbofish(&sig);
    let arguments = rename_arguments(&mut sig);
    let text = match function.is_associated() {
        true => format!(
            "Runs the body of [`{0}()`](Self::{0}) and stores what it returns, though there is an entry.",
            sig.ident.unraw()
        ),
        false => format!(
            "Runs the body of [`{0}()`] and stores what it returns, though there is an entry.",
            sig.ident.unraw()
        ),
    };
    let call = quote_spanned!(ours=> #call #fish(#(#arguments),*));
    let body = if function.is_async() {
        quote_spanned!(ours=> #p::refreshing(#call).await)
    } else {
        quote_spanned!(ours=> #p::refreshing_sync(|| #call))
    };
    sig.ident = companion.clone();
    let vis = &function.vis;
    quote_spanned!(ours=> #[doc = #text] #vis #sig { #body })
}

/// Arguments under names that only we can say: one of them may be called like the function itself.
fn rename_arguments(sig: &mut Signature) -> Vec<TokenStream> {
    let rename = |input: &mut FnArg| match input {
        FnArg::Receiver(receiver) => {
            receiver.mutability = None; // only the body may need it
            receiver.self_token.to_token_stream()
        }
        FnArg::Typed(typed) => {
            if let Pat::Ident(pattern) = &mut *typed.pat {
                pattern.ident.set_span(Span::mixed_site().located_at(pattern.ident.span()));
            }
            typed.pat.to_token_stream()
        }
    };
    sig.inputs.iter_mut().map(rename).collect()
}

/// Does the entry depend on this argument: by the key, or because `cache = ..` names it?
pub(super) fn is_needed(model: &Model, key: &Key<'_>, param: &Param) -> bool {
    let named = model.args.cache.get().is_some_and(|expr| names(expr.to_token_stream(), &param.name));
    named || key.uses(param)
}

fn names(tokens: TokenStream, name: &Ident) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(word) => word == *name,
        TokenTree::Group(group) => names(group.stream(), name),
        _ => false,
    })
}
