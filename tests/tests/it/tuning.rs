//! Numbers that change while the cache runs, and the way back: calls that go by it.

use std::time::Duration;

use cached_runtime::{Cache, ErrorKind, SetOptions, Tuning, cache};

use crate::rig::{Down, World, soon};

const SECOND: Duration = Duration::from_secs(1);

#[cache(key = "tuned:{id}", ttl = "60s", stale = "60s", jitter = 0.0, tags = ["tuned:{id}"], skip(world), cache = &world.cache)]
async fn tuned(world: &World, id: u32) -> Result<u64, Down> {
    world.source.read().await
}

#[cache(key = "tuned-soon:{id}", ttl = "60s", refresh_ahead = "10s", skip(world), cache = &world.cache)]
async fn tuned_soon(world: &World, id: u32) -> Result<u64, Down> {
    world.source.read().await
}

#[cache(key = "tuned-other:{id}", ttl_with = |value| Duration::from_secs(*value), jitter = 0.0, skip(world), cache = &world.cache)]
async fn tuned_by_value(world: &World, id: u32) -> Result<u64, Down> {
    world.source.read().await
}

#[tokio::test]
async fn a_life_that_is_said_counts_from_then_on() {
    let world = World::near_only();
    world.source.gate.open();
    tuned(&world, 1).await.unwrap();
    world.cache.tune("tuned", &Tuning::new().ttl(SECOND * 5).stale(Duration::ZERO)).unwrap();
    world.clock.advance(SECOND * 10);
    tuned(&world, 1).await.unwrap();
    assert_eq!(world.source.reads(), 1, "an entry keeps the life that it was given");
    tuned(&world, 2).await.unwrap();
    world.clock.advance(SECOND * 5);
    world.source.fail(true);
    assert_eq!(tuned(&world, 2).await, Err(Down), "not past its life, and not stale");
    world.source.fail(false);
    world.cache.untune("tuned").unwrap();
    tuned(&world, 2).await.unwrap();
    world.clock.advance(SECOND * 59);
    let reads = world.source.reads();
    tuned(&world, 2).await.unwrap();
    assert_eq!(world.source.reads(), reads, "as its attribute says again");
    assert_eq!(world.cache.tuned("tuned").unwrap().ttl, None);
}

#[tokio::test]
async fn a_life_that_is_said_comes_before_that_of_the_value() {
    let world = World::near_only();
    world.source.gate.open();
    world.source.write(1_000);
    world.cache.tune("tuned_by_value", &Tuning::new().ttl(SECOND)).unwrap();
    tuned_by_value(&world, 1).await.unwrap();
    world.clock.advance(SECOND);
    tuned_by_value(&world, 1).await.unwrap();
    assert_eq!(world.source.reads(), 2);
}

#[tokio::test]
async fn a_life_that_is_none_is_refused_by_name() {
    let world = World::near_only();
    let refused = |site: &str, tuning: Tuning| {
        let error = world.cache.tune(site, &tuning).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        error.to_string()
    };
    assert!(refused("tuned", Tuning::new().ttl(Duration::ZERO)).contains("ttl"));
    assert!(refused("tuned_soon", Tuning::new().ttl(SECOND * 10)).contains("refresh_ahead"));
    assert!(refused("nobody", Tuning::new()).contains("nobody"));
    assert!(refused("", Tuning::new()).contains("no cached function"));
    let built = Cache::builder().tune("it.tuning.tuned", Tuning::new().ttl(Duration::ZERO)).build();
    assert!(built.unwrap_err().to_string().contains("ttl"));
}

/// A hundred years of 365.25 days.
const CENTURY: Duration = Duration::from_secs(36_525 * 24 * 3_600);

