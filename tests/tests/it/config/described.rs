//! Every name of the described systems sets what it says.

use std::collections::BTreeSet;

use cached_runtime::Cache;
use cached_runtime::answers::Answers;
use cached_runtime::config::Config;

use super::rig::{Document, Place, block_on, field, of_variables, plain, profiled};

/// What is seen of a configuration.
type See = fn(&Config) -> String;

fn life(config: &Config) -> String {
    format!("{:?}", block_on(Place::new(config).life(plain)))
}

fn query_life(config: &Config) -> String {
    format!("{:?}", block_on(Place::new(config).life(profiled)))
}

fn answers(config: &Config) -> Answers<String> {
    Answers::new(&config.builder().unwrap().build().unwrap(), "support").unwrap()
}

fn answer_life(config: &Config) -> String {
    field(&answers(config), " ttl")
}

fn retrieval_life(config: &Config) -> String {
    field(&answers(config), "retrieval_ttl")
}

fn near(config: &Config) -> String {
    config.builder().unwrap().build().unwrap().near_capacity().to_string()
}

fn eviction(config: &Config) -> String {
    field(&config.builder().unwrap(), "eviction")
}

fn at_start(config: &Config) -> String {
    field(&config.builder().unwrap(), "at_start")
}

fn smart(config: &Config) -> String {
    field(&config.builder().unwrap(), "smart")
}

fn tiers(config: &Config) -> String {
    let cache = config.builder().unwrap().build().unwrap();
    cache.stats().tiers.iter().map(|tier| tier.tier.clone()).collect::<Vec<_>>().join(" ")
}

fn kept(config: &Config) -> String {
    field(&config.builder().unwrap().build().unwrap(), "max_bytes")
}

/// How long a text has to be to be made smaller below near; `never` if none is.
fn compressed_from(config: &Config) -> String {
    let cache = config.builder().unwrap().tier(cached_runtime::tier::memory::MemoryTier::new()).build().unwrap();
    let sizes = [100_usize, 500, 2_000, 8_000];
    block_on(async {
        for size in sizes {
            let names = cache.namespace::<String>(&format!("of-{size}")).unwrap();
            names.set("text", "a".repeat(size));
            cache.flush(std::time::Duration::from_secs(20)).await;
            let stats = cache.stats();
            if stats.sites.iter().any(|site| site.compression.compressed > 0) {
                return size.to_string();
            }
        }
        "never".to_owned()
    })
}

fn level_of(config: &Config, name: &str) -> String {
    let shown = format!("{:?}", config.compressor().unwrap());
    let (_, profile) = shown.split_once(&format!("name: \"{name}\"")).unwrap();
    field(&Shown(profile), "level")
}

/// A part of what `Debug` shows.
struct Shown<'a>(&'a str);

impl std::fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

fn json_level(config: &Config) -> String {
    level_of(config, "json")
}

fn response_level(config: &Config) -> String {
    level_of(config, "response")
}

fn file_of_the_database(config: &Config) -> String {
    block_on(async {
        let cache = Cache::builder().build().unwrap();
        let db = config.database::<sqlx::Sqlite>(&cache).unwrap();
        db.execute("CREATE TABLE video (id INTEGER PRIMARY KEY)", ()).await.unwrap();
        "made".to_owned()
    })
}

macro_rules! of_options {
    ($($see:ident = $field:literal of $part:ident;)*) => {
        $(fn $see(config: &Config) -> String {
            field(&config.$part(), $field)
        })*
    };
}

of_options! {
    most_connections = "max_connections" of database_options;
    least_connections = "min_connections" of database_options;
    acquire = "acquire_deadline" of database_options;
    idle = "idle_timeout" of database_options;
    lifetime = "max_lifetime" of database_options;
    slow = "slow" of database_options;
    repeated = "repeated" of database_options;
    failures = "failures" of database_options;
    quality = "quality" of webp;
    similarity = "similarity" of dedup;
}

fn responses(config: &Config) -> cached_runtime::response::ResponseCacheBuilder {
    config.response(&Cache::builder().build().unwrap())
}

fn response_life(config: &Config) -> String {
    field(&responses(config), "default_ttl")
}

fn paths(config: &Config) -> String {
    field(&responses(config), "paths")
}

fn excluded(config: &Config) -> String {
    field(&responses(config), "exclude")
}

fn level(config: &Config) -> String {
    format!("{:?}", config.log_level().unwrap())
}

fn dir(config: &Config) -> String {
    config.log_dir().map_or("none", |_| "said").to_owned()
}

fn taken(config: &Config) -> String {
    config.builder().unwrap().build().map_or("refused", |_| "taken").to_owned()
}

const LOCAL: &str = "\nredis.url = \"redis://localhost:1\"";

