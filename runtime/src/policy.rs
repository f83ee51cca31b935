//! What one site asked for, as plain numbers.

use crate::clock::Millis;
use crate::codec::Format;
use crate::predict::Limits;
use crate::rate::Rate;

/// The settings of one site: what its attribute says, and the defaults of the cache for what it does not say.
///
/// All times are in milliseconds. A life is a century at most; what is longer counts as that.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// How long a value is fresh. Default: by key pattern if configured, else the cache's default (5 minutes).
    pub ttl: Option<Millis>,
    /// Between which two times a value is fresh, by how often it turns out to change. Default: `ttl` says.
    pub adaptive: Option<(Millis, Millis)>,
    /// The name of the life that it has where `ttl` says nothing: one of the cache's profiles. Default: none.
    pub profile: Option<&'static str>,
    /// How long after that it may be served if the load fails. Default: 0, not at all.
    pub stale: Millis,
    /// How long before its expiry a hit starts a refresh behind. Default: 0, never.
    pub refresh_ahead: Millis,
    /// By how much a life is shortened at random, as a part of it, so that entries made together do not expire
    /// together. Default: 0.1.
    pub jitter: f32,
    /// How long `None` is kept. Default: not at all. `Some(0)` is as long as a value.
    pub none: Option<Millis>,
    /// How long an error is kept, in near only. Default: not at all.
    pub err: Option<Millis>,
    /// How long a caller waits before it takes a stale value and lets the load go on behind. Default: for ever.
    pub soft_timeout: Option<Millis>,
    /// How long a load may take at all. Default: for ever.
    pub timeout: Option<Millis>,
    /// How many loads may run in a time. Default: as many as are wanted.
    pub rate: Option<Rate>,
    /// How long an entry stays in near without being asked for. Default: as long as it lives.
    pub idle: Option<Millis>,
    /// Does the site stay in near? Default: no; sync functions always do.
    pub local: bool,
    /// Does near answer nothing while invalidations of other nodes may be missing? Default: as the cache says (no).
    pub strict: Option<bool>,
    /// How many elements of a batch the body is given at most at a time. Default: 1000.
    pub max_batch: usize,
    /// How long the load of a batch waits for the elements of other calls. Default: 0, not at all.
    pub coalesce: Millis,
    /// Is what usually follows a call loaded ahead, and what has that to be worth? Default: not.
    pub predict: Option<Predict>,
    /// Is there one load for all nodes at a time? Default: no, one for each node.
    pub cluster: bool,
    /// The encoding below near. Default: the cache's (postcard).
    pub format: Option<Format>,
    /// The name of the profile that its entries are compressed by. Default: the cache's.
    pub compress: Option<&'static str>,
    /// Part of the fingerprint of what is stored; raise it when the meaning of a value changes. Default: 0.
    pub version: u32,
}

/// What predictions have to be worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Predict {
    /// Evidence that comes true less often is not acted upon. Default: 0.8.
    pub precision: f32,
    /// Where a smaller part of the misses could be spared, nothing is predicted. Default: 0.02.
    pub gain: f32,
    /// The most steps that are looked ahead. Default: 16.
    pub ahead: usize,
}

impl Predict {
    /// Nothing else asked for.
    pub const DEFAULT: Self = Self { precision: 0.8, gain: 0.02, ahead: 16 };

    pub(crate) fn limits(self) -> Limits {
        Limits { precision: self.precision, gain: self.gain, ahead: self.ahead, ..Limits::default() }
    }
}

impl Policy {
    /// Nothing asked for.
    pub const DEFAULT: Self = Self {
        ttl: None,
        adaptive: None,
        profile: None,
        stale: 0,
        refresh_ahead: 0,
        jitter: 0.1,
        none: None,
        err: None,
        soft_timeout: None,
        timeout: None,
        rate: None,
        idle: None,
        local: false,
        strict: None,
        max_batch: 1_000,
        coalesce: 0,
        predict: None,
        cluster: false,
        format: None,
        compress: None,
        version: 0,
    };
}

impl Default for Policy {
    fn default() -> Self {
        Self::DEFAULT
    }
}
