//! The items of an answer that others share.

use std::iter::FusedIterator;
use std::sync::Arc;

/// The items of a page, one after the other; what it gives are clones, for the cache holds the page as well.
#[derive(Debug)]
pub struct Items<T> {
    items: Arc<[T]>,
    next: usize,
}

impl<T> Items<T> {
    /// Those behind the first so many.
    pub(super) fn behind(mut self, taken: usize) -> Self {
        self.next = self.next.saturating_add(taken).min(self.items.len());
        self
    }

    pub(super) fn left(&self) -> usize {
        self.items.len() - self.next
    }
}

impl<T> From<Arc<[T]>> for Items<T> {
    fn from(items: Arc<[T]>) -> Self {
        Self { items, next: 0 }
    }
}

impl<T> From<Vec<T>> for Items<T> {
    fn from(items: Vec<T>) -> Self {
        Arc::<[T]>::from(items).into()
    }
}

impl<T> Clone for Items<T> {
    fn clone(&self) -> Self {
        Self { items: Arc::clone(&self.items), next: self.next }
    }
}

impl<T: Clone> Iterator for Items<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let item = self.items.get(self.next)?.clone();
        self.next += 1;
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left(), Some(self.left()))
    }
}

impl<T: Clone> ExactSizeIterator for Items<T> {}

impl<T: Clone> FusedIterator for Items<T> {}

/// An answer is read as the slice of its items, and taken apart into clones of them.
macro_rules! holds_items {
    ($name:ident<$t:ident $(, $c:ident)?>) => {
        impl<$t $(, $c)?> std::ops::Deref for $name<$t $(, $c)?> {
            type Target = [$t];

            fn deref(&self) -> &[$t] {
                &self.items
            }
        }

        impl<'a, $t $(, $c)?> IntoIterator for &'a $name<$t $(, $c)?> {
            type Item = &'a $t;
            type IntoIter = std::slice::Iter<'a, $t>;

            fn into_iter(self) -> Self::IntoIter {
                self.items.iter()
            }
        }

        impl<$t: Clone $(, $c)?> IntoIterator for $name<$t $(, $c)?> {
            type Item = $t;
            type IntoIter = $crate::pages::Items<$t>;

            fn into_iter(self) -> Self::IntoIter {
                self.items.into()
            }
        }
    };
}

pub(super) use holds_items;
