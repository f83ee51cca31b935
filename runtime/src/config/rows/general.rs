//! What holds for the whole cache: its switch, lives, near, warm-up.

use crate::builder::Builder;
use crate::config::setting::{Given, Setting, by, hours, mebibytes, part, same, seconds};
use crate::config::value::Kind;
use crate::error::{Error, Result};
use crate::near::Eviction;

const POLICIES: &[&str] = &["clock", "fifo", "lru", "lfu"];
/// More tasks than that at a time would be a mistake.
const MOST_AT_ONCE: u64 = 1_000_000;

pub(super) const ROWS: &[Setting] = &[
    Setting::new(
        "enabled",
        Kind::Switch,
        "true",
        "Builder::paused",
        "one switch for all caching: with `false` every call runs its body, nothing is read or stored, and invalidations \
         are still told",
    )
    .live(),
    Setting::new("ttl", Kind::TIME, "5m", "Builder::ttl", "how long a value is fresh whose function and key say nothing")
        .described(&[
            seconds("CACHE_TTL_DEFAULT"),
            seconds("CACHE_TTL_SECONDS"),
            hours("CACHE_TTL_HOURS"),
            seconds("ttl_default"),
            seconds("default_ttl"),
            seconds("l1_config.default_ttl"),
        ])
        .by(|builder, given| Ok(builder.ttl(given.time())))
        .live(),
    Setting::new(
        "ttl_patterns.*",
        Kind::TIME,
        "none",
        "Builder::ttl_for",
        "how long values are fresh whose keys match this glob and whose function says nothing; of several that match, the \
         one with most letters counts; a number is seconds",
    )
    .or_seconds()
    .live(),
    Setting::new(
        "profiles.*",
        Kind::TIME,
        "`query` 5m, `resource` 10m, `analysis` 30m, `ml` 1h, `static` 1d",
        "Builder::profile",
        "the life that `profile = \"..\"` of this name stands for; `query` is also that of `#[cache_query]`",
    )
    .described(&[
        seconds("DB_CACHE_TTL").star("query"),
        seconds("l3_default_ttl").star("query"),
        seconds("db_query_cache.default_ttl").star("query"),
    ])
    .by(|builder, given| Ok(builder.profile(given.star, given.time()))),
    Setting::new("answers.ttl", Kind::TIME, "1h", "Answers::ttl", "how long answers of models and streams are kept")
        .described(&[seconds("ai_response_cache.default_ttl")])
        .taken(by!("answers", |builder, given| Ok(builder.profile(crate::profile::ANSWER, given.time())))),
    Setting::new(
        "answers.retrieval_ttl",
        Kind::TIME,
        "30m",
        "Answers::retrieval_ttl",
        "how long lists of retrieved documents are kept",
    )
    .described(&[seconds("RAG_CACHE_TTL"), seconds("rag_query_cache.default_ttl")])
    .taken(by!("answers", |builder, given| Ok(builder.profile(crate::profile::RETRIEVAL, given.time())))),
    Setting::new("near.bytes", Kind::Bytes, "64MiB", "Builder::near_bytes", "bytes of live values in memory")
        .described(&[mebibytes("max_memory_mb"), mebibytes("l1_config.max_memory_mb")])
        .live(),
    Setting::new(
        "near.entries",
        Kind::from(1),
        "not counted",
        "Builder::near_bytes",
        "for who counts entries: near has so many times `near.entry_bytes` at most",
    )
    .described(&[
        same("max_memory_cache_size"),
        same("local_cache_size"),
        same("max_memory_size"),
        same("l1_capacity"),
        same("l1_cache.capacity"),
        same("l1_config.max_size"),
        part("ai_response_cache.max_size"),
        part("rag_query_cache.max_size"),
        part("db_query_cache.max_size"),
    ])
    .live(),
    Setting::new(
        "near.entry_bytes",
        Kind::Bytes,
        "64KiB",
        "Builder::near_bytes",
        "what an entry is reckoned at where entries are counted",
    )
    .live(),
    Setting::new(
        "near.eviction",
        Kind::Word(POLICIES),
        "clock",
        "Builder::eviction",
        "which values near drops when space runs out; `lru` and `lfu` need feature `moka`",
    )
    .described(&[same("eviction_policy"), same("l1_config.eviction_policy")])
    .by(|builder, given| Ok(builder.eviction(given.text().parse::<Eviction>()?))),
    Setting::new(
        "near.limits.*",
        Kind::Bytes,
        "none",
        "Builder::namespace_limit",
        "bytes of live values in memory for one namespace",
    )
    .by(|builder, given| Ok(builder.namespace_limit(given.star, given.number())))
    .live(),
    Setting::new(
        "remembered_groups",
        Kind::from(1),
        "65536",
        "Builder::remembered_groups",
        "how many invalidated keys and tags are remembered one by one",
    )
    .by(|builder, given| Ok(builder.remembered_groups(given.size()))),
    Setting::new(
        "prefetches",
        Kind::Count { least: 0, most: MOST_AT_ONCE },
        "64",
        "Builder::prefetches",
        "how many calls of `prefetch` and `predict` run at a time; 0 begins none",
    )
    .by(|builder, given| Ok(builder.prefetches(given.size()))),
    Setting::new(
        "key_secret",
        Kind::Secret,
        "a fixed public one",
        "Builder::key_secret",
        "the secret of hashed keys: 32 hexadecimal digits, the same on all nodes",
    )
    .by(secret),
    Setting::new(
        "warmup.on_startup",
        Kind::Switch,
        "true",
        "Builder::warmup_on_startup",
        "do jobs of `#[warmup(on_start)]` run when a warm-up begins?",
    )
    .described(&[same("CACHE_WARMUP_ON_STARTUP"), same("warmup_on_startup")])
    .by(|builder, given| Ok(builder.warmup_on_startup(given.switch()))),
    Setting::new(
        "warmup.smart",
        Kind::Switch,
        "true",
        "Builder::smart_warmup",
        "are functions warmed for what is asked of them most, and is that noted?",
    )
    .described(&[same("CACHE_SMART_WARMUP_ENABLED"), same("smart_warmup_enabled")])
    .by(|builder, given| Ok(builder.smart_warmup(given.switch()))),
    Setting::new(
        "warmup.at_once",
        Kind::Count { least: 1, most: MOST_AT_ONCE },
        "4",
        "Warmup::at_once",
        "how many jobs run at a time at the start",
    )
    .by(|builder, given| Ok(builder.warmup_at_once(given.size()))),
    Setting::new("warmup.loads", Kind::from(1), "no limit", "Warmup::loads", "how often a warm-up may ask sources")
        .by(|builder, given| Ok(builder.warmup_loads(given.number()))),
    Setting::new("warmup.bytes", Kind::Bytes, "no limit", "Warmup::bytes", "how much a warm-up may load")
        .by(|builder, given| Ok(builder.warmup_bytes(given.number()))),
    Setting::new(
        "warmup.time",
        Kind::TIME,
        "no limit",
        "Warmup::time",
        "after how long a warm-up begins no further call at the start",
    )
    .by(|builder, given| Ok(builder.warmup_time(given.time()))),
    Setting::new(
        "stampede_protection",
        Kind::Only { word: "true", why: "one load for each key at a time is a promise, and is not switched off" },
        "true",
        "always",
        "one load for each key at a time",
    )
    .by(|builder, _| Ok(builder)),
    Setting::new(
        "strategy",
        Kind::Only { word: "cache_aside", why: "values are loaded by functions, and removed when something is written" },
        "cache_aside",
        "always",
        "how values get into the cache",
    )
    .by(|builder, _| Ok(builder)),
    Setting::new(
        "logging.level",
        Kind::Text,
        "info",
        "Config::log_level",
        "for the program's `tracing` subscriber: `trace`, `debug`, `info`, `warn`, `error` or `off`, and Python's words",
    )
    .described(&[same("LOG_LEVEL")]),
    Setting::new(
        "logging.dir",
        Kind::Text,
        "none",
        "Config::log_dir",
        "for the program's `tracing` subscriber: where it keeps its files",
    )
    .described(&[same("LOG_DIR")]),
];

/// 32 hexadecimal digits.
fn secret(builder: Builder, given: &Given<'_>) -> Result<Builder> {
    let wrong = || Error::config("key_secret", "expected is a text of 32 hexadecimal digits");
    let text = given.text().trim();
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    let mut secret = [0; 16];
    for (at, byte) in secret.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| wrong())?;
    }
    Ok(builder.key_secret(secret))
}
