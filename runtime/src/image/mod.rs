//! Pictures as WebP: one, a file, many at a time, or once for each content.
//!
//! ```
//! # fn photograph() -> Vec<u8> { include_bytes!("../../../examples/data/pictures/70-wine.jpg").to_vec() }
//! use cached_runtime::image::WebP;
//!
//! let original: Vec<u8> = photograph();
//! let converted = WebP::new().quality(85).convert(&original)?;
//! assert!(converted.bytes.len() < original.len());
//! println!("{:.1} % smaller", converted.saving() * 100.0);
//! # Ok::<(), cached_runtime::Error>(())
//! ```
//!
//! [`WebP`] says what is wanted. Its [`convert`](WebP::convert) takes bytes, [`convert_file`](WebP::convert_file)
//! files, [`batch`](WebP::batch) and [`batch_files`](WebP::batch_files) many of them on all cores; [`Images`] keeps
//! what was converted in a cache, under a hash of the original.
//!
//! **What goes in**: JPEG, PNG, GIF, BMP and WebP, known by content, of up to 64 million pixels and 64 MiB
//! ([`Limits`]); a picture that claims more is refused before anything is decoded. Animations are refused. **What comes
//! out**: WebP, upright, with its transparency and its colour profile, and without all that cameras and editors write
//! beside the pixels. If that has no fewer bytes than the original, the original is kept, as it was.
//!
//! How much is saved depends on what goes in. At quality 85, pictures that were not compressed with loss before (PNG,
//! BMP) lose about nine tenths of their bytes; a JPEG that was saved for the web loses about a third.
//!
//! Encoded by libwebp, through the crate `webp`; decoded by the crate `image`, in Rust.

mod batch;
mod cached;
mod container;
mod convert;
mod draft;
mod encode;
mod fault;
mod file;
mod halt;
mod options;
mod pixels;
mod report;
mod scale;
mod stored;

pub use crate::picture::Format;

pub use batch::Batch;
pub use cached::Images;
pub use convert::{Converted, Kept};
pub use fault::{Fault, fault};
pub use file::ConvertedFile;
pub use options::{Limits, Resize, WebP};
pub use report::{BatchProgress, BatchReport};
