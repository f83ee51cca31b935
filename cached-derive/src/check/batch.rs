//! What `batch` refuses.

use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Error, Ident, Type};

use super::no_argument;
use crate::batch::element;
use crate::errors::Errors;
use crate::model::Model;
use crate::passing::{self, Passing};

/// What it needs, and what does not go with it.
pub(super) fn refuse(model: &Model, errors: &mut Errors) {
    let Model { args, function, .. } = model;
    let Some(ids) = args.batch.get() else {
        for (span, word) in [(args.max_batch.span(), "max_batch"), (args.coalesce.span(), "coalesce")] {
            if let Some(span) = span {
                errors.at(span, format!("`{word}` is about batches: say which argument is one, as `batch = ids`"));
            }
        }
        return;
    };
    argument(model, ids, errors);
    if says_no_whose(&function.output) {
        let message = "nobody could tell which answer is whose: return a `HashMap<Id, V>`, a `BTreeMap<Id, V>`, a \
                       `Vec<(Id, V)>` or, in the order of the batch, a `Vec<Option<V>>`; or a `Result` of one";
        errors.push(Error::new_spanned(&function.output, message));
    }
    if let (Some(0), Some(span)) = (args.max_batch.get(), args.max_batch.span()) {
        errors.at(span, "`max_batch` cannot be zero: say how many the body takes at a time, such as 500");
    }
    let by_value = function.receiver.as_ref().is_some_and(|receiver| passing::of_receiver(receiver) == Passing::Moved);
    let refused = [
        (
            args.load.span().filter(|_| args.is_inline()),
            "a batch is loaded in a task of its own: drop this, or `batch`",
        ),
        (
            args.lock.span().filter(|_| args.lock.get() == Some(&true)),
            "nodes take turns for single keys: drop this, or `batch`",
        ),
        (args.predict.span(), "`predict` is for functions that are asked for one: drop this, or `batch`"),
        (args.prefetch.span(), "`prefetch` is for functions that are asked for one: drop this, or `batch`"),
        (
            args.sql.span(),
            "a statement is asked for one answer: give the function a body that asks for all, and `tables`",
        ),
        (
            args.batch.span().filter(|_| !function.is_async()),
            "a batch is loaded in a task of its own: make the function `async`",
        ),
        (
            args.batch.span().filter(|_| by_value),
            "a batch may be loaded in several parts, each with a copy of what it needs: take `&self`",
        ),
    ];
    for (span, message) in refused.into_iter().filter_map(|(span, message)| Some((span?, message))) {
        errors.at(span, message);
    }
}

fn argument(model: &Model, ids: &Ident, errors: &mut Errors) {
    let Model { args, function, .. } = model;
    let Some(param) = function.params.iter().find(|param| param.name == *ids) else {
        return errors.at(ids.span(), no_argument(function, &ids.unraw().to_string()));
    };
    if element(&param.ty).is_none() {
        let message = format!("`{ids}` is no list: a batch is a `&[Id]` or a `Vec<Id>`");
        errors.push(Error::new_spanned(&param.ty, message));
    } else if args.is_skipped(ids) {
        errors.at(ids.span(), format!("`{ids}` is skipped: a batch is a part of the key"));
    } else if let Some(key) = &model.key
        && !key.holes().any(|hole| ids.unraw() == hole.root.as_str())
    {
        let message = format!("all of the batch would be one entry: put `{{{ids}}}`, which is one of it, in `key`");
        errors.at(key.span, message);
    }
    if *ids == function.sig.ident {
        errors.at(param.name.span(), "this is also the name of the function: give one of the two another");
    }
    if let Some(cache) = args.cache.get()
        && passing::holds_word(cache.to_token_stream(), &ids.to_string())
    {
        errors.push(Error::new_spanned(cache, "all of a batch is kept in one cache, whatever is in it"));
    }
}

/// Is the type spelled as something that is no answer for several? Of an alias only the compiler knows.
fn says_no_whose(ty: &Type) -> bool {
    let ty = passing::bare(ty);
    let Some((name, arguments)) = passing::spelled(ty) else { return !matches!(ty, Type::Path(_) | Type::Macro(_)) };
    match (name.as_str(), arguments.first().map(|ty| passing::bare(ty))) {
        ("Result", Some(inside)) => says_no_whose(inside),
        ("Vec", Some(Type::Tuple(pair))) => pair.elems.len() != 2,
        ("Vec", Some(inside)) => passing::is_plain_key(inside) && passing::option_of(inside).is_none(),
        ("String" | "Option" | "Arc" | "Box" | "HashSet" | "BTreeSet" | "VecDeque", _) => true,
        _ => arguments.is_empty() && passing::is_plain_key(ty),
    }
}