#[test]
fn a_time_of_centuries_is_refused_by_name_and_a_century_is_not() {
    let world = World::near_only();
    for long in [CENTURY + Duration::from_millis(1), Duration::from_secs(u64::MAX), Duration::MAX] {
        let refused = |tuning: Tuning| world.cache.tune("tuned", &tuning).unwrap_err();
        for (setting, tuning) in [("ttl", Tuning::new().ttl(long)), ("stale", Tuning::new().stale(long))] {
            let error = refused(tuning);
            assert_eq!((error.kind(), error.context("setting")), (ErrorKind::Config, Some(setting)), "{error}");
            let built = Cache::builder().tune("it.tuning.tuned", tuning).build().unwrap_err();
            assert_eq!((built.kind(), built.context("setting")), (ErrorKind::Config, Some(setting)), "{built}");
        }
        assert_eq!(world.cache.set_ttl(long, &[]).unwrap_err().context("setting"), Some("ttl"));
        assert_eq!(world.cache.set_ttl(SECOND, &[("a:*", long)]).unwrap_err().context("setting"), Some("ttl_for"));
    }
    assert_eq!(world.cache.tuned("tuned").unwrap(), Tuning::new().paused(false), "nothing was changed");
    world.cache.tune("tuned", &Tuning::new().ttl(CENTURY).stale(CENTURY)).unwrap();
    world.cache.set_ttl(CENTURY, &[("a:*", CENTURY)]).unwrap();
}

/// What a value, or code, says of a life while it runs cannot be refused: it counts as a century.
#[tokio::test]
async fn a_life_of_centuries_that_a_value_says_is_a_century() {
    let world = World::new();
    world.source.gate.open();
    let names = world.cache.namespace::<u64>("tuned-centuries").unwrap();
    for (id, long) in (1..).zip([u64::MAX, u64::MAX / 1_000, CENTURY.as_secs() + 1]) {
        world.source.write(long);
        tuned_by_value(&world, id).await.unwrap();
        names.set_with(id, 1, SetOptions::new().ttl(Duration::from_secs(long)).stale(Duration::MAX));
    }
    world.settle().await;
    assert_eq!(world.cache.stats().total().not_stored, 0);
    let reads = world.source.reads();
    world.clock.advance(CENTURY - SECOND);
    for id in 1..=3_u32 {
        tuned_by_value(&world, id).await.unwrap();
        assert_eq!(names.get(id).await, Some(1));
    }
    assert_eq!(world.source.reads(), reads, "it lives for a century");
    world.clock.advance(SECOND);
    for id in 1..=3_u32 {
        world.source.write(1);
        assert_eq!(tuned_by_value(&world, id).await, Ok(1), "and no longer");
        assert_eq!(names.get(id).await, None);
    }
}

/// While a site is paused its calls run their bodies; what was invalidated meanwhile does not come back with it.
#[tokio::test]
async fn a_site_that_is_paused_reads_and_stores_nothing_and_forgets_no_invalidation() {
    let world = World::new();
    world.source.gate.open();
    for id in 1..=2 {
        tuned(&world, id).await.unwrap();
    }
    tuned_soon(&world, 1).await.unwrap();
    world.settle().await;
    world.cache.tune("tuned", &Tuning::new().paused(true)).unwrap();
    world.source.write(1);
    let reads = world.source.reads();
    for _ in 0..3 {
        assert_eq!(tuned(&world, 1).await, Ok(1), "the body's own answer");
        assert_eq!(tuned(&world, 3).await, Ok(1));
    }
    assert_eq!(world.source.reads(), reads + 6);
    assert_eq!(tuned_soon(&world, 1).await, Ok(0), "another site goes on");
    world.cache.invalidate_tags(["tuned:1"]).await;
    world.source.write(2);
    world.cache.tune("tuned", &Tuning::new().paused(false)).unwrap();
    assert_eq!(tuned(&world, 1).await, Ok(2), "it was invalidated while nobody looked");
    assert_eq!(tuned(&world, 2).await, Ok(0), "and this was not");
    assert_eq!(tuned(&world, 3).await, Ok(2), "nothing was stored meanwhile");
}

