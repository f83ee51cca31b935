//! One function's numbers, in the place of those of its attribute.

use crate::config::setting::{Setting, by};
use crate::config::value::Kind;
#[cfg(feature = "rate")]
use crate::rate::Rate;

pub(super) const ROWS: &[Setting] = &[
    Setting::new(
        "sites.*.enabled",
        Kind::Switch,
        "true",
        "Builder::tune",
        "is this function cached? With `false` its calls run their body",
    )
    .live(),
    Setting::new("sites.*.ttl", Kind::TIME, "the attribute's", "Builder::tune", "how long its values are fresh").live(),
    Setting::new(
        "sites.*.stale",
        Kind::TIME_OR_ZERO,
        "the attribute's",
        "Builder::tune",
        "how long after that they may be served if a load fails",
    )
    .live(),
    Setting::new(
        "sites.*.capacity",
        Kind::Bytes,
        "its share of `near.bytes`",
        "Builder::tune",
        "bytes of its values in memory, at most",
    )
    .live(),
    Setting::new(
        "sites.*.rate",
        Kind::Rate,
        "the attribute's",
        "Builder::rate",
        "how many of its loads may run in a time; its attribute has a `rate`, too",
    )
    .taken(by!("rate", |builder, given| Ok(builder.rate(given.star, given.text().parse::<Rate>()?))))
    .live(),
    Setting::new(
        "sites.*.compress",
        Kind::Text,
        "the attribute's",
        "Builder::compress_site",
        "the name of the profile that its entries are compressed by",
    ),
];
