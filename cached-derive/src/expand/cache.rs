//! `#[cache]`: the same signature, and a body that asks one question: do we already know this?

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Result};

use super::{batch, companions, load, predict, prefetch, site};
use crate::args::{Attribute, CacheArgs};
use crate::input::ours_at;
use crate::key::{Key, borrow};
use crate::model::Model;

/// ```text
/// // Input:
/// #[cache(key = "video:{video_id}:frames", ttl = "10m")]
/// async fn frames(db: &Db, video_id: &str) -> Result<Vec<Frame>, DbError> { BODY }
///
/// // Output (`P` is the runtime's hidden module, `R` the return type), and the companions of `frames`:
/// async fn frames(db: &Db, video_id: &str) -> R {
///     let __near = {
///         let (__site, __cache, __shape, __open) = (frames::site(), P::Which::Installed, P::kind!(R), P::open!(R));
///         let __key = || (P::part!(&video_id),);
///         if let P::Some(__hit) = __open.hit(__site, __cache, __key, __shape) {
///             return __hit;
///         }
///         let __key = __key();
///         let __call = P::Call {
///             site: __site,
///             cache: __cache,
///             key: &__key,
///             shape: __shape,
///             names: |names: &mut P::Names| { names.key().literal("video:").part(&__key.0).literal(":frames"); },
///             share: P::share!(R),
///             depth: P::framed!(R, __shape),
///             options: P::Options::new(),
///         };
///         __open.near(__call)
///     };
///     match __near {
///         P::Near::Hit(hit) => hit,
///         P::Near::Miss(miss) => miss.load(move || { .. BODY .. }).await,
///     }
/// }
/// ```
///
/// `#[cache_query]` is the same, but that an argument may be a database: `P::which!(&db, P::Which::Installed)` is the
/// cache, `P::identity!(&db)` the part of the key, and each of its tables is one more tag.
pub(crate) fn expand(which: Attribute, attribute: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let model = Model::parse(which, attribute, item)?;
    let key = Key::of(&model);
    let companions = companions::expand(&model, &key);
    if let Some(batch) = &model.batch {
        let function = batch::expand(&model, batch, &key);
        return Ok(quote_spanned!(Span::mixed_site()=> #function #companions));
    }
    let function = &model.function;
    let (attrs, vis, sig, p) = (&function.attrs, &function.vis, &function.sig, &model.private);
    let (question, call, load) = (question(&model, &key), call(&model, &key), load::expand(&model));
    let predict = predict::expand(&model);
    let (near, arms) = prefetch::around(&model, &load);
    let ready = model.reading().map(|sql| {
        let ready = sql.ready(function, p);
        quote_spanned!(Span::mixed_site()=> let __intent = #p::hold(); #ready __intent.again();)
    });
    let skipped = skipped(&model);
    Ok(quote_spanned! {Span::mixed_site()=>
        #(#attrs)*
        #vis #sig {
            let __near = {
                #skipped
                #question
                #predict
                if let #p::Some(__hit) = __open.hit(__site, __cache, __key, __shape) {
                    return __hit;
                }
                #ready
                #call
                #near
            };
            match __near {
                #arms
            }
        }
        #companions
    })
}

/// `P::skippable!(&db);`: what may be a database has a say in a query.
pub(super) fn skipped(model: &Model) -> TokenStream {
    let skipped = model.sources().filter(|param| model.args.is_skipped(&param.name));
    let asked = skipped.map(|param| {
        let (name, p) = (borrow(param), model.private.at(param.ty.span()));
        quote_spanned!(ours_at(&param.ty)=> #p::skippable!(#name);)
    });
    asked.collect()
}

/// What near is asked, and the way to ask it: the same in the function and in its companions.
pub(super) fn question(model: &Model, key: &Key<'_>) -> TokenStream {
    question_of(model, key, &site::expand(model, key))
}

/// The same, where the site is at hand.
pub(super) fn question_of(model: &Model, key: &Key<'_>, site: &TokenStream) -> TokenStream {
    let p = &model.private;
    let ret = &model.function.output;
    let tuple = key.tuple();
    let cache = match model.args.cache.get() {
        Some(expr) => {
            let cache = borrowed(expr);
            quote_spanned!(ours_at(expr)=> #p::Which::This(#cache))
        }
        None => quote_spanned!(Span::mixed_site()=> #p::Which::Installed),
    };
    let cache = model.keyed_sources().fold(cache, |cache, source| {
        let (name, p) = (borrow(source), p.at(source.ty.span()));
        quote_spanned!(ours_at(&source.ty)=> #p::which!(#name, #cache))
    });
    let kind = kind(model);
    let located = p.at(ret.span());
    let open = quote_spanned!(ours_at(ret)=> #located::open!(#ret));
    quote_spanned! {Span::mixed_site()=>
        let __site = #site;
        let __key = || #tuple;
        let __shape = #kind;
        let __cache = #cache;
        let __open = #open;
    }
}

/// What a miss needs besides: the same in the function and in its companions.
pub(super) fn call(model: &Model, key: &Key<'_>) -> TokenStream {
    let p = &model.private;
    let ret = &model.function.output;
    let names = key.names();
    let at_return = ours_at(ret);
    let located = p.at(ret.span());
    let depth = if model.is_local() {
        quote_spanned!(at_return=> #p::Local)
    } else {
        quote_spanned!(at_return=> #located::framed!(#ret, __shape))
    };
    let share = quote_spanned!(at_return=> #located::share!(#ret));
    let options = options(model);
    // A key without parts borrows nothing: `&()` would trip a lint in the user's crate.
    let key = if key.is_empty() {
        quote_spanned!(Span::mixed_site()=> __key)
    } else {
        quote_spanned!(Span::mixed_site()=> &__key)
    };
    quote_spanned! {Span::mixed_site()=>
        let __key = __key();
        let __call = #p::Call {
            site: __site,
            cache: __cache,
            key: #key,
            shape: __shape,
            names: |names: &mut #p::Names| { #names },
            share: #share,
            depth: #depth,
            options: #options,
        };
    }
}

/// `&expr`: a cache, a reference to one or a handle of one, all become what the field wants.
pub(super) fn borrowed(expr: &Expr) -> TokenStream {
    let ours = ours_at(expr);
    match expr {
        Expr::Path(_) | Expr::Field(_) | Expr::Call(_) | Expr::MethodCall(_) | Expr::Reference(_) | Expr::Paren(_) => {
            quote_spanned!(ours=> &#expr)
        }
        other => quote_spanned!(ours=> &(#other)),
    }
}

/// How the return type is taken apart.
fn kind(model: &Model) -> TokenStream {
    let CacheArgs { cache_none, cache_err, .. } = &model.args;
    let ret = &model.function.output;
    let (p, ours) = (model.private.at(ret.span()), ours_at(ret));
    match (cache_none.is_given(), cache_err.is_given()) {
        (false, false) => quote_spanned!(ours=> #p::kind!(#ret)),
        (true, false) => quote_spanned!(ours=> #p::kind_none!(#ret)),
        (false, true) => quote_spanned!(ours=> #p::kind_err!(#ret)),
        (true, true) => quote_spanned!(ours=> #p::kind_none_err!(#ret)),
    }
}

/// What is not a plain number.
fn options(model: &Model) -> TokenStream {
    let CacheArgs { cache_if, ttl_with, weigh, timeout, rate, .. } = &model.args;
    let (p, ret) = (&model.private, &model.function.output);
    let ours = Span::mixed_site();
    let given = [("cache_if", cache_if), ("ttl_with", ttl_with), ("weigh", weigh)];
    let given = given.into_iter().filter_map(|(word, slot)| {
        let word = Ident::new(word, ours);
        slot.get().map(|expr| quote_spanned!(ours=> .#word(#expr)))
    });
    let mut given: TokenStream = given.collect();
    let begin = if given.is_empty() {
        quote_spanned!(ours=> #p::Options::new())
    } else {
        quote_spanned!(ours=> #p::options::<#ret, _>(__shape))
    };
    let asks = [(timeout.is_given(), "refuse"), (rate.is_given(), "refuse_rate")];
    if let Some((_, ask)) = asks.iter().find(|(is_given, _)| *is_given) {
        let (p, ask) = (p.at(ret.span()), Ident::new(ask, ours_at(ret)));
        quote_spanned!(ours_at(ret)=> .refuse(#p::#ask::<#ret>())).to_tokens(&mut given);
    }
    quote_spanned!(ours=> #begin #given)
}
