//! Waiting for something that becomes true, and ports nobody listens on.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

/// Waits until a condition holds, and panics with what was awaited when the limit passes first.
pub fn until(awaited: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < limit, "waited {limit:?} in vain: {awaited}");
        sleep(Duration::from_millis(2));
    }
}

/// The ports that servers get: below those which systems give to outgoing connections, so that a server that is
/// restarted finds its port free.
const PORTS: std::ops::Range<u16> = 12_000..32_000;

/// A port of the loopback address that nobody listens on.
pub(crate) fn free_port() -> u16 {
    (0..1000)
        .map(|_| candidate())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("of a thousand ports on 127.0.0.1 one is free")
}

fn candidate() -> u16 {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |d| d.as_nanos() as u64);
    let mixed = (now ^ (u64::from(std::process::id()) << 40))
        .wrapping_add(DRAWN.fetch_add(1, Ordering::Relaxed) << 20)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    PORTS.start + ((mixed >> 32) % PORTS.len() as u64) as u16
}
