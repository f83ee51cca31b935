//! Pages by number.

use std::convert::Infallible;
use std::sync::Arc;

use cached_derive::KeyPart;

use super::items::holds_items;
use super::record::record;
use super::{CHUNK, Chunk, Items, check_size, room};
use crate::error::{Error, Result};

/// A page of a list: its number, from 1 on as people count, and how many items a page has.
///
/// As a key part it stands for both: pages of two sizes are different entries. Read from outside (`?number=3&size=20`,
/// `{"number": 3, "size": 20}`) it is checked as [`Page::new`] checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, KeyPart)]
#[key(crate = crate)]
pub struct Page {
    number: u32,
    size: u32,
}

impl Page {
    /// The page of this number.
    ///
    /// # Errors
    /// A `Config` error if the number is 0 (the first page is 1), or the size is 0 or over 10,000.
    pub fn new(number: u32, size: u32) -> Result<Self> {
        match number {
            0 => Err(Error::config("number", "pages are counted from 1 on")),
            _ => Ok(Self { number, size: check_size(size)? }),
        }
    }

    /// The first page.
    ///
    /// # Errors
    /// A `Config` error if the size is 0 or over 10,000.
    pub fn first(size: u32) -> Result<Self> {
        Self::new(1, size)
    }

    /// The first chunk of a stream, of 100 items.
    #[must_use]
    pub const fn chunks() -> Self {
        Self { number: 1, size: CHUNK }
    }

    /// Its number, from 1 on.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.number
    }

    /// How many items it has room for.
    #[must_use]
    pub const fn size(self) -> u32 {
        self.size
    }

    /// The page behind it; there may be nothing on it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self { number: self.number.saturating_add(1), size: self.size }
    }

    /// The page before it, if it is not the first.
    #[must_use]
    pub const fn previous(self) -> Option<Self> {
        match self.number {
            1 => None,
            number => Some(Self { number: number - 1, size: self.size }),
        }
    }

    /// How many rows to ask for, as databases take it: `LIMIT`.
    #[must_use]
    pub fn limit(self) -> i64 {
        i64::from(self.size)
    }

    /// One row more than the page has, for [`of_and_one`](Self::of_and_one).
    #[must_use]
    pub fn limit_and_one(self) -> i64 {
        i64::from(self.size) + 1
    }

    /// How many rows come before it: `OFFSET`.
    #[must_use]
    pub fn offset(self) -> i64 {
        i64::from(self.number - 1) * i64::from(self.size)
    }

    /// The answer of these rows, when so many there are in all; a total below 0 is 0. Rows that it has no room for are
    /// left out.
    pub fn of<T>(self, rows: impl IntoIterator<Item = T>, total: impl TryInto<u64>) -> Paged<T> {
        let total = total.try_into().unwrap_or(0);
        let items: Arc<[T]> = rows.into_iter().take(room(self.size)).collect();
        // A count and rows are read one after the other: what is empty is the end, whatever the count says.
        let has_next = !items.is_empty() && u64::from(self.number) * u64::from(self.size) < total;
        Paged { items, page: self, total: Some(total), has_next }
    }

    /// The answer of these rows, one more of which was [asked for](Self::limit_and_one): if it came, there is a next page.
    pub fn of_and_one<T>(self, rows: impl IntoIterator<Item = T>) -> Paged<T> {
        let mut rows = rows.into_iter();
        let items = rows.by_ref().take(room(self.size)).collect();
        Paged { items, page: self, total: None, has_next: rows.next().is_some() }
    }
}

/// The items of a [`Page`], as a slice, and where in the list it stands. Made by [`Page::of`] and [`Page::of_and_one`].
///
/// A page past the end has no items and no next one. Cheap to clone: a hit copies no item.
#[derive(Debug, PartialEq, Eq)]
pub struct Paged<T> {
    items: Arc<[T]>,
    page: Page,
    total: Option<u64>,
    has_next: bool,
}

impl<T> Paged<T> {
    /// Which page it is.
    #[must_use]
    pub const fn page(&self) -> Page {
        self.page
    }

    /// How many items all pages have together, if they were counted.
    #[must_use]
    pub const fn total(&self) -> Option<u64> {
        self.total
    }

    /// How many pages there are, which is the number of the last one; if they were counted.
    #[must_use]
    pub fn pages(&self) -> Option<u64> {
        self.total.map(|total| total.div_ceil(u64::from(self.page.size)))
    }

    /// Is there a page behind it?
    #[must_use]
    pub const fn has_next(&self) -> bool {
        self.has_next
    }

    /// The page behind it, if there is one.
    #[must_use]
    pub fn next_page(&self) -> Option<Page> {
        (self.has_next && self.page.number < u32::MAX).then(|| self.page.next())
    }

    /// The page before it, if it is not the first.
    #[must_use]
    pub const fn previous_page(&self) -> Option<Page> {
        self.page.previous()
    }

    /// The same page of what this makes of each item.
    pub fn map<U>(&self, make: impl FnMut(&T) -> U) -> Paged<U> {
        let Self { items, page, total, has_next } = self;
        Paged { items: items.iter().map(make).collect(), page: *page, total: *total, has_next: *has_next }
    }
}

impl<T> Clone for Paged<T> {
    fn clone(&self) -> Self {
        Self { items: Arc::clone(&self.items), ..*self }
    }
}

impl<T> Chunk for Paged<T> {
    type At = Page;
    type Item = T;

    fn into_parts(self) -> (Items<T>, Option<Page>) {
        let next = self.next_page();
        (self.items.into(), next)
    }
}

holds_items!(Paged<T>);

record!(Page { number: u32, size: u32 } by Page::new);
record!(Paged<T> { items: Arc<[T]>, page: Page, total: Option<u64>, has_next: bool } by |items, page, total, has_next| {
    Ok::<_, Infallible>(Paged { items, page, total, has_next })
});
