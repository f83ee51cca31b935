//! What is kept of what a function returns, decided by the return *type* and not by its spelling.
//!
//! `Result` keeps `Ok`, `Option` keeps `Some`, `Result<Option<_>, _>` keeps `Ok(Some(_))`, everything else is kept whole;
//! `cache_none` and `cache_err` keep more. The attribute asks with a method call on [`Probe`]: method lookup prefers the
//! impl that needs the fewest references, so the most special kind of return type wins, aliases included.

use std::marker::PhantomData;

use crate::error::Error;

/// Which case of the return type a kept value came from: each may have a life of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// The value itself, `Ok` or `Some`.
    Value,
    /// `None`, kept because of `cache_none`.
    Nothing,
    /// `Err`, kept because of `cache_err`; near only.
    Failure,
}

/// How a return type `R` is taken apart and put together again.
pub trait Shape<R>: Copy + Send + Sync + 'static {
    /// What near keeps.
    type Kept;
    /// What tiers keep, encoded.
    type Stored;

    /// Takes what may be kept out of a result, or gives the result back, with what it is: nothing, or a failure.
    fn split(self, result: R) -> Result<(Self::Kept, Sort), (R, Sort)>;
    /// The result a kept value stands for.
    fn join(self, kept: Self::Kept) -> R;
    /// The part of a kept value that may leave the process.
    fn stored(self, kept: &Self::Kept) -> Option<&Self::Stored>;
    /// A kept value from a stored one.
    fn restore(self, stored: Self::Stored) -> (Self::Kept, Sort);
}

macro_rules! shape {
    ($(#[$doc:meta])* $name:ident, [$($g:ident),*] $ret:ty, $kept:ty, $stored:ty,
     split $split:expr, join $join:expr, stored $as_stored:expr, restore $restore:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl<$($g),*> Shape<$ret> for $name {
            type Kept = $kept;
            type Stored = $stored;

            #[inline]
            fn split(self, result: $ret) -> Result<($kept, Sort), ($ret, Sort)> {
                let split: fn($ret) -> Result<($kept, Sort), ($ret, Sort)> = $split;
                split(result)
            }

            #[inline]
            fn join(self, kept: $kept) -> $ret {
                let join: fn($kept) -> $ret = $join;
                join(kept)
            }

            fn stored(self, kept: &$kept) -> Option<&$stored> {
                let stored: fn(&$kept) -> Option<&$stored> = $as_stored;
                stored(kept)
            }

            fn restore(self, stored: $stored) -> ($kept, Sort) {
                let restore: fn($stored) -> ($kept, Sort) = $restore;
                restore(stored)
            }
        }
    };
}

fn failure<T, E>(error: E) -> (Result<T, E>, Sort) {
    (Err(error), Sort::Failure)
}

fn sort_of<T>(value: &Option<T>) -> Sort {
    if value.is_some() { Sort::Value } else { Sort::Nothing }
}

shape!(/// Any type, kept whole.
    Whole, [T] T, T, T,
    split |v| Ok((v, Sort::Value)), join |v| v, stored |v| Some(v), restore |v| (v, Sort::Value));
shape!(/// `Option`: `Some` only.
    OnlySome, [T] Option<T>, T, T,
    split |r| r.map(|v| (v, Sort::Value)).ok_or((None, Sort::Nothing)), join Some, stored |v| Some(v), restore |v| (v, Sort::Value));
shape!(/// `Option` with `cache_none`.
    Maybe, [T] Option<T>, Option<T>, Option<T>,
    split |r| { let sort = sort_of(&r); Ok((r, sort)) }, join |v| v, stored |v| Some(v),
    restore |v| { let sort = sort_of(&v); (v, sort) });
shape!(/// `Result`: `Ok` only.
    OnlyOk, [T, E] Result<T, E>, T, T,
    split |r| r.map(|v| (v, Sort::Value)).map_err(failure), join Ok, stored |v| Some(v), restore |v| (v, Sort::Value));
shape!(/// `Result` of `Option`: `Ok(Some)` only.
    OkSome, [T, E] Result<Option<T>, E>, T, T,
    split |r| match r {
        Ok(Some(v)) => Ok((v, Sort::Value)),
        Ok(None) => Err((Ok(None), Sort::Nothing)),
        Err(e) => Err(failure(e)),
    },
    join |v| Ok(Some(v)), stored |v| Some(v), restore |v| (v, Sort::Value));
shape!(/// `Result` of `Option` with `cache_none`.
    OkMaybe, [T, E] Result<Option<T>, E>, Option<T>, Option<T>,
    split |r| r.map(|v| { let sort = sort_of(&v); (v, sort) }).map_err(failure), join Ok, stored |v| Some(v),
    restore |v| { let sort = sort_of(&v); (v, sort) });
shape!(/// `Result` with `cache_err`.
    OkErr, [T, E] Result<T, E>, Result<T, E>, T,
    split |r| { let sort = if r.is_ok() { Sort::Value } else { Sort::Failure }; Ok((r, sort)) },
    join |v| v, stored |v| v.as_ref().ok(), restore |v| (Ok(v), Sort::Value));
shape!(/// `Result` of `Option` with `cache_err` but not `cache_none`.
    OkSomeErr, [T, E] Result<Option<T>, E>, Result<T, E>, T,
    split |r| match r {
        Ok(Some(v)) => Ok((Ok(v), Sort::Value)),
        Ok(None) => Err((Ok(None), Sort::Nothing)),
        Err(e) => Ok((Err(e), Sort::Failure)),
    },
    join |v| v.map(Some), stored |v| v.as_ref().ok(), restore |v| (Ok(v), Sort::Value));
shape!(/// `Result` of `Option` with both.
    OkMaybeErr, [T, E] Result<Option<T>, E>, Result<Option<T>, E>, Option<T>,
    split |r| {
        let sort = r.as_ref().map_or(Sort::Failure, sort_of);
        Ok((r, sort))
    },
    join |v| v, stored |v| v.as_ref().ok(), restore |v| { let sort = sort_of(&v); (Ok(v), sort) });

/// A question about a return type, answered by method lookup.
pub struct Probe<R>(PhantomData<fn() -> R>);

impl<R> Probe<R> {
    /// The question.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<R> Default for Probe<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> std::fmt::Debug for Probe<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Probe")
    }
}

