//! Many items, a few at a time: what fails is told, and stops nothing.

use std::cell::Cell;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cached_runtime::each::{self, EachCause, EachProgress};

async fn double(n: u32) -> Result<u32, Infallible> {
    tokio::task::yield_now().await;
    Ok(n * 2)
}

#[tokio::test]
async fn values_stand_in_the_order_of_the_items() {
    let report = each::of(0..100, double).at_once(7).run().await;
    assert_eq!(report.values, (0..100).map(|n| Some(n * 2)).collect::<Vec<_>>());
    assert_eq!((report.done, report.failed, report.retried), (100, 0, 0));
    let none = each::of(Vec::<u32>::new(), double).run().await;
    assert_eq!((none.values.len(), none.done), (0, 0));
}

#[tokio::test]
async fn items_are_begun_in_their_order() {
    let begun = Mutex::new(Vec::new());
    let work = |n: u32| {
        let begun = &begun;
        async move {
            begun.lock().unwrap().push(n);
            Ok::<_, Infallible>(())
        }
    };
    assert_eq!(each::of(0..50, work).at_once(7).run().await.done, 50);
    assert_eq!(*begun.lock().unwrap(), (0..50).collect::<Vec<_>>(), "also where each is over at once");
}

#[tokio::test(start_paused = true)]
async fn no_more_run_at_once_than_are_allowed() {
    let (running, peak) = (Cell::new(0_usize), Cell::new(0_usize));
    let work = |_| async {
        running.set(running.get() + 1);
        peak.set(peak.get().max(running.get()));
        tokio::time::sleep(Duration::from_millis(5)).await;
        running.set(running.get() - 1);
        Ok::<_, Infallible>(())
    };
    assert_eq!(each::of(0..50, work).at_once(6).run().await.done, 50);
    assert_eq!((running.get(), peak.get()), (0, 6), "it borrows, and is not in tasks");
    assert_eq!(each::of(0..3, work).at_once(0).run().await.done, 3, "at least one");
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_tried_again_as_often_as_is_said_and_then_told() {
    let tries: [AtomicUsize; 4] = Default::default();
    let work = |n: usize| {
        let tried = tries[n].fetch_add(1, SeqCst) + 1;
        async move { if tried > n { Ok(n) } else { Err(format!("try {tried} of {n}")) } }
    };
    let report = each::of(0..4, work).retries(2).run().await;
    assert_eq!(report.values, [Some(0), Some(1), Some(2), None]);
    assert_eq!((report.done, report.failed, report.retried), (3, 1, 5));
    assert_eq!(report.failures[0].item, 3);
    assert_eq!(report.failures[0].cause, EachCause::Error("try 3 of 3".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn who_panics_or_never_ends_stops_nobody() {
    let work = |n: u32| {
        assert_ne!(n, 4, "at the start");
        async move {
            tokio::task::yield_now().await;
            assert_ne!(n, 2, "in the middle");
            if n == 3 {
                std::future::pending::<()>().await;
            }
            Ok::<_, Infallible>(n)
        }
    };
    let report = each::of(0..6, work).at_once(2).retries(1).deadline(Duration::from_secs(1)).run().await;
    assert_eq!(report.values, [Some(0), Some(1), None, None, None, Some(5)]);
    let mut failures = report.failures;
    failures.sort_by_key(|failure| failure.item);
    let [middle, hangs, start] = &failures[..] else { panic!("{failures:?}") };
    assert!(matches!(&middle.cause, EachCause::Panic(text) if text.contains("in the middle")), "{middle:?}");
    assert_eq!(hangs.cause, EachCause::Deadline);
    assert!(start.cause.to_string().contains("at the start"), "{start:?}");
    assert_eq!(report.retried, 1, "what panics is not tried again");
}

#[tokio::test]
async fn progress_is_told_after_each_and_failures_beyond_a_hundred_are_counted() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = {
        let told = Arc::clone(&told);
        move |progress: EachProgress| told.lock().unwrap().push(progress)
    };
    let report =
        each::of(0..250, async |n: u32| if n.is_multiple_of(2) { Err(n) } else { Ok(()) }).progress(tell).run().await;
    assert_eq!((report.done, report.failed, report.failures.len()), (125, 125, 100));
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 250);
    assert!(told.windows(2).all(|pair| pair[1].done == pair[0].done + 1));
    assert_eq!(told.last(), Some(&EachProgress { done: 250, total: Some(250), failed: 125 }));
}
