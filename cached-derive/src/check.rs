//! Every refusal, in one list; all that apply are reported together, each on the user's own word.

mod batch;
mod predict;
mod warmup;

use proc_macro2::Ident;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Error, Receiver, ReturnType, Safety, Signature, Type};

use crate::args::{CacheArgs, InvalidateArgs, When};
use crate::errors::Errors;
use crate::input::{Function, Param};
use crate::key;
use crate::model::Model;
use crate::passing::{self, Passing};
use crate::template::{Hole, Template};
use crate::words;

pub(crate) use warmup::warmup;

/// The most parts a key can have: the longest tuple that is a key part.
const MOST_PARTS: usize = 12;

/// What `#[cache]` refuses.
pub(crate) fn cache(model: &Model, errors: &mut Errors) {
    signature(&model.function, "be cached", errors);
    body(&model.function, model.args.sql.is_given(), errors);
    returned(&model.function, errors);
    receiver(model, errors);
    for param in &model.function.params {
        argument(model, param, errors);
    }
    named_arguments(model, errors);
    templates(model, errors);
    options(model, errors);
    batch::refuse(model, errors);
    prefetch(model, errors);
    predict::refuse(model, errors);
    above(&model.function, errors);
}

/// What says how long values live says it once.
fn lives(args: &CacheArgs, errors: &mut Errors) {
    let said = [(args.ttl.span(), "ttl"), (args.adaptive.span(), "ttl"), (args.ttl_with.span(), "ttl_with")];
    if let Some(span) = args.profile.span()
        && let Some((_, word)) = said.iter().find(|(span, _)| span.is_some())
    {
        errors.at(span, format!("`profile` and `{word}` both say how long values live: keep one of the two"));
    }
    let Some(span) = args.adaptive.span() else { return };
    if args.ttl.is_given() {
        errors.at(span, "`ttl` is given twice: keep one of the two");
    }
    if args.ttl_with.is_given() {
        errors.at(span, "`ttl_with` says how long each value lives: there is nothing to adapt");
    }
    if args.local.is_given() {
        errors.at(
            span,
            "whether a value is the one from before is seen by what is stored of it: drop `local`, or give one `ttl`",
        );
    }
    if let (Some(ahead), Some((least, _))) = (args.refresh_ahead.get(), args.adaptive.get())
        && ahead >= least
    {
        errors.at(span, "`refresh_ahead` must be shorter than the shortest life");
    }
}

/// What calls the function again has to find it.
fn shadows(function: &Function, param: &Param, errors: &mut Errors) {
    if param.name == function.sig.ident {
        errors.at(param.name.span(), "this is also the name of the function: give one of the two another");
    }
}

/// What is begun beside the load outlives the call, too.
fn prefetch(model: &Model, errors: &mut Errors) {
    for call in model.args.prefetch.get().into_iter().flatten() {
        for param in &model.function.params {
            let named = passing::holds_word(call.to_token_stream(), &param.name.to_string());
            if named && matches!(passing::of(&param.ty), Passing::Exclusive | Passing::Borrowing) {
                let name = &param.name;
                let message =
                    format!("`{name}` borrows from the caller, and what is prefetched outlives the call: leave it out");
                errors.push(Error::new_spanned(call, message));
            }
        }
    }
}

/// What reads this attribute has to come before it.
fn above(function: &Function, errors: &mut Errors) {
    let is_warmup = |attr: &&syn::Attribute| attr.path().segments.last().is_some_and(|last| last.ident == "warmup");
    if let Some(attribute) = function.attrs.iter().find(is_warmup) {
        let message = "write `#[warmup]` above this attribute, which it reads";
        errors.push(Error::new_spanned(attribute.path(), message));
    }
}

