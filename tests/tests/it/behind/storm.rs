//! All at once, over a tier that fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cached_runtime::chance::Chance;
use cached_runtime::error::ErrorKind;
use cached_runtime::group::Group;
use cached_runtime::testing::Operation;
use cached_runtime::tier::{BehindOptions, Judge};

use super::{kind, options, rig_with};
use crate::shelf::{credulous, key, tagged};

/// Four tasks load, invalidate and read eight keys over a tier that fails; how often was something old read?
async fn storm(seed: u64, judge: Option<Judge>) -> (u64, u64) {
    let rig = Arc::new(rig_with(BehindOptions { batch: 3, ..options() }, judge));
    for operation in [Operation::Put, Operation::Apply, Operation::Get, Operation::Tidy] {
        rig.chaos.fail(operation, 0.05);
        rig.chaos.lose_reply(operation, 0.05);
        rig.chaos.panic(operation, 0.005);
        rig.chaos.delay(operation, Duration::ZERO, Duration::from_micros(200));
    }
    let head = Arc::new(AtomicU64::new(0));
    let floors: Arc<[AtomicU64; 8]> = Arc::default();
    let (old, reads) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut tasks = Vec::new();
    for task in 0..4 {
        let (rig, head, floors) = (Arc::clone(&rig), Arc::clone(&head), Arc::clone(&floors));
        let (old, reads) = (Arc::clone(&old), Arc::clone(&reads));
        let chance = Chance::new(seed * 4 + task);
        tasks.push(tokio::spawn(async move {
            for _ in 0..400 {
                let n = chance.below(8) as usize;
                let name = format!("a:{n}");
                match chance.below(20) {
                    0 => {
                        let group = match chance.below(8) {
                            0 => Group::Tag("all".into()),
                            _ => Group::Key(key(&name)),
                        };
                        let all = matches!(group, Group::Tag(_));
                        let record = rig.log.append(group);
                        let number = record.position.number;
                        head.fetch_max(number, Ordering::SeqCst);
                        rig.behind.apply(vec![record]).await;
                        for (k, floor) in floors.iter().enumerate() {
                            if all || k == n {
                                floor.fetch_max(number, Ordering::SeqCst);
                            }
                        }
                    }
                    1..=8 => {
                        // A load knows only the log of its beginning, which was up to three records ago.
                        let birth = head.load(Ordering::SeqCst).saturating_sub(chance.below(4));
                        if kind(rig.behind.put(tagged(&name, birth, &["all"]))) == Some(ErrorKind::Open) {
                            // Closed: without a pause the whole storm would be over before it opens.
                            tokio::time::sleep(Duration::from_millis(1)).await;
                        }
                    }
                    _ => {
                        let floor = floors[n].load(Ordering::SeqCst);
                        if let Ok(Some(frame)) = rig.get(&name).await {
                            reads.fetch_add(1, Ordering::SeqCst);
                            old.fetch_add(u64::from(frame.head().birth.number < floor), Ordering::SeqCst);
                        }
                    }
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    rig.chaos.calm();
    (old.load(Ordering::SeqCst), reads.load(Ordering::SeqCst))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_storm_of_faults_nothing_old_is_ever_read() {
    let mut reads = 0;
    for seed in 0..4 {
        let (old, read) = storm(seed, None).await;
        assert_eq!(old, 0, "seed {seed}");
        reads += read;
    }
    assert!(reads > 200, "the storm still lets something through: {reads}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_in_a_storm_without_a_judge_old_frames_are_read() {
    assert!(storm(0, Some(credulous())).await.0 > 0);
}
