//! A handle does what its rules allow: what it may not read is loaded, what it may not invalidate is refused.

use std::time::Duration;

use cached_runtime::group::Group;
use cached_runtime::key::Pattern;
use cached_runtime::{Access, Applied, Cache, Error, ErrorKind, Key, Tuning, cache, invalidate};
use tracing::Level;

use crate::rig::{Down, World};
use crate::shelf::eventually;
use crate::silence::Ear;

#[cache(key = "user:{id}", tags = ["user:{id}", "paying"], ttl = "1h", jitter = 0, cache = world.cache)]
async fn user(world: &World, id: u32) -> Result<u64, Down> {
    let _ = id;
    world.source.read().await
}

#[cache(key = "order:{id}", tags = ["user:{id}"], ttl = "1h", jitter = 0, cache = world.cache)]
async fn order(world: &World, id: u32) -> Result<u64, Down> {
    let _ = id;
    world.source.read().await
}

#[cache(key = "inline:{id}", ttl = "1h", jitter = 0, load = "inline", cache = world.cache)]
async fn inline(world: &World, id: u32) -> Result<u64, Down> {
    let _ = id;
    world.source.read().await
}

#[cache(key = "sync:{id}", ttl = "1h", jitter = 0, cache = world.cache)]
fn sync(world: &World, id: u32) -> u64 {
    let _ = id;
    world.source.read_now()
}

#[cache(key = "typed:{kind}:{id}", ttl = "1h", jitter = 0, skip(world, value), cache = world.cache)]
async fn typed<T: Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static>(
    world: &World,
    kind: &str,
    id: u32,
    value: T,
) -> Result<T, Down> {
    let _ = (kind, id);
    world.source.read().await?;
    Ok(value)
}

#[invalidate(key = "user:{id}", cache = world.cache)]
async fn rename(world: &World, id: u32) -> Result<u32, Down> {
    Ok(id)
}

/// The same world through another handle.
fn through(world: &World, access: Access) -> World {
    World { cache: world.cache.restricted(access).unwrap(), ..world.clone() }
}

fn denied(world: &World) -> u64 {
    world.cache.stats().denied
}

fn names<'a>(error: &'a Error, what: &str) -> &'a str {
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    error.context(what).unwrap()
}

#[tokio::test]
async fn what_may_not_be_read_is_loaded_and_neither_read_nor_stored() {
    let world = World::new();
    let other = through(&world, Access::new().read("order:*").write("*"));
    assert_eq!(user(&world, 1).await, Ok(0));
    world.settle().await;
    world.source.write(5);
    for times in 1..=3 {
        assert_eq!(user(&other, 1).await, Ok(5), "the source, not what is stored");
        assert_eq!((world.source.reads(), denied(&world)), (1 + times, times));
    }
    assert_eq!(user::peek(&other, 1).await, None);
    assert_eq!(user(&world, 1).await, Ok(0), "nor was anything stored");
    assert_eq!(user(&other, 2).await, Ok(5));
    assert_eq!(user::peek(&world, 2).await, None);
    world.settle().await;
    assert_eq!(world.cache.stats().tiers[0].written, 1, "in a tier neither");
    // The control: what may be read is, by both.
    assert_eq!((order(&other, 1).await, order(&world, 1).await), (Ok(5), Ok(5)));
    let hits = || world.cache.stats().site("order").unwrap().hits;
    assert_eq!(hits(), 1, "the second call");
    order(&other, 1).await.unwrap();
    assert_eq!((hits(), other.cache.stats().site("order").unwrap().hits), (2, 2), "a plain hit, counted as all are");
}

#[tokio::test]
async fn what_may_be_read_and_not_written_is_answered_by_what_is_there() {
    let world = World::new();
    let reader = through(&world, Access::new().read("*"));
    assert_eq!(user(&world, 1).await, Ok(0));
    world.settle().await;
    world.source.write(5);
    assert_eq!(user(&reader, 1).await, Ok(0), "from near");
    world.cache.set_near_capacity(1);
    world.cache.set_near_capacity(1 << 20);
    assert_eq!(user(&reader, 1).await, Ok(0), "from a tier");
    assert_eq!((world.source.reads(), denied(&world)), (1, 1), "a call that near cannot answer may want to store");
    for reads in 2..=3 {
        assert_eq!(user(&reader, 2).await, Ok(5));
        assert_eq!(inline(&reader, 2).await, Ok(5));
        assert_eq!(sync(&reader, 2), 5);
        assert_eq!(world.source.reads(), 2 * (reads - 1) + 1, "each call loads");
    }
    assert_eq!(user::peek(&world, 2).await, None);
    assert_eq!(inline::peek(&world, 2).await, None);
    world.source.write(6);
    assert_eq!(user::refresh(&reader, 1).await, Ok(6), "a refresh answers with what is new");
    assert_eq!(user(&reader, 1).await, Ok(0), "and stores nothing");
    world.settle().await;
    assert_eq!(world.cache.stats().tiers[0].written, 1);
    // The control: all ways of loading store what they may.
    let writer = through(&world, Access::new().read("*").write("*"));
    assert_eq!((user(&writer, 2).await, inline(&writer, 2).await, sync(&writer, 2)), (Ok(6), Ok(6), 6));
    world.source.write(7);
    assert_eq!((user(&world, 2).await, inline(&world, 2).await, sync(&world, 2)), (Ok(6), Ok(6), 6));
}

