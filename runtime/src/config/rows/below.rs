//! What stands below near: Redis, a disk, a database; and what all tiers have in common.

use crate::config::setting::{Setting, by, mebibytes, read_as, same};
use crate::config::value::{How, Kind};

const DISK: How = How::Is("disk", &["redis"]);
const REDIS: How = How::Is("redis", &["disk"]);
const FORMATS: &[&str] = &["postcard", "msgpack", "json"];

pub(super) const ROWS: &[Setting] = &[
    Setting::new(
        "redis.enabled",
        Kind::Switch,
        "true where a URL is said",
        "Builder::redis",
        "is Redis used? Without a URL it is `redis://localhost:6379/0`",
    )
    .described(&[
        same("REDIS_ENABLED"),
        same("ENABLE_REDIS_CACHE"),
        same("l2_enabled"),
        read_as("l2_config.backend", REDIS),
    ]),
    Setting::new("redis.url", Kind::Secret, "none", "Builder::redis", "where Redis is, see `RedisOptions::new`")
        .described(&[same("REDIS_URL"), same("redis_url")]),
    Setting::new("redis.prefix", Kind::Text, "cached", "RedisOptions::prefix", "what all keys in Redis begin with"),
    Setting::new(
        "redis.connections",
        Kind::Count { least: 1, most: 64 },
        "1",
        "RedisOptions::connections",
        "how many connections reads are spread over",
    ),
    Setting::new("redis.max_frame", Kind::Bytes, "2MiB", "RedisOptions::max_frame", "the largest frame in Redis"),
    Setting::new(
        "redis.remembered_groups",
        Kind::from(1),
        "65536",
        "RedisOptions::remembered_groups",
        "how many groups the shared log remembers one by one",
    ),
    Setting::new(
        "redis.log_length",
        Kind::from(16),
        "16384",
        "RedisOptions::log_length",
        "how many entries the shared log keeps",
    ),
    Setting::new(
        "redis.fence",
        Kind::TIME,
        "60s",
        "RedisOptions::fence",
        "how long a removed key stays closed to loads that began before",
    ),
    Setting::new(
        "redis.connect_timeout",
        Kind::TIME,
        "1s",
        "RedisOptions::connect_timeout",
        "how long connecting may take",
    ),
    Setting::new(
        "l3.enabled",
        Kind::Switch,
        "true where a path or a URL is said",
        "Builder::disk",
        "are tiers below Redis used? Where none is said, a disk at `./cache`",
    )
    .described(&[same("l3_enabled"), read_as("l2_config.backend", DISK)]),
    Setting::new("disk.path", Kind::Text, "none", "Builder::disk", "the directory of the tier on this node's disk")
        .described(&[same("disk_path"), same("l2_config.disk_path")]),
    Setting::new("disk.max_bytes", Kind::Bytes, "1GiB", "Builder::disk_with", "how much the disk tier keeps")
        .described(&[mebibytes("max_size_mb"), mebibytes("l2_config.max_size_mb")]),
    Setting::new(
        "sql.url",
        Kind::Secret,
        "none",
        "Builder::sqlite",
        "a tier in a database: `sqlite:path`, `postgres://..` or `mysql://..`",
    ),
    Setting::new("sql.max_bytes", Kind::Bytes, "1GiB", "SqlOptions::max_bytes", "how much that tier keeps"),
    Setting::new(
        "sql.connections",
        Kind::Count { least: 1, most: 1_000 },
        "4",
        "SqlOptions::connections",
        "how many connections it has to a server",
    ),
    Setting::new(
        "sql.table_prefix",
        Kind::Text,
        "cached",
        "SqlOptions::table_prefix",
        "what its tables' names on a server begin with",
    ),
    Setting::new("tiers.format", Kind::Word(FORMATS), "postcard", "Builder::format", "the encoding below near")
        .taken(by!("tiers", |builder, given| Ok(builder.format(given.text().parse::<crate::codec::Format>()?)))),
    Setting::new(
        "tiers.max_value",
        Kind::Bytes,
        "1MiB",
        "Builder::max_value",
        "how large an encoded value may be to be stored below near",
    )
    .taken(by!("tiers", |builder, given| Ok(builder.max_value(given.size())))),
    Setting::new(
        "tiers.read_deadline",
        Kind::TIME,
        "50ms",
        "Builder::read_deadline",
        "how long a tier may take to answer a read",
    )
    .taken(by!("tiers", |builder, given| Ok(builder.read_deadline(given.time())))),
    Setting::new(
        "tiers.write_deadline",
        Kind::TIME,
        "100ms",
        "Builder::write_deadline",
        "how long a tier may take for a write, or, if it is more than 100 ms, for an invalidation",
    )
    .taken(by!("tiers", |builder, given| Ok(builder.write_deadline(given.time())))),
    Setting::new(
        "tiers.apply_deadline",
        Kind::TIME,
        "200ms",
        "Builder::apply_deadline",
        "how long whoever invalidates waits for a tier",
    )
    .taken(by!("tiers", |builder, given| Ok(builder.apply_deadline(given.time())))),
    Setting::new(
        "tiers.breaker_failures",
        Kind::Count { least: 1, most: u32::MAX as u64 },
        "5",
        "Builder::breaker_failures",
        "after how many failures in a row a tier is left alone for a while",
    )
    .taken(by!("tiers", |builder, given| Ok(builder.breaker_failures(given.small())))),
    Setting::new(
        "tiers.max_pending",
        Kind::from(1),
        "4096",
        "Builder::max_pending",
        "how many values may wait to be written to a tier",
    )
    .taken(by!("tiers", |builder, given| Ok(builder.max_pending(given.size())))),
    Setting::new(
        "strict",
        Kind::Switch,
        "false",
        "Builder::strict",
        "does near answer nothing while invalidations of other nodes may be missing?",
    )
    .taken(by!("_shared", |builder, given| Ok(builder.strict(given.switch())))),
    Setting::new(
        "suspect_cap",
        Kind::TIME,
        "60s",
        "Builder::suspect_cap",
        "how long a value may be served while invalidations of other nodes may be missing",
    )
    .taken(by!("_shared", |builder, given| Ok(builder.suspect_cap(given.time())))),
];
