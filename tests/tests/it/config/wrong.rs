//! What is wrong is told precisely: which setting, where it was said, what is expected; and not what was written.

use cached_runtime::config::Config;
use cached_runtime::{Error, ErrorKind};

use super::rig::{Document, of_text, of_variables};

/// The whole of an error, as somebody might log it.
fn all(error: &Error) -> String {
    format!("{error} {error:?}")
}

#[test]
fn a_wrong_value_names_its_setting_its_key_and_what_is_expected() {
    let cases = [
        ("ttl = 300", "ttl", "is a number without a unit: expected is a duration such as `10m`"),
        ("ttl = \"-5m\"", "ttl", "is negative"),
        ("ttl = -5", "ttl", "is negative"),
        ("ttl = \"0s\"", "ttl", "is zero"),
        ("ttl = true", "ttl", "is a switch"),
        ("ttl = [1]", "ttl", "is a list"),
        ("ttl = {}", "ttl", "is a table"),
        ("ttl = \"99999999999999999999s\"", "ttl", "is too long"),
        ("ttl = \"101years\"", "ttl", "is longer than a century"),
        ("[ttl_patterns]\n\"query:*\" = \"101years\"", "ttl_patterns.*", "is longer than a century"),
        ("CACHE_TTL_SECONDS = -1", "ttl", "is negative: expected is a number of seconds"),
        ("CACHE_TTL_SECONDS = 1e300", "ttl", "is longer than a century"),
        ("CACHE_TTL_SECONDS = nan", "ttl", "is no finite number"),
        ("CACHE_TTL_HOURS = 0", "ttl", "is zero"),
        ("[near]\nbytes = 0", "near.bytes", "is zero"),
        ("[near]\nbytes = -1", "near.bytes", "is negative"),
        ("[near]\nbytes = \"64MeB\"", "near.bytes", "is no size: expected is a size such as `64MiB`"),
        ("[near]\nbytes = \"99999999TiB\"", "near.bytes", "is too large"),
        ("[near]\nbytes = 1.5", "near.bytes", "is no whole number of bytes"),
        ("[near]\neviction = \"arc\"", "near.eviction", "expected is one of `clock`, `fifo`, `lru`, `lfu`"),
        ("max_memory_cache_size = 0", "near.entries", "is less than 1"),
        ("max_memory_cache_size = \"many\"", "near.entries", "is a text: expected is a whole number from 1 on"),
        ("enabled = \"false\"", "enabled", "is a text: expected is `true` or `false`"),
        ("[redis]\nconnections = 65", "redis.connections", "is too large: expected is a whole number from 1 to 64"),
        ("[dedup]\nsimilarity = 1.5", "dedup.similarity", "expected is a number from 0.5 to 1"),
        ("[near.limits]\n\"a:b\" = \"1MiB\"", "near.limits.*", "letters"),
        ("[ttl_patterns]\n\"query:[ab]\" = 300", "ttl_patterns.*", "a pattern has `*` and `?` only"),
        ("[ttl_patterns]\n\"query:*\" = -300", "ttl_patterns.*", "is negative"),
        ("stampede_protection = false", "stampede_protection", "one load for each key at a time is a promise"),
        ("strategy = \"write_through\"", "strategy", "expected is `cache_aside`"),
        ("l2_config.backend = \"memcached\"", "redis.enabled", "expected is one of `redis`, `disk`"),
    ];
    for (text, setting, message) in cases {
        let error = of_text(text).unwrap_err();
        assert_eq!((error.kind(), error.context("setting")), (ErrorKind::Config, Some(setting)), "{text}: {error}");
        assert!(error.to_string().contains(message), "{text}: {error}");
        let from = error.context("from").unwrap();
        assert!(from.contains("cached.toml") && from.starts_with('`'), "{from}");
    }
}

#[test]
fn a_wrong_variable_is_told_by_its_name() {
    let cases = [
        ("CACHE_TTL_DEFAULT", "-300", "is negative"),
        ("CACHE_TTL_HOURS", "soon", "is no duration"),
        ("CACHE_TTL_DEFAULT", "101years", "is longer than a century"),
        ("CACHE_TTL_SECONDS", "3155760001", "is longer than a century"),
        ("CACHE_TTL_HOURS", "876601", "is longer than a century"),
        ("RAG_CACHE_TTL", "1e18", "is longer than a century"),
        ("REDIS_ENABLED", "perhaps", "expected is `true` or `false`"),
        ("CACHED_TTL", "300", "is a number without a unit"),
        ("CACHED_NEAR__BYTES", "lots", "is no size"),
        ("CACHED_TTL_PATTERNS", "{\"query:*\" = ", "is no table or list of TOML"),
        ("CACHED_SITES__NO_SUCH_FUNCTION_ANYWHERE__TTL", "1m", "there is no cached function of this name"),
        ("CACHED_TLL", "1m", "is `ttl` meant?"),
        ("CACHED_NEAR", "64MiB", "expected is a table of settings"),
        ("CACHED___", "1", "there is no setting of this name"),
    ];
    for (name, text, message) in cases {
        let error = of_variables(&[(name, text)]).unwrap_err();
        assert!(error.to_string().contains(message), "{name}: {error}");
        assert_eq!(error.context("from"), Some(format!("the variable {name}").as_str()));
    }
}

