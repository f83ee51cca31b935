//! Numbers change while the program runs: all that is right, nothing of what is wrong.

use std::time::Duration;

use cached_runtime::Tuning;

use super::rig::{Document, Place, plain, told};
use crate::shelf::eventually;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn what_a_file_changes_holds_from_then_on() {
    let document = Document::new("ttl = \"1m\"\n[near]\nbytes = \"16MiB\"");
    let config = document.read().unwrap();
    let place = Place::new(&config);
    let watch = config.watch(&place.cache);
    assert_eq!(place.life(plain).await, MINUTE);

    document.write(
        "ttl = \"2m\"\n[near]\nbytes = \"8MiB\"\n[near.limits]\nvideo = \"1MiB\"\n[sites.\"config.rig.told\"]\nttl = \"9m\"\n",
    );
    let reloaded = watch.reload().unwrap();
    assert_eq!(reloaded.changed, ["near.bytes", "near.limits.video", "sites.\"config.rig.told\".ttl", "ttl"]);
    assert!(reloaded.needs_restart.is_empty());
    assert_eq!(place.life(plain).await, 2 * MINUTE);
    assert_eq!(place.life(told).await, 9 * MINUTE);
    assert_eq!(place.cache.near_capacity(), 8 << 20);

    document.write("[ttl_patterns]\n\"config-plain:*\" = \"3m\"");
    watch.reload().unwrap();
    assert_eq!(place.life(plain).await, 3 * MINUTE);
    assert_eq!(place.life(told).await, MINUTE, "as its attribute says again");
    assert_eq!(place.cache.near_capacity(), 64 << 20, "as if nothing had been said");

    document.write("");
    watch.reload().unwrap();
    assert_eq!(place.life(plain).await, 5 * MINUTE);
    assert!(watch.reload().unwrap().changed.is_empty(), "nothing changes twice");
}

#[tokio::test]
async fn the_switches_work_while_the_program_runs() {
    let document = Document::new("");
    let config = document.read().unwrap();
    let place = Place::new(&config);
    let watch = config.watch(&place.cache);
    document.write("enabled = false");
    watch.reload().unwrap();
    plain(place.clone(), 1).await;
    plain(place.clone(), 1).await;
    assert_eq!((place.runs(), place.cache.is_paused()), (2, true));
    document.write("[sites.\"config.rig.plain\"]\nenabled = false");
    watch.reload().unwrap();
    plain(place.clone(), 1).await;
    told(place.clone(), 1).await;
    told(place.clone(), 1).await;
    assert_eq!((place.runs(), place.cache.is_paused()), (4, false));
    document.write("");
    watch.reload().unwrap();
    plain(place.clone(), 1).await;
    plain(place.clone(), 1).await;
    assert_eq!(place.runs(), 5);
}

#[tokio::test]
async fn of_a_wrong_file_nothing_is_set_and_the_error_can_be_asked_for() {
    let document = Document::new("ttl = \"1m\"");
    let config = document.read().unwrap();
    let place = Place::new(&config);
    let watch = config.watch(&place.cache);
    for (text, field) in [
        // What is right stands before what is wrong.
        ("ttl = \"2m\"\n[near]\nbytes = \"0\"", "near.bytes"),
        ("enabled = false\n[sites.\"no.such\"]\nttl = \"1m\"", "sites.\"no.such\".ttl"),
        ("enabled = false\n[sites.\"config.rig.told\"]\nrate = \"1/s\"", "sites.\"config.rig.told\".rate"),
        ("enabled = false\n[sites.\"config.sites.ahead\"]\nttl = \"1s\"", "sites.\"config.sites.ahead\".ttl"),
        ("enabled = false\n[compression.profiles.own]\nlevel = 999", "compression.profiles.own.level"),
        ("enabled = false\n[redis]\nurl = \"http://host\"", "redis.url"),
        ("enabled = false\n[response]\npaths = [\"/api/*\", \"/[ab]\"]", "response.paths"),
        ("enabled = false\n[response]\nexclude = [\"\"]", "response.exclude"),
    ] {
        document.write(text);
        let error = watch.reload().unwrap_err();
        assert_eq!(error.context("field"), Some(field), "{error}");
        assert_eq!(watch.last_error().unwrap().context("field"), Some(field));
        let health = place.cache.health();
        let misread = health.warnings.iter().find(|warning| warning.code == "misread").unwrap();
        assert!(health.status == "warning" && misread.text.contains(field), "{}", misread.text);
        assert_eq!((place.cache.near_capacity(), place.cache.is_paused()), (64 << 20, false));
    }
    assert_eq!(place.life(plain).await, MINUTE);
    std::fs::remove_file(document.path()).unwrap();
    assert!(watch.reload().unwrap_err().to_string().contains("there is no such file"));
    document.write("ttl = \"2m\"");
    watch.reload().unwrap();
    assert!(watch.last_error().is_none());
    assert_eq!(place.cache.health().status, "healthy");
    assert_eq!(place.life(plain).await, 2 * MINUTE);
}

