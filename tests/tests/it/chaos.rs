//! The test kit does what it says, so that tests made with it prove something.

use std::sync::Arc;

use cached_runtime::codec::Frame;
use cached_runtime::testing::{Chaos, CountingLoader, Gate, Lie, Operation, Script};
use cached_runtime::tier::Tier;

use crate::shelf::{Shelf, frame, key};

async fn chaos(seed: u64) -> Chaos {
    let chaos = Chaos::new(Arc::new(Shelf::default()), seed);
    chaos.put(&[frame("a:1", 1), frame("a:2", 1)]).await.unwrap();
    chaos
}

#[tokio::test]
async fn the_same_seed_fails_the_same_calls() {
    let mut runs = Vec::new();
    for seed in [5, 5, 6] {
        let chaos = chaos(seed).await;
        chaos.fail(Operation::Get, 0.3);
        let mut failed = Vec::new();
        for _ in 0..200 {
            failed.push(chaos.get(&[key("a:1")]).await.is_err());
        }
        let n = failed.iter().filter(|f| **f).count();
        assert!((30..90).contains(&n), "about three in ten, not {n}");
        runs.push(failed);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[tokio::test]
async fn always_and_never_mean_it() {
    let chaos = chaos(1).await;
    for _ in 0..100 {
        chaos.fail(Operation::Get, 1.0);
        assert!(chaos.get(&[key("a:1")]).await.is_err());
        chaos.fail(Operation::Get, 0.0);
        assert!(chaos.get(&[key("a:1")]).await.is_ok());
    }
    assert_eq!(chaos.counts(Operation::Get).failed, 100);
    assert_eq!(chaos.counts(Operation::Get).calls, 200);
}

#[tokio::test]
async fn each_lie_is_the_lie_it_is_called() {
    let chaos = chaos(1).await;
    let asked = [key("a:1")];
    chaos.lie(Lie::Nothing, 1.0);
    assert!(chaos.get(&asked).await.unwrap()[0].is_none());
    chaos.lie(Lie::Foreign, 1.0);
    let foreign = chaos.get(&asked).await.unwrap().remove(0).unwrap();
    assert_eq!(Frame::read(foreign).unwrap().key(), &key("a:2"));
    chaos.lie(Lie::Flip, 1.0);
    for _ in 0..500 {
        let flipped = chaos.get(&asked).await.unwrap().remove(0).unwrap();
        assert!(Frame::read(flipped).is_err(), "a flipped byte is always noticed");
    }
    chaos.calm();
    let truth = chaos.get(&asked).await.unwrap().remove(0).unwrap();
    assert_eq!(Frame::read(truth).unwrap().key(), &key("a:1"));
}

#[tokio::test]
async fn a_lost_reply_leaves_the_effect() {
    let chaos = chaos(1).await;
    chaos.lose_reply(Operation::Put, 1.0);
    chaos.put(&[frame("a:3", 1)]).await.unwrap_err();
    assert!(chaos.get(&[key("a:3")]).await.unwrap()[0].is_some());
    chaos.fail(Operation::Put, 1.0);
    chaos.put(&[frame("a:4", 1)]).await.unwrap_err();
    assert!(chaos.get(&[key("a:4")]).await.unwrap()[0].is_none());
}

#[tokio::test]
async fn a_gate_holds_and_lets_go_one_by_one() {
    let gate = Gate::closed();
    let passing: Vec<_> = (0..3)
        .map(|_| {
            let gate = gate.clone();
            tokio::spawn(async move { gate.pass().await })
        })
        .collect();
    gate.arrived(3).await;
    assert_eq!(gate.passages(), 0);
    gate.release();
    gate.passed(1).await;
    tokio::task::yield_now().await;
    assert_eq!(gate.passages(), 1);
    gate.open();
    for task in passing {
        task.await.unwrap();
    }
    assert_eq!(gate.passages(), 3);
}

#[tokio::test]
async fn a_loader_counts_values_errors_panics_and_the_cancelled() {
    let gate = Gate::opened();
    let loader = Arc::new(CountingLoader::new(|n| n * 10).gated(gate.clone()));
    loader.then([Script::Error("no".into()), Script::Panic("scripted".into())]);
    assert_eq!(loader.load().await.unwrap_err().to_string(), "no");
    let panicking = Arc::clone(&loader);
    assert!(tokio::spawn(async move { panicking.load().await }).await.unwrap_err().is_panic());
    assert_eq!(loader.load().await, Ok(30));
    gate.close();
    let held: Vec<_> = (0..4)
        .map(|_| {
            let loader = Arc::clone(&loader);
            tokio::spawn(async move { loader.load().await })
        })
        .collect();
    gate.arrived(7).await;
    assert_eq!((loader.running(), loader.peak()), (4, 4));
    for task in held {
        task.abort();
        task.await.unwrap_err();
    }
    assert_eq!((loader.starts(), loader.finishes(), loader.running()), (7, 2, 0));
}
