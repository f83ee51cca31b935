//! Can results be handed on to callers on other threads? If not, there is no way into the runtime.

use std::future::Future;
use std::sync::Arc;

use crate::call::{Call, MissOf, Near, Noted};
use crate::depth::Depth;
use crate::entry::Entry;
use crate::intent;
use crate::key::KeyPart;
use crate::load::Foreseen;
use crate::names::Names;
use crate::outcome::{Probe, Shape};
use crate::site::Site;
use crate::which::Which;

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
    /// The answer, if it is a plain hit. It allocates nothing, waits for nobody and takes no lock that all share.
    ///
    /// `key` makes the key: of a type that no other function has, so that what is compiled for it becomes part of the
    /// function; and the key is in no memory that anything else could look at, but in registers.
    #[inline(always)]
    pub fn hit<K, S, R, H>(self, site: &'static Site, cache: Which<'_>, key: H, shape: S) -> Option<R>
    where
        H: Fn() -> K,
        K: KeyPart,
        S: Shape<R>,
        S::Kept: Clone + Send + Sync + 'static,
        R: Send + 'static,
    {
        if intent::is_intended() {
            return None;
        }
        let value = cache.hit::<K::Owned, S::Kept, R, _, _>(site, key)?;
        Some(shape.join(value))
    }

    /// Learns from a call, and begins those that usually follow. `own` keeps the arguments that form the key, `is_ours`
    /// tells whether they are for this instance of a generic function, `call` calls it with such.
    #[allow(clippy::too_many_arguments, reason = "of generated code, which has no room for a type")]
    pub fn foresee<K, S, R, H, A, C, F>(
        self,
        site: &'static Site,
        cache: Which<'_>,
        key: &H,
        _: S,
        session: impl FnOnce() -> u64,
        own: impl FnOnce() -> A,
        is_ours: impl Fn(&K::Owned) -> bool,
        call: C,
    ) where
        H: Fn() -> K,
        K: KeyPart,
        S: Shape<R>,
        S::Kept: Clone + Send + Sync + 'static,
        R: Send + 'static,
        A: Send + Sync + 'static,
        C: Fn(Arc<(K::Owned, A)>) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        // Who loads ahead does not ask.
        if intent::is_intended() {
            return;
        }
        if let Some((_, shelf)) = cache.shelf::<K::Owned, S::Kept, R>(site) {
            Foreseen { cache: cache.cache(), shelf, key: &key(), session: session() }.go(own, is_ours, call);
        }
    }

    /// Looks closer, for a function after which others are prefetched.
    pub fn near_noting<K, N, S, R, D>(self, call: Call<'_, K, N, S, R, D, S::Kept>) -> Noted<R, MissOf<K, S, R, D>>
    where
        K: KeyPart,
        N: Fn(&mut Names),
        S: Shape<R>,
        S::Kept: Clone + Send + Sync + 'static,
        R: Send + 'static,
        D: Depth<S::Stored>,
    {
        call.near_noting()
    }

    /// Looks closer.
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
    pub fn hit<S, R, H>(self, _: &'static Site, _: Which<'_>, _: H, _: S) -> Option<R> {
        match self {}
    }

    /// Never.
    #[allow(
        clippy::too_many_arguments,
        clippy::extra_unused_type_parameters,
        reason = "it is called as the open one is"
    )]
    pub fn foresee<K, S, R, H, A, C, F>(
        self,
        _: &'static Site,
        _: Which<'_>,
        _: &H,
        _: S,
        _: impl FnOnce() -> u64,
        _: impl FnOnce() -> A,
        _: impl Fn(&K::Owned) -> bool,
        _: C,
    ) where
        H: Fn() -> K,
        K: KeyPart,
        C: Fn(Arc<(K::Owned, A)>) -> F,
    {
        match self {}
    }

    /// Never.
    pub fn near_noting<K, N, S, R, D, V>(self, _: Call<'_, K, N, S, R, D, V>) -> Noted<R, Self> {
        match self {}
    }

    /// Never.
    pub fn prefetch<F>(&self, _: bool, _: impl FnOnce() -> F) {
        match *self {}
    }

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
