//! A configuration that is read again while the cache runs.

use std::fmt;
use std::sync::Arc;
#[cfg(feature = "_seen")]
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinHandle;

use super::Config;
use super::change::Change;
use crate::cache::Cache;
use crate::clock::millis;
use crate::error::{Error, Result};

/// Reads its files again and sets what has changed, where that can change while the cache runs: the rows of the table with
/// ⟳. Made by [`Config::watch`].
///
/// Either all of a change is set or nothing: of a file that is wrong nothing is, and [`Watch::last_error`] and the
/// cache's health say why. What code has set and the file does not change stays. A handle to its cache, too.
///
/// ```
/// use cached_runtime::config::Config;
///
/// let path = std::env::temp_dir().join(format!("cached-watch-{}.toml", std::process::id()));
/// # let write = |text: &str| std::fs::write(&path, text).map_err(|e| cached_runtime::Error::config("config", e.to_string()));
/// write("[near]\nbytes = \"16MiB\"")?;
/// let config = Config::from_file(&path)?;
/// let cache = config.builder()?.build()?;
///
/// let watch = config.watch(&cache);
/// write("[near]\nbytes = \"8MiB\"")?;
/// assert_eq!(watch.reload()?.changed, ["near.bytes"]);
/// assert_eq!(cache.near_capacity(), 8 << 20);
///
/// write("[near]\nbytes = \"-8MiB\"")?;
/// assert!(watch.reload().is_err() && watch.last_error().is_some());
/// assert_eq!(cache.near_capacity(), 8 << 20);
/// # std::fs::remove_file(&path).ok();
/// # Ok::<(), cached_runtime::Error>(())
/// ```
#[must_use = "files are read again only while this is there"]
pub struct Watch {
    state: Arc<State>,
    looks: Option<JoinHandle<()>>,
}

/// What reading again has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reloaded {
    /// The names of what was set.
    pub changed: Vec<String>,
    /// The names of what the files say otherwise than when the cache was built, and what cannot change before the next start.
    pub needs_restart: Vec<String>,
}

struct State {
    cache: Cache,
    /// The cache's health tells watches apart by it.
    #[cfg(feature = "_seen")]
    number: u64,
    current: Mutex<Config>,
    last_error: Mutex<Option<Error>>,
    /// What the files held when they were read or found wrong last.
    seen: Mutex<u64>,
    /// What they held otherwise at the last look.
    seen_once: Mutex<Option<u64>>,
}

impl Config {
    /// Watches the files of this configuration for the cache that was built from it. They are read when
    /// [`Watch::reload`] is called, and by themselves with [`Watch::every`]; variables and a `Figment` stay as they were read.
    pub fn watch(&self, cache: &Cache) -> Watch {
        #[cfg(feature = "_seen")]
        static WATCHES: AtomicU64 = AtomicU64::new(0);
        let state = State {
            cache: cache.clone(),
            #[cfg(feature = "_seen")]
            number: WATCHES.fetch_add(1, Relaxed),
            current: Mutex::new(self.clone()),
            last_error: Mutex::default(),
            seen: Mutex::new(self.print),
            seen_once: Mutex::default(),
        };
        Watch { state: Arc::new(state), looks: None }
    }
}

impl Watch {
    /// Looks at the files in this interval, by the clock of the cache, and reads them again when two looks in turn find
    /// something else, and the same: what is being written is let be. What is wrong is told in the log once, as an error. Cost: each look reads the files, at most 1 MiB.
    ///
    /// # Errors
    /// A `Config` error for an interval of less than a millisecond, and outside of a tokio runtime.
    pub fn every(mut self, interval: Duration) -> Result<Self> {
        if millis(interval) == 0 {
            return Err(Error::config("every", "the interval has to be a millisecond at least"));
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return Err(Error::config("every", "needs a tokio runtime: call it inside of one"));
        };
        let state = Arc::clone(&self.state);
        let looks = runtime.spawn(async move {
            loop {
                let clock = state.cache.clock().clone();
                clock.until(clock.now().saturating_add(millis(interval))).await;
                let state = Arc::clone(&state);
                // A file may lie where reading takes its time.
                if tokio::task::spawn_blocking(move || state.look()).await.is_err() {
                    return;
                }
            }
        });
        if let Some(before) = self.looks.replace(looks) {
            before.abort();
        }
        Ok(self)
    }

    /// Reads all again now, and sets what has changed.
    ///
    /// # Errors
    /// What [`Sources::read`](super::Sources::read) and [`Config::builder`] refuse; then nothing is changed.
    pub fn reload(&self) -> Result<Reloaded> {
        self.state.reload()
    }

    /// Why the files could not be used when they were read last; `None` if they could.
    #[must_use]
    pub fn last_error(&self) -> Option<Error> {
        self.state.last_error.lock().clone()
    }

    /// The configuration that is in force.
    #[must_use]
    pub fn config(&self) -> Config {
        self.state.current.lock().clone()
    }
}

impl State {
    /// Reads again what holds something else than before, once two looks have found the same: a file that is being written
    /// may be empty, or gone, for a moment.
    fn look(&self) {
        let sources = self.current.lock().sources.clone();
        let holds = sources.print();
        let again = self.seen_once.lock().replace(holds) == Some(holds);
        let mut seen = self.seen.lock();
        if *seen != holds && again {
            *seen = holds;
            drop(seen);
            // Told and kept there.
            let _ = self.reload();
        }
    }

    fn reload(&self) -> Result<Reloaded> {
        // One at a time, so that of two the later is in force.
        let mut current = self.current.lock();
        // Before: what is written meanwhile is looked at again.
        let held = current.sources.print();
        let changed = self.change(&mut current);
        match &changed {
            Ok(reloaded) => {
                if !reloaded.needs_restart.is_empty() {
                    let settings = reloaded.needs_restart.join(", ");
                    tracing::warn!(settings, "the configuration says what cannot change before the next start");
                }
                tracing::info!(changed = reloaded.changed.join(", "), "the configuration was read again");
            }
            Err(error) => {
                *self.seen.lock() = held;
                tracing::error!(%error, "the configuration is wrong: nothing was changed");
            }
        }
        #[cfg(feature = "_seen")]
        self.cache.note_misread(self.number, changed.as_ref().err().map(ToString::to_string));
        *self.last_error.lock() = changed.as_ref().err().cloned();
        changed
    }

    fn change(&self, current: &mut Config) -> Result<Reloaded> {
        let next = current.sources.clone().read()?;
        if next.files < current.files {
            let why = "a file that was there is gone: put it back, with nothing in it if nothing is to be said";
            return Err(Error::config("config", why).with("from", format!("{:?}", next.sources)));
        }
        next.check()?;
        let change = Change::between(current, &next)?;
        change.apply(&self.cache);
        *self.seen.lock() = next.print;
        *current = current.in_force(next);
        Ok(Reloaded { changed: change.fields, needs_restart: change.kept })
    }
}

/// Nobody will read it again, so nothing is said of it any more.
#[cfg(feature = "_seen")]
impl Drop for State {
    fn drop(&mut self) {
        self.cache.note_misread(self.number, None);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(looks) = &self.looks {
            looks.abort();
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("config", &*self.state.current.lock()).finish_non_exhaustive()
    }
}