#[tokio::test]
async fn a_cache_that_is_paused_is_as_if_it_were_not_there() {
    let world = World::new();
    world.source.gate.open();
    let names = world.cache.namespace::<u64>("tuned-names").unwrap();
    names.set("a", 1);
    tuned(&world, 1).await.unwrap();
    world.settle().await;
    world.cache.pause(true);
    assert!(world.cache.is_paused());
    world.source.write(7);
    assert_eq!((tuned(&world, 1).await, tuned_soon(&world, 9).await), (Ok(7), Ok(7)));
    assert_eq!(names.get("a").await, None);
    names.set("b", 2);
    assert_eq!(names.get_or_load("a", || async { Ok::<_, Down>(3) }).await, Ok(3));
    assert_eq!(
        names
            .get_or_load_many(&["a", "b"], |names| async move {
                Ok::<_, Down>(names.into_iter().map(|name| (name, 4)).collect::<std::collections::HashMap<_, _>>())
            })
            .await,
        Ok(vec![Some(4), Some(4)])
    );
    names.remove("a").await;
    world.cache.pause(false);
    assert_eq!(tuned(&world, 1).await, Ok(0), "what was stored before, and not invalidated, is there again");
    assert_eq!((names.get("a").await, names.get("b").await), (None, None));
}

/// A load that began before the pause lands in it.
#[tokio::test]
async fn a_load_that_lands_in_a_pause_answers_who_waits_and_is_judged_as_ever() {
    let world = World::new();
    let caller = tokio::spawn({
        let world = world.clone();
        async move { tuned(&world, 1).await }
    });
    soon("the load has read", world.source.gate.arrived(1)).await;
    world.cache.pause(true);
    world.source.write(1);
    world.cache.invalidate_tags(["tuned:1"]).await;
    world.source.gate.open();
    assert_eq!(soon("it answers", caller).await.unwrap(), Ok(0));
    world.cache.pause(false);
    assert_eq!(tuned(&world, 1).await, Ok(1), "its value was invalidated before it landed");
}

#[tokio::test]
async fn code_names_a_site_by_the_end_of_its_name_and_a_site_goes_back_to_what_code_says() {
    let built = |name: &str, ttl| Cache::builder().tune(name, Tuning::new().ttl(ttl)).build();
    let cache = built("tuning.tuned", SECOND * 5).unwrap();
    assert_eq!(cache.tuned("tuned").unwrap().ttl, Some(SECOND * 5));
    cache.tune("tuned", &Tuning::new().ttl(SECOND * 7).paused(true)).unwrap();
    cache.untune("tuned").unwrap();
    let tuned = cache.tuned("tuned").unwrap();
    assert_eq!((tuned.ttl, tuned.paused), (Some(SECOND * 5), Some(false)));
    let several = built("plain", SECOND).unwrap_err();
    assert!(several.kind() == ErrorKind::Config && several.to_string().contains("several names end so"), "{several}");
    let zero = built("tuning.tuned", Duration::ZERO).unwrap_err();
    assert_eq!(zero.context("site"), Some("it.tuning.tuned"));
    // A namespace may be called as a function's name ends.
    let cache = built("tuned", SECOND * 5).unwrap();
    let names = cache.namespace::<u64>("tuned").unwrap();
    names.set("a", 1);
    assert_eq!(cache.tuned("tuned").unwrap().ttl, Some(SECOND * 5));
    assert!(built("nobody.has.this", SECOND).is_ok(), "a namespace may be opened later");
}

#[tokio::test]
async fn a_site_is_held_to_the_bytes_that_are_said() {
    let world = World::near_only();
    world.source.gate.open();
    for id in 0..1_000 {
        tuned(&world, id).await.unwrap();
    }
    assert_eq!(world.cache.stats().site("tuned").unwrap().entries, 1_000);
    world.cache.tune("tuned", &Tuning::new().capacity(8 << 10)).unwrap();
    let site = world.cache.stats().site("tuned").cloned().unwrap();
    assert!(site.bytes <= 8 << 10 && site.capacity <= 8 << 10, "{} of {} bytes", site.bytes, site.capacity);
    world.cache.untune("tuned").unwrap();
    for id in 0..1_000 {
        tuned(&world, id).await.unwrap();
    }
    assert_eq!(world.cache.stats().site("tuned").unwrap().entries, 1_000);
}

