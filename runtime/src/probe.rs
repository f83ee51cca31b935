//! What generated code asks the compiler about a key part or a return type, so that one mistake is one error, in our
//! words, where the user's type stands.
//!
//! Every question has two answers. The first is the real one, for types that fit. The second is for all types, with a
//! bound on its method: the compiler reports the bound, once, and goes on with a stand-in of which nothing else is wrong.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::call::{Call, MissOf, Near, Options};
use crate::depth::{Depth, Framed, Local, Storable};
use crate::entry::Entry;
use crate::key::KeyPart;
use crate::names::Names;
use crate::outcome::{Probe, Shape, Sort, Whole};

/// May this argument be part of a key?
pub struct Argument<'a, T: ?Sized>(pub &'a T);

/// Yes, borrowed.
pub trait Part0 {
    /// The part.
    type Part;
    /// The part.
    fn part(&self) -> Self::Part;
}

impl<'a, T: KeyPart + ?Sized> Part0 for &Argument<'a, T> {
    type Part = &'a T;

    #[inline]
    fn part(&self) -> &'a T {
        self.0
    }
}

/// No.
pub trait Part1 {
    /// What is asked about.
    type Of: ?Sized;
    /// A stand-in.
    fn part(&self)
    where
        Self::Of: KeyPart,
    {
    }
}

impl<T: ?Sized> Part1 for Argument<'_, T> {
    type Of = T;
}

/// Can near keep what this shape keeps, and tiers what it stores?
pub struct Asked<R, S>(S, PhantomData<fn() -> R>);

impl<R, S> Asked<R, S> {
    /// The question about this shape.
    pub const fn about(shape: S) -> Self {
        Self(shape, PhantomData)
    }
}

/// Values that near can keep and give out.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be cached",
    label = "not `Clone + Send + Sync + 'static`",
    note = "every hit gives out a clone, on any thread: derive `Clone`, or return an `Arc` of it"
)]
pub trait Keep {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + 'static> Keep for T {}

/// They can be kept.
pub trait Kept0 {
    /// The shape.
    type Shape;
    /// The shape.
    fn kept(&self) -> Self::Shape;
}

impl<R, S: Shape<R>> Kept0 for &Asked<R, S>
where
    S::Kept: Clone + Send + Sync + 'static,
{
    type Shape = S;

    #[inline]
    fn kept(&self) -> S {
        self.0
    }
}

/// They cannot.
pub trait Kept1 {
    /// What is asked about.
    type Kept;
    /// A stand-in.
    fn kept(&self) -> Refused
    where
        Self::Kept: Keep,
    {
        Refused
    }
}

impl<R, S: Shape<R>> Kept1 for Asked<R, S> {
    type Kept = S::Kept;
}

/// They can leave the process.
pub trait Framed0 {
    /// So deep.
    fn depth(&self) -> Framed;
}

impl<R, S: Shape<R>> Framed0 for &Asked<R, S>
where
    S::Stored: Storable,
{
    #[inline]
    fn depth(&self) -> Framed {
        Framed
    }
}

/// They cannot.
pub trait Framed1 {
    /// What is asked about.
    type Stored;
    /// A stand-in.
    fn depth(&self) -> Local
    where
        Self::Stored: Storable,
    {
        Local
    }
}

impl<R, S: Shape<R>> Framed1 for Asked<R, S> {
    type Stored = S::Stored;
}

/// Return types that can be `None`.
#[diagnostic::on_unimplemented(
    message = "`cache_none` has nothing to keep in `{Self}`",
    label = "never `None`",
    note = "drop `cache_none`, or return an `Option`, or a `Result` of one"
)]
pub trait SaysNone {}

impl<T> SaysNone for Option<T> {}
impl<T, E> SaysNone for Result<Option<T>, E> {}

/// Return types that can be an `Err`.
#[diagnostic::on_unimplemented(
    message = "`cache_err` has nothing to keep in `{Self}`",
    label = "never an `Err`",
    note = "drop `cache_err`, or return a `Result`"
)]
pub trait SaysErr {}

impl<T, E> SaysErr for Result<T, E> {}

/// `cache_none` and `cache_err` on types for which they are a mistake.
macro_rules! mistaken {
    ($($trait:ident::$method:ident where $($bound:ident),*;)*) => {$(
        /// Every type that has no better answer.
        pub trait $trait {
            /// What is asked about.
            type Ret;
            /// A stand-in.
            fn $method(&self) -> Whole
            where
                $(Self::Ret: $bound,)*
            {
                Whole
            }
        }
        impl<R> $trait for Probe<R> {
            type Ret = R;
        }
    )*};
}

mistaken! {
    None2::kind_none where SaysNone;
    Err2::kind_err where SaysErr;
    Both1::kind_none_err where SaysNone, SaysErr;
}

