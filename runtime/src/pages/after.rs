//! Windows by key.

use std::convert::Infallible;
use std::sync::Arc;

use cached_derive::KeyPart;

use super::items::holds_items;
use super::record::record;
use super::{CHUNK, Chunk, Items, check_size, room};
use crate::error::Result;

/// The rows that come after one, in the order of their key: that key, the *cursor*, and how many rows.
///
/// The cursor is whatever the list is ordered by, and tells each row from all others: an id, or `(created_at, id)`. By a
/// key that several rows share, some of them would be left out. Read from outside it is `{"after": 17, "size": 20}`, or
/// `{"size": 20}` for the start.
///
/// ```
/// use cached_runtime::cache;
/// use cached_runtime::pages::{After, Window};
///
/// # #[derive(Clone)] struct Db;
/// # impl Db { async fn ids(&self, after: Option<&u64>, limit: i64) -> Result<Vec<u64>, std::io::Error> {
/// #     Ok((after.map_or(0, |id| id + 1)..45).take(limit as usize).collect())
/// # } }
/// #[cache(key = "ids:{after}", tags = ["ids"], skip(db))]
/// async fn ids(db: &Db, after: After<u64>) -> Result<Window<u64, u64>, std::io::Error> {
///     // where $1 is null or id > $1 order by id limit $2
///     let rows = db.ids(after.cursor(), after.limit_and_one()).await?;
///     Ok(after.of_and_one(rows, |id| *id))
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let db = Db;
/// let first = ids(&db, After::start(20)?).await?;
/// assert_eq!(first.next(), Some(&After::start(20)?.after(19)));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, KeyPart)]
#[key(crate = crate)]
pub struct After<C> {
    after: Option<C>,
    size: u32,
}

impl<C> After<C> {
    /// From the first row on.
    ///
    /// # Errors
    /// A `Config` error if the size is 0 or over 10,000.
    pub fn start(size: u32) -> Result<Self> {
        Ok(Self { after: None, size: check_size(size)? })
    }

    /// The first chunk of a stream, of 100 rows.
    #[must_use]
    pub const fn chunks() -> Self {
        Self { after: None, size: CHUNK }
    }

    /// As many rows, from behind this one on.
    #[must_use]
    pub fn after(self, cursor: C) -> Self {
        Self { after: Some(cursor), size: self.size }
    }

    /// The key of the row behind which it begins; `None` at the start.
    #[must_use]
    pub const fn cursor(&self) -> Option<&C> {
        self.after.as_ref()
    }

    /// How many rows it has room for.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.size
    }

    /// How many rows to ask for, as databases take it: `LIMIT`.
    #[must_use]
    pub fn limit(&self) -> i64 {
        i64::from(self.size)
    }

    /// One row more than it has room for, for [`of_and_one`](Self::of_and_one).
    #[must_use]
    pub fn limit_and_one(&self) -> i64 {
        i64::from(self.size) + 1
    }

    /// The answer of these rows, when the source itself says behind which key it goes on; `None` at the end. Rows that it
    /// has no room for are left out.
    pub fn of<T>(&self, rows: impl IntoIterator<Item = T>, next: Option<C>) -> Window<T, C> {
        self.window(rows.into_iter().take(room(self.size)).collect(), next)
    }

    /// The answer of these rows, one more of which was [asked for](Self::limit_and_one): if it came, there is more, behind
    /// the last row's key.
    pub fn of_and_one<T>(&self, rows: impl IntoIterator<Item = T>, key: impl FnOnce(&T) -> C) -> Window<T, C> {
        let mut rows = rows.into_iter();
        let items: Arc<[T]> = rows.by_ref().take(room(self.size)).collect();
        let last = if rows.next().is_some() { items.last().map(key) } else { None };
        self.window(items, last)
    }

    fn window<T>(&self, items: Arc<[T]>, next: Option<C>) -> Window<T, C> {
        Window { items, next: next.map(|cursor| Self { after: Some(cursor), size: self.size }) }
    }
}

/// The rows [`After`] a key, as a slice, and where it goes on. Made by [`After::of`] and [`After::of_and_one`].
///
/// Behind the last row it is empty, and there is no next one. Cheap to clone: a hit copies no row.
#[derive(Debug, PartialEq, Eq)]
pub struct Window<T, C> {
    items: Arc<[T]>,
    next: Option<After<C>>,
}

impl<T, C> Window<T, C> {
    /// The rows behind these, if there are more.
    #[must_use]
    pub const fn next(&self) -> Option<&After<C>> {
        self.next.as_ref()
    }

    /// Are there more?
    #[must_use]
    pub const fn has_next(&self) -> bool {
        self.next.is_some()
    }
}

impl<T, C: Clone> Clone for Window<T, C> {
    fn clone(&self) -> Self {
        Self { items: Arc::clone(&self.items), next: self.next.clone() }
    }
}

impl<T, C> Chunk for Window<T, C> {
    type At = After<C>;
    type Item = T;

    fn into_parts(self) -> (Items<T>, Option<After<C>>) {
        (self.items.into(), self.next)
    }
}

holds_items!(Window<T, C>);

record!(After<C> { after: Option<C>, size: u32 } by |after, size| Ok::<_, crate::Error>(After { after, size: check_size(size)? }));
record!(Window<T, C> { items: Arc<[T]>, next: Option<After<C>> } by |items, next| Ok::<_, Infallible>(Window { items, next }));
