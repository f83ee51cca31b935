//! What hostile values, callers and runtimes may do, and what is promised to everybody else meanwhile.
//!
//! Installed caches are the process's: these tests run one at a time.
#![allow(missing_docs, clippy::unwrap_used, missing_debug_implementations)]

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use cached_runtime::clock::Clock;
use cached_runtime::testing::Gate;
use cached_runtime::{Cache, Eviction, cache};

mod copies;
mod loads;
mod values;

const HOT: usize = 8_000;
const SOON: Duration = Duration::from_secs(5);

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn installed(eviction: Eviction) -> Cache {
    let cache = Cache::builder().clock(Clock::manual()).seed(1).eviction(eviction).build().unwrap();
    cache.install();
    cache
}

fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Without any runtime.
fn bare<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    for _ in 0..1_000 {
        if let Poll::Ready(out) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return out;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    panic!("still waiting")
}

/// In a thread of its own, so that a hang fails the test and does not hang it.
fn within<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> std::thread::Result<T> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = tell.send(std::panic::catch_unwind(AssertUnwindSafe(work)));
    });
    told.recv_timeout(SOON).unwrap_or_else(|_| panic!("still waiting: {what}"))
}

fn fronted(cache: &Cache, site: &str) -> u64 {
    cache.stats().sites.iter().filter(|s| s.site.ends_with(site)).map(|s| s.fronted).sum()
}

/// What the functions read.
static SOURCE: AtomicU64 = AtomicU64::new(0);
