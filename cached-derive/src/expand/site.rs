//! The static behind one function: its name, where it stands, and what was asked for.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::LitStr;
use syn::ext::IdentExt;

use crate::args::{CacheArgs, CacheNone, Predict};
use crate::key::Key;
use crate::model::{Companions, Model};
use crate::rate::Rate;

/// How the function gets at its site: from its companions, or from a static of its own.
pub(super) fn expand(model: &Model, key: &Key<'_>) -> TokenStream {
    let name = &model.function.sig.ident;
    let ours = Span::mixed_site();
    match model.companions() {
        Some(Companions::Type) => quote_spanned!(ours=> #name::site()),
        Some(Companions::Methods) => {
            let hidden = hidden(name, "site");
            quote_spanned!(ours=> Self::#hidden())
        }
        None => {
            let block = declare(model, key);
            quote_spanned!(ours=> { #block })
        }
    }
}

/// A function beside a method that is nobody's but ours: the one that holds its site, `__load_site`.
pub(super) fn hidden(name: &Ident, what: &str) -> Ident {
    Ident::new(&format!("__{}_{what}", name.unraw()), Span::mixed_site().located_at(name.span()))
}

/// ```text
/// static SITE: P::Site = P::Site::new(P::Declared { .. }, P::Policy { ttl: P::Some(600000), ..P::Policy::DEFAULT });
/// P::inventory::submit! { P::Linked(&SITE) }
/// &SITE
/// ```
pub(super) fn declare(model: &Model, key: &Key<'_>) -> TokenStream {
    let p = &model.private;
    let function = model.function.sig.ident.unraw().to_string();
    let some_text = |text: Option<String>| some(model, text);
    let name = some_text(model.args.name.get().map(LitStr::value));
    let (namespace, template) = (some_text(key.namespace()), some_text(key.declared()));
    let tables = model.tables().map(|table| format!("sql:{{}}:{table}"));
    let tags = model.tags.iter().map(crate::template::Template::shape).chain(tables);
    let policy = policy(model);
    let batch = some_text(model.batch.as_ref().map(|batch| batch.ids.name.unraw().to_string()));
    let (holes, blocking, apart) = (key.holes(), !model.function.is_async(), model.args.cache.is_given());
    // Linked from inside the function, so that a site is known though it was never called.
    quote_spanned! {Span::mixed_site()=>
        static SITE: #p::Site = #p::Site::new(
            #p::Declared {
                module: ::core::module_path!(),
                function: #function,
                name: #name,
                namespace: #namespace,
                template: #template,
                tags: &[#(#tags),*],
                holes: &[#(#holes),*],
                batch: #batch,
                blocking: #blocking,
                apart: #apart,
                file: ::core::file!(),
                line: ::core::line!(),
            },
            #policy,
        );
        #p::inventory::submit! { #p::Linked(&SITE) }
        &SITE
    }
}

fn some<T: ToTokens>(model: &Model, value: Option<T>) -> TokenStream {
    let p = &model.private;
    match value {
        Some(value) => quote_spanned!(Span::mixed_site()=> #p::Some(#value)),
        None => quote_spanned!(Span::mixed_site()=> #p::None),
    }
}

/// A query's answer is fresh for five minutes, or as configured: what is written behind the framework's back is seen at last.
const QUERY_PROFILE: &str = "query";

/// Only what was asked for; the rest is the runtime's.
fn policy(model: &Model) -> TokenStream {
    let p = &model.private;
    let ours = Span::mixed_site();
    // Named in full, so that a new option cannot be forgotten here.
    let CacheArgs {
        attribute: _,
        sql: _,
        tables: _,
        database: _,
        ttl,
        adaptive,
        profile,
        stale,
        refresh_ahead,
        jitter,
        soft_timeout,
        timeout,
        rate,
        idle,
        local: _,
        strict,
        lock,
        format,
        compress,
        version,
        cache_none,
        cache_err,
        key: _,
        tags: _,
        skip: _,
        secret: _,
        namespace: _,
        name: _,
        load: _,
        batch: _,
        max_batch,
        coalesce,
        prefetch: _,
        predict,
        cache_if: _,
        ttl_with: _,
        weigh: _,
        companions: _,
        cache: _,
        krate: _,
    } = &model.args;
    let usual = || (model.args.is_query() && !ttl.is_given()).then(|| QUERY_PROFILE.to_token_stream());
    let number = |n: &u64| Literal::u64_unsuffixed(*n).to_token_stream();
    let optional = |n: &u64| some(model, Some(number(n)));
    let none = cache_none.get().map(|none| match none {
        CacheNone::AsValue => optional(&0),
        CacheNone::For(millis) => optional(millis),
    });
    let format = format.get().map(|format| {
        let format = Ident::new(format, ours);
        some(model, Some(quote_spanned!(ours=> #p::Format::#format)))
    });
    let fields = [
        ("ttl", ttl.get().map(optional)),
        ("adaptive", adaptive.get().map(|(least, most)| some(model, Some(range(*least, *most))))),
        ("profile", profile.get().map(ToTokens::to_token_stream).or_else(usual).map(|name| some(model, Some(name)))),
        ("stale", stale.get().map(number)),
        ("refresh_ahead", refresh_ahead.get().map(number)),
        ("jitter", jitter.get().map(|part| Literal::f32_unsuffixed(*part).to_token_stream())),
        ("none", none),
        ("err", cache_err.get().map(optional)),
        ("soft_timeout", soft_timeout.get().map(optional)),
        ("timeout", timeout.get().map(optional)),
        ("rate", rate.get().zip(rate.span()).map(|(rate, at)| budget(model, *rate, at))),
        ("idle", idle.get().map(optional)),
        ("local", model.is_local().then(|| quote_spanned!(ours=> true))),
        ("strict", strict.get().map(|strict| some(model, Some(quote_spanned!(ours=> #strict))))),
        ("cluster", lock.get().map(ToTokens::to_token_stream)),
        ("max_batch", max_batch.get().map(|n| Literal::u32_unsuffixed(*n).to_token_stream())),
        ("coalesce", coalesce.get().map(number)),
        ("predict", predict.get().map(|asked| some(model, Some(prediction(model, asked))))),
        ("format", format),
        ("compress", compress.get().map(|name| some(model, Some(name)))),
        ("version", version.get().map(|n| Literal::u32_unsuffixed(*n).to_token_stream())),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| Some((Ident::new(name, ours), value?)));
    let (names, values): (Vec<_>, Vec<_>) = fields.unzip();
    if names.is_empty() {
        return quote_spanned!(ours=> #p::Policy::DEFAULT);
    }
    quote_spanned!(ours=> #p::Policy { #(#names: #values,)* ..#p::Policy::DEFAULT })
}

/// `P::Predict { precision: 0.9, ..P::Predict::DEFAULT }`
fn prediction(model: &Model, asked: &Predict) -> TokenStream {
    let (p, ours) = (&model.private, Span::mixed_site());
    let part = |part: &f32| Literal::f32_unsuffixed(*part).to_token_stream();
    let said = [
        ("precision", asked.precision.as_ref().map(part)),
        ("gain", asked.gain.as_ref().map(part)),
        ("ahead", asked.ahead.map(|steps| Literal::u32_unsuffixed(steps).to_token_stream())),
    ];
    let said = said.into_iter().filter_map(|(name, value)| Some((Ident::new(name, ours), value?)));
    let (names, values): (Vec<_>, Vec<_>) = said.unzip();
    quote_spanned!(ours=> #p::Predict { #(#names: #values,)* ..#p::Predict::DEFAULT })
}

/// `(30000, 3600000)`
fn range(least: u64, most: u64) -> TokenStream {
    let (least, most) = (Literal::u64_unsuffixed(least), Literal::u64_unsuffixed(most));
    quote_spanned!(Span::mixed_site()=> (#least, #most))
}

/// `P::Some(P::rate::<P::Loads>(100, 1000))`: a question of its own, so that a missing feature is said at the user's word.
fn budget(model: &Model, rate: Rate, at: Span) -> TokenStream {
    let p = model.private.at(at);
    let ours = Span::mixed_site().located_at(at);
    let (loads, per) = (Literal::u32_unsuffixed(rate.loads), Literal::u64_unsuffixed(rate.per));
    let asked = quote_spanned!(ours=> #p::rate::<#p::Loads>(#loads, #per));
    some(model, Some(asked))
}
