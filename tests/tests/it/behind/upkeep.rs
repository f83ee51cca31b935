//! Records are forgotten when all that they name is gone.

use cached_runtime::testing::Operation;
use cached_runtime::tier::{Applied, BehindOptions, Tier};

use super::{LONG, options, rig_with};
use crate::shelf::{drop_tag, eventually, tagged};

#[tokio::test]
async fn a_record_is_forgotten_only_after_a_whole_round() {
    let rig = rig_with(BehindOptions { tidy_entries: 3, apply_deadline: LONG, ..options() }, None);
    let gate = rig.chaos.before(Operation::Tidy);
    gate.close();
    let step = gate.passages() + 1;
    gate.arrived(step).await;
    for n in 0..20 {
        rig.shelf.plant(&format!("a:{n:02}"), tagged(&format!("a:{n:02}"), 1, &["t"]).bytes().clone());
    }
    // The cursor stands in the middle of a round when the record comes.
    for _ in 0..3 {
        gate.release();
    }
    gate.arrived(step + 3).await;
    let record = drop_tag("t", 2);
    assert_eq!(tokio::join!(rig.invalidate(record), async { gate.open() }).0, Applied::Applied);
    eventually("the record is forgotten", || {
        let forgotten = rig.shelf.records().is_empty();
        assert!(!forgotten || rig.shelf.len() == 0, "forgotten while entries it names are stored");
        forgotten
    })
    .await;
    assert_eq!(rig.behind.stats().tidied, 20);
}

#[tokio::test]
async fn a_recalled_record_is_swept_like_a_new_one() {
    let rig = rig_with(options(), None);
    let record = drop_tag("t", 9);
    rig.shelf.apply(std::slice::from_ref(&record)).await.unwrap();
    rig.shelf.plant("a:1", tagged("a:1", 3, &["t"]).bytes().clone());
    let recall = rig.behind.recall().unwrap();
    assert_eq!(recall.records, std::slice::from_ref(&record));
    rig.log.add(&record);
    assert!(!rig.sees("a:1").await);
}
