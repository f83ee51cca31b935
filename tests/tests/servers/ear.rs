//! Hears what this process logs, on all its threads.

use std::fmt;
use std::sync::{Mutex, OnceLock};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

static SAID: Mutex<String> = Mutex::new(String::new());

#[derive(Clone, Copy)]
struct Ear;

/// Begins to listen.
pub(crate) fn listen() {
    static LISTENING: OnceLock<()> = OnceLock::new();
    LISTENING.get_or_init(|| tracing::subscriber::set_global_default(Ear).unwrap());
}

/// All that was said since somebody listens.
pub(crate) fn said() -> String {
    SAID.lock().unwrap().clone()
}

impl Visit for Ear {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        SAID.lock().unwrap().push_str(&format!("{field}={value:?} "));
    }
}

impl Subscriber for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("cached") || metadata.target().starts_with("sqlx")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut { *self });
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut { *self });
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut { *self });
        SAID.lock().unwrap().push('\n');
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
