//! What is said while all tests of this program run, also by threads of the caches.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());
static ALL: AtomicBool = AtomicBool::new(false);

/// Warnings and errors from here on; and with [`Ear::all`] everything, of every crate.
pub(crate) struct Ear(usize);

impl Ear {
    pub(crate) fn open() -> Self {
        static SET: OnceLock<()> = OnceLock::new();
        SET.get_or_init(|| tracing::subscriber::set_global_default(Writer).unwrap());
        Self(said().len())
    }

    /// Also listens to what is said at TRACE, until it is dropped.
    pub(crate) fn all() -> Self {
        let ear = Self::open();
        ALL.store(true, SeqCst);
        ear
    }

    /// The lines in which all these words are.
    pub(crate) fn heard(&self, words: &[&str]) -> Vec<String> {
        let hit = |line: &&String| words.iter().all(|word| line.contains(word));
        said()[self.0..].iter().filter(hit).cloned().collect()
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        ALL.store(false, SeqCst);
    }
}

fn said() -> std::sync::MutexGuard<'static, Vec<String>> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Writer;

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!("{field}={value:?} "));
    }
}

impl Subscriber for Writer {
    /// Asked anew each time: how much is heard changes.
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN || ALL.load(SeqCst)
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line(format!("{} span ", span.metadata().level()));
        span.record(&mut line);
        said().push(line.0);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line(String::new());
        values.record(&mut line);
        said().push(line.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{} {} ", event.metadata().level(), event.metadata().target()));
        event.record(&mut line);
        said().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
