//! A file that is there as a whole, or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::fault::{Fault, of_file};
use super::halt::Halt;
use crate::chance::Chance;
use crate::error::{Error, Result};

/// Names of drafts that may be taken already, by programs that were killed.
const TRIES: usize = 64;

/// A file beside the one it is to become. Removed when it is dropped before it is that.
struct Draft {
    path: PathBuf,
    file: File,
    /// Is there a file of that name that is ours?
    ours: bool,
}

/// Writes a file: beside its place, then to its place. If that fails, what was begun is removed, or named in the error.
pub(super) fn write(to: &Path, bytes: &[u8], halt: &Halt) -> Result<()> {
    let mut draft = Draft::beside(to).map_err(|error| of_file(Fault::Unwritable, "to", to, error))?;
    draft.become_file(to, bytes, halt).map_err(|error| draft.given_up(error))
}

impl Draft {
    /// Programs of other containers have the same ids and write to the same folder: only chance keeps names apart.
    fn beside(to: &Path) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
        for _ in 0..TRIES {
            let path = to.with_file_name(format!(".webp-{:016x}.part", Chance::unknown().next()));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok(Self { path, file, ours: true }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    fn become_file(&mut self, to: &Path, bytes: &[u8], halt: &Halt) -> Result<()> {
        let unwritable = |error| of_file(Fault::Unwritable, "to", to, error);
        // Before there is anything to be read in it.
        self.open_as(to).map_err(unwritable)?;
        self.file.write_all(bytes).map_err(unwritable)?;
        // Else a machine that loses its power may know the new name before it has the bytes.
        self.file.sync_all().map_err(unwritable)?;
        halt.go_on()?;
        fs::rename(&self.path, to).map_err(unwritable)?;
        // From now on a file of that name is somebody else's.
        self.ours = false;
        Ok(())
    }

    /// To those whom the file is open to that it replaces; a new one to whom new files are.
    #[cfg(unix)]
    fn open_as(&self, replaced: &Path) -> io::Result<()> {
        let Ok(replaced) = fs::metadata(replaced) else { return Ok(()) };
        if !replaced.is_file() || replaced.permissions() == self.file.metadata()?.permissions() {
            return Ok(());
        }
        self.file.set_permissions(replaced.permissions())
    }

    /// Rights are those of the folder.
    #[cfg(not(unix))]
    fn open_as(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Removes it, and says in the error if that failed, too.
    fn given_up(&mut self, error: Error) -> Error {
        match self.remove() {
            Ok(()) => error,
            Err(_) => error.with("left_behind", self.path.display()),
        }
    }

    fn remove(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.ours) {
            return Ok(());
        }
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %self.path.display(), %error, "a file that was begun could not be removed");
                Err(error)
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // A failure is logged, and nobody is left to be told.
        let _ = self.remove();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder for one test.
    struct Room(PathBuf);

    impl Room {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("cached-draft-{:016x}", Chance::unknown().next()));
            fs::create_dir(&path).expect("a folder");
            Self(path)
        }

        fn file(&self) -> PathBuf {
            self.0.join("picture.webp")
        }
    }

    impl Drop for Room {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_draft_that_cannot_be_removed_is_named() {
        let room = Room::new();
        let mut draft = Draft::beside(&room.file()).expect("a draft");
        let path = draft.path.clone();
        // A folder in its place is not removed as a file is, whoever asks.
        fs::remove_file(&path).and_then(|()| fs::create_dir(&path)).expect("a folder");
        let error = draft.given_up(Fault::Unwritable.error("no room"));
        assert_eq!(error.context("left_behind"), path.to_str());
        // One that somebody else has removed is no trouble.
        let mut draft = Draft::beside(&room.file()).expect("a draft");
        fs::remove_file(&draft.path).expect("it is there");
        assert_eq!(draft.given_up(Fault::Unwritable.error("no room")).context("left_behind"), None);
    }

    #[test]
    fn what_bears_the_name_later_is_somebody_elses() {
        let room = Room::new();
        let to = room.file();
        let mut draft = Draft::beside(&to).expect("a draft");
        draft.become_file(&to, b"whole", &Halt::never()).expect("it is written");
        let other = draft.path.clone();
        fs::write(&other, b"of another program").expect("it is written");
        drop(draft);
        assert!(other.exists());
        // The control: one that is dropped half-way is removed.
        let draft = Draft::beside(&to).expect("a draft");
        let path = draft.path.clone();
        assert!(path.exists());
        drop(draft);
        assert!(!path.exists());
    }

    #[test]
    fn no_two_drafts_bear_names_that_another_program_could_draw() {
        let room = Room::new();
        let drafts: Vec<_> = (0..64).map(|_| Draft::beside(&room.file()).expect("a draft")).collect();
        let names = drafts.iter().filter_map(|draft| draft.path.file_name()?.to_str());
        let ids: Vec<u64> = names.map(|name| u64::from_str_radix(&name[6..22], 16).expect("a number")).collect();
        // Of numbers that are counted the upper halves would be equal.
        let upper: std::collections::HashSet<u64> = ids.iter().map(|id| id >> 32).collect();
        assert!(upper.len() > 60, "{} of 64", upper.len());
    }
}
