//! The one door for generated code. Not public API: anything here may change in any release.

pub use inventory;

pub use crate::cache::Cache;
pub use crate::call::{Call, Near, Options};
pub use crate::depth::{Framed, Local};
pub use crate::entry::Entry;
pub use crate::error::Error;
pub use crate::intent::{refreshing, refreshing_sync};
pub use crate::invalidator::{Guard, Invalidator};
pub use crate::key::{Absent, Key, KeyPart, KeyWriter, Kind, Sum, kind_of, secret};
pub use crate::names::Names;
pub use crate::outcome::{
    Both0, Err0, Err1, Kind0, Kind1, Kind2, Kind3, None0, None1, Probe, Refuse, Shape, Share, Shared, Unshared,
};
pub use crate::policy::Policy;
pub use crate::site::{Declared, Linked, Site};
pub use crate::tier::Applied;

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
