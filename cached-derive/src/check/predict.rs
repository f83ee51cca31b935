//! What `predict` refuses: what is predicted is called again, later, with arguments that were kept.

use proc_macro2::Span;
use quote::ToTokens;
use syn::{Error, GenericParam, WherePredicate};

use super::shadows;
use crate::errors::Errors;
use crate::lasting;
use crate::model::Model;
use crate::passing::{self, Passing};

pub(super) fn refuse(model: &Model, errors: &mut Errors) {
    let Some(span) = model.args.predict.span() else { return };
    let Model { function, .. } = model;
    if function.is_associated() {
        beside(model, span, errors);
    }
    if model.args.is_inline() {
        errors.at(span, "what is predicted runs in a task of its own: drop this, or `load = \"inline\"`");
    }
    for param in &function.params {
        if !function.is_associated() {
            shadows(function, param, errors);
        }
        if passing::holds_word(param.ty.to_token_stream(), "impl")
            || matches!(passing::of(&param.ty), Passing::Exclusive | Passing::Borrowing)
        {
            let message = "`predict` calls the function again, later: take an owned type here, or `&` of one";
            errors.push(Error::new_spanned(&param.ty, message));
        }
    }
    bounds(model, errors);
}

/// A method is called again by a function beside it.
fn beside(model: &Model, span: Span, errors: &mut Errors) {
    if model.companions().is_some() {
        return;
    }
    let message = if model.args.companions.is_given() {
        "`predict` calls the method again from a function beside it: drop this, or `companions = false`"
    } else {
        "`predict` calls the method again from a function beside it, and the `impl` of a trait has no room for one: \
         write `companions = true` if this is another, or cache a function that this one calls"
    };
    errors.at(span, message);
}

/// Those who call again lend for as long as that takes, not for the lifetime that a bound names.
fn bounds(model: &Model, errors: &mut Errors) {
    let generics = lasting::generics(&model.function.sig);
    let mut refuse = |at: &dyn ToTokens| {
        let message = "`predict` calls the function again, with what lives otherwise: say this for all lifetimes, \
                       as in `for<'a> &'a T: ..`";
        errors.push(Error::new_spanned(at, message));
    };
    for param in &generics.params {
        if let GenericParam::Type(of) = param
            && passing::borrows(&of.bounds)
        {
            refuse(&of.bounds);
        }
    }
    for predicate in generics.where_clause.iter().flat_map(|clause| &clause.predicates) {
        if !matches!(predicate, WherePredicate::Lifetime(_)) && passing::borrows(predicate) {
            refuse(predicate);
        }
    }
}
