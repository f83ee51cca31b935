//! A file is there as a whole, or not at all.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, spawn};

use cached_runtime::image::{Fault, Format, Kept, Limits, WebP, fault};
use cached_runtime::{Error, ErrorKind};
use image::codecs::jpeg::JpegEncoder;
use tempfile::TempDir;

use super::pictures::{decoded, drawing, photograph, png};

/// A room with one picture in it.
fn room(name: &str, picture: &[u8]) -> (TempDir, PathBuf) {
    let room = tempfile::tempdir().unwrap();
    let from = room.path().join(name);
    fs::write(&from, picture).unwrap();
    (room, from)
}

/// All that lies there, hidden or not.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

/// A JPEG of which WebP would make more.
fn poor() -> Vec<u8> {
    let mut poor = Vec::new();
    JpegEncoder::new_with_quality(&mut poor, 5).encode_image(&decoded(&photograph())).unwrap();
    poor
}

#[track_caller]
fn refused(done: cached_runtime::Result<cached_runtime::image::ConvertedFile>, setting: &str) -> Error {
    let error = done.unwrap_err();
    assert_eq!((error.kind(), error.context("setting")), (ErrorKind::Config, Some(setting)), "{error}");
    error
}

#[test]
fn a_picture_is_written_beside_its_original() {
    let original = photograph();
    let (room, from) = room("louvre.jpg", &original);
    let to = room.path().join("louvre.webp");
    let done = WebP::new().convert_file(&from, &to).unwrap();
    let written = fs::read(&to).unwrap();
    assert_eq!((done.kept, done.format, &done.path), (Kept::WebP, Format::WebP, &to));
    assert_eq!((done.original_len, done.len), (original.len(), written.len()));
    assert_eq!((done.width, done.height), (320, 180));
    assert!((done.ratio() - written.len() as f64 / original.len() as f64).abs() < 1e-9);
    assert_eq!(WebP::new().convert(&original).unwrap().bytes, written);
    assert_eq!(fs::read(&from).unwrap(), original);
    assert_eq!(names(room.path()), ["louvre.jpg", "louvre.webp"], "and nothing else");
}

#[test]
fn what_is_in_a_file_decides_and_not_its_name() {
    for name in ["picture.txt", "picture.png", "picture"] {
        let (room, from) = room(name, &photograph());
        let done = WebP::new().convert_file(&from, room.path().join("out.WEBP")).unwrap();
        assert_eq!(done.kept, Kept::WebP, "{name}");
    }
    let (room, from) = room("picture.jpg", b"only said to be one");
    let error = WebP::new().convert_file(&from, room.path().join("out.webp")).unwrap_err();
    assert_eq!(fault(&error), Some(Fault::NotAPicture));
    assert_eq!(error.context("path"), from.to_str());
}

#[test]
fn another_name_than_one_of_webp_is_refused() {
    let (room, from) = room("picture.jpg", &photograph());
    for name in ["out.jpg", "out", "webp", ".webp", "out.webp.bak"] {
        let error = refused(WebP::new().convert_file(&from, room.path().join(name)), "to");
        assert!(error.to_string().contains(".webp"), "{error}");
    }
    assert_eq!(names(room.path()), ["picture.jpg"]);
}

#[test]
fn what_would_be_no_smaller_is_not_written_under_a_name_of_webp() {
    let (room, from) = room("poor.jpg", &poor());
    let to = room.path().join("poor.webp");
    let done = WebP::new().quality(100).convert_file(&from, &to).unwrap();
    assert_eq!((done.kept, done.format, &done.path), (Kept::Original, Format::Jpeg, &from));
    assert_eq!((done.len, done.original_len), (poor().len(), poor().len()));
    assert_eq!(names(room.path()), ["poor.jpg"]);
    // Who wants one all the same gets one.
    let done = WebP::new().quality(100).never_larger(false).convert_file(&from, &to).unwrap();
    assert_eq!((done.kept, done.path), (Kept::WebP, to.clone()));
    assert!(fs::read(&to).unwrap().len() > poor().len());
}

#[test]
fn an_original_that_is_webp_and_smaller_is_copied() {
    let small = WebP::new().quality(5).convert(&photograph()).unwrap().bytes;
    let (room, from) = room("small.webp", &small);
    let to = room.path().join("copy.webp");
    let done = WebP::new().quality(100).convert_file(&from, &to).unwrap();
    assert_eq!((done.kept, done.format, &done.path), (Kept::Original, Format::WebP, &to));
    assert_eq!(fs::read(&to).unwrap(), small);
    // In its own place there is nothing to do, or it is replaced.
    assert_eq!(WebP::new().quality(100).convert_file(&from, &from).unwrap().kept, Kept::Original);
    assert_eq!(fs::read(&from).unwrap(), small);
    assert_eq!(WebP::new().quality(0).convert_file(&from, &from).unwrap().kept, Kept::WebP);
    assert!(fs::read(&from).unwrap().len() < small.len());
    assert_eq!(names(room.path()), ["copy.webp", "small.webp"]);
}

