//! Streams: each chunk when it is wanted, once, and whatever happens the rows are those of the table.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Waker};

use cached_runtime::pages::{self, Chunk, Items, Page, Paged, Position};
use futures_core::stream::{FusedStream, Stream};

use super::{Table, numbers, page, renumber};
use crate::rig::{Down, soon};

/// The rows of one stream over the table, in chunks of a hundred.
macro_rules! rows_of {
    ($table:expr) => {
        pages::stream(Page::chunks(), |page| numbers($table, 7, page))
    };
}

/// So many of them; fewer at the end.
macro_rules! read {
    ($rows:expr, $many:expr) => {{
        let (rows, mut read) = (&mut $rows, Vec::<u64>::new());
        while read.len() < $many
            && let Some(row) = rows.next().await
        {
            read.push(row.unwrap());
        }
        read
    }};
}

const ALL: usize = usize::MAX;

#[tokio::test]
async fn a_chunk_is_asked_for_when_its_first_row_is_wanted() {
    let table = Table::of(250);
    let mut rows = rows_of!(&table);
    assert_eq!(table.asked(), [0; 0]);
    for (many, asked) in [(1, &[0][..]), (99, &[0]), (1, &[0, 100]), (99, &[0, 100]), (50, &[0, 100, 200])] {
        read!(rows, many);
        assert_eq!(table.asked(), asked);
    }
    assert!(rows.next().await.is_none() && rows.next().await.is_none(), "it stays at its end");
    assert!(rows.is_terminated());
    assert_eq!(table.asked().len(), 3);
}

#[tokio::test]
async fn ahead_is_one_chunk_and_no_more() {
    let table = Table::of(350);
    let mut rows = rows_of!(&table).ahead();
    assert_eq!(table.asked(), [0; 0]);
    for (many, asked) in [(1, &[0, 100][..]), (99, &[0, 100]), (1, &[0, 100, 200]), (101, &[0, 100, 200, 300])] {
        read!(rows, many);
        assert_eq!(table.asked(), asked);
    }
    read!(rows, ALL);
    assert_eq!(table.asked().len(), 4);
}

#[tokio::test]
async fn what_is_ahead_comes_while_this_chunk_is_worked_on() {
    let table = Table::of(250);
    let mut rows = rows_of!(&table).ahead();
    table.gate.release();
    table.gate.close();
    table.gate.release();
    soon("the first row", async { read!(rows, 1) }).await;
    soon("the second chunk is at the source", table.gate.arrived(2)).await;
    assert_eq!(read!(rows, 99).len(), 99, "nobody waits for it");
    table.gate.open();
    assert_eq!(soon("the rest", async { read!(rows, ALL) }).await.len(), 150);
}

#[tokio::test]
async fn a_second_stream_is_answered_from_the_cache() {
    let table = Table::of(1_050);
    for _ in 0..2 {
        assert_eq!(read!(rows_of!(&table), ALL), table.rows());
    }
    assert_eq!(table.asked().len(), 11);
    table.insert(1);
    renumber(&table, 7).await.unwrap();
    assert_eq!(read!(rows_of!(&table), ALL), table.rows(), "all chunks go together");
    assert_eq!(table.asked().len(), 22);
}

#[tokio::test]
async fn what_is_invalidated_on_the_way_is_loaded_anew_from_there_on() {
    let table = Table::of(200);
    read!(rows_of!(&table), ALL);
    let mut rows = rows_of!(&table);
    assert_eq!(read!(rows, 50).len(), 50);
    table.insert(1_001);
    renumber(&table, 7).await.unwrap();
    assert_eq!(read!(rows, ALL).last(), Some(&1_001));
    assert_eq!(table.asked(), [0, 100, 100, 200]);
}

