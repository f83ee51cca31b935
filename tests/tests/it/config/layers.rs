//! What counts: defaults, the file, the environment, code; and what contradicts itself.

use std::time::Duration;

use cached_runtime::config::Config;
use cached_runtime::{Cache, ErrorKind};
use figment::Figment;
use figment::providers::{Format, Serialized, Toml};

use super::rig::{Document, Place, of_text, of_variables, plain, told};

#[tokio::test]
async fn the_environment_counts_before_the_file_and_code_before_both() {
    let document = Document::new("ttl = \"1m\"\n[near]\nbytes = \"1MiB\"");
    let read = |variables: &[(&str, &str)]| {
        Config::sources().file(document.path()).variables(variables.iter().copied()).read().unwrap()
    };
    assert_eq!(Place::new(&read(&[])).life(plain).await, Duration::from_secs(60));
    // Under whichever name.
    for name in ["CACHED_TTL", "CACHE_TTL_DEFAULT"] {
        let config = read(&[(name, if name == "CACHED_TTL" { "2m" } else { "120" })]);
        assert_eq!(Place::new(&config).life(plain).await, Duration::from_secs(120));
        assert_eq!(config.builder().unwrap().build().unwrap().near_capacity(), 1 << 20, "what is not said stays");
    }
    let config = read(&[("CACHED_NEAR__BYTES", "2MiB")]);
    assert_eq!(config.builder().unwrap().near_bytes(4 << 20).build().unwrap().near_capacity(), 4 << 20);
    let before = Cache::builder().near_bytes(4 << 20).configured(&config).unwrap();
    assert_eq!(before.build().unwrap().near_capacity(), 2 << 20, "what is said before it is not counted");
}

#[test]
fn where_nothing_is_said_the_defaults_hold() {
    let config = of_variables(&[]).unwrap();
    assert!(config.said().is_empty());
    assert_eq!(config.builder().unwrap().build().unwrap().near_capacity(), cached_runtime::builder::NEAR_BYTES);
}

#[test]
fn a_tier_of_code_takes_the_place_of_the_configured_one() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = one.path().join("store");
    let config =
        of_variables(&[("CACHED_DISK__PATH", path.to_str().unwrap()), ("REDIS_URL", "redis://localhost:1")]).unwrap();
    let builder = config.builder().unwrap().disk(other.path().join("store")).redis("redis://localhost:2");
    let cache = builder.build().unwrap();
    let names: Vec<_> = cache.stats().tiers.iter().map(|tier| tier.tier.clone()).collect();
    assert_eq!(names, ["redis", "disk"]);
    assert!(!path.exists() && other.path().join("store").exists());
    assert!(format!("{cache:?}").contains("localhost:2"));
}

#[test]
fn two_names_that_contradict_each_other_are_told_by_their_names() {
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("ttl", &[("CACHE_TTL_SECONDS", "60"), ("CACHE_TTL_HOURS", "2")]),
        ("ttl", &[("CACHE_TTL_DEFAULT", "60"), ("CACHED_TTL", "2m")]),
        ("redis.enabled", &[("REDIS_ENABLED", "true"), ("ENABLE_REDIS_CACHE", "false")]),
        ("redis.url", &[("REDIS_URL", "redis://a:secret@one"), ("CACHED_REDIS__URL", "redis://b:secret@two")]),
        ("profiles.*", &[("DB_CACHE_TTL", "60"), ("CACHED_PROFILES__QUERY", "2m")]),
    ];
    for (setting, variables) in cases {
        let error = of_variables(variables).unwrap_err();
        assert_eq!((error.kind(), error.context("setting")), (ErrorKind::Config, Some(*setting)));
        let shown = format!("{error} {error:?}");
        assert!(variables.iter().all(|(name, _)| shown.contains(name)), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }
    let file = of_text("l3_enabled = false\n[l2_config]\nbackend = \"disk\"").unwrap_err().to_string();
    assert!(file.contains("`l3_enabled` in ") && file.contains("`l2_config.backend` in "), "{file}");
}

#[test]
fn two_names_that_say_the_same_are_none() {
    of_variables(&[("CACHE_TTL_SECONDS", "7200"), ("CACHE_TTL_HOURS", "2"), ("CACHED_TTL", "2h")]).unwrap();
    of_variables(&[("REDIS_ENABLED", "true"), ("ENABLE_REDIS_CACHE", "1")]).unwrap();
}

