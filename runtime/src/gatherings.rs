//! The loads of one shelf that wait for more elements before they begin, by what their body is given beside these.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, MutexGuard};

/// What is gathered now.
///
/// Weak: what a runtime gives up at its end is lost, and told to those who wait.
#[derive(Default)]
pub(crate) struct Gatherings(Mutex<Open>);

/// The same, while nobody else can come or go.
#[derive(Default)]
pub(crate) struct Open(HashMap<String, Weak<dyn Any + Send + Sync>>);

impl Gatherings {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock()
    }
}

impl Open {
    /// What is gathered beside this.
    pub(crate) fn get<G: Send + Sync + 'static>(&self, beside: &str) -> Option<Arc<G>> {
        self.0.get(beside)?.upgrade()?.downcast().ok()
    }

    pub(crate) fn insert<G: Send + Sync + 'static>(&mut self, beside: &str, gathering: &Arc<G>) {
        let weak: Weak<dyn Any + Send + Sync> = Arc::downgrade(gathering) as _;
        self.0.insert(beside.to_owned(), weak);
    }

    /// Nobody comes to this one any more.
    pub(crate) fn remove<G>(&mut self, beside: &str, gathering: &Arc<G>) {
        let is_this = |known: &Weak<dyn Any + Send + Sync>| std::ptr::addr_eq(known.as_ptr(), Arc::as_ptr(gathering));
        if self.0.get(beside).is_some_and(is_this) {
            self.0.remove(beside);
        }
    }
}

impl fmt::Debug for Gatherings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gatherings")
    }
}
