//! What stands beside the cache and is handed out ready: the database, pictures, responses.

use crate::config::setting::{Setting, read_as, same, seconds};
use crate::config::value::{How, Kind};

const MOST: u64 = u32::MAX as u64;

pub(super) const ROWS: &[Setting] = &[
    Setting::new("database.path", Kind::Text, "none", "Config::database", "the file of an SQLite database")
        .described(&[same("DATABASE_PATH"), same("db_path")]),
    Setting::new(
        "database.url",
        Kind::Secret,
        "none",
        "Config::database",
        "the database, as `Database::open` takes it; in the place of `database.path`",
    ),
    Setting::new("database.name", Kind::Text, "main", "DatabaseOptions::name", "what it is called in keys and reports"),
    Setting::new(
        "database.max_connections",
        Kind::Count { least: 1, most: MOST },
        "10",
        "DatabaseOptions::max_connections",
        "the most connections",
    )
    .described(&[same("pool_size"), same("pool_config.max_size")]),
    Setting::new(
        "database.min_connections",
        Kind::Count { least: 0, most: MOST },
        "0",
        "DatabaseOptions::min_connections",
        "so many connections are kept though nobody needs them",
    )
    .described(&[same("pool_config.min_size")]),
    Setting::new(
        "database.overflow",
        Kind::Count { least: 0, most: MOST },
        "0",
        "DatabaseOptions::overflow",
        "so many connections may be made beyond the pool's",
    ),
    Setting::new(
        "database.most_waiting",
        Kind::from(0),
        "1000",
        "DatabaseOptions::most_waiting",
        "so many calls may wait for a connection",
    ),
    Setting::new(
        "database.acquire_deadline",
        Kind::TIME,
        "2s",
        "DatabaseOptions::acquire_deadline",
        "how long a call waits for a connection",
    )
    .described(&[seconds("pool_config.connection_timeout")]),
    Setting::new(
        "database.read_deadline",
        Kind::TIME_OR_ZERO,
        "30s",
        "DatabaseOptions::read_deadline",
        "how long what only reads may take; zero: as long as it takes",
    ),
    Setting::new(
        "database.idle_timeout",
        Kind::TIME_OR_ZERO,
        "10m",
        "DatabaseOptions::idle_timeout",
        "a connection that nobody used for so long is closed; zero: never",
    )
    .described(&[seconds("pool_config.idle_timeout")]),
    Setting::new(
        "database.max_lifetime",
        Kind::TIME_OR_ZERO,
        "30m",
        "DatabaseOptions::max_lifetime",
        "a connection of this age is closed; zero: never",
    )
    .described(&[seconds("pool_config.max_lifetime")]),
    Setting::new(
        "database.check_after",
        Kind::TIME_OR_ZERO,
        "1s",
        "DatabaseOptions::check_after",
        "a connection that rested for so long is checked before it is used",
    ),
    Setting::new(
        "database.statement_cache",
        Kind::from(0),
        "50",
        "DatabaseOptions::statement_cache",
        "so many prepared statements are kept per connection",
    ),
    Setting::new(
        "database.breaker",
        Kind::Switch,
        "true",
        "DatabaseOptions::breaker",
        "are calls refused for a while when the database failed again and again?",
    )
    .described(&[same("enable_circuit_breaker")]),
    Setting::new(
        "database.replicas",
        Kind::List,
        "none",
        "DatabaseOptions::replica",
        "the URLs of replicas; never shown",
    ),
    Setting::new(
        "database.max_replica_lag",
        Kind::TIME_OR_ZERO,
        "1s",
        "DatabaseOptions::max_replica_lag",
        "by so much a replica is behind at most",
    ),
    Setting::new(
        "database.adviser",
        Kind::Switch,
        "true",
        "DatabaseOptions::adviser",
        "are figures taken of each statement?",
    ),
    Setting::new(
        "database.slow",
        Kind::TIME_OR_ZERO,
        "100ms",
        "DatabaseOptions::slow",
        "a statement that takes so long is told in the log; zero: none",
    )
    .described(&[seconds("slow_query_threshold")]),
    Setting::new(
        "database.repeated",
        Kind::Count { least: 0, most: MOST },
        "5",
        "DatabaseOptions::repeated",
        "so many calls of one statement by one task are a repeat (N+1); 0: none are",
    )
    .described(&[same("n1_threshold"), read_as("enable_n1_detection", How::Off(0))]),
    Setting::new(
        "images.quality",
        Kind::Count { least: 0, most: 100 },
        "85",
        "WebP::quality",
        "how much of a picture is kept",
    )
    .described(&[same("image_quality")]),
    Setting::new("images.lossless", Kind::Switch, "false", "WebP::lossless", "does every pixel stay as it is?"),
    Setting::new(
        "images.effort",
        Kind::Count { least: 0, most: 6 },
        "4",
        "WebP::effort",
        "how long the encoder looks for a smaller file",
    ),
    Setting::new(
        "dedup.similarity",
        Kind::Share { least: 0.5, most: 1.0 },
        "0.95",
        "DedupOptions::similarity",
        "how alike two pictures must be to count as one",
    )
    .described(&[same("similarity_threshold")]),
    Setting::new(
        "dedup.max_frames",
        Kind::from(1),
        "100000",
        "DedupOptions::max_frames",
        "how many pictures are remembered of one video",
    ),
    Setting::new("dedup.ttl", Kind::TIME, "30d", "DedupOptions::ttl", "how long what is remembered of a video is kept"),
    Setting::new(
        "dedup.memory",
        Kind::Bytes,
        "64MiB",
        "DedupOptions::memory",
        "how many bytes the indexes of all videos may take in memory",
    ),
    Setting::new(
        "response.namespace",
        Kind::Text,
        "responses",
        "ResponseCacheBuilder::namespace",
        "the namespace that responses of the program's HTTP service are kept in",
    ),
    Setting::new(
        "response.ttl",
        Kind::TIME,
        "by its looks",
        "ResponseCacheBuilder::default_ttl",
        "how long a response is fresh that does not say it itself",
    )
    .described(&[seconds("response.default_ttl")]),
    Setting::new(
        "response.paths",
        Kind::List,
        "all",
        "ResponseCacheBuilder::paths",
        "globs of the paths that are cached, such as `/api/*`",
    )
    .described(&[same("cache_paths"), same("response.cache_paths")]),
    Setting::new(
        "response.exclude",
        Kind::List,
        "none",
        "ResponseCacheBuilder::exclude",
        "globs of the paths that are not",
    )
    .described(&[same("exclude_paths"), same("response.exclude_paths")]),
    Setting::new(
        "response.keep_stale",
        Kind::TIME_OR_ZERO,
        "1h",
        "ResponseCacheBuilder::keep_stale",
        "how long a response is kept to be validated",
    ),
    Setting::new(
        "response.stale_while_revalidate",
        Kind::TIME_OR_ZERO,
        "0s",
        "ResponseCacheBuilder::stale_while_revalidate",
        "how long one that says nothing of it is served while the origin is asked behind",
    ),
    Setting::new(
        "response.stale_if_error",
        Kind::TIME_OR_ZERO,
        "0s",
        "ResponseCacheBuilder::stale_if_error",
        "how long one that says nothing of it is served if the origin fails",
    ),
    Setting::new(
        "response.max_body",
        Kind::Bytes,
        "1MiB",
        "ResponseCacheBuilder::max_body",
        "the longest body that is stored",
    ),
    Setting::new(
        "response.max_variants",
        Kind::from(1),
        "64",
        "ResponseCacheBuilder::max_variants",
        "how many responses are kept for one address",
    ),
    Setting::new(
        "response.compress_from",
        Kind::Bytes,
        "1KiB",
        "ResponseCacheBuilder::compress_from",
        "the shortest body that is worth compressing",
    ),
];
