//! `#[invalidate]`: the same signature, and what it makes untrue is forgotten when the body succeeds.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprCall, LitStr, Path, Result};

use super::cache::borrowed;
use super::load::typed;
use crate::args::{self, InvalidateArgs, When};
use crate::check;
use crate::errors::Errors;
use crate::input::{Function, Param, ours_at};
use crate::key::hole_value;
use crate::path::Private;
use crate::sql::{For, Sql};
use crate::template::{Piece, Purpose, Template};

/// ```text
/// // Input:
/// #[invalidate(tags = ["video:{video_id}"], frames(video_id))]
/// async fn rename(db: &Db, video_id: &str, title: &str) -> Result<(), DbError> { BODY }
///
/// // Output (`P` is the runtime's hidden module, `R` the return type):
/// async fn rename(db: &Db, video_id: &str, title: &str) -> R {
///     let mut __invalidator = P::Cache::invalidator(P::installed());
///     __invalidator.tag_with(|out| { out.literal("video:").part(&P::part!(&video_id)); });
///     __invalidator.entry(&frames::entry(video_id));
///     let __guard = __invalidator.on_cancel();
///     let __result = async move { BODY, typed }.await;
///     __guard.after(P::succeeded!(R, &__result)).await;
///     __result
/// }
/// ```
pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let mut errors = Errors::default();
    let args = InvalidateArgs::parse(attribute, &mut errors);
    let Some(mut function) = errors.keep(syn::parse2::<Function>(item)) else {
        return errors.finish().map(|()| TokenStream::new());
    };
    let read = |lits: Vec<&LitStr>, purpose, errors: &mut Errors| -> Vec<Template> {
        lits.into_iter().filter_map(|lit| Template::parse(lit, purpose, errors)).collect()
    };
    let named = [
        ("key_with", read(args.all_keys().collect(), Purpose::Key, &mut errors)),
        ("tag_with", read(args.all_tags().collect(), Purpose::Tag, &mut errors)),
        ("pattern_with", read(args.all_patterns().collect(), Purpose::Pattern, &mut errors)),
    ];
    let all: Vec<&Template> = named.iter().flat_map(|(_, templates)| templates).collect();
    let private = Private::new(args.krate.get().cloned());
    let sql = args.sql.get().and_then(|text| Sql::of(text, &function, |_| false, For::Writing, &mut errors));
    if let Some(sql) = &sql {
        function.body = sql.run(&function, &private);
    }
    check::invalidate(&function, &args, &all, &mut errors);
    let entries: Vec<_> = args.calls.iter().filter_map(|call| errors.keep(entry_of(call))).collect();
    errors.finish()?;
    let declared = declare(&function, &args, &named, sql.as_ref(), &private);

    let ours = Span::mixed_site();
    let p = &private;
    let collect = named.iter().flat_map(|(method, templates)| {
        let method = Ident::new(method, ours);
        let function = &function;
        let args = &args;
        templates.iter().map(move |template| {
            let text = text(function, args, template, p);
            quote_spanned!(ours=> __invalidator.#method(|out| { out #text; });)
        })
    });
    let namespace = args.namespace.get().map(|name| quote_spanned!(ours=> __invalidator.namespace_checked(#name);));
    // Whatever nobody knows the tables of is behind a star.
    let starred = args.tables.is_given().then(|| "*".to_owned());
    let database = args::database(&args.database);
    // Any rows of them: those whose entries carry the table, and those whose entries carry rows.
    let tables = args::tables(&args.tables).flat_map(|table| [format!("{table}:*"), table]);
    let tables = tables.chain(starred).map(|table| format!("sql:{database}:{table}"));
    let tables = tables.map(|tag| quote_spanned!(ours=> __invalidator.tag(#tag);));
    let entries = entries.iter().map(|entry| quote_spanned!(ours=> __invalidator.entry(&#entry);));
    let cache = args.cache.get().map_or_else(|| quote_spanned!(ours=> #p::installed()), borrowed);
    let around = around(&function, args.when.get().copied().unwrap_or(When::After), p);
    let (attrs, vis, sig) = (&function.attrs, &function.vis, &function.sig);
    Ok(quote_spanned! {ours=>
        #(#attrs)*
        #vis #sig {
            #declared
            let mut __invalidator = #p::Cache::invalidator(#cache);
            #(#collect)*
            #namespace
            #(#tables)*
            #(#entries)*
            #around
        }
    })
}

/// `P::inventory::submit! { P::Invalidates { function: "rename", tags: &["video:{}"], .. } }`: who makes what untrue is
/// known before anybody is called.
fn declare(
    function: &Function,
    args: &InvalidateArgs,
    named: &[(&str, Vec<Template>); 3],
    sql: Option<&Sql>,
    p: &Private,
) -> TokenStream {
    let name = function.sig.ident.unraw().to_string();
    let [keys, tags, patterns] = named.each_ref().map(|(_, all)| all.iter().map(Template::shape).collect::<Vec<_>>());
    let namespace = match args.namespace.get() {
        Some(name) => quote_spanned!(Span::mixed_site()=> #p::Some(#name)),
        None => quote_spanned!(Span::mixed_site()=> #p::None),
    };
    let tables: Vec<String> =
        args::tables(&args.tables).chain(sql.into_iter().flat_map(|sql| sql.tables.clone())).collect();
    let entries: Vec<String> = args.calls.iter().filter_map(called).collect();
    quote_spanned! {Span::mixed_site()=>
        #p::inventory::submit! {
            #p::Invalidates {
                module: ::core::module_path!(),
                function: #name,
                keys: &[#(#keys),*],
                tags: &[#(#tags),*],
                patterns: &[#(#patterns),*],
                namespace: #namespace,
                tables: &[#(#tables),*],
                entries: &[#(#entries),*],
                file: ::core::file!(),
                line: ::core::line!(),
            }
        }
    }
}

/// The name of the function that is called.
fn called(call: &Expr) -> Option<String> {
    match call {
        Expr::MethodCall(call) => Some(call.method.unraw().to_string()),
        Expr::Call(ExprCall { func, .. }) => match &**func {
            Expr::Path(path) => path.path.segments.last().map(|last| last.ident.unraw().to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// The body, and when the invalidation fires.
fn around(function: &Function, when: When, p: &Private) -> TokenStream {
    let ours = Span::mixed_site();
    let Function { body, params, output: ret, .. } = function;
    let rebound: TokenStream = params.iter().filter_map(rebind).collect();
    let (method, wait) = if function.is_async() {
        (["fire", "before", "after"], Some(quote_spanned!(ours=> .await)))
    } else {
        (["fire_blocking", "before_blocking", "after_blocking"], None)
    };
    let [fire, before, after] = method.map(|name| Ident::new(name, ours));
    if when == When::Before {
        return quote_spanned!(ours=> __invalidator.#fire() #wait; #rebound #body);
    }
    let first = (when == When::Both).then(|| quote_spanned!(ours=> __guard.#before() #wait;));
    let at_return = ours_at(ret);
    let result = if function.is_async() {
        let body = typed(p, ret, &quote_spanned!(at_return=> #rebound #body));
        quote_spanned!(at_return=> async move { #body }.await)
    } else {
        quote_spanned!(at_return=> (move || -> #ret { #rebound #body })())
    };
    quote_spanned! {ours=>
        let __guard = __invalidator.on_cancel();
        #first
        let __result = #result;
        __guard.#after(#p::succeeded!(#ret, &__result)) #wait;
        __result
    }
}

/// Gives an argument its `mut` back.
fn rebind(Param { name, mutability, ty }: &Param) -> Option<TokenStream> {
    mutability.as_ref().map(|mutability| quote_spanned!(ours_at(ty)=> let #mutability #name = #name;))
}

fn text(function: &Function, args: &InvalidateArgs, template: &Template, p: &Private) -> TokenStream {
    let ours = Span::mixed_site();
    let pieces = template.pieces.iter().map(|piece| match piece {
        Piece::Text(text) => quote_spanned!(ours=> .literal(#text)),
        Piece::Hole(hole) => {
            let secret = function.param(&hole.root).is_some_and(|param| args.is_secret(&param.name));
            let value = hole_value(function, hole, template.span, p, secret);
            quote_spanned!(ours=> .part(&#value))
        }
    });
    pieces.collect()
}

/// The entry that a call means: `frames(id)` is `frames::entry(id)`, `self.load(id)` is `self.load_entry(id)`.
fn entry_of(call: &Expr) -> Result<TokenStream> {
    match call {
        Expr::MethodCall(call) => {
            let mut call = call.clone();
            call.method = beside(&call.method);
            Ok(call.to_token_stream())
        }
        Expr::Call(ExprCall { func, args, .. }) => {
            let Expr::Path(path) = &**func else { return Err(not_a_call(call)) };
            let entry = entry_path(&path.path).ok_or_else(|| not_a_call(call))?;
            Ok(quote_spanned!(call.span()=> #entry(#args)))
        }
        other => Err(not_a_call(other)),
    }
}

fn not_a_call(expr: &Expr) -> Error {
    Error::new_spanned(expr, "expected the call of a cached function, such as `frames(video_id)`")
}

/// Behind a type stands a method, whose entry stands beside it; else a function, whose entry is its companion.
fn entry_path(path: &Path) -> Option<Path> {
    let mut path = path.clone();
    let of_type = path.segments.iter().rev().nth(1).is_some_and(|parent| {
        let name = parent.ident.unraw().to_string();
        name == "Self" || name.starts_with(char::is_uppercase)
    });
    let last = path.segments.last_mut()?;
    if of_type {
        last.ident = beside(&last.ident);
    } else {
        // Type arguments belong to the companion, as they belong to the function.
        let arguments = std::mem::take(&mut last.arguments);
        let entry = Ident::new("entry", last.ident.span());
        path.segments.push(syn::PathSegment { ident: entry, arguments });
    }
    Some(path)
}

fn beside(method: &Ident) -> Ident {
    Ident::new(&format!("{}_entry", method.unraw()), method.span())
}
