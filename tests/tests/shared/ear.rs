//! What is said while all tests of this program run, also by threads of the caches.

use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// So many ears listen to everything.
static ALL: AtomicUsize = AtomicUsize::new(0);

/// The environment variable that names a file for everything that is said, at TRACE, from the first node on.
pub(crate) const EAR_FILE: &str = "EAR_FILE";

/// Warnings and errors from here on; and with [`Ear::all`] everything, of every crate.
pub(crate) struct Ear {
    from: usize,
    all: bool,
}

impl Ear {
    pub(crate) fn open() -> Self {
        listen();
        Self { from: said().len(), all: false }
    }

    /// Listens from here on if everything is to be written to a file.
    pub(crate) fn to_file() {
        if file().is_some() {
            listen();
        }
    }

    /// Also listens to what is said at TRACE, until it is dropped.
    pub(crate) fn all() -> Self {
        ALL.fetch_add(1, SeqCst);
        Self { all: true, ..Self::open() }
    }

    /// The lines in which all these words are.
    pub(crate) fn heard(&self, words: &[&str]) -> Vec<String> {
        let hit = |line: &&String| words.iter().all(|word| line.contains(word));
        said()[self.from..].iter().filter(hit).cloned().collect()
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        if self.all {
            ALL.fetch_sub(1, SeqCst);
        }
    }
}

fn said() -> std::sync::MutexGuard<'static, Vec<String>> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen() {
    static SET: OnceLock<()> = OnceLock::new();
    SET.get_or_init(|| tracing::subscriber::set_global_default(Writer).unwrap());
}

fn file() -> Option<&'static File> {
    static FILE: OnceLock<Option<File>> = OnceLock::new();
    // Appended to: a process that a test starts writes to the same file.
    let open = |path| File::options().create(true).append(true).open(path).unwrap();
    FILE.get_or_init(|| std::env::var_os(EAR_FILE).map(open)).as_ref()
}

fn keep(level: Level, line: String) {
    if let Some(mut file) = file() {
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
    if level <= Level::WARN || ALL.load(SeqCst) > 0 {
        said().push(line);
    }
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
        *metadata.level() <= Level::WARN || ALL.load(SeqCst) > 0 || file().is_some()
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line(format!("{} span ", span.metadata().level()));
        span.record(&mut line);
        keep(*span.metadata().level(), line.0);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line(String::new());
        values.record(&mut line);
        keep(Level::TRACE, line.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{} {} ", event.metadata().level(), event.metadata().target()));
        event.record(&mut line);
        keep(*event.metadata().level(), line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