/// Results that can be handed to callers on other threads.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be handed to those who wait for it",
    label = "not `Send + 'static`",
    note = "callers may wait on other threads: an error may be a `Box<dyn Error + Send + Sync>`, a shared value an `Arc`"
)]
pub trait Give: Send + 'static {}

#[diagnostic::do_not_recommend]
impl<R: Send + 'static> Give for R {}

/// Yes: the way into the runtime is open.
pub trait Open0 {
    /// The way.
    fn open(&self) -> Open {
        Open
    }
}

impl<R: Send + 'static> Open0 for &Probe<R> {}

/// No.
pub trait Open1 {
    /// What is asked about.
    type Ret;
    /// A stand-in; no program in which it is called compiles.
    fn open(&self) -> Shut
    where
        Self::Ret: Give,
    {
        unreachable!("refused by the compiler")
    }
}

impl<R> Open1 for Probe<R> {
    type Ret = R;
}

/// The way of a call into the runtime.
#[derive(Debug, Clone, Copy)]
pub struct Open;

impl Open {
    /// Asks near.
    #[inline]
    pub fn near<K, N, S, R, D>(self, call: Call<'_, K, N, S, R, D, S::Kept>) -> Near<R, MissOf<K, S, R, D>>
    where
        K: KeyPart,
        N: Fn(&mut Names),
        S: Shape<R>,
        S::Kept: Clone + Send + Sync + 'static,
        R: Send + 'static,
        D: Depth<S::Stored>,
    {
        call.near()
    }

    /// A handle to the entry.
    pub fn entry<K, N, S, R, D>(self, call: Call<'_, K, N, S, R, D, S::Kept>) -> Entry<R>
    where
        K: KeyPart,
        N: Fn(&mut Names),
        S: Shape<R>,
        S::Stored: 'static,
        S::Kept: Clone + Send + Sync + 'static,
        R: Send + 'static,
        D: Depth<S::Stored>,
    {
        call.entry()
    }
}

/// The way that is not there: it takes all calls and answers none.
#[derive(Debug, Clone, Copy)]
pub enum Shut {}

impl Shut {
    /// Never.
    pub fn near<K, N, S, R, D, V>(self, _: Call<'_, K, N, S, R, D, V>) -> Near<R, Self> {
        match self {}
    }

    /// Never.
    pub fn entry<K, N, S, R, D, V>(self, _: Call<'_, K, N, S, R, D, V>) -> Entry<R> {
        match self {}
    }

    /// Never.
    pub async fn load<R, F: Future<Output = R>>(self, _: impl FnOnce() -> F) -> R {
        match self {}
    }

    /// Never.
    pub async fn load_inline<R, F: Future<Output = R>>(self, _: impl FnOnce() -> F) -> R {
        match self {}
    }

    /// Never.
    pub fn load_sync<R>(self, _: impl FnOnce() -> R) -> R {
        match self {}
    }
}

/// Options for the values that this shape keeps.
pub fn options<R, S: Shape<R>>(_: S) -> Options<S::Kept, R> {
    Options::new()
}

/// Did the body of an `#[invalidate]` function succeed? A `Result` says so itself.
pub trait Succeeded0<R> {
    /// Is it `Ok`?
    fn succeeded(&self, result: &R) -> bool;
}

impl<T, E> Succeeded0<Result<T, E>> for &Probe<Result<T, E>> {
    fn succeeded(&self, result: &Result<T, E>) -> bool {
        result.is_ok()
    }
}

/// Everything else succeeds by returning.
pub trait Succeeded1<R> {
    /// Always.
    fn succeeded(&self, result: &R) -> bool;
}

impl<R> Succeeded1<R> for Probe<R> {
    fn succeeded(&self, _: &R) -> bool {
        true
    }
}

/// The shape that stands in for one that was refused; it keeps nothing.
#[derive(Debug, Clone, Copy)]
pub struct Refused;

/// A value that does not exist.
#[derive(Debug, Clone, Copy)]
pub enum Nothing {}

impl<R> Shape<R> for Refused {
    type Kept = Nothing;
    type Stored = Nothing;

    fn split(self, result: R) -> Result<(Nothing, Sort), R> {
        Err(result)
    }

    fn join(self, kept: Nothing) -> R {
        match kept {}
    }

    fn stored(self, kept: &Nothing) -> Option<&Nothing> {
        Some(kept)
    }

    fn restore(self, stored: Nothing) -> (Nothing, Sort) {
        (stored, Sort::Nothing)
    }
}

impl Serialize for Nothing {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        match *self {}
    }
}

impl<'de> Deserialize<'de> for Nothing {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom("there is no such value"))
    }
}

impl<T: ?Sized> fmt::Debug for Argument<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Argument(..)") // it may be a secret
    }
}

impl<R, S: fmt::Debug> fmt::Debug for Asked<R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Asked").field(&self.0).finish()
    }
}