#[test]
fn an_unknown_key_names_the_nearest_known_one() {
    for (text, near) in [
        ("tll = \"5m\"", "is `ttl` meant?"),
        ("[near]\nbyte = 1", "is `near.bytes` meant?"),
        ("[redis]\nurI = \"redis://x\"", "is `redis.url` meant?"),
        ("compresion_threshold = 1024", "is `compression_threshold` meant?"),
        ("ENABLE_REDIS_CASHE = true", "is `ENABLE_REDIS_CACHE` meant?"),
        ("nothing_like_it = 1", "`Config::table` lists all"),
        ("[server]\nport = 80", "there is no setting of this name"),
        ("near = 1", "expected is a table of settings"),
    ] {
        let error = of_text(text).unwrap_err();
        assert!(error.to_string().contains(near), "{text}: {error}");
        assert!(error.context("from").unwrap().contains("cached.toml"));
    }
}

/// A variable of another program is not ours to judge.
#[test]
fn variables_of_others_are_passed_over() {
    let config =
        of_variables(&[("CACHE_SIZE", "1"), ("CACHEDIR", "x"), ("CACHED_ADMIN_TOKEN", "x"), ("cached_ttl", "x")]);
    assert!(config.unwrap().said().is_empty());
}

#[test]
fn what_is_no_toml_is_told_by_line_and_column_without_its_text() {
    let error = of_text("ttl = \"5m\"\npassword = hunter2 extra\n").unwrap_err();
    assert_eq!(error.context("line"), Some("2"));
    assert!(error.context("column").is_some() && error.to_string().contains("is no TOML"), "{error}");
    assert!(!all(&error).contains("hunter2"), "{}", all(&error));
}

#[test]
fn passwords_are_in_no_error_and_in_no_debug() {
    let secret = "hunter2";
    for (name, url) in [
        ("REDIS_URL", "rediz://user:hunter2@host"),
        ("CACHED_REDIS__URL", "redis://user:hunter2@host:port"),
        ("CACHED_SQL__URL", "oracle://user:hunter2@host"),
        ("CACHED_SQL__URL", "postgres://user:hunter2@host:port"),
        ("CACHED_KEY_SECRET", "hunter2"),
        ("CACHED_TTL", "hunter2"),
        ("CACHED_NEAR__EVICTION", "hunter2"),
        ("CACHED_TIERS__FORMAT", "hunter2"),
        ("CACHED_SITES", "hunter2"),
    ] {
        let config = of_variables(&[(name, url)]);
        let shown = format!("{config:?}");
        assert!(!shown.contains(secret), "{shown}");
        if let Ok(config) = config {
            let error = config.builder().unwrap_err();
            assert!(!all(&error).contains(secret), "{}", all(&error));
            assert_eq!(error.context("from"), Some(format!("the variable {name}").as_str()), "{error}");
        }
    }
    let config =
        of_variables(&[("REDIS_URL", "redis://user:hunter2@localhost:1"), ("CACHED_KEY_SECRET", &"0f".repeat(16))]);
    let config = config.unwrap();
    let builder = config.builder().unwrap();
    let shown = format!("{config:?} {:?} {builder:?}", config.said());
    let shown = format!("{shown} {:?}", builder.build().unwrap());
    assert!(!shown.contains(secret) && !shown.contains("0f0f"), "{shown}");
}

#[test]
fn what_a_setting_s_own_place_refuses_names_where_it_was_said() {
    for (text, field) in [
        ("[redis]\nurl = \"http://host\"", "redis.url"),
        ("redis = { url = \"redis://host\", prefix = \"no spaces\" }", "redis.prefix"),
        ("[sql]\nurl = \"sqlite:file?mode=ro\"", "sql.url"),
        ("sql = { url = \"sqlite:file\", table_prefix = \"1\" }", "sql.table_prefix"),
        ("key_secret = \"0123\"", "key_secret"),
        ("[compression.profiles.own]\nmethod = \"zlib\"\nlevel = 99", "compression.profiles.own.level"),
        ("compression = { method = \"zlib\", level = 10 }", "compression.level"),
        ("compression = { method = \"none\", level = 1 }", "compression.level"),
        ("[sites.\"no.such\"]\nttl = \"1m\"", "sites.\"no.such\".ttl"),
    ] {
        let error = of_text(text).unwrap().builder().unwrap_err();
        assert_eq!(error.context("field"), Some(field), "{error}");
        assert!(error.context("from").unwrap().contains("cached.toml"), "{error}");
    }
}

#[test]
fn a_file_says_which_it_is() {
    let document = Document::new("ttl = 1");
    let error = document.read().unwrap_err();
    assert!(error.context("from").unwrap().contains(document.path().to_str().unwrap()), "{error}");
    let error = Config::from_file(document.dir.path().join("absent.toml")).unwrap_err();
    assert!(
        error.to_string().contains("there is no such file") && error.context("file").unwrap().ends_with("absent.toml")
    );
}
