//! No value and no secret in logs or in `Debug`.

use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, Once};

use cached_runtime::{Cache, Key, cache, invalidate};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_core::span::Current;

const CANARY: &str = "canary-7f3a";

static CACHE: LazyLock<Cache> =
    LazyLock::new(|| Cache::builder().tier(cached_runtime::tier::memory::MemoryTier::new()).build().unwrap());

#[cache(cache = CACHE, secret(token), ttl = "1h")]
async fn profile(token: &str, of: u32) -> Result<String, String> {
    if of == 0 { Err(format!("{token} is unknown")) } else { Ok(format!("{token} is {of}")) }
}

#[cache(cache = CACHE, key = "page:{name}", tags = ["page:{name}"], ttl = "1h")]
async fn page(name: &str) -> Result<u64, String> {
    if name.ends_with('!') { Err("no such page".to_owned()) } else { Ok(1) }
}

/// Writes down everything that is said, down to a level.
#[derive(Clone)]
pub(crate) struct Ear(Arc<Mutex<String>>, Level, Arc<Mutex<Spans>>);

/// The span that was made last, and how many are entered.
#[derive(Default)]
struct Spans(Option<&'static Metadata<'static>>, usize);

impl Ear {
    /// What is said at this level and above while this runs.
    pub(crate) fn hears<F: Future>(level: Level, run: F) -> String {
        static EVERYWHERE: Once = Once::new();
        EVERYWHERE.call_once(|| {
            let _set_before = tracing::subscriber::set_global_default(Deaf);
        });
        let ear = Self(Arc::default(), level, Arc::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tracing::subscriber::with_default(ear.clone(), || runtime.block_on(run));
        ear.0.lock().unwrap().clone()
    }
}

/// Hears nothing, on all threads, and is asked each time. Else what another thread says first, where nobody listens, may be
/// remembered as of no interest just when an ear is opened here.
struct Deaf;

impl Subscriber for Deaf {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Visit for Ear {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.lock().unwrap().push_str(&format!("{field}={value:?}\n"));
    }
}

impl Subscriber for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("cached") && *metadata.level() <= self.1
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut self.clone());
        self.2.lock().unwrap().0 = Some(span.metadata());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {
        self.2.lock().unwrap().1 += 1;
    }

    fn exit(&self, _: &Id) {
        self.2.lock().unwrap().1 -= 1;
    }

    fn current_span(&self) -> Current {
        let spans = self.2.lock().unwrap();
        match spans.0 {
            Some(last) if spans.1 > 0 => Current::new(Id::from_u64(1), last),
            _ => Current::none(),
        }
    }
}

/// Who follows spans sees of each call that near could not answer where it was answered, and how it ended.
#[test]
fn spans_say_which_tier_answered_and_how_it_ended() {
    use crate::rig::World;
    let said = Ear::hears(Level::DEBUG, async {
        let world = World::new();
        world.source.gate.open();
        followed(&world, 1).await.unwrap();
        world.settle().await;
        world.cache.clear_tier("near").await.unwrap();
        followed(&world, 1).await.unwrap();
        followed(&world, 1).await.unwrap();
    });
    let outcomes: Vec<&str> = said.lines().filter(|line| line.starts_with("outcome=")).collect();
    assert_eq!(outcomes, ["outcome=\"loaded\"", "outcome=\"tier\""], "a hit has no span: {said}");
    assert!(said.contains("tier=\"chaos(memory)\""), "{said}");
}

#[cache(key = "followed:{id}", ttl = "1h", skip(world), cache = &world.cache)]
async fn followed(world: &crate::rig::World, id: u32) -> Result<u64, crate::rig::Down> {
    world.source.read().await
}

#[test]
fn at_trace_neither_values_nor_secrets_are_said() {
    let said = Ear::hears(Level::TRACE, async {
        assert!(profile(CANARY, 1).await.unwrap().contains(CANARY));
        assert!(profile(CANARY, 0).await.is_err());
        profile::remove(CANARY, 1).await;
    });
    assert!(said.contains("profile"), "the control: something was heard:\n{said}");
    assert!(!said.contains(CANARY), "{said}");
}

/// A key may hold what belongs to a person: it is said at TRACE and nowhere above.
#[test]
fn keys_are_said_at_trace_only() {
    for (level, said_there) in [(Level::TRACE, true), (Level::DEBUG, false)] {
        let said = Ear::hears(level, async {
            // A name of its own, so that it is loaded; and one that fails.
            for name in [format!("{CANARY}-{level}"), format!("{CANARY}-{level}!")] {
                let _answer = page(&name).await;
                let _answer = page(&name).await;
                page::remove(&name).await;
                CACHE.invalidate_tags([format!("page:{name}")]).await;
            }
        });
        assert!(said.contains("page"), "something was heard at {level}:\n{said}");
        assert_eq!(said.contains(CANARY), said_there, "{level}:\n{said}");
    }
}

#[tokio::test]
async fn debug_and_keys_hold_no_secret() {
    let entry = profile::entry(CANARY, 1);
    let shown =
        format!("{:?} {:?} {:?} {:?}", *CACHE, entry, entry.key(), Cache::builder().key_secret(*b"canary-7f3a-0000"));
    assert!(!shown.contains(CANARY), "{shown}");
    let open: Key = profile::key("other", 1);
    assert_ne!(entry.key(), &open, "two secrets are two keys");
}

#[invalidate(key = "page:{name}", cache = CACHE)]
async fn rename(name: &str) -> Result<(), String> {
    if name.ends_with('!') { Err("no such page".to_owned()) } else { Ok(()) }
}

/// One that fired, or was not to fire, is not said to be forgotten.
#[test]
fn an_invalidator_that_was_forgotten_is_told_of() {
    const FORGOTTEN: &str = "dropped without being fired";
    let attribute = Ear::hears(Level::DEBUG, async {
        rename("a").await.unwrap();
        rename("a!").await.unwrap_err();
    });
    assert!(attribute.contains("invalidated") && !attribute.contains(FORGOTTEN), "{attribute}");
    let by_hand = Ear::hears(Level::DEBUG, async {
        let mut invalidator = CACHE.invalidator();
        invalidator.tag("page:a");
    });
    assert!(by_hand.contains(FORGOTTEN), "{by_hand}");
}
