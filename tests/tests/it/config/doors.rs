//! What is configured beside the cache, and warm-ups.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cached_runtime::{Cache, ErrorKind, cache, warmup};

use super::rig::{Document, field, of_text, of_variables, quoted};

#[derive(Clone, Default)]
struct Kitchen {
    cooked: Arc<AtomicU64>,
}

#[warmup(name = "config-dishes")]
async fn dishes(kitchen: &Kitchen) {
    kitchen.cooked.fetch_add(1, Ordering::SeqCst);
}

#[warmup(hot = 10, name = "config-hot-dishes")]
#[cache(key = "config-dish:{name}", skip(kitchen))]
async fn hot_dish(kitchen: &Kitchen, name: &str) -> String {
    kitchen.cooked.fetch_add(1, Ordering::SeqCst);
    name.to_owned()
}

fn cache_of(variables: &[(&str, &str)]) -> Cache {
    of_variables(variables).unwrap().builder().unwrap().build().unwrap()
}

#[tokio::test]
async fn a_warm_up_at_the_start_can_be_switched_off() {
    for (on_startup, cooked) in [("true", 1), ("false", 0)] {
        let kitchen = Kitchen::default();
        let cache = cache_of(&[("CACHE_WARMUP_ON_STARTUP", on_startup)]);
        let warmer = cache.warmup().with(kitchen.clone()).only(["config-dishes"]).silent().run().await.unwrap();
        assert_eq!(kitchen.cooked.load(Ordering::SeqCst), cooked, "{on_startup}");
        warmer.run_job("config-dishes").await.unwrap();
        assert_eq!(kitchen.cooked.load(Ordering::SeqCst), cooked + 1, "who asks for it gets it");
    }
}

#[tokio::test]
async fn smart_warm_ups_can_be_switched_off() {
    for (smart, jobs) in [("true", 1), ("false", 0)] {
        let cache = cache_of(&[("CACHE_SMART_WARMUP_ENABLED", smart)]);
        let warmer = cache.warmup().with(Kitchen::default()).only(["config-hot-dishes"]).silent().start().unwrap();
        assert_eq!(warmer.jobs().len(), jobs, "{smart}");
    }
}

#[test]
fn limits_of_warm_ups_are_what_they_begin_with() {
    let config = of_text("[warmup]\nat_once = 2\nloads = 7\nbytes = \"1MiB\"\ntime = \"3s\"").unwrap();
    let cache = config.builder().unwrap().build().unwrap();
    let shown = format!("{:?}", cache.warmup());
    for part in ["at_once: 2", "loads: Some(7)", "bytes: Some(1048576)", "time: Some(3000)"] {
        assert!(shown.contains(part), "{shown}");
    }
    assert!(format!("{:?}", cache.warmup().loads(9)).contains("loads: Some(9)"), "code counts before");
}

#[tokio::test]
async fn a_database_is_opened_where_it_is_said_to_be() {
    let document = Document::new("");
    let path = document.dir.path().join("shop %? # 1.db");
    document.write(&format!("[database]\npath = {}\nname = \"config-shop\"\nmax_connections = 3", quoted(&path)));
    let config = document.read().unwrap();
    let cache = Cache::builder().build().unwrap();
    let db = config.database::<sqlx::Sqlite>(&cache).unwrap();
    db.execute("CREATE TABLE video (id INTEGER PRIMARY KEY)", ()).await.unwrap();
    assert!(path.exists());
    assert_eq!(field(&config.database_options(), "max_connections"), "3");
}

#[tokio::test]
async fn where_a_database_is_has_to_be_said_once() {
    let cache = Cache::builder().build().unwrap();
    let none = of_text("").unwrap().database::<sqlx::Sqlite>(&cache).unwrap_err();
    assert!(none.to_string().contains("DATABASE_PATH"), "{none}");
    let both = of_variables(&[("DATABASE_PATH", "a.db"), ("CACHED_DATABASE__URL", "sqlite:b.db")]).unwrap();
    let both = both.database::<sqlx::Sqlite>(&cache).unwrap_err().to_string();
    assert!(both.contains("DATABASE_PATH") && both.contains("CACHED_DATABASE__URL"), "{both}");
    let wrong = of_variables(&[("CACHED_DATABASE__URL", "postgres://user:hunter2@host/x")]).unwrap();
    let wrong = wrong.database::<sqlx::Sqlite>(&cache).unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Config);
    assert!(!format!("{wrong} {wrong:?}").contains("hunter2"), "{wrong:?}");
}

