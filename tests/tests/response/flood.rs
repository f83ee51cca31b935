//! What strangers ask for, and a node that goes by the cache, empties nobody's.

use std::sync::Arc;
use std::time::Duration;

use cached_runtime::clock::Clock;
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::{Cache, SetOptions};

use crate::rig::{World, answer, eventually, get, request, status};

const MINUTE: (&str, &str) = ("cache-control", "max-age=60");
/// More than the log remembers one by one.
const FLOOD: u32 = 70_000;

/// An entry that has nothing to do with responses but that it has a tag.
async fn unrelated(cache: &Cache) -> bool {
    let notes = cache.namespace::<u32>("notes").unwrap();
    if notes.get("a").await.is_none() {
        notes.set_with("a", 1, SetOptions::new().ttl(Duration::from_secs(3_600)).tag("note:a"));
        return false;
    }
    true
}

#[tokio::test]
async fn clients_that_vary_a_field_without_end_tell_nobody() {
    // The tier goes on having those that went.
    let cache = Cache::builder().clock(Clock::manual()).tier(Arc::new(MemoryTier::new())).build().unwrap();
    let varied = |n, _: &_| answer(format!("{n}"), &[MINUTE, ("vary", "origin")]);
    let world = World::over(cache, |layer| layer.max_variants(4), varied);
    unrelated(&world.cache).await;
    for n in 0..1_000 {
        world.ask(get("/page", &[("origin", &format!("https://{n}.test"))])).await;
    }
    assert_eq!(world.cache.stats().invalidations, 0);
    assert!(unrelated(&world.cache).await);
    // The last ones are there, the first ones went, and come back anew.
    assert_eq!(world.ask(get("/page", &[("origin", "https://999.test")])).await.text(), "1000");
    assert_eq!(world.ask(get("/page", &[("origin", "https://0.test")])).await.text(), "1001");
    assert_eq!(world.ask(get("/page", &[("origin", "https://0.test")])).await.text(), "1001");
}

/// Each is a change of another address, as any client can make them.
#[tokio::test]
async fn changes_of_addresses_without_end_take_back_what_they_name_and_nothing_of_others() {
    let world = World::of(|n, request| match request.method().as_str() {
        "GET" => answer(format!("{n}"), &[MINUTE]),
        _ => status(303, &[("location", "/")]),
    });
    unrelated(&world.cache).await;
    for n in 0..FLOOD {
        world.ask(request("POST", &format!("/login?x={n}"), &[])).await;
    }
    assert!(unrelated(&world.cache).await, "the log still knows each group that it was told of");
    // What was not named by itself any more goes all the same.
    for n in [3, FLOOD - 1, FLOOD] {
        let path = format!("/login?x={n}");
        let before = world.get(&path).await;
        assert_eq!(world.get(&path).await.body, before.body);
        world.ask(request("POST", &path, &[])).await;
        assert_ne!(world.get(&path).await.body, before.body, "{path}");
    }
}

/// The control: as many tags by themselves make the log forget which.
#[tokio::test]
async fn control_as_many_tags_empty_the_cache() {
    let cache = Cache::builder().build().unwrap();
    unrelated(&cache).await;
    for n in 0..FLOOD {
        cache.invalidate_tags([format!("tag:{n}")]).await;
    }
    // An entry as old as the first of them.
    assert!(!unrelated(&cache).await);
}

/// Changes elsewhere do not send a herd to the service one by one.
#[tokio::test]
async fn a_change_of_another_address_leaves_a_herd_together() {
    for (other, asked) in [("/other", 1), ("/page", 2)] {
        let world = World::of(|n, request| match request.method().as_str() {
            "GET" => answer(format!("{n}"), &[MINUTE]),
            _ => status(204, &[]),
        });
        world.source.gate.close();
        let first = world.asking(get("/page", &[]));
        world.source.gate.arrived(1).await;
        let change = world.asking(request("PUT", other, &[]));
        world.source.gate.arrived(2).await;
        let second = if other == "/other" {
            world.cache.invalidate_tags(["responses:at:site.test:/elsewhere:"]).await;
            let second = world.asking(get("/page", &[]));
            eventually("the second has come", || world.responses.stats().asked == 2).await;
            second
        } else {
            // The control: what names this address overtakes the flight.
            world.cache.invalidate_tags(["responses:at:site.test:/page:"]).await;
            let second = world.asking(get("/page", &[]));
            world.source.gate.arrived(3).await;
            second
        };
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        world.source.gate.open();
        first.await.unwrap();
        second.await.unwrap();
        change.await.unwrap();
        assert_eq!(world.asked() - 1, asked, "{other}");
    }
}

/// A node that is told to go by the cache loads as all do; it has changed nothing.
#[tokio::test]
async fn a_paused_node_takes_nothing_back_but_by_a_change() {
    let world = World::of(|n, request| match request.method().as_str() {
        "GET" => answer(format!("{n}"), &[MINUTE, ("vary", "x-kind")]),
        _ => status(204, &[]),
    });
    world.get("/page").await;
    world.cache.pause(true);
    for asked in 2..=5 {
        assert_eq!(world.get("/page").await.text(), asked.to_string());
    }
    assert_eq!(world.cache.stats().invalidations, 0);
    // The control: a value that is set is another than before.
    world.cache.namespace::<u32>("notes").unwrap().set("a", 1);
    assert_eq!(world.cache.stats().invalidations, 1);
    world.ask(request("PUT", "/other", &[])).await;
    assert_eq!(world.cache.stats().invalidations, 2);
    world.cache.pause(false);
    assert_eq!(world.get("/page").await.text(), "1", "what was kept is as true as on the nodes beside");
}
