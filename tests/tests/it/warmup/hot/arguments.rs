//! Whatever the arguments are: they come back as they were, or not at all.

use cached_runtime::{KeyPart, ReadPart, cache, warmup};

use super::super::House;
use super::Place;
use crate::rig::LONG;

#[derive(KeyPart, ReadPart, Debug, Clone, PartialEq, Eq, Hash)]
struct VideoId(String);

#[derive(KeyPart, ReadPart, Debug, Clone, PartialEq)]
enum Cut {
    Whole,
    From { second: u32, to: Option<u32> },
}

#[warmup(hot = 20)]
#[cache(key = "hot:{page}:{video}:{cut}:{lang}:{flags}", local, ttl = "1d", skip(house), cache = house.cache())]
async fn typed(house: &House, video: &VideoId, cut: Cut, lang: Option<&str>, page: i64, flags: &[bool]) -> String {
    house.ask(format!("{video:?} {cut:?} {lang:?} {page} {flags:?}")).await
}

#[tokio::test]
async fn arguments_come_back_as_they_were() {
    let place = Place::new();
    let before = place.node();
    let warmer = before.warmup(&["arguments.typed"]).run().await.unwrap();
    let hostile = ["", "~", "~e", "(", ",", "a,b", "%2C", ":", "#", "ünï", "\u{0}", "()", "~~"];
    for text in hostile {
        let cut = Cut::From { second: 7, to: (text.len() == 1).then_some(9) };
        typed(&before, &VideoId(text.to_owned()), cut, Some(text), -1, &[true, false]).await;
    }
    typed(&before, &VideoId("x".to_owned()), Cut::Whole, None, i64::MIN, &[]).await;
    warmer.shutdown().await;
    before.cache().flush(LONG).await;
    let house = place.node();
    let warmer = house.warmup(&["arguments.typed"]).run().await.unwrap();
    assert_eq!(house.counts(), before.counts(), "{}", warmer.report());
}

#[warmup(hot = 20)]
#[cache(batch = ids, local, ttl = "1d", skip(house), cache = house.cache())]
async fn several(house: &House, ids: &[u32]) -> Vec<Option<String>> {
    house.note(format!("{} ids", ids.len()));
    ids.iter().map(|id| Some(id.to_string())).collect()
}

#[tokio::test]
async fn a_batch_is_warmed_as_one() {
    let place = Place::new();
    place
        .asked("arguments.several", async |house| {
            several(house, &[1, 2, 3]).await;
            several(house, &[3, 4]).await;
        })
        .await;
    let house = place.node();
    let warmer = house.warmup(&["arguments.several"]).run().await.unwrap();
    assert_eq!(house.asked(), ["4 ids"], "{}", warmer.report());
}

#[warmup(hot = 20)]
#[cache(local, skip(house), cache = house.cache())]
async fn wordy(house: &House, text: &str) -> usize {
    house.note(text.len());
    text.len()
}

#[tokio::test]
async fn what_is_too_long_is_left_out_and_the_rest_is_kept() {
    let place = Place::new();
    place
        .asked("arguments.wordy", async |house| {
            for length in [900, 1_100, 100_000, 5] {
                wordy(house, &"x".repeat(length)).await;
            }
        })
        .await;
    let house = place.node();
    let _warmer = house.warmup(&["arguments.wordy"]).run().await.unwrap();
    let counts = house.counts();
    let warmed: Vec<_> = counts.keys().map(String::as_str).collect();
    assert_eq!(warmed, ["5", "900"]);
}

#[warmup(hot = 20, skip(pin))]
#[cache(local, secret(pin), skip(house), cache = house.cache())]
async fn pinned(house: &House, pin: &u32, id: u32) -> String {
    house.ask(format!("{pin} {id}")).await
}

#[tokio::test]
async fn of_keys_of_several_tenants_a_job_warms_those_of_the_one_it_is_given_and_secrets_stay_hashed() {
    let place = Place::new();
    let keyed = || place.keyed([9; 16]);
    let before = keyed();
    let warmer = before.warmup(&["arguments.pinned"]).with(1_u32).run().await.unwrap();
    for (pin, id) in [(1, 10), (2, 20), (2, 21), (1, 11)] {
        pinned(&before, &pin, id).await;
    }
    warmer.shutdown().await;
    before.cache().flush(LONG).await;
    let house = keyed();
    let _warmer = house.warmup(&["arguments.pinned"]).with(2_u32).run().await.unwrap();
    assert_eq!(house.counts().into_keys().collect::<Vec<_>>(), ["2 20", "2 21"]);
    // The hash is that of the cache's own secret: who does not know it finds no key of a tenant.
    let stranger = place.node();
    let _warmer = stranger.warmup(&["arguments.pinned"]).with(2_u32).run().await.unwrap();
    assert!(stranger.asked().is_empty());
}
