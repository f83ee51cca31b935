//! Reading a file that may be anything.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use figment::providers::{Format, Toml};
use figment::value::Dict;

use super::layer::{Layer, Settled};
use super::place::Place;
use crate::error::{Error, Result};

/// No configuration is larger.
pub(super) const MOST: u64 = 1 << 20;

/// The text of a file.
///
/// # Errors
/// A `Config` error that names the file and says what it is instead.
pub(super) fn text_of(path: &Path) -> Result<String> {
    let refuse = |why: &str| Error::config("config", why).with("file", path.display());
    let unread = |error: std::io::Error| refuse("the file cannot be read").because(error);
    // Asked for before it is opened: to open a pipe waits for who writes to it.
    let meta = path.metadata().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => refuse("there is no such file"),
        _ => unread(error),
    })?;
    if !meta.is_file() {
        return Err(refuse(if meta.is_dir() { "is a directory: expected is a file" } else { "is no ordinary file" }));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes)).map_err(unread)?;
    if bytes.len() as u64 > MOST {
        return Err(refuse("is larger than 1 MiB"));
    }
    String::from_utf8(bytes).map_err(|_| refuse("is no text in UTF-8"))
}

/// What a file's text says.
pub(super) fn read(path: &Path, text: &str) -> Result<Settled> {
    let dict = parse(text).map_err(|(at, why)| {
        let (line, column) = place_of(text, at);
        Error::config("config", format!("is no TOML: {why}"))
            .with("file", path.display())
            .with("line", line)
            .with("column", column)
    })?;
    let place = |key: &[String], _: &_| Place::File { file: path.into(), key: super::place::written(key) };
    let mut layer = Layer::new(&place, false);
    layer.table(&dict)?;
    layer.claims().settle()
}

/// The tables of a text, or where it ends to be TOML and why. The text around it is not repeated: it may hold secrets.
pub(super) fn parse(text: &str) -> std::result::Result<Dict, (usize, String)> {
    Toml::from_str::<Dict>(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        (at, error.message().lines().collect::<Vec<_>>().join(", "))
    })
}

/// Line and column, from 1 on.
fn place_of(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or(before);
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}