#[tokio::test]
async fn a_stream_goes_on_in_the_middle_of_a_chunk() {
    let table = Table::of(250);
    for taken in [0, 1, 99, 100, 101, 200, 249, 250] {
        let mut rows = rows_of!(&table);
        let mut read = read!(rows, taken);
        let text = serde_json::to_string(&rows.position()).unwrap();
        drop(rows);
        let position: Position<Page> = serde_json::from_str(&text).unwrap();
        let mut rows = pages::resume(position, |page| numbers(&table, 7, page));
        read.extend(read!(rows, ALL));
        assert_eq!(read, table.rows(), "after {taken}: {text}");
    }
    assert_eq!(table.asked().len(), 3, "by now in the cache");
}

#[tokio::test]
async fn a_position_is_where_the_next_row_is() {
    let table = Table::of(200);
    let mut rows = rows_of!(&table);
    let at = |number, taken| Position { at: page(number, 100), taken };
    assert_eq!(rows.position(), at(1, 0));
    read!(rows, 30);
    assert_eq!(rows.position(), at(1, 30));
    read!(rows, 70);
    assert_eq!(rows.position(), at(2, 0), "the next chunk, which is not asked for yet");
    read!(rows, ALL);
    assert_eq!(rows.position(), at(2, 100), "the end of the last one");
    table.insert(1_001);
    renumber(&table, 7).await.unwrap();
    let mut rows = pages::resume(rows.position(), |page| numbers(&table, 7, page));
    assert_eq!(read!(rows, ALL), [1_001], "what came behind it since");
}

