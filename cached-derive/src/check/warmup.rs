//! What `#[warmup]` refuses.

use quote::ToTokens;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Error, GenericParam};

use super::{no_argument, signature};
use crate::errors::Errors;
use crate::expand::Job;
use crate::input::Param;
use crate::key::Key;
use crate::passing::{self, Passing};

pub(crate) fn warmup(job: &Job, errors: &mut Errors) {
    signature(&job.function, "be warmed", errors);
    whose(job, errors);
    options(job, errors);
    arguments(job, errors);
}

/// A job has neither a receiver nor types of its own.
fn whose(job: &Job, errors: &mut Errors) {
    let function = &job.function;
    if let Some(receiver) = &function.receiver {
        let message =
            "a job has no `self`: warm a function of its own, which is given what it needs and calls the method";
        errors.at(receiver.self_token.span(), message);
    } else if function.is_associated() {
        let message = "a job cannot stand in an `impl`: put it beside, and let it call the method";
        errors.at(function.sig.ident.span(), message);
    }
    for param in &function.sig.generics.params {
        if let GenericParam::Type(_) | GenericParam::Const(_) = param {
            let message = "nobody would say what this is: warm a function without it, which calls this one";
            errors.push(Error::new_spanned(param, message));
        }
    }
}

fn options(job: &Job, errors: &mut Errors) {
    let args = &job.args;
    if let (Some(_), Some(span)) = (args.every.span(), args.cron.span()) {
        errors.at(span, "`every` and `cron` both say when: keep one of the two");
    }
    if let (Some(_), Some(span)) = (args.args.span(), args.args_from.span()) {
        errors.at(span, "`args` and `args_from` both say for what: keep one of the two");
    }
    if let (true, Some(span)) = (args.args.is_given() || args.args_from.is_given(), args.hot.span()) {
        errors.at(span, "`hot` says for what, too: keep one of the two, or write a job of its own for the other");
    }
    if let (None, Some(span)) = (&job.cached, args.hot.span()) {
        errors.at(span, "`hot` is about what is asked for most: write `#[warmup]` above the `#[cache]` of a function");
    }
    if let (None, Some(span)) = (&job.cached, args.spread.span()) {
        errors.at(span, "`spread` is about what is kept: write `#[warmup]` above the `#[cache]` of a function");
    }
    for name in args.skip.get().into_iter().flatten() {
        if job.function.param(&name.unraw().to_string()).is_none() {
            errors.at(name.span(), no_argument(&job.function, &name.unraw().to_string()));
        }
    }
}

fn arguments(job: &Job, errors: &mut Errors) {
    let warmed: Vec<_> = job.warmed().collect();
    match (&warmed[..], job.has_args()) {
        ([first, ..], false) => {
            let name = first.name.unraw();
            let message = format!(
                "for which `{name}`? Write `args = [..]`, `args_from = ..`, or `hot = 1000` for those that are asked for most; if whoever begins the warm-up gives it, `skip({name})`"
            );
            errors.at(first.name.span(), message);
        }
        // That there is nothing to be hot is said already.
        ([], true) if job.cached.is_none() && job.args.hot.is_given() => {}
        ([], true) => {
            let span = args_span(job);
            errors.at(span, "there is no argument left that these could be: each is skipped");
        }
        _ => {}
    }
    if let Some(batch) = job.batch()
        && warmed.iter().any(|param| param.name != batch.name)
    {
        let message =
            "a batch is warmed by its elements alone: skip the other arguments, or warm a function that calls this one";
        errors.at(batch.name.span(), message);
    }
    keyed(job, &warmed, errors);
    for param in &job.function.params {
        super::shadows(&job.function, param, errors);
        let is_batch = job.batch().is_some_and(|batch| batch.name == param.name);
        let message = match passing::of(&param.ty) {
            Passing::Exclusive => "`&mut` cannot be given to several calls: take it by value, or `&`",
            Passing::Borrowing if !is_batch => "nobody holds what this borrows from: take it by value, or `&` of it",
            _ if passing::holds_word(param.ty.to_token_stream(), "impl") => {
                "nobody would say which type this is: name it"
            }
            _ => continue,
        };
        errors.at(param.ty.span(), message);
    }
}

/// What is read out of a key has to be in it, as a whole, to be read by whoever can read the key.
fn keyed(job: &Job, warmed: &[&Param], errors: &mut Errors) {
    let Some(model) = &job.keyed else { return };
    let key = Key::of(model);
    for param in warmed.iter().filter(|param| key.place_of(param).is_none()) {
        let name = param.name.unraw();
        let message = if model.args.is_secret(&param.name) {
            format!("`{name}` is secret: its key holds a hash, of which nothing can be read; warm with `args_from`")
        } else {
            format!(
                "`{name}` is not in the key as a whole, where `hot` reads it: if whoever begins the warm-up gives it, `skip({name})`; else warm with `args_from`"
            )
        };
        errors.at(param.name.span(), message);
    }
}

fn args_span(job: &Job) -> proc_macro2::Span {
    let args = &job.args;
    let span = args.args.span().or_else(|| args.args_from.span()).or_else(|| args.hot.span());
    span.unwrap_or_else(|| job.function.sig.ident.span())
}