/// A name; what it is set to, with what else the file says, or the variables after `;`; what is seen, and as what.
const CASES: &[(&str, &str, See, &str)] = &[
    ("CACHE_TTL_DEFAULT", "120", life, "120s"),
    ("CACHE_TTL_SECONDS", "3600", life, "3600s"),
    ("CACHE_TTL_HOURS", "24", life, "86400s"),
    ("ttl_default", "120", life, "120s"),
    ("default_ttl", "7200", life, "7200s"),
    ("l1_config.default_ttl", "120.5", life, "120.5s"),
    ("ttl_patterns", "{ \"config-plain:*\" = 1800, \"config-*\" = 60 }", life, "1800s"),
    ("cache.ttl_default", "120", life, "120s"),
    ("DB_CACHE_TTL", "60", query_life, "60s"),
    ("l3_default_ttl", "60", query_life, "60s"),
    ("db_query_cache.default_ttl", "600", query_life, "600s"),
    ("ai_response_cache.default_ttl", "7200", answer_life, "7200s"),
    ("RAG_CACHE_TTL", "900", retrieval_life, "900s"),
    ("rag_query_cache.default_ttl", "3600", retrieval_life, "3600s"),
    ("max_memory_mb", "100", near, "104857600"),
    ("l1_config.max_memory_mb", "100", near, "104857600"),
    ("max_memory_cache_size", "100", near, "6553600"),
    ("local_cache_size", "45", near, "2949120"),
    ("max_memory_size", "20000", near, "1310720000"),
    ("l1_capacity", "100", near, "6553600"),
    ("l1_cache.capacity", "200", near, "13107200"),
    ("l1_config.max_size", "1000", near, "65536000"),
    ("ai_response_cache.max_size", "2000\nrag_query_cache.max_size = 1000", near, "196608000"),
    ("rag_query_cache.max_size", "1000", near, "65536000"),
    ("db_query_cache.max_size", "5000", near, "327680000"),
    ("eviction_policy", "\"LRU\"", eviction, "Lru"),
    ("l1_config.eviction_policy", "\"lfu\"", eviction, "Lfu"),
    ("CACHE_WARMUP_ON_STARTUP", "false", at_start, "false"),
    ("warmup_on_startup", "false", at_start, "false"),
    ("CACHE_SMART_WARMUP_ENABLED", "false", smart, "false"),
    ("smart_warmup_enabled", "false", smart, "false"),
    ("REDIS_URL", "redis://localhost:1", tiers, "redis"),
    ("redis_url", "\"redis://localhost:1/0\"", tiers, "redis"),
    ("REDIS_ENABLED", "true;CACHED_REDIS__URL=redis://localhost:1", tiers, "redis"),
    ("REDIS_ENABLED", "false;REDIS_URL=redis://localhost:1", tiers, ""),
    ("ENABLE_REDIS_CACHE", "true;REDIS_URL=redis://localhost:1", tiers, "redis"),
    ("ENABLE_REDIS_CACHE", "false;REDIS_URL=redis://localhost:1", tiers, ""),
    ("l2_enabled", "true{local}", tiers, "redis"),
    ("l2_enabled", "false{local}", tiers, ""),
    ("l2_config.backend", "\"redis\"{local}", tiers, "redis"),
    ("l2_config.backend", "\"disk\"\nl2_config.disk_path = \"{dir}\"", tiers, "disk"),
    ("l2_config.disk_path", "\"{dir}\"", tiers, "disk"),
    ("l3_enabled", "true\ndisk_path = \"{dir}\"", tiers, "disk"),
    ("l3_enabled", "false\ndisk_path = \"{dir}\"", tiers, ""),
    ("disk_path", "\"{dir}\"", tiers, "disk"),
    ("max_size_mb", "100\ndisk_path = \"{dir}\"", kept, "104857600"),
    ("l2_config.max_size_mb", "1000\ndisk_path = \"{dir}\"", kept, "1048576000"),
    ("compression_threshold", "4096", compressed_from, "8000"),
    ("compression_threshold", "200", compressed_from, "500"),
    ("l2_config.compression", "true", compressed_from, "2000"),
    ("l2_config.compression", "false", compressed_from, "never"),
    ("json_level", "9", json_level, "Some(9)"),
    ("response_level", "1", response_level, "Some(1)"),
    ("DATABASE_PATH", "{dir}.db", file_of_the_database, "made"),
    ("db_path", "\"{dir}.db\"", file_of_the_database, "made"),
    ("pool_size", "5", most_connections, "5"),
    ("pool_config.max_size", "12", most_connections, "12"),
    ("pool_config.min_size", "3", least_connections, "3"),
    ("pool_config.connection_timeout", "5.0", acquire, "5s"),
    ("pool_config.idle_timeout", "300.0", idle, "Some(300s)"),
    ("pool_config.max_lifetime", "3600.0", lifetime, "Some(3600s)"),
    ("slow_query_threshold", "0.25", slow, "Some(250ms)"),
    ("enable_circuit_breaker", "true", failures, "5"),
    ("enable_circuit_breaker", "false", failures, "4294967295"),
    ("n1_threshold", "7", repeated, "7"),
    ("enable_n1_detection", "true", repeated, "5"),
    ("enable_n1_detection", "false", repeated, "0"),
    ("image_quality", "60", quality, "60"),
    ("similarity_threshold", "0.9", similarity, "0.9"),
    ("response.default_ttl", "60", response_life, "Some(60s)"),
    ("cache_paths", "[\"/api/stats\"]", paths, "[Pattern(/api/stats)]"),
    ("response.cache_paths", "[\"/api/stats\"]", paths, "[Pattern(/api/stats)]"),
    ("exclude_paths", "[\"/api/auth\"]", excluded, "[Pattern(/api/auth)]"),
    ("response.exclude_paths", "[\"/api/auth\"]", excluded, "[Pattern(/api/auth)]"),
    ("LOG_LEVEL", "WARNING", level, "Some(LevelFilter::WARN)"),
    ("LOG_DIR", "logs", dir, "said"),
    ("stampede_protection", "true", taken, "taken"),
    ("strategy", "\"CACHE_ASIDE\"", taken, "taken"),
];

