//! Milliseconds this process has been up, in one number that a hit reads for nothing.
//!
//! A thread writes the number every few milliseconds while anybody reads it, and rests when nobody does: an idle
//! process pays nothing. The thread keeps no process alive. While it rests, before it has started, and where it could
//! not be started at all, readers ask the kernel themselves.
//!
//! The kernel's clock is the one that goes on while the machine sleeps, where the system has one: values grow old
//! meanwhile. The usual monotonic clock of Linux stands still then.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, Thread};
use std::time::Duration;

use boot_time::Instant;

/// How often the number is written.
const STEP: Duration = Duration::from_millis(4);
/// After so many steps in which nobody read it, the thread rests.
const IDLE: u32 = 256;
/// The thread is late by more than this many milliseconds: it is starved, or was lost in a fork.
const LATE: u64 = 50;

/// Stands for: nobody writes the number, ask the kernel.
const ASLEEP: u64 = u64::MAX;

static NOW: AtomicU64 = AtomicU64::new(ASLEEP);
/// Has anybody read the number lately? Written once per rest, not once per read: it shares its cache line with others.
static ASKED: AtomicBool = AtomicBool::new(false);

/// Milliseconds since some moment early in this process; never more than the kernel says.
#[inline]
pub(crate) fn uptime() -> u64 {
    let now = NOW.load(Relaxed);
    if now == ASLEEP {
        return wake();
    }
    if !ASKED.load(Relaxed) {
        ASKED.store(true, Relaxed);
    }
    now
}

/// The same by the kernel's clock itself.
pub(crate) fn exact() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let now = Instant::now();
    let up = now.saturating_duration_since(*START.get_or_init(|| now));
    u64::try_from(up.as_millis()).unwrap_or(ASLEEP - 1)
}

/// Sees to it that readers ask the kernel while the thread is late. For paths that are not in such a hurry: without it
/// a process that lost the thread would stand still in time.
pub(crate) fn catch_up() {
    let now = NOW.load(Relaxed);
    if now != ASLEEP && exact().saturating_sub(now) > LATE {
        // If it has just caught up, it goes on at its next step.
        NOW.store(ASLEEP, Relaxed);
    }
}

#[cold]
fn wake() -> u64 {
    static TICKER: OnceLock<Option<Thread>> = OnceLock::new();
    ASKED.store(true, Relaxed);
    let start = || thread::Builder::new().name("cached-clock".to_owned()).spawn(tick).ok();
    if let Some(ticker) = TICKER.get_or_init(|| start().map(|handle| handle.thread().clone())) {
        ticker.unpark();
    }
    exact()
}

fn tick() {
    let mut quiet = 0;
    loop {
        NOW.store(exact(), Relaxed);
        thread::sleep(STEP);
        quiet = if ASKED.swap(false, Relaxed) { 0 } else { quiet + 1 };
        if quiet >= IDLE {
            quiet = 0;
            NOW.store(ASLEEP, Relaxed);
            // A reader who found it asleep has left a token: then this returns at once.
            thread::park();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticker_that_is_late_is_not_believed() {
        uptime();
        let before = exact();
        // As after a fork: a number, and no thread to write it. A living thread may mend it first; then it is right too.
        NOW.store(before.saturating_sub(10 * LATE), Relaxed);
        catch_up();
        assert!(uptime() + LATE >= before);
    }

    #[test]
    fn the_number_follows_the_kernel_and_never_leads_it() {
        let start = exact();
        while exact() < start + 3 * LATE {
            let read = uptime();
            assert!(read <= exact(), "ahead of the kernel");
            thread::yield_now();
        }
        catch_up();
        assert!(uptime() + 2 * LATE >= exact(), "far behind the kernel");
    }
}