/// What an operator says is taken back, and not what the file says.
#[tokio::test]
async fn a_site_goes_back_to_what_the_file_says() {
    let site = "config.rig.told";
    let document = Document::new("[sites.\"config.rig.told\"]\nttl = \"9m\"");
    let config = document.read().unwrap();
    let place = Place::new(&config);
    let watch = config.watch(&place.cache);
    place.cache.tune(site, &Tuning::new().ttl(7 * MINUTE).capacity(1 << 20)).unwrap();
    assert_eq!(place.life(told).await, 7 * MINUTE);
    place.cache.untune(site).unwrap();
    assert_eq!((place.life(told).await, place.cache.tuned(site).unwrap().capacity), (9 * MINUTE, None));
    place.cache.tune(site, &Tuning::new().ttl(7 * MINUTE)).unwrap();
    document.write("[sites.\"config.rig.told\"]\nttl = \"8m\"");
    watch.reload().unwrap();
    place.cache.tune(site, &Tuning::new().ttl(7 * MINUTE)).unwrap();
    place.cache.untune(site).unwrap();
    assert_eq!(place.life(told).await, 8 * MINUTE, "as the file says by now");
    document.write("");
    watch.reload().unwrap();
    place.cache.untune(site).unwrap();
    assert_eq!(place.life(told).await, MINUTE, "as its attribute says");
}

/// The file comes after code when it is read again, and goes from before it when it says nothing.
#[tokio::test]
async fn a_site_that_the_file_says_nothing_of_any_more_is_as_code_says() {
    let document = Document::new("[sites.\"config.rig.told\"]\nttl = \"9m\"");
    let config = document.read().unwrap();
    let place = Place::with(&config, |builder| builder.tune("config.rig.told", Tuning::new().ttl(4 * MINUTE)));
    let watch = config.watch(&place.cache);
    assert_eq!(place.life(told).await, 4 * MINUTE);
    document.write("[sites.\"config.rig.told\"]\nttl = \"8m\"");
    watch.reload().unwrap();
    assert_eq!(place.life(told).await, 8 * MINUTE);
    document.write("");
    watch.reload().unwrap();
    assert_eq!(place.life(told).await, 4 * MINUTE);
    place.cache.untune("config.rig.told").unwrap();
    assert_eq!(place.life(told).await, 4 * MINUTE);
}

