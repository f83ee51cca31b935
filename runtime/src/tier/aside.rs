//! Setting a damaged store aside: renamed, not deleted, so that it can be looked at; one at a time.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

const MARK: &str = ".set-aside-";

/// Why a store that is whole is set aside.
pub(super) const MISSED: &str = "it has missed an invalidation, or its process did not end well";

/// Logs that a store begins anew, and why.
pub(super) fn told(tier: &'static str, path: &Path, reason: &'static str) {
    let path = path.display();
    tracing::warn!(tier, %path, reason, "the store is set aside, or deleted where it cannot be renamed, and begins empty");
}

/// The path with something added to its name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Renames a store, made of `path` and of companions named after it, to `<path>.set-aside-<unix ms>`.
///
/// An older store set aside is deleted: one tells what happened, a row of them fills the disk. When renaming is
/// impossible (the path is a mount point, say) the store is deleted in place.
pub(super) fn set_aside(path: &Path, companions: &[&str]) -> io::Result<()> {
    sweep(path);
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let target = beside(path, &format!("{MARK}{millis}"));
    // Companions first: a journal left behind alone would be replayed into the next store.
    for suffix in companions {
        move_or_delete(&beside(path, suffix), &beside(&target, suffix))?;
    }
    move_or_delete(path, &target)
}

/// Deletes what was set aside.
pub(super) fn sweep(path: &Path) {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return };
    let mut prefix = name.to_os_string();
    prefix.push(MARK);
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes()) {
            // What cannot be deleted stays; the next time tries again.
            let _ = delete(&entry.path());
        }
    }
}

fn move_or_delete(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(_) => delete(from).or_else(|_| empty(from)),
        Ok(()) => Ok(()),
    }
}

fn delete(path: &Path) -> io::Result<()> {
    // Not followed: a link is removed, never what it points to.
    if fs::symlink_metadata(path)?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

fn empty(dir: &Path) -> io::Result<()> {
    fs::read_dir(dir)?.try_for_each(|entry| delete(&entry?.path()))
}

/// Which file or directory stands at a path, so that a replaced one is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity(u64, u64);

/// The identity of what stands at this path; `None` if nothing does.
#[cfg(unix)]
pub(super) fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).ok().map(|m| Identity(m.dev(), m.ino()))
}

/// The identity of what stands at this path; here only whether something does.
#[cfg(not(unix))]
pub(super) fn identity(path: &Path) -> Option<Identity> {
    fs::metadata(path).ok().map(|_| Identity(0, 0))
}
