//! What generated code asks the compiler about a key part or a return type, so that one mistake is one error, in our
//! words, where the user's type stands.
//!
//! Each question answers with an associated type. Where the trait is missing, the compiler says so once and knows
//! nothing about the answer, so it does not complain about all that follows from it.

use crate::call::Options;
use crate::depth::Framed;
use crate::key::KeyPart;
use crate::outcome::{Probe, Shape};

/// What may stand in a key, seen from a call.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a key",
    label = "not a key part",
    note = "leave the argument out with `skip(..)`, name what identifies it with `key = \"..{{arg.field}}..\"`, or `#[derive(KeyPart)]` on its type"
)]
pub trait Part {
    /// The part, borrowed.
    type Ref<'a>
    where
        Self: 'a;

    /// Borrows it.
    fn part(&self) -> Self::Ref<'_>;
}

#[diagnostic::do_not_recommend]
impl<T: KeyPart + ?Sized> Part for T {
    type Ref<'a>
        = &'a T
    where
        T: 'a;

    #[inline]
    fn part(&self) -> &T {
        self
    }
}

/// An argument as a part of a key.
#[inline]
pub fn part<T: Part + ?Sized>(argument: &T) -> T::Ref<'_> {
    argument.part()
}

/// A question about a type that stands behind a shape; the answer is the shape itself.
macro_rules! question {
    ($(#[$attr:meta])* $trait:ident, $([$($g:ident),*] $ty:ty, where [$($bounds:tt)*];)*) => {
        $(#[$attr])*
        pub trait $trait<S> {
            /// What is answered.
            type Shape;
            /// Answers.
            fn answer(shape: S) -> Self::Shape;
        }

        $(
            #[diagnostic::do_not_recommend]
            impl<$($g,)* S> $trait<S> for $ty
            where
                $($bounds)*
            {
                type Shape = S;

                fn answer(shape: S) -> S {
                    shape
                }
            }
        )*
    };
}

question! {
    /// Values that near can keep and give out.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be cached",
        label = "not `Clone + Send + Sync + 'static`",
        note = "every hit gives out a clone, on any thread: derive `Clone`, or return an `Arc` of it"
    )]
    Keep, [T] T, where [T: Clone + Send + Sync + 'static];
}

question! {
    /// Results that can be handed to callers on other threads.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be handed to those who wait for it",
        label = "not `Send + 'static`",
        note = "callers may wait on other threads: return types that are `Send`, such as `Box<dyn Error + Send + Sync>` for an error"
    )]
    Give, [R] R, where [R: Send + 'static];
}

question! {
    /// Values that can leave the process.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be cached below near",
        label = "not `Serialize + DeserializeOwned`",
        note = "derive serde's `Serialize` and `Deserialize` for it, or write `#[cache(local)]` to keep the values in this process"
    )]
    Store, [T] T, where [T: crate::depth::Storable];
}

question! {
    /// Return types that can be `None`.
    #[diagnostic::on_unimplemented(
        message = "`cache_none` has nothing to keep in `{Self}`",
        label = "never `None`",
        note = "drop `cache_none`, or return an `Option`, or a `Result` of one"
    )]
    SaysNone, [T] Option<T>, where []; [T, E] Result<Option<T>, E>, where [];
}

question! {
    /// Return types that can be an `Err`.
    #[diagnostic::on_unimplemented(
        message = "`cache_err` has nothing to keep in `{Self}`",
        label = "never an `Err`",
        note = "drop `cache_err`, or return a `Result`"
    )]
    SaysErr, [T, E] Result<T, E>, where [];
}

/// The shape, if what it keeps can be kept and what is returned can be handed on.
pub fn kept<R, S>(shape: S) -> <S::Kept as Keep<S>>::Shape
where
    S: Shape<R>,
    S::Kept: Keep<S>,
{
    <S::Kept as Keep<S>>::answer(shape)
}

/// The shape, if results can be handed on.
pub fn given<R: Give<S>, S>(shape: S) -> R::Shape {
    R::answer(shape)
}

/// The shape, if there can be a `None` in what is returned.
pub fn says_none<R: SaysNone<S>, S>(shape: S) -> R::Shape {
    R::answer(shape)
}

/// The shape, if there can be an `Err` in what is returned.
pub fn says_err<R: SaysErr<S>, S>(shape: S) -> R::Shape {
    R::answer(shape)
}

/// All tiers that are installed, if the values can leave the process.
pub fn framed<R, S>(_: S) -> <S::Stored as Store<Framed>>::Shape
where
    S: Shape<R>,
    S::Stored: Store<Framed>,
{
    <S::Stored as Store<Framed>>::answer(Framed)
}

/// Options for the values that this shape keeps.
pub fn options<R, S: Shape<R>>(_: S) -> Options<S::Kept, R> {
    Options::new()
}

/// Calls a body once. An async closure that is called where it stands would lend itself to its own future.
pub fn once<R>(body: impl FnOnce() -> R) -> R {
    body()
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
