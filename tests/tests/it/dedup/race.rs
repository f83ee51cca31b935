//! Of equal pictures that are checked at the same time exactly one is new.

use std::sync::{Arc, Mutex};

use cached_runtime::dedup::{Checked, Dedup, DedupOptions, Index};
use tokio::sync::Barrier;

use super::{at, dedup_of, hash, png};
use crate::rig::{World, soon};

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
    assert_eq!((stats.new, stats.again), (1, CALLERS - 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_goes_away_leaves_the_video_to_others() {
    let world = World::new();
    let dedup = dedup_of(&world);
    dedup.check_frame("v", at(1), png(1)).await.unwrap();
    for second in 10..40 {
        let check = tokio::spawn({
            let dedup = dedup.clone();
            async move { dedup.check_frame("v", at(second), png(1)).await }
        });
        if second % 2 == 0 {
            tokio::task::yield_now().await;
        }
        check.abort();
    }
    assert_eq!(dedup.check_frame("v", at(2), png(1)).await.unwrap(), Checked::DuplicateOf(at(1)));
}
