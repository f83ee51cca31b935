//! The auditor: is what the cache answers what the source would answer?
//!
//! Nobody notices a forgotten invalidation but those who read old values. Of the hits a few are looked at: the body is run once
//! more, beside the call, and its answer compared with what was served. Where they differ, the cache gets as long as an
//! invalidation may take to arrive; what near and tiers have then, and is still the old value, is stale. The same is asked of
//! tiers for what was found invalidated. After Meta's Polaris ("Cache made consistent", Engineering at Meta, 2022), which
//! watches caches from outside.
//!
//! What is only as fresh as its `ttl` is stale by design where its source changes: the figures tell by site.

mod counts;
mod options;
mod report;

pub(crate) use counts::{Audit, Place, Verdict};
pub use options::AuditOptions;
pub use report::{AuditBucket, AuditReport, AuditedSite, StaleEntry};