/// What is wrong is said for as long as it is so, and somebody looks.
#[tokio::test]
async fn that_a_file_is_wrong_is_said_until_it_is_right_or_nobody_reads_it() {
    let right = "[near]\nbytes = \"16MiB\"";
    let document = Document::new(right);
    let config = document.read().unwrap();
    let place = Place::new(&config);
    let is_said = || place.cache.health().warnings.iter().any(|warning| warning.code == "misread");
    let watch = config.watch(&place.cache).every(Duration::from_secs(5)).unwrap();
    let other = config.watch(&place.cache);
    document.write("[near]\nbytes = \"much\"");
    assert!(watch.reload().is_err() && other.reload().is_err() && is_said());
    drop(other);
    assert!(is_said(), "the other one still says so");
    document.write(right);
    let goes = || {
        place.clock.advance(Duration::from_secs(5));
        !is_said()
    };
    eventually("it is read again though it holds what it held at first", goes).await;
    document.write("[near]\nbytes = \"much\"");
    assert!(watch.reload().is_err() && is_said());
    drop(watch);
    eventually("nobody reads it any more", || !is_said()).await;
}

#[tokio::test]
async fn what_cannot_change_is_told_by_name_and_stays() {
    let document = Document::new("prefetches = 8");
    let config = document.read().unwrap();
    let place = Place::new(&config);
    let watch = config.watch(&place.cache);
    document.write("prefetches = 9\nttl = \"1m\"\n[redis]\nurl = \"redis://localhost:1\"");
    for _ in 0..2 {
        let reloaded = watch.reload().unwrap();
        assert_eq!(reloaded.needs_restart, ["prefetches", "redis.url"], "as long as it is so");
    }
    assert!(place.cache.stats().tiers.is_empty());
    document.write("prefetches = 8\nttl = \"1m\"");
    assert!(watch.reload().unwrap().needs_restart.is_empty());
    assert_eq!(watch.config().said().len(), 2);
}

#[tokio::test]
async fn what_code_has_said_and_the_file_does_not_change_stays() {
    let document = Document::new("ttl = \"1m\"\n[near]\nbytes = \"16MiB\"");
    let config = document.read().unwrap();
    let place = Place::new(&config);
    place.cache.set_near_capacity(3 << 20);
    place.cache.set_ttl(7 * MINUTE, &[]).unwrap();
    let watch = config.watch(&place.cache);
    document.write("ttl = \"1m\"\n[near]\nbytes = \"16MiB\"\n[ttl_patterns]\n\"other:*\" = \"2m\"");
    assert_eq!(watch.reload().unwrap().changed, ["ttl_patterns.\"other:*\""]);
    assert_eq!(place.cache.near_capacity(), 3 << 20);
    assert_eq!(place.life(plain).await, 7 * MINUTE);
}

#[tokio::test]
async fn variables_still_count_before_a_file_that_changed() {
    let document = Document::new("ttl = \"1m\"");
    let sources = cached_runtime::config::Config::sources().file(document.path());
    let config = sources.variables([("CACHED_TTL", "4m")]).read().unwrap();
    let place = Place::new(&config);
    let watch = config.watch(&place.cache);
    document.write("ttl = \"2m\"");
    assert!(watch.reload().unwrap().changed.is_empty());
    assert_eq!(place.life(plain).await, 4 * MINUTE);
}

#[tokio::test]
async fn a_file_is_looked_at_by_the_clock_and_read_again_when_it_holds_something_else() {
    let document = Document::new("[near]\nbytes = \"16MiB\"");
    let config = document.read().unwrap();
    let place = Place::new(&config);
    let watch = config.watch(&place.cache).every(Duration::from_secs(5)).unwrap();
    document.write("[near]\nbytes = \"8MiB\"");
    // Each look comes at its time, whenever its task gets there.
    let moved = || {
        place.clock.advance(Duration::from_secs(5));
        place.cache.near_capacity() == 8 << 20
    };
    eventually("the file is read again", moved).await;
    document.write("[near]\nbytes = \"much\"");
    let told = || {
        place.clock.advance(Duration::from_secs(5));
        watch.last_error().is_some()
    };
    eventually("that it is wrong is told", told).await;
    assert_eq!(place.cache.near_capacity(), 8 << 20);
}

