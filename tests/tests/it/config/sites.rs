//! One function's numbers count before its attribute, and one switch ends all caching.

use std::time::Duration;

use super::rig::{Place, of_text, of_variables, plain, told};

#[tokio::test]
async fn what_is_said_of_a_function_counts_before_its_attribute() {
    for name in ["it.config.rig.told", "rig.told"] {
        let name = if name.starts_with("it.") { site_name("told") } else { name.to_owned() };
        let config =
            of_text(&format!("[sites.\"{name}\"]\nttl = \"10m\"\nstale = \"1h\"\ncapacity = \"1MiB\"")).unwrap();
        let place = Place::new(&config);
        assert_eq!(place.life(told).await, Duration::from_secs(600), "{name}");
        assert_eq!(place.life(plain).await, Duration::from_secs(300), "others are as they were");
        let tuned = place.cache.tuned(&name).unwrap();
        assert_eq!((tuned.stale, tuned.capacity), (Some(Duration::from_secs(3_600)), Some(1 << 20)));
    }
}

/// The full name, whichever test program this is.
fn site_name(function: &str) -> String {
    let end = format!("rig.{function}");
    let site =
        cached_runtime::site::linked().find(|site| site.name().ends_with(&end) && site.name().contains("config"));
    site.unwrap().name().to_owned()
}

#[tokio::test]
async fn a_variable_names_a_function_with_underscores() {
    for name in ["CACHED_SITES__CONFIG_RIG_TOLD__TTL".to_owned(), variable_of("told", "TTL")] {
        let config = of_variables(&[(&name, "10m")]).unwrap();
        assert_eq!(Place::new(&config).life(told).await, Duration::from_secs(600), "{name}");
    }
}

fn variable_of(function: &str, setting: &str) -> String {
    format!("CACHED_SITES__{}__{setting}", site_name(function).replace('.', "_").to_ascii_uppercase())
}

#[tokio::test]
async fn a_function_can_be_switched_off_alone() {
    let config = of_text(&format!("[sites.\"{}\"]\nenabled = false", site_name("told"))).unwrap();
    let place = Place::new(&config);
    for _ in 0..3 {
        told(place.clone(), 1).await;
    }
    assert_eq!(place.runs(), 3);
    plain(place.clone(), 1).await;
    plain(place.clone(), 1).await;
    assert_eq!(place.runs(), 4);
}

#[tokio::test]
async fn one_switch_ends_all_caching_and_brings_it_back() {
    for config in [of_text("enabled = false"), of_variables(&[("CACHED_ENABLED", "false")])] {
        let place = Place::new(&config.unwrap());
        assert!(place.cache.is_paused());
        for _ in 0..3 {
            plain(place.clone(), 1).await;
        }
        assert_eq!(place.runs(), 3, "every call runs its body");
        place.cache.pause(false);
        for _ in 0..3 {
            plain(place.clone(), 1).await;
        }
        assert_eq!(place.runs(), 4);
    }
}

#[test]
fn two_names_of_one_function_may_not_contradict_each_other() {
    let full = site_name("told");
    let text = format!("[sites.\"{full}\"]\nttl = \"1m\"\n[sites.\"config.rig.told\"]\nttl = \"2m\"");
    let error = of_text(&text).unwrap().builder().unwrap_err().to_string();
    assert!(error.contains("config.rig.told") && error.contains(&full), "{error}");
}

#[test]
fn a_misspelt_function_is_told_with_the_nearest() {
    let config = of_text("[sites.profilled]\nttl = \"1m\"").unwrap();
    let error = config.builder().unwrap_err().to_string();
    assert!(error.contains("`profiled`"), "{error}");
}

#[test]
fn a_life_not_longer_than_refresh_ahead_is_refused_where_it_is_said() {
    let config = of_text("[sites.\"sites.ahead\"]\nttl = \"10s\"").unwrap();
    let error = config.builder().unwrap_err();
    assert!(
        error.to_string().contains("refresh_ahead") && error.context("from").unwrap().contains("cached.toml"),
        "{error}"
    );
}

