//! Many pictures: in order, a few at a time, and none takes another with it.

use std::fs;
use std::future::{IntoFuture, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;

use cached_runtime::ErrorKind;
use cached_runtime::image::{BatchProgress, Fault, Kept, WebP, fault};
use tokio::runtime::{Builder, Runtime};

use super::files::{Held, names};
use super::pictures::{drawing, folder, photograph, photographs_in, png};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[tokio::test]
async fn results_are_in_order_and_the_report_adds_them_up() {
    let all: Vec<Vec<u8>> = photographs_in(&folder()).into_iter().take(12).map(|(_, photograph)| photograph).collect();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let batch = WebP::new().batch(all.clone()).at_once(3).progress(move |progress| tell.lock().unwrap().push(progress));
    let report = batch.await.unwrap();
    assert_eq!((report.done(), report.failed, report.converted + report.kept), (12, 0, 12));
    assert_eq!(report.bytes_in, all.iter().map(Vec::len).sum::<usize>());
    let lengths = report.results.iter().map(|result| result.as_ref().unwrap().bytes.len());
    assert_eq!(report.bytes_out, lengths.sum::<usize>());
    assert!((report.ratio() - report.bytes_out as f64 / report.bytes_in as f64).abs() < 1e-9);
    assert!(report.saving() > 0.0 && !report.elapsed.is_zero());
    let told = told.lock().unwrap().clone();
    assert_eq!(told.iter().map(|progress| progress.done).collect::<Vec<_>>(), (1..=12).collect::<Vec<_>>());
    let last: BatchProgress = *told.last().unwrap();
    assert_eq!(
        (last.total, last.failed, last.bytes_in, last.bytes_out),
        (Some(12), 0, report.bytes_in, report.bytes_out)
    );
    let one_by_one: Vec<_> = all.iter().map(|photograph| WebP::new().convert(photograph).unwrap()).collect();
    assert_eq!(report.complete().unwrap(), one_by_one);
}

#[tokio::test]
async fn one_that_fails_is_named_and_the_others_go_on() {
    let good = png(&drawing(40, 30, false));
    let all = vec![good.clone(), b"no picture at all, but long enough".to_vec(), good.clone(), Vec::new(), good];
    let report = WebP::new().batch(all).at_once(2).await.unwrap();
    assert_eq!((report.converted, report.kept, report.failed), (3, 0, 2));
    let failures: Vec<_> = report.failures().map(|(item, error)| (item, fault(error), error.context("item"))).collect();
    assert_eq!(failures, [(1, Some(Fault::NotAPicture), Some("1")), (3, Some(Fault::Empty), Some("3"))]);
    assert!(report.bytes_in > 0 && report.ratio() < 1.0, "of those that did not fail");
    assert_eq!(report.complete().unwrap_err().context("item"), Some("1"));
}

#[tokio::test]
async fn files_are_named_too_and_each_is_whole() {
    let room = tempfile::tempdir().unwrap();
    let path = |name: &str| room.path().join(name);
    fs::write(path("a.png"), png(&drawing(60, 40, false))).unwrap();
    fs::write(path("b.png"), b"broken").unwrap();
    fs::write(path("c.jpg"), photograph()).unwrap();
    let files =
        [("a.png", "a.webp"), ("b.png", "b.webp"), ("none.png", "d.webp"), ("c.jpg", "c.jpg"), ("c.jpg", "c.webp")];
    let files = files.into_iter().chain([("a.png", "nowhere/a.webp")]);
    let report = WebP::new().batch_files(files.map(|(from, to)| (path(from), path(to)))).await.unwrap();
    assert_eq!((report.converted, report.failed), (2, 4));
    let failures: Vec<_> = report.failures().map(|(item, error)| (item, error.kind(), error.context("path"))).collect();
    let (b, none, c) = (path("b.png"), path("none.png"), path("c.jpg"));
    assert_eq!(
        failures[..3],
        [(1, ErrorKind::Codec, b.to_str()), (2, ErrorKind::Config, none.to_str()), (3, ErrorKind::Config, c.to_str()),]
    );
    assert_eq!((failures[3].0, failures[3].1), (5, ErrorKind::Config), "it cannot be written there");
    assert_eq!(report.results[4].as_ref().unwrap().path, path("c.webp"));
    assert_eq!(names(room.path()), ["a.png", "a.webp", "b.png", "c.jpg", "c.webp"]);
}

#[tokio::test]
async fn nothing_is_a_batch_too() {
    let report = WebP::new().batch(Vec::<Vec<u8>>::new()).await.unwrap();
    assert_eq!((report.done(), report.failed, report.bytes_in), (0, 0, 0));
    assert!((report.ratio() - 1.0).abs() < f64::EPSILON);
}

/// The most that were taken and not yet done, of a batch that may do so many at once.
async fn most_at_once(at_once: usize) -> usize {
    let taken = AtomicUsize::new(0);
    let most = AtomicUsize::new(0);
    let original = png(&drawing(30, 20, false));
    let pictures = (0..20).map(|_| {
        taken.fetch_add(1, Ordering::SeqCst);
        original.clone()
    });
    let look = |progress: BatchProgress| {
        // This one is done now; it was not when the others were taken.
        most.fetch_max(taken.load(Ordering::SeqCst) + 1 - progress.done, Ordering::SeqCst);
    };
    let report = WebP::new().effort(0).batch(pictures).at_once(at_once).progress(look).await.unwrap();
    assert_eq!(report.done(), 20);
    most.into_inner()
}

#[tokio::test]
async fn no_more_are_taken_at_once_than_was_said() {
    assert_eq!(most_at_once(1).await, 1);
    assert_eq!(most_at_once(0).await, 1, "at least one");
    assert_eq!(most_at_once(3).await, 3);
    assert_eq!(most_at_once(7).await, 7, "the control: it is the bound that holds them");
}

/// Whether a second file is written while the first is held.
fn second_passes_the_first(at_once: usize) -> bool {
    let room = tempfile::tempdir().unwrap();
    let path = |name: &str| room.path().join(name);
    let feeder = Held::new(&path("slow.png")).feeder();
    fs::write(path("quick.png"), png(&drawing(30, 20, false))).unwrap();
    let files = [("slow.png", "slow.webp"), ("quick.png", "quick.webp")].map(|(from, to)| (path(from), path(to)));
    let mut feeder = Some(feeder);
    if at_once == 1 {
        // Nobody else would ever come to let it go.
        let feeder = feeder.take().unwrap();
        thread::spawn(move || {
            feeder.read();
            feeder.feed();
        });
    }
    let mut passed = None;
    let look = |_| {
        passed.get_or_insert_with(|| path("quick.webp").exists() && !path("slow.webp").exists());
        if let Some(feeder) = feeder.take() {
            feeder.read();
            feeder.feed();
        }
    };
    let report = runtime().block_on(WebP::new().batch_files(files).at_once(at_once).progress(look).into_future());
    assert_eq!(report.unwrap().complete().unwrap().len(), 2);
    passed.unwrap()
}

#[test]
fn two_are_converted_side_by_side() {
    assert!(second_passes_the_first(2));
    assert!(!second_passes_the_first(1), "the control: one at a time, it waits");
}

/// What lies there after a batch whose first file is held; dropped while it is, if that is asked for.
fn after_a_held_batch(dropped: bool) -> Vec<String> {
    let room = tempfile::tempdir().unwrap();
    let path = |name: &str| room.path().join(name);
    let feeder = Held::new(&path("slow.png")).feeder();
    fs::write(path("next.png"), png(&drawing(30, 20, false))).unwrap();
    let files = [("slow.png", "slow.webp"), ("next.png", "next.webp")].map(|(from, to)| (path(from), path(to)));
    let runtime = runtime();
    runtime.block_on(async {
        let mut batch = WebP::new().batch_files(files).at_once(1).into_future();
        let begun = poll_fn(|cx| Poll::Ready(batch.as_mut().poll(cx).is_pending()));
        assert!(begun.await, "it waits for the file that is held");
        feeder.read();
        if dropped {
            drop(batch);
            feeder.feed();
        } else {
            feeder.feed();
            batch.await.unwrap().complete().unwrap();
        }
    });
    // Ends when the threads have ended that convert.
    drop(runtime);
    names(room.path())
}

#[test]
fn a_batch_that_was_dropped_writes_nothing_more_and_leaves_nothing_half_written() {
    assert_eq!(after_a_held_batch(true), ["next.png", "slow.png"]);
    assert_eq!(after_a_held_batch(false), ["next.png", "next.webp", "slow.png", "slow.webp"], "the control");
}

#[tokio::test]
async fn a_batch_may_borrow_what_it_reads_and_whom_it_tells() {
    let originals = [png(&drawing(20, 20, false)), png(&drawing(30, 20, true))];
    let mut last = None;
    let pictures = originals.iter().map(Vec::clone);
    let report = WebP::new().lossless(true).batch(pictures).progress(|progress| last = Some(progress.done)).await;
    assert_eq!(report.unwrap().results.iter().filter(|r| r.as_ref().unwrap().kept == Kept::WebP).count(), 2);
    assert_eq!(last, Some(2));
}
