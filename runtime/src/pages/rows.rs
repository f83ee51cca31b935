//! Streams: one chunk after the other, each when it is wanted.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use futures_core::stream::{FusedStream, Stream};
use tokio::task::coop::consume_budget;

use super::Items;
use super::record::record;

/// An answer that is one chunk of many: [`Paged`](super::Paged), [`Window`](super::Window), or a type of your own.
pub trait Chunk {
    /// What names a chunk.
    type At;
    /// What it has several of.
    type Item;

    /// The items, and the chunk behind this one, if there is one. To name the same chunk again is to go on for ever.
    fn into_parts(self) -> (Items<Self::Item>, Option<Self::At>);
}

/// Where a stream is: a chunk, and how many of its items were taken. It can be kept (it is `Serialize`) and
/// [resumed](resume), also by another process.
///
/// It is exact as long as the chunk is what it was. If rows may come and go before it is resumed, remember the key of the
/// last row instead, and begin behind it: [`After::after`](super::After::after).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position<A> {
    /// The chunk: a [`Page`](super::Page) or an [`After`](super::After).
    pub at: A,
    /// How many of its items were taken.
    pub taken: usize,
}

record!(Position<A> { at: A, taken: usize } by |at, taken| Ok::<_, Infallible>(Position { at, taken }));

/// All items from this chunk on, loaded chunk by chunk with `load`: a call of a cached function, say, so that each chunk is
/// an entry, and a second stream is answered from the cache.
///
/// A chunk is asked for when the items before it were taken, and not before, unless [`Rows::ahead`] is said. A stream is no
/// snapshot: what is invalidated while it is under way is loaded anew where it has not been yet.
pub fn stream<A, T, L, F, P, E>(first: A, load: L) -> Rows<A, T, L, F>
where
    L: FnMut(A) -> F,
    F: Future<Output = Result<P, E>>,
    P: Chunk<At = A, Item = T>,
{
    resume(Position { at: first, taken: 0 }, load)
}