#[cached_runtime::cache(key = "config-ahead:{key}", ttl = "1m", refresh_ahead = "20s", skip(place), cache = place.cache)]
async fn ahead(place: Place, key: u64) -> u64 {
    place.run()
}

#[tokio::test]
async fn a_function_with_a_configured_life_still_answers() {
    let place = Place::new(&of_text("[sites.\"sites.ahead\"]\nttl = \"10m\"").unwrap());
    assert_eq!(ahead(place.clone(), 1).await, 1);
    assert_eq!(ahead(place, 1).await, 1);
}

#[cached_runtime::cache(key = "config-rated:{key}", rate = "100/s", skip(place), cache = place.cache)]
async fn rated(place: Place, key: u64) -> cached_runtime::Result<u64> {
    Ok(place.run())
}

#[tokio::test]
async fn a_rate_is_configured_for_functions_that_have_one() {
    let place = Place::new(&of_text("[sites.\"sites.rated\"]\nrate = \"1/d\"").unwrap());
    assert_eq!(rated(place.clone(), 1).await.unwrap(), 1);
    assert_eq!(rated(place.clone(), 2).await.unwrap_err().kind(), cached_runtime::ErrorKind::Rate);
    let wrong = of_text("[sites.\"config.rig.told\"]\nrate = \"1/d\"").unwrap().builder().unwrap_err();
    assert!(wrong.to_string().contains("cannot say that a load was refused") && wrong.context("from").is_some());
    let wrong = of_text("[sites.\"sites.rated\"]\nrate = \"often\"").unwrap().builder().unwrap_err();
    assert!(wrong.to_string().contains("100/s"), "{wrong}");
}

#[cached_runtime::cache(key = "config-packed:{key}", skip(place), cache = place.cache)]
async fn packed(place: Place, key: u64) -> String {
    place.run();
    "a".repeat(4_000)
}

#[tokio::test]
async fn a_function_is_compressed_as_configured() {
    let text = "[compression.profiles.own]\nmethod = \"gzip\"\nlevel = 3\n[sites.\"sites.packed\"]\ncompress = \"own\"";
    let config = of_text(text).unwrap();
    let builder = config.builder().unwrap().tier(cached_runtime::tier::memory::MemoryTier::new());
    let place = Place { cache: builder.build().unwrap(), ..Place::new(&config) };
    packed(place.clone(), 1).await;
    place.cache.flush(Duration::from_secs(20)).await;
    let stats = place.cache.stats();
    let site = stats.sites.iter().find(|site| site.site.ends_with("sites.packed")).unwrap();
    assert_eq!((site.compression.method.as_str(), site.compression.level), ("gzip", 3));
    let wrong = of_text("[sites.\"sites.packed\"]\ncompress = \"owm\"").unwrap().builder().unwrap_err();
    assert!(wrong.to_string().contains("there is no profile of this name"), "{wrong}");
}

/// A file may name a function by the end of its name, a variable means it in full: the later source counts all the same.
#[tokio::test]
async fn a_variable_counts_before_a_file_that_names_the_function_otherwise() {
    let document = super::rig::Document::new("[sites.\"rig.told\"]\nttl = \"1m\"");
    let variable = variable_of("told", "TTL");
    let both = || (document.path(), [(variable.as_str(), "10m")]);
    let (file, variables) = both();
    let later = cached_runtime::config::Config::sources().file(file).variables(variables).read().unwrap();
    assert_eq!(Place::new(&later).life(told).await, Duration::from_secs(600));
    let (file, variables) = both();
    let earlier = cached_runtime::config::Config::sources().variables(variables).file(file).read().unwrap();
    assert_eq!(Place::new(&earlier).life(told).await, Duration::from_secs(60), "the control");
    let twice = format!("[sites.\"rig.told\"]\nttl = \"1m\"\n[sites.\"{}\"]\nttl = \"2m\"", site_name("told"));
    assert!(of_text(&twice).unwrap().builder().is_err(), "one source that says two things");
}
