//! Variables of the environment: `CACHED_..` with `__` between words, and the names of other systems.

use std::ffi::OsString;

use figment::value::Value as Figured;

use super::file::parse;
use super::layer::{Claims, Layer, Settled, described, unknown};
use super::place::{Place, shown};
use super::value::Raw;
use crate::error::{Error, Result};
use crate::site;

/// What the names of our own begin with.
pub(super) const PREFIX: &str = "CACHED_";
/// The variable that names the file.
pub(super) const FILE: &str = "CACHED_CONFIG";
/// Variables that begin so and are read elsewhere: by the terminal, and by the project's own tests.
const ELSEWHERE: [&str; 9] = [
    FILE,
    "CACHED_ADMIN_URL",
    "CACHED_ADMIN_TOKEN",
    "CACHED_SEED",
    "CACHED_SCHEMA",
    "CACHED_FULL",
    "CACHED_GOLDEN",
    "CACHED_OUTBOX",
    "CACHED_TRACES",
];

/// The variables that are settings, of all there are.
///
/// # Errors
/// A `Config` error for one of them that is no text.
pub(super) fn ours(all: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Vec<(String, String)>> {
    let mut ours = Vec::new();
    for (name, text) in all {
        let Some(name) = name.to_str() else { continue };
        if !is_ours(name) {
            continue;
        }
        let text = text.into_string().map_err(|_| {
            Error::config("config", "is no text in UTF-8").with("from", Place::Variable(name.to_owned()))
        })?;
        // As if it were not there: that is how an empty one is meant in a compose file.
        if !text.trim().is_empty() {
            ours.push((name.to_owned(), text));
        }
    }
    ours.sort();
    Ok(ours)
}

fn is_ours(name: &str) -> bool {
    name == FILE || name.starts_with(PREFIX) && !ELSEWHERE.contains(&name) || is_described(name)
}

fn is_described(name: &str) -> bool {
    super::rows::all().flat_map(|row| row.described).any(|other| other.is_variable() && other.name == name)
}

/// What these variables say.
pub(super) fn read(variables: &[(String, String)]) -> Result<Settled> {
    let mut claims = Claims::default();
    for (name, text) in variables.iter().filter(|(name, _)| name != FILE) {
        let place = |_: &[String], _: &Figured| Place::Variable(name.clone());
        let mut layer = Layer::new(&place, true);
        match name.strip_prefix(PREFIX) {
            Some(words) => own(&mut layer, name, words, text)?,
            None => {
                for (setting, how, star) in described(name) {
                    layer.claim(
                        setting,
                        how,
                        star.to_owned(),
                        &Raw::Loose(text.clone()),
                        Place::Variable(name.clone()),
                    )?;
                }
            }
        }
        claims.join(layer.claims());
    }
    claims.settle()
}

/// `NEAR__BYTES`, `SITES__APP_VIDEO_FRAMES__TTL`, `TTL_PATTERNS` with a table in it.
fn own(layer: &mut Layer<'_>, name: &str, words: &str, text: &str) -> Result<()> {
    let mut path: Vec<String> = words.split("__").map(str::to_ascii_lowercase).collect();
    if path.first().is_some_and(|section| section == "sites") && path.len() > 1 {
        path[1] = site_of(&path[1], name)?;
    }
    let value = match text.trim() {
        // A whole section.
        table if table.starts_with('{') => inline(table, name)?,
        list if list.starts_with('[') && !list.contains("://[") => inline(list, name)?,
        _ => Figured::from(text.to_owned()),
    };
    if path.iter().any(String::is_empty) {
        return Err(unknown(&[shown(words)], &Place::Variable(name.to_owned())));
    }
    layer.path(path, &value)
}

/// A table or a list, as TOML writes it.
fn inline(text: &str, name: &str) -> Result<Figured> {
    let parsed = parse(&format!("it = {text}")).ok().and_then(|mut dict| dict.remove("it"));
    parsed.ok_or_else(|| {
        Error::config("config", "is no table or list of TOML, such as `{\"query:*\" = \"5m\"}`")
            .with("from", Place::Variable(name.to_owned()))
    })
}

/// The function that a variable means: its name with `_` for each dot, or the end of that.
fn site_of(word: &str, variable: &str) -> Result<String> {
    let plain = |name: &str| name.replace(['.', '-', ':'], "_").to_ascii_lowercase();
    let is_meant = |name: &str| {
        let name = plain(name);
        name == word || name.strip_suffix(word).is_some_and(|head| head.ends_with('_'))
    };
    let mut names: Vec<&str> = site::linked().map(site::Site::name).collect();
    names.sort_unstable();
    names.dedup();
    let exact = names.iter().find(|name| plain(name) == word);
    let meant: Vec<&&str> = names.iter().filter(|name| is_meant(name)).collect();
    let refuse = |why: &str| Error::config("sites", why).with("from", Place::Variable(variable.to_owned()));
    match (exact, meant.as_slice()) {
        (Some(name), _) => Ok((*name).to_owned()),
        (None, [name]) => Ok((**name).to_owned()),
        (None, []) => Err(refuse("there is no cached function of this name")),
        (None, [one, other, ..]) => Err(refuse("several cached functions have this name: write more of it")
            .with("one", one)
            .with("other", other)),
    }
}