/// The control: without looks nothing changes by itself.
#[tokio::test]
async fn a_file_that_nobody_looks_at_changes_nothing() {
    let document = Document::new("[near]\nbytes = \"16MiB\"");
    let config = document.read().unwrap();
    let place = Place::new(&config);
    drop(config.watch(&place.cache).every(Duration::from_secs(5)).unwrap());
    document.write("[near]\nbytes = \"8MiB\"");
    for _ in 0..100 {
        place.clock.advance(Duration::from_secs(5));
        tokio::task::yield_now().await;
    }
    assert_eq!(place.cache.near_capacity(), 16 << 20);
}

#[test]
fn looks_need_an_interval_and_a_runtime() {
    let document = Document::new("");
    let config = document.read().unwrap();
    let place = Place::new(&config);
    assert!(config.watch(&place.cache).every(MINUTE).is_err(), "there is no runtime");
    super::rig::block_on(async {
        assert!(config.watch(&place.cache).every(Duration::ZERO).is_err());
    });
}

/// Between reading it and watching it there is a start.
#[tokio::test]
async fn what_changed_before_it_was_watched_is_noticed() {
    let document = Document::new("[near]\nbytes = \"16MiB\"");
    let config = document.read().unwrap();
    let place = Place::new(&config);
    document.write("[near]\nbytes = \"8MiB\"");
    let _watch = config.watch(&place.cache).every(Duration::from_secs(5)).unwrap();
    let noticed = || {
        place.clock.advance(Duration::from_secs(5));
        place.cache.near_capacity() == 8 << 20
    };
    eventually("it is noticed", noticed).await;
}

/// In the middle of an incident somebody edits the file.
#[tokio::test]
async fn what_an_operator_has_set_of_a_function_stays_when_the_file_says_something_else_of_it() {
    let document = Document::new("[sites.\"config.rig.told\"]\nttl = \"1m\"\nstale = \"2m\"");
    let config = document.read().unwrap();
    let place = Place::new(&config);
    let watch = config.watch(&place.cache);
    place.cache.tune("config.rig.told", &Tuning::new().paused(true).capacity(1 << 20)).unwrap();
    document.write("[sites.\"config.rig.told\"]\nttl = \"3m\"");
    watch.reload().unwrap();
    let tuned = place.cache.tuned("config.rig.told").unwrap();
    assert_eq!((tuned.ttl, tuned.stale, tuned.capacity), (Some(3 * MINUTE), None, Some(1 << 20)));
    assert_eq!(tuned.paused, Some(true), "the pause is the operator's");
    document.write("[sites.\"config.rig.told\"]\nenabled = true");
    watch.reload().unwrap();
    assert_eq!(place.cache.tuned("config.rig.told").unwrap().paused, Some(false), "until the file says that");
}

#[tokio::test]
async fn a_file_that_need_not_be_there_and_is_gone_changes_nothing() {
    let document = Document::new("enabled = false");
    let config = cached_runtime::config::Config::sources().file_if_there(document.path()).read().unwrap();
    let place = Place::new(&config);
    let watch = config.watch(&place.cache);
    std::fs::remove_file(document.path()).unwrap();
    let error = watch.reload().unwrap_err().to_string();
    assert!(error.contains("a file that was there is gone"), "{error}");
    assert!(place.cache.is_paused(), "what is switched off stays off");
    document.write("");
    watch.reload().unwrap();
    assert!(!place.cache.is_paused(), "the control: an empty file says nothing");
}

/// Who writes a file anew may empty it first.
#[tokio::test]
async fn what_only_one_look_finds_changes_nothing() {
    let document = Document::new("enabled = false");
    let config = document.read().unwrap();
    let place = Place::new(&config);
    let _watch = config.watch(&place.cache).every(Duration::from_secs(5)).unwrap();
    let look = async || {
        place.clock.advance(Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    for _ in 0..3 {
        document.write("");
        look().await;
        document.write("enabled = false");
        look().await;
        assert!(place.cache.is_paused(), "what is switched off stays off");
    }
    document.write("");
    let goes_on = || {
        place.clock.advance(Duration::from_secs(5));
        !place.cache.is_paused()
    };
    eventually("the control: what is still so at the next look counts", goes_on).await;
}