fn is_variable(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// The configuration of a case, and what it stands on.
fn set(name: &str, text: &str) -> (Config, Document) {
    let document = Document::new("");
    let text = text.replace("{dir}", document.dir.path().join("store").to_str().unwrap()).replace("{local}", LOCAL);
    if is_variable(name) {
        let mut parts = text.split(';');
        let mut variables = vec![(name, parts.next().unwrap())];
        variables.extend(parts.map(|part| part.split_once('=').unwrap()));
        return (of_variables(&variables).unwrap(), document);
    }
    document.write(&format!("{name} = {text}"));
    (document.read().unwrap(), document)
}

#[test]
fn every_described_name_has_its_effect() {
    let wrong: Vec<String> = CASES
        .iter()
        .filter_map(|(name, text, see, expected)| {
            let (config, _document) = set(name, text);
            let seen = see(&config);
            (seen != *expected).then(|| format!("{name} = {text}: {seen}, and not {expected}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The control: without it something else is seen, so that none of these is seen by chance.
#[test]
fn without_the_name_something_else_is_seen() {
    let usual =
        ["l2_config.compression", "enable_n1_detection", "enable_circuit_breaker", "stampede_protection", "strategy"];
    let document = Document::new("");
    for (name, text, see, expected) in CASES {
        let by_default = usual.contains(name) && (text.starts_with("true") || text.starts_with('"'));
        let needs_a_file =
            expected == &"made" || *expected == "1048576000" || *expected == "104857600" && name.contains("size_mb");
        if by_default || needs_a_file || expected.is_empty() {
            continue;
        }
        assert_ne!(see(&document.read().unwrap()), *expected, "{name} = {text}");
    }
}

/// What the table says other systems call our settings is all tried here, and what is tried here is in the table.
#[test]
fn no_name_of_the_table_is_left_out() {
    let table = Config::table();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let names =
        rows.flat_map(|row| row.trim_end_matches('|').rsplit('|').next().unwrap().split("<br>").collect::<Vec<_>>());
    let named: BTreeSet<&str> = names.filter_map(|name| name.trim().strip_prefix('`')?.split('`').next()).collect();
    let tried: BTreeSet<&str> = CASES.iter().map(|(name, ..)| *name).collect();
    let left_out: Vec<_> = named.difference(&tried).collect();
    assert!(left_out.is_empty(), "not tried: {left_out:?}");
    assert!(named.len() > 50, "{}", named.len());
}

/// The names that the issue lists, word for word.
#[test]
fn the_names_of_the_issue_are_in_the_table() {
    let table = Config::table();
    for name in [
        "REDIS_URL",
        "REDIS_ENABLED",
        "ENABLE_REDIS_CACHE",
        "CACHE_TTL_DEFAULT",
        "CACHE_TTL_SECONDS",
        "CACHE_TTL_HOURS",
        "RAG_CACHE_TTL",
        "DB_CACHE_TTL",
        "DATABASE_PATH",
        "CACHE_WARMUP_ON_STARTUP",
        "CACHE_SMART_WARMUP_ENABLED",
        "ttl_patterns",
        "compression_threshold",
        "max_memory_cache_size",
    ] {
        assert!(table.contains(&format!("`{name}")), "{name}");
    }
}