#[test]
fn what_was_there_stays_after_an_error_and_is_replaced_as_a_whole_without_one() {
    let (room, from) = room("broken.png", &png(&drawing(64, 64, false))[..200]);
    let to = room.path().join("picture.webp");
    fs::write(&to, b"from before").unwrap();
    let error = WebP::new().convert_file(&from, &to).unwrap_err();
    assert_eq!((fault(&error), error.context("path")), (Some(Fault::Broken), from.to_str()));
    assert_eq!(fs::read(&to).unwrap(), b"from before");
    // A second name for the file that was there: what is written into it would be seen here.
    let before = room.path().join("before.webp");
    fs::hard_link(&to, &before).unwrap();
    fs::write(&from, png(&drawing(64, 64, false))).unwrap();
    WebP::new().convert_file(&from, &to).unwrap();
    assert_eq!(decoded(&fs::read(&to).unwrap()).width(), 64);
    assert_eq!(fs::read(&before).unwrap(), b"from before");
    assert_eq!(names(room.path()), ["before.webp", "broken.png", "picture.webp"]);
}

#[cfg(unix)]
#[test]
fn a_new_file_is_open_to_whom_new_files_are_and_one_that_replaces_to_whom_that_was() {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let (room, from) = room("picture.jpg", &photograph());
    let (usual, to) = (room.path().join("usual"), room.path().join("picture.webp"));
    fs::write(&usual, b"").unwrap();
    WebP::new().convert_file(&from, &to).unwrap();
    assert_eq!(mode(&to), mode(&usual));
    for kept in [0o600, 0o664, 0o444] {
        fs::set_permissions(&to, fs::Permissions::from_mode(kept)).unwrap();
        assert_eq!(WebP::new().convert_file(&from, &to).unwrap().kept, Kept::WebP);
        assert_eq!(mode(&to), kept);
    }
    assert_eq!(names(room.path()), ["picture.jpg", "picture.webp", "usual"]);
}

#[test]
fn places_that_cannot_be_read_or_written_are_named() {
    let (room, from) = room("picture.jpg", &photograph());
    let webp = WebP::new();
    let nowhere = room.path().join("nowhere").join("out.webp");
    let error = refused(webp.convert_file(&from, &nowhere), "to");
    assert_eq!((fault(&error), error.context("path")), (Some(Fault::Unwritable), nowhere.to_str()));
    let error = refused(webp.convert_file(room.path().join("none.jpg"), room.path().join("out.webp")), "from");
    assert_eq!(fault(&error), Some(Fault::Unreadable));
    refused(webp.convert_file(room.path(), room.path().join("out.webp")), "from");
    // Where a folder is, no file can be: and what was begun beside it is gone.
    let folder = room.path().join("folder.webp");
    fs::create_dir(&folder).unwrap();
    let error = refused(webp.convert_file(&from, &folder), "to");
    assert_eq!((fault(&error), error.context("left_behind")), (Some(Fault::Unwritable), None));
    assert_eq!(names(room.path()), ["folder.webp", "picture.jpg"]);
}

#[test]
fn a_file_over_the_limit_is_not_read() {
    let original = photograph();
    let (room, from) = room("picture.jpg", &original);
    let limited = WebP::new().limits(Limits::new().bytes(original.len() - 1));
    let error = limited.convert_file(&from, room.path().join("out.webp")).unwrap_err();
    assert_eq!((fault(&error), error.context("path")), (Some(Fault::TooManyBytes), from.to_str()));
    // One that never says how long it is, and never ends.
    let error = limited.convert_file("/dev/zero", room.path().join("out.webp")).unwrap_err();
    assert_eq!(fault(&error), Some(Fault::TooManyBytes));
    assert_eq!(names(room.path()), ["picture.jpg"]);
}

/// A file whose reader waits until it is fed.
pub(super) struct Held(PathBuf);

/// Who feeds it.
pub(super) struct Feeder {
    open: Receiver<()>,
    go: Sender<()>,
    thread: JoinHandle<()>,
}

impl Held {
    pub(super) fn new(path: &Path) -> Self {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        Self(path.to_owned())
    }

    /// Feeds it with a picture, when it is told to.
    pub(super) fn feeder(self) -> Feeder {
        let ((opened, open), (go, told)) = (channel(), channel());
        let feed = move || {
            // Opens when somebody reads.
            let mut file = File::options().write(true).open(self.0).unwrap();
            opened.send(()).unwrap();
            told.recv().unwrap();
            file.write_all(&png(&drawing(64, 48, false))).unwrap();
        };
        Feeder { open, go, thread: spawn(feed) }
    }
}

impl Feeder {
    /// Waits until the file is being read.
    pub(super) fn read(&self) {
        self.open.recv().unwrap();
    }

    pub(super) fn feed(self) {
        self.go.send(()).unwrap();
        self.thread.join().unwrap();
    }
}