/// What `#[invalidate]` refuses.
pub(crate) fn invalidate(function: &Function, args: &InvalidateArgs, templates: &[&Template], errors: &mut Errors) {
    signature(function, "invalidate", errors);
    body(function, args.sql.is_given(), errors);
    if !args.names_something() && errors.is_empty() {
        let message = "nothing is named that could be invalidated: give `tags = [\"..\"]`, `key = \"..\"`, \
                       `pattern = \"..\"`, or call a cached function, such as `frames(video_id)`";
        errors.at(function.sig.ident.span(), message);
    }
    if passing::holds_word(function.output.to_token_stream(), "impl") && args.when.get() != Some(&When::Before) {
        let message = "whether the body succeeded is asked of its result, whose type must have a name: name it, \
                       or write `when = \"before\"`";
        errors.push(Error::new_spanned(&function.output, message));
    }
    for name in args.secret.get().into_iter().flatten() {
        if function.param(&name.unraw().to_string()).is_none() {
            errors.at(name.span(), no_argument(function, &name.to_string()));
        }
    }
    for template in templates {
        for hole in template.holes() {
            known(function, template, hole, errors);
        }
    }
}

/// Functions that cannot be wrapped.
fn signature(function: &Function, what: &str, errors: &mut Errors) {
    let Signature { constness, safety, abi, variadic, ident, .. } = &function.sig;
    if let Some(word) = constness {
        errors.at(word.span(), format!("a `const` function cannot {what}: take `const` from `{ident}`"));
    }
    if let Safety::Unsafe(word) = safety {
        let message = format!("an `unsafe` function cannot {what}: call `{ident}` from a safe one that can");
        errors.at(word.span(), message);
    }
    if let Some(abi) = abi {
        errors.push(Error::new_spanned(
            abi,
            format!("an `extern` function cannot {what}: call `{ident}` from one of Rust's own"),
        ));
    }
    if let Some(variadic) = variadic {
        let message = format!("a variadic function cannot {what}: its arguments have no names");
        errors.push(Error::new_spanned(variadic, message));
    }
    for pattern in &function.nameless {
        let message = "this argument has no name: give it one, and take it apart in the body";
        errors.push(Error::new_spanned(pattern, message));
    }
}

/// Something has to be run.
fn body(function: &Function, has_sql: bool, errors: &mut Errors) {
    if !function.has_body && !has_sql {
        let message = "this attribute needs a body to run: put it on the implementation";
        errors.at(function.sig.ident.span(), message);
    }
}

/// Returns that cannot be kept.
fn returned(function: &Function, errors: &mut Errors) {
    let ReturnType::Type(_, ty) = &function.sig.output else {
        let message = format!("`{}` returns nothing: there is nothing to keep", function.sig.ident.unraw());
        return errors.at(function.sig.ident.span(), message);
    };
    let message = match passing::bare(ty) {
        Type::Tuple(unit) if unit.elems.is_empty() => "`()` is nothing to keep",
        Type::Never(_) => "`!` is never returned: there is nothing to keep",
        other if passing::holds_word(other.to_token_stream(), "impl") => {
            "an `impl Trait` cannot be kept: name the type that is returned"
        }
        other if passing::spelled(other).is_some_and(|(name, _)| name == "Pin" || name == "BoxFuture") => {
            "a future cannot be kept: cache the function that makes the value, and call it from this one"
        }
        other if passing::borrows(other) => {
            "what is kept outlives the call and cannot borrow from it: return an owned value, such as `String` or `Arc<T>`"
        }
        _ => return,
    };
    errors.push(Error::new_spanned(ty, message));
}

fn receiver(model: &Model, errors: &mut Errors) {
    let Some(receiver) = &model.function.receiver else { return };
    let span = receiver.self_token.span();
    let skipped = is_self_skipped(model);
    let keyed = model.key.as_ref().is_some_and(|key| key.holes().any(|hole| hole.root == "self"));
    if !skipped && !keyed && model.args.key.is_given() == model.key.is_some() {
        let message = "two receivers would share results: name what tells them apart, such as `{self.id}` in `key`, \
                       or write `skip(self)` if nothing does";
        errors.at(span, message);
    }
    if let Some(message) = refused_receiver(model, receiver, skipped) {
        errors.at(span, message);
    }
}

fn refused_receiver(model: &Model, receiver: &Receiver, skipped: bool) -> Option<&'static str> {
    match passing::of_receiver(receiver) {
        Passing::Exclusive if model.runs_apart() => Some(
            "`&mut self` cannot go into the task of a load: take `&self`, or write `load = \"inline\"` and `skip(self)`",
        ),
        Passing::Exclusive if !skipped => {
            Some("a hit would leave `&mut self` as it is: take `&self`, or write `skip(self)` if that is meant")
        }
        Passing::Borrowing if model.runs_apart() => {
            Some("this receiver borrows from the caller, and a load may outlive the call: write `load = \"inline\"`")
        }
        _ => None,
    }
}

