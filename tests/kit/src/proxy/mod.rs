//! A TCP proxy in the test process that breaks connections as networks do.

mod connection;
mod faults;
mod flow;
mod framer;
mod frames;
mod listen;
mod shape;
mod shared;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Duration;

use self::faults::{Faults, Latency};
pub use self::faults::{FrameFaults, Frames};
use self::shared::Shared;
use crate::wait::{free_port, until};

/// How long a change may take to be in force.
const LIMIT: Duration = Duration::from_secs(10);

/// A proxy before a port of the loopback address, which carries bytes faithfully until it is told to break something.
///
/// It runs on a thread of its own, so that a test needs no runtime and a busy one does not slow it. Faults are in
/// force for connections that are open as well as for later ones, unless it is told otherwise.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts a proxy before a port of the loopback address.
    #[must_use]
    pub fn to(target: u16) -> Proxy {
        Proxy::seeded(target, 1)
    }

    /// Starts a proxy whose jitter and frame faults are drawn from a seed.
    #[must_use]
    pub fn seeded(target: u16, seed: u64) -> Proxy {
        let (port, shared) = (free_port(), Arc::new(Shared::new(Faults::none(target), seed)));
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name(format!("proxy-{port}"))
            .spawn(move || listen::run(of_thread, port))
            .expect("a thread can be started");
        let proxy = Proxy { port, shared, thread: Some(thread) };
        until("the proxy listens", LIMIT, || proxy.shared.listening());
        proxy
    }

    /// The port that clients connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address that clients connect to, as one of Redis: `redis://127.0.0.1:PORT/`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Sends connections that are opened from now on to another port. Open ones stay where they are.
    pub fn retarget(&self, port: u16) {
        self.shared.change(|faults| faults.target = port);
    }

    /// Delays replies by a fixed time and by a random one up to `jitter`. They stay in order.
    pub fn latency(&self, fixed: Duration, jitter: Duration) {
        self.shared.change(|faults| faults.replies = Latency { fixed, jitter });
    }

    /// Delays requests by a fixed time and by a random one up to `jitter`. They stay in order.
    pub fn request_latency(&self, fixed: Duration, jitter: Duration) {
        self.shared.change(|faults| faults.requests = Latency { fixed, jitter });
    }

    /// Carries nothing, in no direction, while connections stay open and new ones are accepted; what was held back is
    /// carried when this ends.
    pub fn black_hole(&self, on: bool) {
        self.shared.change(|faults| faults.black_hole = on);
    }

    /// Refuses connections. Open ones live on: [`Proxy::reset_all`] ends them.
    pub fn refuse(&self, on: bool) {
        self.shared.change(|faults| faults.refuse = on);
        until("the proxy changes whether it listens", LIMIT, || self.shared.listening() != on);
    }

    /// Resets all open connections, and returns when they are gone.
    pub fn reset_all(&self) {
        let all_below = self.connections();
        self.shared.change(|faults| faults.reset_below = all_below);
        until("connections are reset", LIMIT, || self.shared.open_below(all_below) == 0);
    }

    /// Sends replies in packets of so many bytes.
    pub fn slice(&self, size: Option<usize>) {
        assert_ne!(size, Some(0), "a packet has a byte at the least");
        self.shared.change(|faults| faults.slice = size);
    }

    /// Closes each connection after so many bytes of replies, counted from now on.
    pub fn cut_after(&self, bytes: Option<u64>) {
        self.shared.change(|faults| {
            faults.cut = bytes;
            faults.cut_set += 1;
        });
    }

    /// Carries at most so many bytes of replies a second, on each connection.
    pub fn bandwidth(&self, bytes_per_second: Option<u64>) {
        assert_ne!(bytes_per_second, Some(0), "a proxy that carries nothing is a black hole");
        self.shared.change(|faults| faults.bandwidth = bytes_per_second);
    }

    /// Drops, repeats and swaps whole replies of the Redis protocol. Set it while no reply is half way through.
    pub fn frames(&self, faults: Option<FrameFaults>) {
        self.shared.change(|all| all.frames = faults);
    }

    /// Ends all faults. Where connections go stays as it is.
    pub fn heal(&self) {
        self.shared.change(|faults| {
            let (reset_below, cut_set) = (faults.reset_below, faults.cut_set);
            *faults = Faults { reset_below, cut_set, ..Faults::none(faults.target) };
        });
        until("the proxy listens again", LIMIT, || self.shared.listening());
    }

    /// How many connections it has accepted.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.accepted.load(Relaxed)
    }

    /// How many connections are open.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.shared.open_below(u64::MAX)
    }

    /// How many bytes of requests it has carried.
    #[must_use]
    pub fn request_bytes(&self) -> u64 {
        self.shared.request_bytes.load(Relaxed)
    }

    /// How many bytes of replies it has carried.
    #[must_use]
    pub fn reply_bytes(&self) -> u64 {
        self.shared.reply_bytes.load(Relaxed)
    }

    /// How many frames it has dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Relaxed)
    }

    /// How many frames it has sent twice.
    #[must_use]
    pub fn duplicated(&self) -> u64 {
        self.shared.duplicated.load(Relaxed)
    }

    /// How many frames it has held back behind the next one.
    #[must_use]
    pub fn reordered(&self) -> u64 {
        self.shared.reordered.load(Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.change(|faults| faults.stopped = true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
