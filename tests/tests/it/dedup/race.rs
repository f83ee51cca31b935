//! Of equal pictures that are checked at the same time exactly one is new.

use std::sync::{Arc, Mutex};

use cached_runtime::dedup::{Checked, Dedup, DedupOptions, Index};
use cached_runtime::testing::Operation;
use tokio::sync::Barrier;

use super::{at, dedup_of, hash, png};
use crate::rig::{World, soon};
use crate::shelf::eventually;

const CALLERS: u64 = 8;
const ROUNDS: u64 = 40;

/// How many found the picture new, and what the others found it to be a duplicate of.
async fn together(dedup: &Dedup, video: &str) -> (Vec<u64>, Vec<Checked>) {
    let barrier = Arc::new(Barrier::new(CALLERS as usize));
    let checks = (0..CALLERS).map(|second| {
        let (dedup, barrier, video) = (dedup.clone(), Arc::clone(&barrier), video.to_owned());
        tokio::spawn(async move {
            barrier.wait().await;
            (second, dedup.check_hash(&video, at(second), &hash(1), 1).await.unwrap())
        })
    });
    let (mut new, mut others) = (Vec::new(), Vec::new());
    for check in checks.collect::<Vec<_>>() {
        match soon("a check", check).await.unwrap() {
            (second, Checked::New) => new.push(second),
            (_, duplicate) => others.push(duplicate),
        }
    }
    (new, others)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_equal_pictures_at_the_same_time_one_is_new() {
    let world = World::new();
    // The second lets go of every video as soon as nobody holds it.
    for (name, memory) in [("roomy", 1 << 20), ("narrow", 1)] {
        let dedup = Dedup::open(&world.cache, name, DedupOptions::new().memory(memory)).unwrap();
        for round in 0..ROUNDS {
            let (new, others) = together(&dedup, &format!("v{round}")).await;
            assert_eq!(new.len(), 1, "{name}, round {round}: {new:?}");
            assert!(others.iter().all(|other| *other == Checked::DuplicateOf(at(new[0]))), "{others:?}");
        }
    }
}

/// The control: comparing and remembering in two steps finds the picture new more than once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn comparing_first_and_remembering_later_would_find_it_new_twice() {
    let (index, barrier) = (Arc::new(Mutex::new(Index::new(224, 0.95))), Arc::new(Barrier::new(CALLERS as usize)));
    let checks = (0..CALLERS).map(|second| {
        let (index, barrier) = (Arc::clone(&index), Arc::clone(&barrier));
        tokio::spawn(async move {
            let found = index.lock().unwrap().nearest(&hash(1));
            barrier.wait().await;
            if found.is_none() {
                index.lock().unwrap().insert(&hash(1), at(second));
            }
            found.is_none()
        })
    });
    let mut new = 0;
    for check in checks.collect::<Vec<_>>() {
        new += u32::from(check.await.unwrap());
    }
    assert!(new > 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_timestamp_that_is_checked_twice_at_once_has_one_answer() {
    let world = World::new();
    let dedup = dedup_of(&world);
    let barrier = Arc::new(Barrier::new(CALLERS as usize));
    let checks = (0..CALLERS).map(|_| {
        let (dedup, barrier) = (dedup.clone(), Arc::clone(&barrier));
        tokio::spawn(async move {
            barrier.wait().await;
            dedup.check_frame("v", at(1), png(1)).await.unwrap()
        })
    });
    for check in checks.collect::<Vec<_>>() {
        assert_eq!(soon("a check", check).await.unwrap(), Checked::New);
    }
    let stats = dedup.stats();
    assert_eq!((stats.frames, stats.new, stats.again), (CALLERS, 1, CALLERS - 1));
    assert_eq!(dedup.video_stats("v").await.frames, 1);
}

/// A picture that is read when it is told to.
struct Held {
    picture: Vec<u8>,
    begun: tokio::sync::mpsc::UnboundedSender<()>,
    go: std::sync::mpsc::Receiver<()>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        self.begun.send(()).unwrap();
        self.go.recv().unwrap();
        &self.picture
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_goes_away_while_its_picture_is_decoded_leaves_nothing_behind() {
    let world = World::new();
    let dedup = dedup_of(&world);
    // The control: who stays is remembered.
    for (goes, second) in [(true, 10), (false, 11)] {
        let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
        let (let_go, go) = std::sync::mpsc::channel();
        let check = tokio::spawn({
            let (dedup, picture) = (dedup.clone(), Held { picture: png(1), begun, go });
            async move { dedup.check_frame("v", at(second), picture).await.unwrap() }
        });
        soon("a picture is being read", has_begun.recv()).await.unwrap();
        if goes {
            check.abort();
            assert!(soon("it goes away", check).await.unwrap_err().is_cancelled());
            let_go.send(()).unwrap();
            assert_eq!(dedup.video_stats("v").await.frames, 0);
            assert_eq!(dedup.check_frame("v", at(2), png(1)).await.unwrap(), Checked::New);
        } else {
            let_go.send(()).unwrap();
            assert_eq!(soon("a check", check).await.unwrap(), Checked::DuplicateOf(at(2)));
        }
    }
    let stats = dedup.stats();
    assert_eq!((stats.frames, stats.new, stats.duplicates, stats.refused), (2, 1, 1, 0), "nor is it counted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_goes_away_while_the_index_is_read_leaves_the_video_to_others() {
    let world = World::new();
    let dedup = dedup_of(&world);
    let gate = world.chaos.after(Operation::Get);
    gate.close();
    let checks: Vec<_> = (10..20)
        .map(|second| {
            let dedup = dedup.clone();
            tokio::spawn(async move { dedup.check_hash("v", at(second), &hash(1), 1).await })
        })
        .collect();
    eventually("the first reads the index, and has the video to itself", || gate.arrivals() > 0).await;
    for check in checks {
        check.abort();
        assert!(soon("it goes away", check).await.unwrap_err().is_cancelled());
    }
    gate.open();
    let checked = soon("a check", dedup.check_hash("v", at(2), &hash(1), 1)).await.unwrap();
    assert_eq!(checked, Checked::New, "nothing is remembered of those who went");
    assert_eq!((dedup.video_stats("v").await.frames, dedup.stats().frames), (1, 1));
}