fn is_self_skipped(model: &Model) -> bool {
    model.args.skip.get().is_some_and(|names| names.iter().any(|name| name == "self"))
}

fn argument(model: &Model, param: &Param, errors: &mut Errors) {
    let Param { name, ty, .. } = param;
    let skipped = model.args.is_skipped(name);
    match passing::of(ty) {
        Passing::Exclusive if model.runs_apart() => errors.push(Error::new_spanned(
            ty,
            format!("`{name}` cannot go into the task of a load: take `&T`, or write `load = \"inline\"` and `skip({name})`"),
        )),
        Passing::Exclusive if !skipped => errors.push(Error::new_spanned(
            ty,
            format!("a hit would leave `{name}` as it is: take `&T`, or write `skip({name})` if that is meant"),
        )),
        Passing::Borrowing if model.runs_apart() => errors.push(Error::new_spanned(
            ty,
            format!("`{name}` borrows from the caller, and a load may outlive the call: take an owned type, or write `load = \"inline\"`"),
        )),
        _ => {}
    }
    let Some(template) = &model.key else { return };
    if template.holes().any(|hole| !is_known(&model.function, hole)) {
        return; // a misspelled placeholder is one mistake, not two
    }
    let keyed = template.holes().any(|hole| name.unraw() == hole.root.as_str());
    if model.args.is_secret(name) && !keyed {
        let message =
            format!("`{name}` is secret but not in the key: put `{{{name}}}` in `key`, or write `skip({name})`");
        errors.at(name.span(), message);
    } else if !keyed && !skipped && passing::is_plain_key(ty) {
        let message =
            format!("`{name}` is neither in the key nor skipped: put `{{{name}}}` in `key`, or write `skip({name})`");
        errors.at(name.span(), message);
    }
}

/// Names in `skip(..)` and `secret(..)`.
fn named_arguments(model: &Model, errors: &mut Errors) {
    let Model { function, args, .. } = model;
    let is_type = |name: &Ident| function.sig.generics.type_params().any(|param| param.ident == *name);
    for name in args.skip.get().into_iter().flatten() {
        let is_self = *name == "self" && function.receiver.is_some();
        let text = name.unraw().to_string();
        if !is_self && function.param(&text).is_none() && !is_type(name) {
            errors.at(name.span(), no_argument(function, &text));
        } else if model.key.as_ref().is_some_and(|key| key.holes().any(|hole| hole.root == text)) {
            errors.at(name.span(), format!("`{name}` is skipped, but `key` names it: do one or the other"));
        } else if args.is_secret(name) {
            errors.at(name.span(), format!("`{name}` is both skipped and secret: do one or the other"));
        }
    }
    for name in args.secret.get().into_iter().flatten() {
        if function.param(&name.unraw().to_string()).is_none() {
            errors.at(name.span(), no_argument(function, &name.to_string()));
        }
    }
}

/// Placeholders, the namespace, and the number of parts.
fn templates(model: &Model, errors: &mut Errors) {
    let Model { function, args, key, tags, .. } = model;
    if let (Some(key), None) = (key, args.namespace.get())
        && key.namespace().is_none()
    {
        let message = "the first segment of a key is its namespace and must be fixed text: begin with `name:`, \
                       or give `namespace = \"..\"`";
        errors.at(key.span, message);
    }
    for template in key.iter().chain(tags) {
        for hole in template.holes() {
            known(function, template, hole, errors);
        }
    }
    for template in tags {
        for hole in template.holes().filter(|hole| function.param(&hole.root).is_some() || hole.root == "self") {
            if !in_key(model, hole) {
                let text = hole.text();
                let message = format!(
                    "a tag can only name what is in the key, and `{text}` is not: put `{{{text}}}` in `key` too"
                );
                errors.at(template.span, message);
            }
        }
    }
    if errors.is_empty() && key::count(model) > MOST_PARTS {
        let message = format!(
            "a key has {MOST_PARTS} parts at most: leave some out with `skip(..)`, or group arguments in a `#[derive(KeyPart)]` type"
        );
        errors.at(function.sig.ident.span(), message);
    }
}