/// A load in the air is another's: who may not read does not join it, who may not store does not lead it.
#[tokio::test]
async fn a_load_in_the_air_is_joined_by_those_only_who_may_read_and_write() {
    let world = World::new();
    let (stranger, reader, friend) = (
        through(&world, Access::new()),
        through(&world, Access::new().read("*")),
        through(&world, Access::new().read("user").write("user")),
    );
    world.source.gate.close();
    let call = |world: &World| {
        let world = world.clone();
        tokio::spawn(async move { user(&world, 1).await })
    };
    let first = call(&world);
    world.source.gate.arrived(1).await;
    let friend = call(&friend);
    let others = [call(&stranger), call(&reader)];
    world.source.gate.arrived(3).await;
    eventually("one has joined", || world.cache.stats().site("user").unwrap().joins == 1).await;
    world.source.gate.open();
    for answer in [first, friend].into_iter().chain(others) {
        assert_eq!(answer.await.unwrap(), Ok(0));
    }
    assert_eq!(world.source.reads(), 3, "one for two who share it, and one for each of the others");
}

#[tokio::test]
async fn an_invalidation_that_is_not_allowed_is_refused_and_says_why() {
    let world = World::new();
    let other = through(&world, Access::new().read("*").invalidate("user:*").invalidate_tags("paying"));
    let pattern = |glob: &str| Group::Pattern(Pattern::new(glob).unwrap());
    let key = |text: &str| Group::Key(Key::from_stored(text));
    let refused = [
        (vec![key("order:1")], "invalidate", "order"),
        (vec![Group::Namespace("order".into())], "invalidate", "order"),
        (vec![pattern("order:*")], "invalidate", "order"),
        (vec![pattern("us*")], "invalidate", "any"),
        (vec![pattern("user*")], "invalidate", "any"),
        (vec![Group::Everything], "invalidate", "any"),
        (vec![Group::Tagged], "invalidate_tags", "any"),
        (vec![Group::Tag("user:1".into())], "invalidate_tags", "any"),
        (vec![key("user:1"), key("order:1")], "invalidate", "order"),
    ];
    for (id, (groups, right, namespace)) in (1..).zip(refused) {
        user(&world, 1).await.unwrap();
        order(&world, 1).await.unwrap();
        let reads = world.source.reads();
        let error = other.cache.try_invalidate(groups.clone()).await.unwrap_err();
        assert_eq!((names(&error, "right"), names(&error, "namespace")), (right, namespace), "{groups:?}");
        let rules = if right == "invalidate" { "user" } else { "paying" };
        assert_eq!(names(&error, "rules"), rules);
        assert_eq!(denied(&world), id, "each is counted");
        user(&world, 1).await.unwrap();
        order(&world, 1).await.unwrap();
        assert_eq!(world.source.reads(), reads, "and nothing of {groups:?} was invalidated");
    }
    for groups in [vec![key("user:1")], vec![pattern("user:*")], vec![Group::Tag("paying".into())]] {
        assert_eq!(other.cache.try_invalidate(groups).await.unwrap(), Applied::Applied, "the control");
        assert_eq!(user::peek(&world, 1).await, None);
        user(&world, 1).await.unwrap();
    }
}