#[tokio::test]
async fn an_error_in_the_middle_takes_nothing_away_and_can_be_got_over() {
    for is_ahead in [false, true] {
        let table = Table::of(250);
        table.fails.store(2, SeqCst);
        let rows = rows_of!(&table);
        let mut rows = if is_ahead { rows.ahead() } else { rows };
        let mut read = read!(rows, 100);
        assert_eq!(rows.next().await, Some(Err(Down)));
        assert_eq!(rows.next().await, None, "who goes on does not ask a failing source for ever");
        assert_eq!(rows.position(), Position { at: page(2, 100), taken: 0 });
        rows.again();
        assert_eq!(rows.next().await, Some(Err(Down)), "it still fails");
        table.fails.store(0, SeqCst);
        let mut resumed = pages::resume(rows.position(), |page| numbers(&table, 7, page));
        assert_eq!(resumed.next().await, Some(Ok(200)));
        rows.again();
        read.extend(read!(rows, ALL));
        assert_eq!(read, table.rows());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_streams_at_once_load_each_chunk_once() {
    let table = Table::of(2_000);
    let streams: Vec<_> = (0..20)
        .map(|n| {
            let table = table.clone();
            tokio::spawn(async move {
                let rows = rows_of!(&table);
                let mut rows = if n % 2 == 0 { rows.ahead() } else { rows };
                assert_eq!(read!(rows, ALL), table.rows());
            })
        })
        .collect();
    for stream in streams {
        soon("a stream comes to its end", stream).await.unwrap();
    }
    assert_eq!(table.counts(), (0..20).map(|n| (n * 100, 1)).collect());
}

/// Counts itself while it lives.
struct Alive(Rc<Cell<usize>>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[tokio::test]
async fn dropped_it_holds_and_asks_for_nothing_more() {
    let (alive, begun) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let load = |page: Page| {
        let (alive, begun) = (Rc::clone(&alive), Rc::clone(&begun));
        async move {
            alive.set(alive.get() + 1);
            begun.set(begun.get() + 1);
            let _alive = Alive(alive);
            match page.number() {
                1 => Ok::<_, Infallible>(page.of(0..100, 1_000)),
                _ => pending().await,
            }
        }
    };
    let mut rows = pages::stream(Page::chunks(), load).ahead();
    assert_eq!(rows.next().await, Some(Ok(0)));
    assert_eq!((alive.get(), begun.get()), (1, 2), "the second is being loaded");
    drop(rows);
    tokio::task::yield_now().await;
    assert_eq!((alive.get(), begun.get()), (0, 2));
}

#[tokio::test]
async fn who_stops_waiting_for_a_row_loses_none() {
    let table = Table::of(250);
    let mut rows = rows_of!(&table);
    let mut read = read!(rows, 100);
    table.gate.close();
    for _ in 0..3 {
        let next = Pin::new(&mut rows).poll_next(&mut Context::from_waker(Waker::noop()));
        assert!(next.is_pending());
        let mut next = std::pin::pin!(rows.next());
        assert!(next.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    table.gate.open();
    read.extend(soon("the rest", async { read!(rows, ALL) }).await);
    assert_eq!(read, table.rows());
    assert_eq!(table.asked(), [0, 100, 200], "it was one load all the time");
}

#[tokio::test]
async fn a_load_that_panics_is_begun_anew() {
    let calls = Cell::new(0);
    let mut rows = pages::stream(Page::chunks(), |page| {
        calls.set(calls.get() + 1);
        let call = calls.get();
        async move {
            assert_ne!(call, 2, "the second call");
            Ok::<_, Infallible>(page.of(page.offset()..page.offset() + 100, 200))
        }
    });
    let mut poll = || {
        let row =
            catch_unwind(AssertUnwindSafe(|| Pin::new(&mut rows).poll_next(&mut Context::from_waker(Waker::noop()))));
        row.map(|poll| matches!(poll, std::task::Poll::Ready(Some(Ok(_))))).ok()
    };
    assert!((0..100).all(|_| poll() == Some(true)));
    assert_eq!(poll(), None, "the panic is the caller's");
    assert!((0..100).all(|_| poll() == Some(true)));
}

#[tokio::test]
async fn a_stream_of_hits_lets_others_go_on() {
    let table = Table::of(40_000);
    read!(rows_of!(&table), ALL);
    let turns = Rc::new(Cell::new(0));
    let other = tokio::task::LocalSet::new();
    other.spawn_local({
        let turns = Rc::clone(&turns);
        async move {
            loop {
                turns.set(turns.get() + 1);
                tokio::task::yield_now().await;
            }
        }
    });
    let before = table.asked().len();
    let seen = other.run_until(async { (read!(rows_of!(&table), ALL).len(), turns.get()) }).await;
    assert_eq!((seen.0, table.asked().len()), (40_000, before));
    assert!(seen.1 > 1, "{} turns", seen.1);
}

#[tokio::test]
async fn it_is_a_stream_that_knows_how_many_it_has() {
    fn is_stream<S: Stream<Item = Result<u64, Down>> + FusedStream + Unpin>(stream: &S) -> (usize, Option<usize>) {
        stream.size_hint()
    }
    let table = Table::of(150);
    let mut rows = rows_of!(&table);
    assert_eq!(is_stream(&rows), (0, None));
    read!(rows, 20);
    assert_eq!(is_stream(&rows), (80, None));
    read!(rows, 100);
    assert_eq!(is_stream(&rows), (30, Some(30)));
    read!(rows, ALL);
    assert_eq!(is_stream(&rows), (0, Some(0)));
}

#[tokio::test]
async fn empty_lists_and_empty_chunks_are_no_trouble() {
    let table = Table::of(0);
    assert_eq!(read!(rows_of!(&table), ALL), [0; 0]);
    let sparse = |n: u8| async move {
        let items = if n.is_multiple_of(3) { vec![n] } else { Vec::new() };
        Ok::<_, Infallible>(Sparse { items, next: (n < 7).then_some(n + 1) })
    };
    let mut rows = pages::stream(0, sparse);
    let mut all = Vec::new();
    while let Some(Ok(row)) = rows.next().await {
        all.push(row);
    }
    assert_eq!(all, [0, 3, 6]);
}

/// An answer of the caller's own.
struct Sparse {
    items: Vec<u8>,
    next: Option<u8>,
}

impl Chunk for Sparse {
    type At = u8;
    type Item = u8;

    fn into_parts(self) -> (Items<u8>, Option<u8>) {
        (self.items.into(), self.next)
    }
}

#[tokio::test]
async fn a_chunk_that_has_become_smaller_is_over_sooner() {
    let one = |page: Page| async move { Ok::<Paged<u8>, Infallible>(page.of([1, 2], 2)) };
    let mut rows = pages::resume(Position { at: Page::chunks(), taken: 50 }, one);
    assert_eq!(rows.next().await, None);
}
