//! What jobs are given: pools, clients, settings, found by their types.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Values by their types.
#[derive(Default, Clone)]
pub(super) struct Given(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl Given {
    /// Puts one in, in place of an earlier one of its type.
    pub(super) fn put<T: Send + Sync + 'static>(&mut self, value: T) {
        // In an `Arc` of its own, so that it is found as what it is, whatever else it is.
        self.0.insert(TypeId::of::<T>(), Arc::new(Arc::new(value)));
    }

    /// The one of this type, or what is in an `Arc` of it.
    pub(super) fn find<T: ?Sized + Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let itself = self.0.get(&TypeId::of::<T>()).and_then(|value| value.downcast_ref::<Arc<T>>());
        let shared = || self.0.get(&TypeId::of::<Arc<T>>())?.downcast_ref::<Arc<Arc<T>>>().map(|shared| &**shared);
        itself.or_else(shared).cloned()
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Given({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_is_found_as_itself_and_in_its_arc() {
        let mut given = Given::default();
        given.put(7_u32);
        given.put(Arc::new("text".to_owned()));
        given.put::<Arc<dyn Fn() -> u8 + Send + Sync>>(Arc::new(|| 3));
        assert_eq!(given.find::<u32>().as_deref(), Some(&7));
        assert_eq!(given.find::<String>().as_deref().map(String::as_str), Some("text"));
        assert_eq!(given.find::<Arc<String>>().map(|text| text.len()), Some(4));
        assert_eq!(given.find::<dyn Fn() -> u8 + Send + Sync>().map(|answer| answer()), Some(3));
        assert!(given.find::<i32>().is_none());
        given.put(8_u32);
        assert_eq!(given.find::<u32>().as_deref(), Some(&8), "the last one counts");
    }
}