/// As in the described systems: a file of defaults, and an environment over it.
#[test]
fn in_two_sources_they_do_not_contradict_each_other() {
    let document = Document::new("CACHE_TTL_HOURS = 24\nREDIS_ENABLED = true");
    let variables = [("CACHE_TTL_SECONDS", "60"), ("ENABLE_REDIS_CACHE", "false")];
    let config = Config::sources().file(document.path()).variables(variables).read().unwrap();
    let said = config.said();
    assert_eq!(said.iter().find(|(name, _)| name == "ttl").unwrap().1, "the variable CACHE_TTL_SECONDS");
    assert!(config.builder().unwrap().build().unwrap().stats().tiers.is_empty());
}

#[tokio::test]
async fn lives_by_pattern_count_below_the_attribute_and_the_longest_first() {
    let config =
        of_text("[ttl_patterns]\n\"*\" = \"3m\"\n\"config-plain:*\" = \"2m\"\n\"config-told:*\" = \"9m\"").unwrap();
    let place = Place::new(&config);
    assert_eq!(place.life(plain).await, Duration::from_secs(120));
    assert_eq!(place.life(told).await, Duration::from_secs(60), "its attribute says it");
}

#[test]
fn a_figment_of_ones_own_is_read_with_where_its_values_come_from() {
    let figment = Figment::new()
        .merge(Toml::string("[app.cache]\nttl = \"1m\"\n[app.cache.near]\nbytes = 1048576"))
        .merge(Serialized::default("app.cache.ttl", "2m"));
    let config = Config::from_figment(figment.focus("app.cache")).unwrap();
    assert_eq!(config.builder().unwrap().build().unwrap().near_capacity(), 1 << 20);
    let wrong = Figment::new().merge(Toml::string("ttl = \"soon\""));
    let error = Config::from_figment(wrong).unwrap_err().to_string();
    assert!(error.contains("`ttl` of TOML"), "{error}");
    let wrong = Figment::new().merge(Toml::string("password = [secret"));
    let error = Config::from_figment(wrong).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
}

#[test]
fn the_file_may_be_named_by_a_variable_and_has_to_be_there_then() {
    let document = Document::new("ttl = \"1m\"");
    let path = document.path();
    let config = Config::load_with([("CACHED_CONFIG", path.to_str().unwrap())]).unwrap();
    assert_eq!(config.said()[0].0, "ttl");
    let error = Config::load_with([("CACHED_CONFIG", "/nowhere/cached.toml")]).unwrap_err();
    assert_eq!(error.context("file"), Some("/nowhere/cached.toml"));
    // The usual file need not be there.
    assert!(Config::load_with([("PATH", "/bin")]).unwrap().said().is_empty());
}

#[test]
fn the_example_can_be_read_and_says_only_what_there_is() {
    let config = of_text(cached_runtime::config::EXAMPLE).unwrap();
    let cache = config.builder().unwrap().build().unwrap();
    assert!(cache.stats().tiers.is_empty() && !cache.is_paused());
    assert_eq!(cache.near_capacity(), 64 << 20);
}

#[test]
fn all_of_it_may_stand_in_a_table_of_its_own() {
    let config =
        of_text("[cache]\nttl = \"1m\"\n[cache.near]\nbytes = \"1MiB\"\n[cache.ttl_patterns]\n\"query:*\" = 300")
            .unwrap();
    let names: Vec<_> = config.said().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["near.bytes", "ttl", "ttl_patterns.\"query:*\""]);
    let error = of_text("ttl = \"2m\"\n[cache]\nttl = \"1m\"").unwrap_err();
    assert!(error.to_string().contains("`cache.ttl`"), "{error}");
}

#[test]
fn a_variable_may_hold_a_whole_table() {
    let config = of_variables(&[
        ("CACHED_TTL_PATTERNS", "{\"query:*\" = \"5m\", \"ml:*\" = 3600}"),
        ("CACHED_NEAR__LIMITS__VIDEO", "16MiB"),
        ("CACHED_TTL", ""),
    ])
    .unwrap();
    let names: Vec<_> = config.said().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["near.limits.video", "ttl_patterns.\"ml:*\"", "ttl_patterns.\"query:*\""]);
}