/// A [`stream`] that goes on where another one was. The chunk it was in is asked for again.
///
/// ```
/// # use cached_runtime::pages::{self, Page, Paged};
/// # async fn numbers(page: Page) -> Result<Paged<i64>, std::io::Error> {
/// #     Ok(page.of(page.offset()..(page.offset() + page.limit()).min(250), 250))
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), std::io::Error> {
/// let mut rows = pages::stream(Page::chunks(), numbers);
/// for n in 0..130 {
///     assert_eq!(rows.next().await.transpose()?, Some(n));
/// }
/// let position = rows.position(); // of the second page, 30 items
///
/// let mut rows = pages::resume(position, numbers);
/// assert_eq!(rows.next().await.transpose()?, Some(130));
/// # Ok(()) }
/// ```
pub fn resume<A, T, L, F, P, E>(from: Position<A>, load: L) -> Rows<A, T, L, F>
where
    L: FnMut(A) -> F,
    F: Future<Output = Result<P, E>>,
    P: Chunk<At = A, Item = T>,
{
    Rows { load, position: from, held: None, coming: Coming::Nothing, is_ahead: false, is_over: false }
}

/// The items of many chunks, one after the other: a `Stream`, which without further crates is read with
/// [`next`](Self::next). Made by [`stream`] and [`resume`].
///
/// It holds one chunk. An error of a load is an item and the last one; what came before stays true, and
/// [`again`](Self::again) or [`resume`] go on there. Dropped, it asks for nothing more; what was being loaded for it is
/// then what any call is that somebody left.
#[must_use = "it loads nothing until it is read"]
pub struct Rows<A, T, L, F: Future> {
    load: L,
    position: Position<A>,
    /// The chunk of that position, once it is here.
    held: Option<Held<A, T>>,
    /// The chunk of that position while it is not here; after that the one behind it, if that is loaded ahead.
    coming: Coming<F>,
    is_ahead: bool,
    is_over: bool,
}

struct Held<A, T> {
    items: Items<T>,
    next: Option<A>,
}

enum Coming<F: Future> {
    Nothing,
    Loading(Pin<Box<F>>),
    Come(F::Output),
}

impl<A, T, L, F: Future> Rows<A, T, L, F> {
    /// Loads the next chunk while this one is worked on, so that two are held. Default: each when it is wanted.
    ///
    /// It is begun with the first item of a chunk. No task is made for it: it gets on when the stream is asked for an
    /// item, and of itself as far as the load of a cached function does, which has a task of its own once it waits.
    pub fn ahead(mut self) -> Self {
        self.is_ahead = true;
        self
    }

    /// Goes on after an error, with the chunk that failed.
    pub fn again(&mut self) {
        self.is_over = false;
    }
}

impl<A: Clone, T, L, F: Future> Rows<A, T, L, F> {
    /// Where it is: behind the last item that was given.
    #[must_use]
    pub fn position(&self) -> Position<A> {
        match &self.held {
            Some(Held { items, next: Some(next) }) if items.left() == 0 => Position { at: next.clone(), taken: 0 },
            _ => self.position.clone(),
        }
    }
}

impl<A, T, L, F, P, E> Rows<A, T, L, F>
where
    A: Clone,
    T: Clone,
    L: FnMut(A) -> F,
    F: Future<Output = Result<P, E>>,
    P: Chunk<At = A, Item = T>,
{
    /// The next item, `None` behind the last one. Who stops waiting loses nothing: the next call goes on.
    pub async fn next(&mut self) -> Option<Result<T, E>> {
        poll_fn(|cx| self.poll_row(cx)).await
    }

    fn poll_row(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, E>>> {
        while !self.is_over {
            if self.held.is_none() {
                match ready!(self.poll_chunk(cx)) {
                    Ok(chunk) => self.hold(chunk),
                    Err(error) => {
                        self.is_over = true;
                        return Poll::Ready(Some(Err(error)));
                    }
                }
            }
            if self.is_ahead {
                self.advance(cx);
            }
            match self.take() {
                Some(item) => return Poll::Ready(Some(Ok(item))),
                None => self.turn_over(),
            }
        }
        Poll::Ready(None)
    }

    /// The chunk of the position, when it is here.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<F::Output> {
        // Where all chunks are hits, nothing here waits, and the other tasks would have to.
        ready!(pin!(consume_budget()).poll(cx));
        self.advance(cx);
        match std::mem::replace(&mut self.coming, Coming::Nothing) {
            Coming::Come(result) => Poll::Ready(result),
            coming => {
                self.coming = coming;
                Poll::Pending
            }
        }
    }

    /// Gets on with the next chunk that is not here, or begins with it.
    fn advance(&mut self, cx: &mut Context<'_>) {
        // Out of its place while it is polled: a load that panics is not asked again, but begun anew.
        let mut load = match std::mem::replace(&mut self.coming, Coming::Nothing) {
            Coming::Loading(load) => load,
            Coming::Nothing => match self.wanted().cloned() {
                Some(at) => Box::pin((self.load)(at)),
                None => return,
            },
            come @ Coming::Come(_) => {
                self.coming = come;
                return;
            }
        };
        self.coming = match load.as_mut().poll(cx) {
            Poll::Ready(result) => Coming::Come(result),
            Poll::Pending => Coming::Loading(load),
        };
    }

    fn wanted(&self) -> Option<&A> {
        match &self.held {
            None => Some(&self.position.at),
            Some(held) => held.next.as_ref(),
        }
    }

    fn hold(&mut self, chunk: P) {
        let (items, next) = chunk.into_parts();
        // Of a chunk that is resumed some were taken before.
        self.held = Some(Held { items: items.behind(self.position.taken), next });
    }

    fn take(&mut self) -> Option<T> {
        let item = self.held.as_mut()?.items.next()?;
        self.position.taken += 1;
        Some(item)
    }

    /// To the next chunk, or to the end. The last chunk stays: its end is the position then.
    fn turn_over(&mut self) {
        match self.held.as_mut().and_then(|held| held.next.take()) {
            None => self.is_over = true,
            Some(next) => {
                self.position = Position { at: next, taken: 0 };
                self.held = None;
            }
        }
    }
}

// What must not move is in a box.
impl<A, T, L, F: Future> Unpin for Rows<A, T, L, F> {}

impl<A, T, L, F, P, E> Stream for Rows<A, T, L, F>
where
    A: Clone,
    T: Clone,
    L: FnMut(A) -> F,
    F: Future<Output = Result<P, E>>,
    P: Chunk<At = A, Item = T>,
{
    type Item = Result<T, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_row(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.held {
            Some(Held { items, next: None }) => (items.left(), Some(items.left())),
            Some(Held { items, .. }) => (items.left(), None),
            None if self.is_over => (0, Some(0)),
            None => (0, None),
        }
    }
}

impl<A, T, L, F, P, E> FusedStream for Rows<A, T, L, F>
where
    A: Clone,
    T: Clone,
    L: FnMut(A) -> F,
    F: Future<Output = Result<P, E>>,
    P: Chunk<At = A, Item = T>,
{
    fn is_terminated(&self) -> bool {
        self.is_over
    }
}

impl<A: fmt::Debug, T, L, F: Future> fmt::Debug for Rows<A, T, L, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, is_ahead, is_over, load: _, held: _, coming: _ } = self;
        f.debug_struct("Rows")
            .field("position", position)
            .field("is_ahead", is_ahead)
            .field("is_over", is_over)
            .finish_non_exhaustive()
    }
}
