//! Lists in pages, and large results as streams of them.
//!
//! A cached function takes a page and answers with one; each page is an entry of its own, and all pages of a list go
//! together by a tag:
//!
//! ```
//! use cached_runtime::pages::{Page, Paged};
//! use cached_runtime::{cache, invalidate};
//!
//! # #[derive(Clone)] struct Db;
//! # impl Db {
//! #     async fn titles(&self, _: u64, limit: i64, offset: i64) -> Result<Vec<String>, std::io::Error> {
//! #         Ok((offset..(offset + limit).min(250)).map(|n| format!("title {n}")).collect())
//! #     }
//! #     async fn count(&self, _: u64) -> Result<i64, std::io::Error> { Ok(250) }
//! # }
//! #[cache(key = "titles:{channel}:{page}", tags = ["titles:{channel}"], ttl = "5m", skip(db))]
//! async fn titles(db: &Db, channel: u64, page: Page) -> Result<Paged<String>, std::io::Error> {
//!     let rows = db.titles(channel, page.limit(), page.offset()).await?;
//!     Ok(page.of(rows, db.count(channel).await?))
//! }
//!
//! #[invalidate(tags = ["titles:{channel}"])]
//! async fn rename(channel: u64, video: u64, title: &str) -> Result<(), std::io::Error> {
//! #   let _ = (video, title);
//!     Ok(())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let db = Db;
//! let first = titles(&db, 7, Page::first(20)?).await?;
//! assert_eq!((first.len(), first.total(), first.pages(), first.has_next()), (20, Some(250), Some(13), true));
//!
//! // All of them, one after the other, in chunks of a hundred.
//! let mut rows = cached_runtime::pages::stream(Page::chunks(), |page| titles(&db, 7, page));
//! let mut count = 0;
//! while let Some(title) = rows.next().await {
//!     let _title: String = title?;
//!     count += 1;
//! }
//! assert_eq!(count, 250);
//! # Ok(()) }
//! ```
//!
//! # By number or by key
//!
//! [`Page`] and [`Paged`] name rows by their *offset*: any page can be asked for, and there can be a total. When a row is
//! inserted or removed while somebody goes from page to page, a row may come twice or not at all, and the database walks
//! over all rows before the page. [`After`] and [`Window`] name rows by the *key* of the last one seen: nothing comes
//! twice or is left out, the last window costs what the first costs, and one can only go on. Streams of large results are
//! better by key.
//!
//! # A count costs too
//!
//! Where only "is there more?" is shown, ask for [one more row](Page::limit_and_one) instead of a count. A count that is
//! shown is better a cached function of its own, of the same tag, than a query for each page.
//!
//! # Large streams and memory
//!
//! A stream holds one chunk, or two with [`Rows::ahead`], however long it is. Its chunks are kept in near like all values,
//! under near's bound; near's default policy puts values that nobody has asked for twice at the end, so that a scan leaves
//! the hot ones. To give a scan even less, bound its namespace:
//! [`namespace_limit("export", 4 << 20)`](crate::Builder::namespace_limit). Chunks of so many rows that one is over
//! `max_value` (1 MiB) stay in near alone. When not to cache a stream: if nobody reads it twice before its `ttl` ends.

mod after;
mod items;
mod page;
mod record;
mod rows;

pub use after::{After, Window};
pub use items::Items;
pub use page::{Page, Paged};
pub use rows::{Chunk, Position, Rows, resume, stream};

use crate::error::{Error, Result};

/// The most items of a page: a size that comes from outside must not read a whole table.
pub const LARGEST: u32 = 10_000;
/// The size of a stream's chunks, unless another is said.
pub const CHUNK: u32 = 100;

/// A size that a page may have.
fn check_size(size: u32) -> Result<u32> {
    match size {
        0 => Err(Error::config("size", "a page has one item at least")),
        1..=LARGEST => Ok(size),
        _ => Err(Error::config("size", "a page has 10,000 items at most").with("size", size)),
    }
}

/// As many items as a page has room for.
fn room(size: u32) -> usize {
    // At most `LARGEST`, which fits.
    size as usize
}
