//! The one door for generated code. Not public API: anything here may change in any release.

pub use std::boxed::Box;
pub use std::option::Option::{self, None, Some};

/// A call that is made because it was foreseen.
pub type Foreseen<'a> = std::pin::Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What went wrong in `args_from`.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

pub use inventory;

pub use crate::{
    __cached_ask as ask, __cached_framed as framed, __cached_identity as identity, __cached_kind as kind,
    __cached_kind_err as kind_err, __cached_kind_none as kind_none, __cached_kind_none_err as kind_none_err,
    __cached_open as open, __cached_own as own, __cached_own_option as own_option, __cached_part as part,
    __cached_share as share, __cached_skippable as skippable, __cached_source as source,
    __cached_succeeded as succeeded, __cached_told as told, __cached_which as which,
};

#[cfg(all(feature = "query", any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
pub use crate::database::generated as query;

pub use crate::applied::Applied;
pub use crate::batched::{Batched, only};
pub use crate::cache::Cache;
pub use crate::call::{Call, Near, Noted, Options};
pub use crate::codec::Format;
pub use crate::depth::{Framed, Local};
pub use crate::entry::Entry;
pub use crate::error::Error;
pub use crate::intent::{Held, hold, refreshing, refreshing_sync};
pub use crate::invalidator::{Guard, Invalidator};
pub use crate::key::{Absent, Key, KeyPart, KeyWriter, Kind, ReadPart, Sum, kind_of, parts_of, secret, variant_of};
pub use crate::load::{Batch, Ids};
pub use crate::names::Names;
pub use crate::outcome::{
    Both0, Counted, Err0, Err1, Kind0, Kind1, Kind2, Kind3, Loads, None0, None1, Probe, Refuse, RefuseRate, Shape,
    Share, Shared, Unshared,
};
pub use crate::own::{Argument, Optional, Own0, Own1, OwnOption0, OwnOption1, lend, lend_option};
pub use crate::policy::{Policy, Predict};
pub use crate::probe::{
    Asked, Both1, Err2, Framed0, Framed1, Identity0, Kept0, Kept1, None2, Open0, Open1, Part0, Part1, Skipped0,
    Skipped1, Source0, Source1, Succeeded0, Succeeded1, options,
};
use crate::rate::Rate;
pub use crate::session::{session_here, session_of};
pub use crate::site::{Declared, Invalidates, Linked, Site, Watched};
pub use crate::warmup::{
    Answer, Job, LinkedJob, Plan, Run, Told0, Told1, Told2, Unready, Working, borrowed, borrowed_option, read,
};
pub use crate::which::Which;

/// The cache behind every site that names no other.
#[inline]
#[must_use]
pub fn installed() -> &'static Cache {
    Cache::installed()
}

/// How this return type says that a hard timeout passed.
#[must_use]
pub const fn refuse<R: Refuse>() -> fn(Error) -> R {
    R::refuse
}

/// How this return type says that the `rate` was spent.
#[must_use]
pub const fn refuse_rate<R: RefuseRate>() -> fn(Error) -> R {
    R::refuse
}

/// What `rate = ".."` says, as the attribute has read it.
#[must_use]
pub const fn rate<L: Counted>(loads: u32, per: u64) -> Rate {
    Rate::of(loads, per)
}
