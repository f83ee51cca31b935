//! A file that is there as a whole, or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::fault::{Fault, of_file};
use super::halt::Halt;
use crate::error::Result;

/// Names of drafts that may be taken already, by programs that were killed.
const TRIES: usize = 64;

/// A file beside the one it is to become. Removed when it is dropped.
struct Draft {
    path: PathBuf,
    file: File,
}

/// Writes a file: beside its place, then to its place.
pub(super) fn write(to: &Path, bytes: &[u8], halt: &Halt) -> Result<()> {
    let unwritable = |error| of_file(Fault::Unwritable, "to", to, error);
    let mut draft = Draft::beside(to).map_err(unwritable)?;
    draft.file.write_all(bytes).map_err(unwritable)?;
    // Else a machine that loses its power may know the new name before it has the bytes.
    draft.file.sync_all().map_err(unwritable)?;
    halt.go_on()?;
    fs::rename(&draft.path, to).map_err(unwritable)
}

impl Draft {
    fn beside(to: &Path) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
        for _ in 0..TRIES {
            let name = format!(".webp-{}-{}.part", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let path = to.with_file_name(name);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok(Self { path, file }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Once it is renamed, there is nothing of that name.
        let _ = fs::remove_file(&self.path);
    }
}
