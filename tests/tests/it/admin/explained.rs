//! Why a key is a hit or a miss.

use std::time::Duration;

use cached_runtime::cache;
use cached_runtime::testing::Operation;
use serde_json::Value;

use super::{Desk, page, rewrite};
use crate::rig::{World, soon};

const SECOND: Duration = Duration::from_secs(1);

#[cache(ttl = "60s", skip(world), secret(token), cache = &world.cache)]
async fn guarded(world: &World, token: &str, size: (u32, u32)) -> u64 {
    let _ = (token, size);
    world.source.read_now()
}

fn is(explained: &Value, verdict: &str, reason: &str) {
    assert_eq!(explained["verdict"], verdict, "{explained}");
    assert!(explained["reason"].as_str().unwrap().contains(reason), "{explained}");
}

#[tokio::test]
async fn the_life_of_a_key_is_told_from_its_first_load_to_its_end() {
    let desk = Desk::new();
    let key = "seen:1:page";
    is(&desk.explain(key).await, "miss", "never stored");
    page(&desk.world, "1").await.unwrap();
    desk.world.settle().await;
    let explained = desk.explain(key).await;
    is(&explained, "hit", "near has it, fresh for 60.0 s");
    assert_eq!(explained["sites"], serde_json::json!(["it.admin.page"]));
    assert_eq!(explained["near"][0]["tags"], serde_json::json!(["seen:1"]));
    assert_eq!(
        (&explained["tiers"][0]["state"], explained["tiers"][0]["age"].as_f64()),
        (&Value::from("fresh"), Some(0.0))
    );
    desk.world.clock.advance(SECOND * 20);
    assert_eq!(desk.explain(key).await["tiers"][0]["age"].as_f64(), Some(20.0));
    desk.post("/api/v1/cache/clear", r#"{"tier": "near"}"#).await;
    is(&desk.explain(key).await, "hit", "fresh for 40.0 s");
    page(&desk.world, "1").await.unwrap();
    desk.world.clock.advance(SECOND * 41);
    is(&desk.explain(key).await, "stale", "served as it is if that fails");
    desk.world.clock.advance(SECOND * 61);
    is(&desk.explain(key).await, "miss", "past its life");
}

#[tokio::test]
async fn what_invalidated_it_last_is_named() {
    let desk = Desk::new();
    for id in ["1", "2"] {
        page(&desk.world, id).await.unwrap();
    }
    rewrite(&desk.world, "1").await.unwrap();
    desk.world.clock.advance(SECOND * 3);
    let explained = desk.explain("seen:1:page").await;
    is(&explained, "miss", "tag seen:1, 3.0 s ago");
    assert_eq!(explained["near"][0]["state"], "invalidated");
    assert_eq!(explained["invalidated"]["by_another_node"], false);
    is(&desk.explain("seen:2:page").await, "hit", "near");
    desk.post("/api/v1/cache/clear", r#"{"pattern": "seen:2:*"}"#).await;
    is(&desk.explain("seen:2:page").await, "miss", "pattern seen:2:*");
    page(&desk.world, "1").await.unwrap();
    let explained = desk.explain("seen:1:page").await;
    is(&explained, "hit", "near");
    assert_eq!(explained["invalidated"]["group"], "tag seen:1", "what went before is still told");
    let (_, told) = desk.get("/api/v1/cache/invalidations?limit=1").await;
    assert_eq!(
        told["invalidations"],
        serde_json::json!([{ "group": "pattern seen:2:*", "ago": 0.0, "by_another_node": false }])
    );
}

#[tokio::test]
async fn a_key_that_is_being_loaded_is_waited_for() {
    let desk = Desk::new();
    desk.world.source.gate.close();
    let world = desk.world.clone();
    let call = tokio::spawn(async move { page(&world, "1").await });
    soon("it loads", desk.world.source.gate.arrived(1)).await;
    is(&desk.explain("seen:1:page").await, "wait", "being loaded");
    desk.world.source.gate.open();
    call.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_tier_that_is_away_is_told_as_such() {
    let desk = Desk::new();
    desk.world.chaos.fail(Operation::Get, 1.0);
    let explained = desk.explain("seen:1:page").await;
    assert_eq!(explained["tiers"][0]["state"], "away");
    assert!(explained["tiers"][0]["error"].is_string());
    is(&explained, "miss", "away");
}

/// Keys are told as they are written: without a template, of several parts, with what is secret in them hashed.
#[tokio::test]
async fn keys_are_written_as_they_are_everywhere() {
    let desk = Desk::new();
    guarded(&desk.world, "canary", (640, 480)).await;
    let (_, told) = desk.get("/api/v1/cache/access-patterns").await;
    let hot = told["missed"][0]["key"].as_str().unwrap().to_owned();
    assert!(hot.ends_with(":(640,480)") && !hot.contains("canary"), "{hot}");
    is(&desk.explain(&hot).await, "hit", "near");
    assert_eq!(guarded::entry(&desk.world, "canary", (640, 480)).key().as_str(), hot);
    let names = desk.world.cache.namespace::<u64>("seen-names").unwrap();
    names.set("a b:ü", 1);
    let key = names.key("a b:ü");
    is(&desk.explain(key.as_str()).await, "hit", "near");
}

/// Asking does not keep an entry, wake it, load it or count as its use.
#[tokio::test]
async fn to_ask_changes_nothing() {
    let desk = Desk::new();
    page(&desk.world, "1").await.unwrap();
    let before = desk.world.cache.stats().total();
    for _ in 0..10 {
        desk.explain("seen:1:page").await;
        desk.explain("seen:2:page").await;
    }
    let after = desk.world.cache.stats().total();
    assert_eq!((before.hits, before.misses, before.loads), (after.hits, after.misses, after.loads));
    assert_eq!(desk.world.source.reads(), 1);
}