fn in_key(model: &Model, hole: &Hole) -> bool {
    match &model.key {
        Some(key) => key.holes().any(|keyed| keyed.covers(hole)),
        None if model.args.key.is_given() => true,
        None => model.function.param(&hole.root).is_some_and(|param| !model.args.is_skipped(&param.name)),
    }
}

/// Does the placeholder name an argument?
fn known(function: &Function, template: &Template, hole: &Hole, errors: &mut Errors) {
    if !is_known(function, hole) && function.nameless.is_empty() {
        errors.at(template.span, no_argument(function, &hole.root));
    }
}

fn is_known(function: &Function, hole: &Hole) -> bool {
    (hole.root == "self" && function.receiver.is_some()) || function.param(&hole.root).is_some()
}

pub(crate) fn no_argument(function: &Function, name: &str) -> String {
    let names: Vec<String> = function.params.iter().map(|param| param.name.unraw().to_string()).collect();
    let of = function.sig.ident.unraw();
    match words::nearest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("`{name}` is no argument of `{of}`: did you mean `{near}`?"),
        None => format!("`{name}` is no argument of `{of}`"),
    }
}

/// Options that do not go together, or not with this function.
fn options(model: &Model, errors: &mut Errors) {
    let Model { args, function, .. } = model;
    if args.is_query() && !args.tables.is_given() && !args.sql.is_given() && errors.is_empty() {
        let message = "name the tables that it reads, such as `tables = [\"video\"]`: writes to them make it untrue";
        errors.at(function.sig.ident.span(), message);
    }
    if let (Some(span), false) = (args.soft_timeout.span(), args.stale.is_given()) {
        errors.at(span, "`soft_timeout` needs an old value to answer with: give `stale = \"..\"` too");
    }
    if let (Some(span), Some(soft), Some(hard)) =
        (args.soft_timeout.span(), args.soft_timeout.get(), args.timeout.get())
        && soft >= hard
    {
        errors.at(span, "`soft_timeout` must be shorter than `timeout`");
    }
    if let (Some(span), Some(ahead), Some(ttl)) = (args.refresh_ahead.span(), args.refresh_ahead.get(), args.ttl.get())
        && ahead >= ttl
    {
        errors.at(span, "`refresh_ahead` must be shorter than `ttl`: it says how long before the end a refresh begins");
    }
    lives(args, errors);
    if let (Some(span), true) = (args.format.span(), args.local.is_given()) {
        errors.at(
            span,
            "`format` is for values that leave the process, and `local` keeps them in it: drop one of the two",
        );
    }
    if let (Some(span), true) = (args.compress.span(), args.local.is_given()) {
        errors.at(
            span,
            "`compress` is for values that leave the process, and `local` keeps them in it: drop one of the two",
        );
    }
    if !function.is_async() {
        let in_caller = [
            (args.load.span(), "load", "a function that does not await loads in its caller's thread"),
            (args.format.span(), "format", "values of a function that does not await stay in the process"),
            (args.compress.span(), "compress", "values of a function that does not await stay in the process"),
            (args.refresh_ahead.span(), "refresh_ahead", "nothing can refresh behind a function that does not await"),
            (
                args.soft_timeout.span(),
                "soft_timeout",
                "the caller of a function that does not await runs the load itself",
            ),
            (args.timeout.span(), "timeout", "a function that does not await cannot be stopped"),
            (
                args.adaptive.span(),
                "ttl",
                "whether a value is the one from before is seen by what is stored, and here nothing is",
            ),
            (args.predict.span(), "predict", "nothing is begun beside a function that blocks its thread"),
            (args.prefetch.span(), "prefetch", "nothing is begun beside a load that blocks its thread"),
        ];
        for (span, word, why) in in_caller.into_iter().filter_map(|(span, word, why)| Some((span?, word, why))) {
            errors.at(span, format!("{why}: drop `{word}`, or make the function `async`"));
        }
    } else if args.is_inline() {
        let behind = [(args.refresh_ahead.span(), "refresh_ahead"), (args.soft_timeout.span(), "soft_timeout")];
        for (span, word) in behind.into_iter().filter_map(|(span, word)| Some((span?, word))) {
            let message = format!(
                "an inline load runs in its caller and nothing goes on behind it: drop `{word}` or `load = \"inline\"`"
            );
            errors.at(span, message);
        }
    }
}
