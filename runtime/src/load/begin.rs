//! Calls that nobody has asked for, begun in tasks of their own.

use std::future::Future;
use std::sync::Arc;

use crate::access::Right;
use crate::ahead::{Ahead, Why, at_depth};
use crate::cache::Cache;
use crate::intent;
use crate::shelf::Shelf;
use crate::stats::count;
use crate::sync::Handle;

/// Begins a call ahead, if something of it would be kept and there is room; nobody waits for it. `call` is not even made
/// otherwise.
pub(super) fn begin_ahead<K, V, R, F>(
    cache: &Cache,
    shelf: &Shelf<K, V, R>,
    why: Why,
    depth: u8,
    call: impl FnOnce() -> F,
) -> bool
where
    F: Future<Output = ()> + Send + 'static,
{
    let Ok(runtime) = Handle::try_current() else { return false };
    if !cache.may(Right::Write, &shelf.sign.namespace) || cache.0.settings.dials.rests() {
        return false;
    }
    let Ok(room) = Arc::clone(&cache.0.settings.prefetches).try_acquire_owned() else {
        count(&shelf.counters.prefetch_refused);
        return false;
    };
    let ahead = Arc::new(Ahead { why, spread: 0, depth, bill: None });
    let call = at_depth(depth, intent::going_ahead(false, ahead, call()));
    drop(runtime.spawn(async move {
        // What would not be kept is given up.
        let _over = call.await;
        drop(room);
    }));
    true
}
