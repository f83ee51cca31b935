//! What `#[warmup]` refuses.

use quote::ToTokens;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Error, GenericParam};

use super::{no_argument, signature};
use crate::errors::Errors;
use crate::expand::Job;
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
                "for which `{name}`? Write `args = [..]`, or `args_from = ..`; if whoever begins the warm-up gives it, `skip({name})`"
            );
            errors.at(first.name.span(), message);
        }
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

fn args_span(job: &Job) -> proc_macro2::Span {
    let span = job.args.args.span().or_else(|| job.args.args_from.span());
    span.unwrap_or_else(|| job.function.sig.ident.span())
}
