//! Promises about emptying: all frames go, and nothing else.

use super::{NOW, frame, kept, payload, promise, put, record, tag, tagged};
use crate::codec::Frame;
use crate::group::Group;
use crate::tier::{Note, Tier};

/// Steps until nothing is left of what was there; how many frames went.
async fn cleared(tier: &impl Tier, most: usize) -> u64 {
    let (mut removed, mut after) = (0, None::<String>);
    for _ in 0..10_000 {
        let step = kept("emptying succeeds", tier.clear(after.as_deref(), most).await);
        removed += step.removed;
        match step.next {
            Some(next) => after = Some(next),
            None => return removed,
        }
    }
    panic!("broken promise: emptying comes to an end");
}

/// Every frame goes, whatever it is and however few go in a step; each is counted once; the log and notes stay.
pub async fn emptying_leaves_the_log_and_no_frame(tier: &impl Tier) {
    for (round, most) in (0_u64..).zip([7, 1_000, 1, 64]) {
        let records = [tag(10 * round + 1, "a"), record(10 * round + 2, Group::Namespace("n".into()))];
        kept("an apply succeeds", tier.apply(&records).await);
        kept("a note succeeds", tier.note(&Note::Owed(vec![Group::Tag("owed".into())])).await);
        let before = kept("a recall succeeds", tier.recall().await);
        let frames: Vec<Frame> = (0..50)
            .map(|i| {
                tagged(&format!("c:{round}:{i}"), b"x", &["a", "b"], if i % 5 == 0 { NOW - 1 } else { NOW + 60_000 })
            })
            .collect();
        put(tier, &frames).await;
        promise(cleared(tier, most).await == 50, "emptying removes every frame, and counts each once");
        for i in 0..50 {
            promise(payload(tier, &format!("c:{round}:{i}")).await.is_none(), "an emptied tier has no frame");
        }
        let after = kept("a recall succeeds", tier.recall().await);
        promise(after == before, "emptying forgets no record, moves no position and settles no note");
        put(tier, &[frame(&format!("c:{round}:1"), b"again")]).await;
        let again = payload(tier, &format!("c:{round}:1")).await;
        promise(again.as_deref() == Some(b"again"), "an emptied tier stores what it is given");
        promise(cleared(tier, most).await == 1, "a tier can be emptied again");
    }
}

/// Emptying a tier without frames ends at once.
pub async fn emptying_of_nothing_ends(tier: &impl Tier) {
    promise(cleared(tier, 10).await == 0, "nothing is removed from an empty tier");
}