#[test]
fn every_option_of_a_database_is_handed_on() {
    let text = "[database]\nname = \"x\"\nmax_connections = 2\nmin_connections = 1\noverflow = 3\nmost_waiting = 4\n\
                acquire_deadline = \"5s\"\nread_deadline = \"0s\"\nidle_timeout = \"0s\"\nmax_lifetime = \"7s\"\n\
                check_after = \"8s\"\nstatement_cache = 9\nreplicas = [\"sqlite:r.db\"]\nmax_replica_lag = \"0s\"\n\
                adviser = false\nslow = \"0s\"\nrepeated = 0\n";
    let options = of_text(text).unwrap().database_options();
    for (name, value) in [
        ("name", "\"x\""),
        ("max_connections", "2"),
        ("min_connections", "1"),
        ("overflow", "3"),
        ("most_waiting", "4"),
        ("acquire_deadline", "5s"),
        ("read_deadline", "None"),
        ("idle_timeout", "None"),
        ("max_lifetime", "Some(7s)"),
        ("check_after", "8s"),
        ("statement_cache", "9"),
        ("max_replica_lag", "0ns"),
        ("adviser", "false"),
        ("slow", "None"),
        ("repeated", "0"),
    ] {
        assert_eq!(field(&options, name), value, "{name}");
    }
}

#[test]
fn pictures_and_levels_are_handed_on() {
    let config = of_text(
        "[images]\nlossless = true\neffort = 2\n[dedup]\nsimilarity = 0.8\nmax_frames = 5\nttl = \"1d\"\nmemory = \"1MiB\"\n",
    )
    .unwrap();
    assert_eq!((field(&config.webp(), "lossless"), field(&config.webp(), "effort")), ("true".into(), "2".into()));
    let dedup = config.dedup();
    assert_eq!((field(&dedup, "max_frames"), field(&dedup, "memory")), ("5".into(), "1048576".into()));
    for (word, level) in [("debug", "DEBUG"), ("WARNING", "WARN"), ("CRITICAL", "ERROR"), ("off", "OFF")] {
        let config = of_variables(&[("LOG_LEVEL", word)]).unwrap();
        assert_eq!(format!("{:?}", config.log_level().unwrap().unwrap()), format!("LevelFilter::{level}"));
    }
    // What is meant for another subscriber ends no program.
    let config = of_variables(&[("LOG_LEVEL", "info,hyper=warn")]).unwrap();
    config.builder().unwrap().build().unwrap();
    assert_eq!(config.log_level().unwrap_err().context("from"), Some("the variable LOG_LEVEL"));
}

#[test]
fn every_setting_of_tiers_is_handed_on() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "strict = true\nsuspect_cap = \"9s\"\n[redis]\nurl = \"redis://localhost:1\"\nprefix = \"shop\"\nconnections = 3\n\
         max_frame = \"4MiB\"\nremembered_groups = 100\nlog_length = 200\nfence = \"5s\"\nconnect_timeout = \"2s\"\n\
         [sql]\nurl = \"sqlite:{}\"\nmax_bytes = \"2MiB\"\n[tiers]\nformat = \"json\"\nmax_value = \"3MiB\"\n\
         read_deadline = \"70ms\"\nwrite_deadline = \"80ms\"\napply_deadline = \"90ms\"\nbreaker_failures = 6\nmax_pending = 70\n",
        dir.path().join("store.db").display()
    );
    let builder = of_text(&text).unwrap().builder().unwrap();
    assert_eq!((field(&builder, "strict"), field(&builder, "format")), ("true".into(), "Json".into()));
    assert_eq!(field(&builder, "max_value"), "3145728");
    let cache = builder.build().unwrap();
    let names: Vec<_> = cache.stats().tiers.iter().map(|tier| tier.tier.clone()).collect();
    assert_eq!(names, ["redis", "sqlite"]);
    let shown = format!("{cache:?}");
    for part in [
        "prefix: \"shop\"",
        "connections: 3",
        "max_frame: 4194304",
        "remembered: 100",
        "log_length: 200",
        "fence: 5s",
        "connect: 2s",
        "max_pending_frames: 70",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}

#[test]
fn every_setting_of_responses_is_handed_on() {
    let text = "[response]\nnamespace = \"pages\"\nttl = \"9s\"\npaths = [\"/api/*\"]\nexclude = [\"/api/me\"]\n\
                keep_stale = \"2h\"\nstale_while_revalidate = \"3s\"\nstale_if_error = \"4s\"\nmax_body = \"2MiB\"\n\
                max_variants = 5\ncompress_from = \"2KiB\"\n";
    let config = of_text(text).unwrap();
    let cache = Cache::builder().build().unwrap();
    let builder = config.response(&cache);
    for (name, value) in [
        ("namespace", "\"pages\""),
        ("default_ttl", "Some(9s)"),
        ("keep_stale", "7200s"),
        ("max_variants", "5"),
        ("stale_while_revalidate", "3s"),
        ("stale_if_error", "4s"),
        ("max_body", "2097152"),
        ("compress_from", "2048"),
    ] {
        assert_eq!(field(&builder, name), value, "{name}");
    }
    builder.build().unwrap();
    assert_eq!(field(&config.response(&cache).max_body(7), "max_body"), "7", "code counts before");
    let wrong = of_variables(&[("CACHED_RESPONSE__PATHS", "/api/[ab]")]).unwrap().response(&cache).build();
    assert!(wrong.is_err());
}
