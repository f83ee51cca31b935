//! How values are compressed below near, and responses.

use crate::config::setting::{Setting, same};
use crate::config::value::Kind;

const METHODS: &[&str] = &["none", "zlib", "zstd", "lz4", "gzip"];

pub(super) const ROWS: &[Setting] = &[
    Setting::new(
        "compression.enabled",
        Kind::Switch,
        "true",
        "Builder::compression",
        "are values compressed below near? With `false` by no profile either",
    )
    .described(&[same("l2_config.compression")]),
    Setting::new(
        "compression.method",
        Kind::Word(METHODS),
        "zstd if compiled in, else zlib",
        "Builder::compression",
        "the compression of what names no profile",
    ),
    Setting::new("compression.level", Kind::Level, "the method's", "Builder::compression_level", "its level"),
    Setting::new(
        "compression.threshold",
        Kind::Bytes,
        "1KiB",
        "Builder::compression_threshold",
        "from how many bytes on a value is compressed",
    )
    .described(&[same("compression_threshold")]),
    Setting::new(
        "compression.profiles.*.method",
        Kind::Word(METHODS),
        "the profile's",
        "Profile::method",
        "the compressor of the profile of this name: `json`, `response`, `text`, `binary` or one of your own",
    ),
    Setting::new(
        "compression.profiles.*.level",
        Kind::Level,
        "the method's",
        "Profile::level",
        "the level of the profile of this name",
    )
    .described(&[same("json_level").star("json"), same("response_level").star("response")]),
    Setting::new(
        "compression.profiles.*.threshold",
        Kind::Bytes,
        "1KiB",
        "Profile::threshold",
        "data shorter than so many bytes is left as it is",
    ),
    Setting::new(
        "compression.profiles.*.adaptive",
        Kind::Share { least: 0.000_001, most: 1_024.0 },
        "off",
        "Profile::adaptive",
        "method and level by measurement, within so much of one core",
    ),
    Setting::new(
        "compression.profiles.*.max_output",
        Kind::Bytes,
        "64MiB",
        "Profile::max_output",
        "what decompresses to more bytes is refused",
    ),
];
