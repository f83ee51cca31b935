//! The runtime's own flight, log and breaker, compiled once more over a scheduler that tries their schedules.
//!
//! The files are the runtime's, word for word; only `sync` is another one. What they need beside it comes from
//! the runtime as it is. Nothing here reaches an ordinary build: no feature of the runtime is involved.
//!
//! The scheduler orders all atomics one after the other: it finds wrong orders of steps, and no missing fence.

#![allow(unexpected_cfgs, reason = "the runtime's features, of which these are not for here")]

mod ahead;
mod sync;

#[path = "../../../runtime/src/flight/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the runtime uses all of it")]
mod flight;
#[path = "../../../runtime/src/log/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the runtime uses all of it")]
mod log;
#[path = "../../../runtime/src/near"]
mod near {
    #[allow(dead_code, reason = "the runtime uses all of it")]
    pub(crate) mod entry;
}
#[path = "../../../runtime/src/tier"]
mod tier {
    #[path = "guard/breaker.rs"]
    #[allow(dead_code, missing_docs, unreachable_pub, reason = "the runtime uses all of it, and publishes it")]
    pub(crate) mod breaker;
    #[allow(dead_code, reason = "the runtime uses all of it")]
    pub(crate) mod call;
}

#[allow(unused_imports, reason = "for the runtime's files")]
use cached_runtime::{chance, clock, codec, error, group, key};

mod outcome {
    pub(crate) use cached_runtime::__private::Share;
}

#[cfg(test)]
mod tries;