#[tokio::test]
async fn lives_by_pattern_change_while_it_runs() {
    let world = World::near_only();
    let names = world.cache.namespace::<u64>("tuned-lives").unwrap();
    world.cache.set_ttl(SECOND * 100, &[("tuned-lives:short*", SECOND)]).unwrap();
    names.set("short", 1);
    names.set("long", 1);
    world.clock.advance(SECOND * 2);
    assert_eq!((names.get("short").await, names.get("long").await), (None, Some(1)));
    assert!(world.cache.set_ttl(Duration::ZERO, &[]).unwrap_err().to_string().contains("ttl"));
    assert!(world.cache.set_ttl(SECOND, &[("", SECOND)]).unwrap_err().to_string().contains("ttl_for"));
}

/// What is set, or loaded anew, while nothing is stored says that what is stored is out of date.
#[tokio::test]
async fn what_was_overwritten_in_a_pause_does_not_come_back_after_it() {
    let world = World::new();
    world.source.gate.open();
    let names = world.cache.namespace::<u64>("tuned-over").unwrap();
    names.set("a", 1);
    tuned(&world, 1).await.unwrap();
    world.settle().await;
    world.cache.pause(true);
    names.set("a", 2);
    world.source.write(7);
    assert_eq!(tuned::refresh(&world, 1).await, Ok(7));
    world.cache.pause(false);
    assert_eq!(names.get("a").await, None, "not what was there before it was set");
    assert_eq!(tuned(&world, 1).await, Ok(7), "not what was there before it was loaded anew");
}

/// A shelf that is made in a pause is held as others, and let go as others.
#[tokio::test]
async fn a_site_that_is_first_called_in_a_pause_is_as_others_after_it() {
    let world = World::near_only();
    world.source.gate.open();
    world.cache.pause(true);
    tuned(&world, 1).await.unwrap();
    world.cache.pause(false);
    tuned(&world, 1).await.unwrap();
    let reads = world.source.reads();
    tuned(&world, 1).await.unwrap();
    assert_eq!((world.source.reads(), world.cache.stats().site("tuned").unwrap().hits), (reads, 1));
}

/// Near is looked through on the thread that asks.
#[test]
fn upkeep_by_hand_needs_no_runtime() {
    let cache = Cache::builder().build().unwrap();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut cleaned = std::pin::pin!(cache.cleanup());
    let std::task::Poll::Ready(cleaned) = cleaned.as_mut().poll(&mut context) else { panic!("nothing is waited for") };
    assert_eq!((cleaned[0].tier.as_str(), cleaned[0].removed), ("near", 0));
}

/// A handle to an entry that was made before a pause goes by the cache in it, as calls do, and one made in it does not
/// for ever.
#[tokio::test]
async fn an_entry_that_is_looked_at_in_a_pause_is_not_there() {
    let world = World::new();
    world.source.gate.open();
    let site = |paused| Tuning::new().paused(paused);
    type Switch<'a> = &'a dyn Fn(bool);
    let of_all = |paused| world.cache.pause(paused);
    let of_one = |paused| world.cache.tune("tuned", &site(paused)).unwrap();
    for (id, switch) in [(1, &of_all as Switch<'_>), (2, &of_one)] {
        tuned(&world, id).await.unwrap();
        world.settle().await;
        let before = tuned::entry(&world, id);
        assert_eq!((before.peek_near(), before.peek().await), (Some(Ok(0)), Some(Ok(0))));
        switch(true);
        assert_eq!((before.peek_near(), before.peek().await), (None, None), "what calls would not be given");
        world.cache.clear_tier("near").await.unwrap();
        assert_eq!(before.peek().await, None, "nor from a tier");
        let within = tuned::entry(&world, id);
        assert_eq!((within.peek_near(), within.peek().await), (None, None));
        switch(false);
        for entry in [&before, &within] {
            assert_eq!(entry.peek().await, Some(Ok(0)), "it was there all the time");
        }
        switch(true);
        within.remove().await;
        switch(false);
        assert_eq!((before.peek().await, within.peek().await), (None, None), "and was removed in the pause");
    }
}