/// All the doors through which something is invalidated.
#[tokio::test]
async fn there_is_no_way_round_a_rule() {
    let world = World::new();
    let other = through(&world, Access::new().read("*").write("*").invalidate("order"));
    assert_eq!(user(&world, 1).await, Ok(0));
    world.settle().await;
    let invalidations = world.cache.stats().invalidations;
    let cache = &other.cache;
    assert_eq!(cache.invalidate_key(&user::key(&other, 1)).await, Applied::Denied);
    assert_eq!(cache.invalidate_tags(["user:1"]).await, Applied::Denied);
    assert_eq!(cache.invalidate_pattern("user:*").await.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(cache.invalidate_namespace("user").await.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(cache.invalidate(vec![Group::Everything]).await, Applied::Denied);
    assert_eq!(cache.invalidate_blocking(vec![Group::Everything]), Applied::Denied);
    assert_eq!(cache.clear().await, Applied::Denied);
    assert_eq!(user::remove(&other, 1).await, Applied::Denied);
    assert_eq!(user::entry(&other, 1).remove_blocking(), Applied::Denied);
    assert_eq!(rename(&other, 1).await, Ok(1), "a function that writes is not failed by it");
    let mut invalidator = cache.invalidator();
    invalidator.key(&user::key(&other, 1)).tag("paying");
    assert_eq!(invalidator.fire().await, Applied::Denied);
    invalidator.tag("paying");
    invalidator.always();
    drop(invalidator);
    let names = cache.namespace::<u64>("user").unwrap();
    assert_eq!(names.remove("1").await, Applied::Denied);
    assert_eq!(names.clear().await, Applied::Denied);
    assert_eq!(names.invalidate_pattern("1*").await.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(names.invalidate_tags(["paying"]).await, Applied::Denied);
    assert_eq!(world.cache.stats().invalidations, invalidations);
    assert_eq!(denied(&world), 16, "each is counted");
    world.source.write(1);
    assert_eq!(user(&world, 1).await, Ok(0), "it is still there");
    // The control: the same doors, with the rule that they need.
    assert_eq!(cache.invalidate_namespace("order").await.unwrap(), Applied::Applied);
    assert_eq!(rename(&world, 1).await, Ok(1));
    assert_eq!(user(&world, 1).await, Ok(1));
}

#[tokio::test]
async fn the_imperative_door_heeds_the_rules() {
    let world = World::new();
    let whole = world.cache.namespace::<u64>("door").unwrap();
    let open = |access| world.cache.restricted(access).unwrap().namespace::<u64>("door").unwrap();
    let (blind, reader, writer) =
        (open(Access::new()), open(Access::new().read("door")), open(Access::new().write("door")));
    whole.set("a", 1);
    assert_eq!((blind.get("a").await, reader.get("a").await, writer.get("a").await), (None, Some(1), None));
    assert_eq!(blind.get_many(&["a", "b"]).await, [None, None]);
    assert_eq!(reader.get_many(&["a", "b"]).await, [Some(1), None]);
    blind.set("a", 2);
    reader.set("a", 3);
    assert_eq!(whole.get("a").await, Some(1));
    writer.set("a", 4);
    assert_eq!(whole.get("a").await, Some(4), "who may write and not read");
    let load = || async { Ok::<u64, Down>(9) };
    assert_eq!(blind.get_or_load("a", load).await, Ok(9));
    assert_eq!(reader.get_or_load("a", load).await, Ok(4));
    assert_eq!(reader.get_or_load("c", load).await, Ok(9));
    assert_eq!((whole.get("a").await, whole.get("c").await), (Some(4), None));
}

#[tokio::test]
async fn a_handle_made_of_a_handle_may_do_less_and_never_more() {
    let world = World::new();
    let first = through(&world, Access::new().read("user").write("user").invalidate("user"));
    let wider = through(&first, Access::new().read("*").write("*").invalidate("*").invalidate_tags("*"));
    user(&world, 1).await.unwrap();
    order(&world, 1).await.unwrap();
    world.source.write(1);
    assert_eq!((user(&wider, 1).await, order(&wider, 1).await), (Ok(0), Ok(1)));
    assert_eq!(wider.cache.clear().await, Applied::Denied);
    assert_eq!(wider.cache.invalidate_tags(["user:1"]).await, Applied::Denied);
    assert_eq!(wider.cache.invalidate_namespace("user").await.unwrap(), Applied::Applied);
    assert_eq!(user(&wider, 1).await, Ok(1));
    let narrower = through(&wider, Access::new().read("order"));
    assert_eq!(user::peek(&narrower, 1).await, None);
}

/// Each instance of a generic function has a shelf of its own behind one site.
#[tokio::test]
async fn instances_of_a_generic_function_are_told_apart_in_every_handle() {
    let world = World::new();
    let reader = through(&world, Access::new().read("typed"));
    typed(&world, "number", 1, 7_u64).await.unwrap();
    typed(&world, "text", 1, "seven".to_owned()).await.unwrap();
    assert_eq!(typed(&reader, "text", 1, String::new()).await.unwrap(), "seven");
    assert_eq!(typed(&reader, "number", 1, 0_u64).await.unwrap(), 7);
    assert_eq!(typed(&reader, "number", 1, 0_u64).await.unwrap(), 7);
    assert_eq!(world.source.reads(), 2);
}

/// A refresh answers everybody with what is new. What others have is changed only by who may write: stored anew by who may
/// read, too, and made untrue by who may not.
#[tokio::test]
async fn a_refresh_changes_what_others_have_only_for_who_may_write() {
    for (access, others_see, loads) in [
        (Access::new(), 0, 0),
        (Access::new().read("*"), 0, 0),
        (Access::new().write("order"), 0, 0),
        (Access::new().write("*"), 5, 1),
        (Access::new().read("*").write("*"), 5, 0),
    ] {
        let world = World::new();
        let other = through(&world, access.clone());
        assert_eq!((user(&world, 1).await, inline(&world, 1).await, sync(&world, 1)), (Ok(0), Ok(0), 0));
        world.settle().await;
        world.source.write(5);
        assert_eq!(user::refresh(&other, 1).await, Ok(5), "{access:?}");
        assert_eq!(inline::refresh(&other, 1).await, Ok(5), "{access:?}");
        assert_eq!(sync::refresh(&other, 1), 5, "{access:?}");
        world.settle().await;
        let reads = world.source.reads();
        let seen = (user(&world, 1).await, inline(&world, 1).await, sync(&world, 1));
        assert_eq!(seen, (Ok(others_see), Ok(others_see), others_see), "{access:?}");
        // What does not await is not counted by the source.
        assert_eq!(world.source.reads() - reads, 2 * loads, "{access:?}");
        // A tier has no other.
        world.cache.set_near_capacity(1);
        world.cache.set_near_capacity(1 << 20);
        world.settle().await;
        assert_eq!(user(&world, 1).await, Ok(others_see), "{access:?}");
    }
}

/// The same while the site is paused: then nobody stores, and who may write says that what is stored is out of date.
#[tokio::test]
async fn a_refresh_in_a_pause_makes_nothing_untrue_for_who_may_not_write() {
    for (access, others_see) in [
        (Access::new(), 0),
        (Access::new().read("*"), 0),
        (Access::new().write("*"), 5),
        (Access::new().read("*").write("*"), 5),
    ] {
        let world = World::new();
        let other = through(&world, access.clone());
        user(&world, 1).await.unwrap();
        world.settle().await;
        world.source.write(5);
        world.cache.tune("it.access.user", &Tuning::new().paused(true)).unwrap();
        assert_eq!(user::refresh(&other, 1).await, Ok(5), "{access:?}");
        world.cache.tune("it.access.user", &Tuning::new().paused(false)).unwrap();
        assert_eq!(user(&world, 1).await, Ok(others_see), "{access:?}");
    }
}

/// What a whole handle invalidates, others do not serve.
#[tokio::test]
async fn a_handle_never_serves_what_was_invalidated_through_another() {
    let world = World::new();
    let reader = through(&world, Access::new().read("*").write("*"));
    for round in 1..=3 {
        user(&reader, 1).await.unwrap();
        world.source.write(round);
        world.cache.invalidate_tags(["user:1"]).await;
        assert_eq!(user(&reader, 1).await, Ok(round));
    }
}

#[test]
fn what_is_refused_is_said_once_a_second_and_names_no_key() {
    let said = Ear::hears(Level::WARN, async {
        let world = World::near_only();
        let other = through(&world, Access::new().read("order"));
        for _ in 0..50 {
            user(&other, 4711).await.unwrap();
            other.cache.invalidate_tags(["user:4711"]).await;
        }
        world.clock.advance(Duration::from_secs(1));
        user(&other, 4711).await.unwrap();
    });
    assert_eq!(said.matches("denied=").count(), 2, "{said}");
    assert!(said.contains("denied=1\n") && said.contains("denied=100\n"), "all are counted in what is said: {said}");
    assert!(said.contains("namespace: user") && !said.contains("4711"), "{said}");
}

#[test]
fn a_rule_that_is_none_is_an_error_that_names_it() {
    let cache = Cache::builder().build().unwrap();
    let wrong = [
        (Access::new().read(""), ""),
        (Access::new().read(":*"), ":*"),
        (Access::new().write("user:42:*"), "user:42:*"),
        (Access::new().read("user").invalidate("user:1*"), "user:1*"),
        (Access::new().invalidate("[a-z]*"), "[a-z]*"),
        (Access::new().invalidate_tags("a*b*c*d*e*"), "a*b*c*d*e*"),
    ];
    for (access, rule) in wrong {
        let error = cache.restricted(access).unwrap_err();
        assert_eq!((error.kind(), error.context("setting")), (ErrorKind::Config, Some("access")), "{error}");
        assert_eq!(error.context("rule"), Some(rule));
    }
    for rule in ["user", "user:*", "us*", "us?r", "*", "*:*"] {
        assert!(cache.restricted(Access::new().read(rule).invalidate(rule)).is_ok(), "{rule}");
    }
}