/// One trait per answer: `$level` references before the probe, for return types `$ret`.
macro_rules! answer {
    ($($(#[$doc:meta])* $trait:ident::$method:ident, [$($g:ident),*] $ret:ty, [$($refs:tt)*] => $shape:ident;)*) => {$(
        $(#[$doc])*
        pub trait $trait {
            /// The answer.
            fn $method(&self) -> $shape {
                $shape
            }
        }
        impl<$($g),*> $trait for $($refs)* Probe<$ret> {}
    )*};
}

answer! {
    /// Neither `cache_none` nor `cache_err`.
    Kind0::kind, [T, E] Result<Option<T>, E>, [&&&] => OkSome;
    /// Neither.
    Kind1::kind, [T, E] Result<T, E>, [&&] => OnlyOk;
    /// Neither.
    Kind2::kind, [T] Option<T>, [&] => OnlySome;
    /// Neither.
    Kind3::kind, [T] T, [] => Whole;
    /// `cache_none`.
    None0::kind_none, [T, E] Result<Option<T>, E>, [&&] => OkMaybe;
    /// `cache_none`.
    None1::kind_none, [T] Option<T>, [&] => Maybe;
    /// `cache_err`.
    Err0::kind_err, [T, E] Result<Option<T>, E>, [&&] => OkSomeErr;
    /// `cache_err`.
    Err1::kind_err, [T, E] Result<T, E>, [&] => OkErr;
    /// Both.
    Both0::kind_none_err, [T, E] Result<Option<T>, E>, [&] => OkMaybeErr;
}

/// How a result that is not kept is given to all who waited for it.
pub type Share<R> = Option<fn(&R) -> R>;

/// Results that can be given to everyone.
pub trait Shared {
    /// What is returned.
    type Of;
    /// How to copy it.
    fn share(&self) -> Share<Self::Of>;
}

impl<R: Clone> Shared for &Probe<R> {
    type Of = R;

    fn share(&self) -> Share<R> {
        Some(R::clone)
    }
}

/// Results that only one caller can have.
pub trait Unshared {
    /// What is returned.
    type Of;
    /// That there is no way.
    fn share(&self) -> Share<Self::Of>;
}

impl<R> Unshared for Probe<R> {
    type Of = R;

    fn share(&self) -> Share<R> {
        None
    }
}

/// Return types that can say that the hard `timeout` passed.
#[diagnostic::on_unimplemented(
    message = "`timeout` needs a way to say so in `{Self}`",
    label = "cannot hold the timeout's error",
    note = "return a `Result` whose error implements `From<cached_runtime::Error>`, or use `soft_timeout` with `stale`"
)]
pub trait Refuse {
    /// The result that says so.
    fn refuse(error: Error) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T, E: From<Error>> Refuse for Result<T, E> {
    fn refuse(error: Error) -> Self {
        Err(error.into())
    }
}

/// Return types that can say that the `rate` was spent.
#[diagnostic::on_unimplemented(
    message = "`rate` needs a way to say so in `{Self}`",
    label = "cannot hold the error of a load that was refused",
    note = "return a `Result` whose error implements `From<cached_runtime::Error>`"
)]
pub trait RefuseRate {
    /// The result that says so.
    fn refuse(error: Error) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T, E: From<Error>> RefuseRate for Result<T, E> {
    fn refuse(error: Error) -> Self {
        Err(error.into())
    }
}

/// Stands for what counts loads.
#[derive(Debug, Clone, Copy)]
pub struct Loads;

/// There is what counts loads.
#[diagnostic::on_unimplemented(
    message = "`rate` needs the feature `rate` of `cached-runtime`",
    label = "loads are not counted without it",
    note = "write `features = [\"rate\"]` behind `cached-runtime` in Cargo.toml"
)]
pub trait Counted {}

#[cfg(feature = "rate")]
impl Counted for Loads {}
