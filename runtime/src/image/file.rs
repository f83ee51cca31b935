//! One picture from a file to a file.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::convert::{Kept, ratio};
use super::draft;
use super::fault::{Fault, of_file};
use super::halt::Halt;
use super::options::WebP;
use super::pixels::too_many_bytes;
use crate::error::{Error, Result};
use crate::picture::Format;

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConvertedFile {
    /// Where the picture is: the file that was written or, where a JPEG, PNG, GIF or BMP was kept, the original.
    pub path: PathBuf,
    /// Which of the two was kept.
    pub kept: Kept,
    /// The format of the file at `path`.
    pub format: Format,
    /// Pixels across, as it is seen.
    pub width: u32,
    /// Pixels down, as it is seen.
    pub height: u32,
    /// Bytes of the original.
    pub original_len: usize,
    /// Bytes of the file at `path`.
    pub len: usize,
}

impl WebP {
    /// Converts the picture in one file into another, whose name ends in `.webp`; the first is left as it is. Both may
    /// be the same.
    ///
    /// The picture is written beside its place, brought to the disk, and renamed: there is never half a picture under
    /// that name, whatever ends the program, and a file that was there is replaced as a whole. On Unix a file that
    /// replaces another has its mode, and a new one that of all new files; owners and links do not stay. Only a program
    /// that is killed can leave something behind, a hidden `.webp-*.part`, or a folder from which nothing can be removed
    /// any more: then the error names it, as `left_behind`, and it is logged.
    ///
    /// **Where WebP is not smaller** nothing is written, as a JPEG must not bear the name of a WebP: `path` is the
    /// original, and a file that lies at `to` from before stays (remove it, if it is of an older picture). An original
    /// that is WebP itself is copied. Who needs a WebP in any case says [`never_larger(false)`](Self::never_larger).
    ///
    /// Blocks this thread. For many files, or in async code: [`batch_files`](Self::batch_files).
    ///
    /// ```no_run
    /// use cached_runtime::image::WebP;
    ///
    /// let done = WebP::new().convert_file("frames/0001.png", "frames/0001.webp")?;
    /// println!("{}: {:.1} % smaller", done.path.display(), done.saving() * 100.0);
    /// # Ok::<(), cached_runtime::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`convert`](Self::convert), with the `path`. `Config` with the `setting` `from` or `to` if a file cannot be
    /// read or written, or if the name of the second does not end in `.webp`. After an error the file at `to` is as it
    /// was.
    pub fn convert_file(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<ConvertedFile> {
        self.check()?;
        self.turn_file(from.as_ref(), to.as_ref(), &Halt::never())
    }

    /// Does it; options were checked.
    pub(super) fn turn_file(&self, from: &Path, to: &Path, halt: &Halt) -> Result<ConvertedFile> {
        if !to.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("webp")) {
            let message = "WebP is written, so the name must end in `.webp`";
            return Err(Error::config("to", message).with("path", to.display()));
        }
        let picture = self.read(from)?;
        let turned = self.turn(&picture, halt).map_err(|error| error.with("path", from.display()))?;
        let written = match &turned.webp {
            Some(webp) => Some(&webp[..]),
            None if turned.original == Format::WebP && from != to => Some(picture.as_slice()),
            None => None,
        };
        if let Some(bytes) = written {
            draft::write(to, bytes, halt)?;
        }
        let (kept, format, len) = match &turned.webp {
            Some(webp) => (Kept::WebP, Format::WebP, webp.len()),
            None => (Kept::Original, turned.original, picture.len()),
        };
        let path = if written.is_some() { to } else { from }.to_owned();
        let (width, height) = (turned.width, turned.height);
        Ok(ConvertedFile { path, kept, format, width, height, original_len: picture.len(), len })
    }

    /// The bytes of a file, if they are not too many; a file that grows meanwhile is not read further than that.
    fn read(&self, from: &Path) -> Result<Vec<u8>> {
        let unreadable = |error| of_file(Fault::Unreadable, "from", from, error);
        let file = File::open(from).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        let most = self.limits.bytes as u64;
        let mut picture = Vec::new();
        if length <= most {
            picture.reserve(usize::try_from(length).unwrap_or(0));
            file.take(most.saturating_add(1)).read_to_end(&mut picture).map_err(unreadable)?;
        }
        let length = length.max(picture.len() as u64);
        if length > most {
            return Err(too_many_bytes(length, self.limits).with("path", from.display()));
        }
        Ok(picture)
    }
}

impl ConvertedFile {
    /// What is left of the original's bytes: 0.25 is a quarter of them, 1.0 all.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        ratio(self.original_len, self.len)
    }

    /// The part of the original's bytes that is saved, `1.0 - ratio`.
    #[must_use]
    pub fn saving(&self) -> f64 {
        1.0 - self.ratio()
    }
}
