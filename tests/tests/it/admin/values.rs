//! Values are hidden, unless they were switched on; and then they are shown to the write token alone, in part, and never
//! where something was to be kept from view.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use cached_runtime::admin::Admin;
use cached_runtime::clock::Clock;
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::{ErrorKind, KeySecrecy, Keys, cache};
use http::StatusCode;
use serde_json::Value;
use tower::ServiceExt as _;

use super::{READ, WRITE, admin, ask, request};
use crate::rig::World;

const CANARY: &str = "canary-77c1-of-somebody";

/// A value that cannot be written.
#[derive(Debug, Clone)]
struct Handle(&'static str);

#[cache(key = "shown:{id}", ttl = "60s", stale = "60s", jitter = 0.0, skip(world), cache = &world.cache)]
async fn note(world: &World, id: u32) -> Option<String> {
    let _ = world;
    Some(format!("{CANARY} \"{id}\" <b>"))
}

#[cache(key = "shown-guarded:{token}", ttl = "60s", skip(world), secret(token), cache = &world.cache)]
async fn guarded(world: &World, token: &str) -> String {
    let _ = world;
    format!("{CANARY} of {token}")
}

#[cache(key = "shown-here:{id}", ttl = "60s", local, skip(world), cache = &world.cache)]
async fn here(world: &World, id: u32) -> Handle {
    let _ = (world, id);
    Handle(CANARY)
}

async fn get(router: &Router, key: &str, token: Option<&str>) -> Value {
    let path = format!("/api/v1/cache/keys/{}", key.replace('#', "%23"));
    let (status, told) = ask(router, request("GET", &path, token, "")).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    told
}

fn shown(world: &World) -> Router {
    admin(&world.cache).show_values(true).router().unwrap()
}

/// Why the value is not shown: there is one, and nothing of it is in the answer.
fn withheld(told: &Value) -> String {
    assert!(!told.to_string().contains(CANARY), "{told}");
    let value = &told["near"][0]["value"];
    assert_eq!((&value["json"], &value["cut"]), (&Value::Null, &Value::Bool(false)), "{told}");
    value["withheld"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn values_are_hidden_from_everybody_unless_they_were_switched_on() {
    let world = World::new();
    note(&world, 1).await;
    world.settle().await;
    for router in [admin(&world.cache), admin(&world.cache).open_reads(true), admin(&world.cache).show_values(false)] {
        let router = router.router().unwrap();
        for token in [READ, WRITE] {
            let told = get(&router, "shown:1", Some(token)).await;
            assert_eq!(told["verdict"], "hit");
            assert!(!told.to_string().contains(CANARY), "{token}: {told}");
            assert_eq!((&told["near"][0]["value"], &told["tiers"][0]["value"]), (&Value::Null, &Value::Null));
        }
    }
}

#[tokio::test]
async fn where_they_were_switched_on_the_write_token_is_shown_them_and_no_other() {
    let world = World::new();
    note(&world, 1).await;
    world.settle().await;
    let router = admin(&world.cache).show_values(true).open_reads(true).router().unwrap();
    for token in [None, Some(READ)] {
        assert!(!get(&router, "shown:1", token).await.to_string().contains(CANARY), "{token:?}");
    }
    let json = format!("\"{CANARY} \\\"1\\\" <b>\"");
    let told = get(&router, "shown:1", Some(WRITE)).await;
    for place in [&told["near"][0]["value"], &told["tiers"][0]["value"]] {
        assert_eq!((place["json"].as_str(), place["cut"].as_bool()), (Some(&*json), Some(false)), "{told}");
        assert_eq!(place["withheld"], Value::Null);
    }
    let request = request("GET", "/api/v1/cache/keys/shown:1", Some(WRITE), "");
    let response = router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    // What near does not have any more a tier still tells.
    world.cache.clear_tier("near").await.unwrap();
    let told = get(&router, "shown:1", Some(WRITE)).await;
    assert_eq!((&told["near"], told["tiers"][0]["value"]["json"].as_str()), (&serde_json::json!([]), Some(&*json)));
    assert_eq!(world.cache.stats().total().promotions, 0, "and nothing was promoted");
}

#[tokio::test]
async fn a_long_value_is_cut_and_says_so() {
    let world = World::new();
    let texts = world.cache.namespace::<String>("shown-texts").unwrap();
    texts.set("fits", "x".repeat(4_094));
    texts.set("long", "x".repeat(4_095));
    texts.set("huge", "\u{1f600}".repeat(100_000));
    world.settle().await;
    let router = shown(&world);
    for (name, cut, length) in [("fits", false, 4_096), ("long", true, 4_096), ("huge", true, 4_093)] {
        let told = get(&router, &format!("shown-texts:{name}"), Some(WRITE)).await;
        for place in [&told["near"][0]["value"], &told["tiers"][0]["value"]] {
            assert_eq!((place["json"].as_str().unwrap().len(), place["cut"].as_bool()), (length, Some(cut)), "{name}");
        }
    }
}

#[tokio::test]
async fn what_is_kept_from_view_elsewhere_is_not_shown() {
    let world = World::new();
    guarded(&world, "a token").await;
    let key = guarded::entry(&world, "a token").key().as_str().to_owned();
    let why = withheld(&get(&shown(&world), &key, Some(WRITE)).await);
    assert!(why.contains("its key is hidden"), "{why}");
    assert_eq!(here(&world, 1).await.0, CANARY);
    let why = withheld(&get(&shown(&world), "shown-here:1", Some(WRITE)).await);
    assert!(why.contains("stays in this process"), "{why}");
    let keys = || Keys::new(1, *b"canary-key-4f0a-of-thirty-two-b.");
    let secrecy = || KeySecrecy::hmac(*b"canary-key-5e1b-of-thirty-two-b.");
    let tier = || Arc::new(MemoryTier::new());
    for world in [
        World::built(tier(), Clock::manual(), |builder| builder.encryption(keys())),
        World::built(tier(), Clock::manual(), |builder| builder.encryption(keys()).key_secrecy(secrecy())),
    ] {
        note(&world, 1).await;
        world.settle().await;
        let told = get(&shown(&world), "shown:1", Some(WRITE)).await;
        assert!(withheld(&told).contains("encrypted"), "{told}");
        assert_eq!(told["tiers"][0]["value"]["json"], Value::Null);
    }
}

#[tokio::test]
async fn what_is_not_served_is_not_shown() {
    let world = World::new();
    let router = shown(&world);
    note(&world, 1).await;
    world.clock.advance(Duration::from_secs(61));
    let told = get(&router, "shown:1", Some(WRITE)).await;
    assert_eq!((&told["verdict"], told["near"][0]["value"]["json"].is_string()), (&"stale".into(), true), "{told}");
    world.clock.advance(Duration::from_secs(60));
    assert!(withheld(&get(&router, "shown:1", Some(WRITE)).await).contains("not served"));
    note(&world, 1).await;
    world.cache.invalidate_pattern("shown:*").await.unwrap();
    assert!(withheld(&get(&router, "shown:1", Some(WRITE)).await).contains("not served"));
}

#[tokio::test]
async fn what_has_no_words_in_json_says_so() {
    let world = World::new();
    let maps = world.cache.namespace::<BTreeMap<(u32, u32), String>>("shown-maps").unwrap();
    maps.set("a", BTreeMap::from([((1, 2), CANARY.to_owned())]));
    let why = withheld(&get(&shown(&world), "shown-maps:a", Some(WRITE)).await);
    assert!(why.contains("JSON has no words"), "{why}");
}

#[tokio::test]
async fn to_show_values_to_nobody_is_an_error_at_the_start() {
    let world = World::near_only();
    let only_reads = [
        Admin::new(&world.cache).read_token(READ).show_values(true),
        Admin::new(&world.cache).open_reads(true).show_values(true),
    ];
    for admin in only_reads {
        let error = admin.router().unwrap_err();
        assert_eq!((error.kind(), error.context("setting")), (ErrorKind::Config, Some("show_values")));
    }
    let error = Admin::new(&world.cache).show_values(true).serve("127.0.0.1:0").await.map(|_| ()).unwrap_err();
    assert_eq!(error.context("setting"), Some("show_values"));
}

/// Who asks the cache itself may print what it answers: the value is not in it.
#[tokio::test]
async fn what_is_printed_of_an_explanation_holds_no_value() {
    let world = World::near_only();
    note(&world, 1).await;
    let explained = world.cache.explain_with_values("shown:1").await;
    assert!(explained.near[0].value.as_ref().unwrap().json.as_ref().unwrap().contains(CANARY));
    assert!(!format!("{explained:?} {:?}", explained.near).contains(CANARY));
    assert_eq!(world.cache.explain("shown:1").await.near[0].value, None);
}
