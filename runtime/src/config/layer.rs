//! What one source says: every name found in the table, read by its kind, and one word for each setting.

use std::collections::BTreeMap;

use figment::value::{Dict, Num, Value as Figured};

use super::nearest::nearest;
use super::place::{Place, written};
use super::rows;
use super::setting::Setting;
use super::value::{How, Raw, Value};
use crate::error::{Error, Result};
use crate::key::{Pattern, check_namespace};

/// A setting that was said.
#[derive(Clone)]
pub(super) struct Said {
    pub(super) setting: &'static Setting,
    /// What stands for `*` in its name.
    pub(super) star: String,
    pub(super) value: Value,
    pub(super) place: Place,
    /// The source that says it; a later one counts before it.
    pub(super) source: usize,
}

/// By the name that it has with its `*` filled in.
pub(super) type Settled = BTreeMap<String, Said>;

/// What one source says, before it is settled.
pub(super) struct Layer<'a> {
    claims: Claims,
    place: &'a dyn Fn(&[String], &Figured) -> Place,
    /// Is a text also what it looks like?
    loose: bool,
}

/// All that one source says.
#[derive(Default)]
pub(super) struct Claims(Vec<Claim>);

struct Claim {
    how: How,
    said: Said,
}

/// A name of the table that was found.
struct Known {
    setting: &'static Setting,
    how: How,
    star: String,
}

impl<'a> Layer<'a> {
    pub(super) fn new(place: &'a dyn Fn(&[String], &Figured) -> Place, loose: bool) -> Self {
        Self { claims: Claims::default(), place, loose }
    }

    /// All that stands in a table. What stands under `cache` is as if it stood above it.
    pub(super) fn table(&mut self, dict: &Dict) -> Result<()> {
        for (key, value) in dict {
            match value {
                Figured::Dict(_, dict) if key == "cache" => self.walk(&mut vec![key.clone()], 1, dict)?,
                value => self.entry(&mut vec![key.clone()], 0, value)?,
            }
        }
        Ok(())
    }

    fn walk(&mut self, path: &mut Vec<String>, from: usize, dict: &Dict) -> Result<()> {
        for (key, value) in dict {
            path.push(key.clone());
            self.entry(path, from, value)?;
            path.pop();
        }
        Ok(())
    }

    /// One key. Below a section of the table it goes on, so never deeper than the table does.
    fn entry(&mut self, path: &mut Vec<String>, from: usize, value: &Figured) -> Result<()> {
        let known = find(&path[from..]);
        if !known.is_empty() {
            let raw = raw(value, self.loose);
            for Known { setting, how, star } in known {
                self.claim(setting, how, star, &raw, (self.place)(path, value))?;
            }
            return Ok(());
        }
        match value {
            Figured::Dict(_, dict) if is_section(&path[from..]) => self.walk(path, from, dict),
            value if is_section(&path[from..]) => Err(no_table(path, &(self.place)(path, value))),
            value => Err(unknown(&path[from..], &(self.place)(path, value))),
        }
    }

    /// One key by its path.
    pub(super) fn path(&mut self, mut path: Vec<String>, value: &Figured) -> Result<()> {
        let from = usize::from(path.first().is_some_and(|first| first == "cache") && path.len() > 1);
        self.entry(&mut path, from, value)
    }

    /// What was found.
    pub(super) fn claims(self) -> Claims {
        self.claims
    }

    /// Something under a name that is known.
    pub(super) fn claim(
        &mut self,
        setting: &'static Setting,
        how: How,
        star: String,
        raw: &Raw,
        place: Place,
    ) -> Result<()> {
        let refuse = |why: String| {
            Error::config(setting.name, why).with("field", field(setting, &star)).with("from", place.to_string())
        };
        check_star(setting, &star).map_err(|error| refuse(error.message().to_owned()))?;
        if let Some(value) = setting.kind.read(how, raw).map_err(refuse)? {
            self.claims.0.push(Claim { how, said: Said { setting, star, value, place, source: 0 } });
        }
        Ok(())
    }
}

impl Claims {
    /// What another part of the same source says.
    pub(super) fn join(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// One word for each setting.
    ///
    /// # Errors
    /// A `Config` error that names both, where two names say different things.
    pub(super) fn settle(self) -> Result<Settled> {
        let mut settled = Settled::new();
        let (parts, whole): (Vec<Claim>, Vec<Claim>) = self.0.into_iter().partition(|claim| claim.how == How::Part);
        for said in sums(parts).into_iter().chain(whole.into_iter().map(|claim| claim.said)) {
            let field = field(said.setting, &said.star);
            match settled.get(&field) {
                Some(other) if other.value != said.value => return Err(contradiction(&field, other, &said)),
                Some(_) => {}
                None => drop(settled.insert(field, said)),
            }
        }
        Ok(settled)
    }
}

/// What several names say together.
fn sums(parts: Vec<Claim>) -> Vec<Said> {
    let mut sums: Vec<Said> = Vec::new();
    for Claim { said, .. } in parts {
        match sums.iter_mut().find(|sum| std::ptr::eq(sum.setting, said.setting)) {
            Some(sum) => {
                if let (Value::Number(sum), Value::Number(more)) = (&mut sum.value, &said.value) {
                    *sum = sum.saturating_add(*more);
                }
            }
            None => sums.push(said),
        }
    }
    sums
}

pub(super) fn contradiction(field: &str, one: &Said, other: &Said) -> Error {
    Error::config(one.setting.name, "two names of one setting say different things: keep one of them")
        .with("field", field)
        .with("one", &one.place)
        .with("other", &other.place)
}

fn no_table(path: &[String], place: &Place) -> Error {
    Error::config("config", "expected is a table of settings").with("field", written(path)).with("from", place)
}

pub(super) fn unknown(path: &[String], place: &Place) -> Error {
    let advice = match nearest(&path.join(".")) {
        Some(name) => format!("there is no setting of this name: is `{name}` meant?"),
        None => "there is no setting of this name: `Config::table` lists all".to_owned(),
    };
    Error::config("config", advice).with("field", written(path)).with("from", place)
}

/// The name of a setting with its `*` filled in.
pub(super) fn field(setting: &Setting, star: &str) -> String {
    let filled: Vec<&str> = setting.name.split('.').map(|word| if word == "*" { star } else { word }).collect();
    written(&filled)
}

/// The settings of this name: one of its own, or what another system calls so, which may be two.
fn find(path: &[String]) -> Vec<Known> {
    let own = rows::all().find_map(|setting| {
        let star = matches(setting.name, path, true)?;
        Some(Known { setting, how: setting.how, star: star.to_owned() })
    });
    if let Some(own) = own {
        return vec![own];
    }
    let name = path.join(".");
    let known = |(setting, how, star): (_, _, &str)| Known { setting, how, star: star.to_owned() };
    described(&name).map(known).collect()
}

/// The settings that another system calls so.
pub(super) fn described(name: &str) -> impl Iterator<Item = (&'static Setting, How, &'static str)> {
    rows::all().flat_map(move |setting| {
        let named = setting.described.iter().filter(move |other| other.name == name);
        named.map(move |other| (setting, other.how, other.star))
    })
}

/// Does the name of some setting begin so?
fn is_section(path: &[String]) -> bool {
    rows::all().any(|row| {
        matches(row.name, path, false).is_some()
            || row.described.iter().any(|other| matches(other.name, path, false).is_some())
    })
}

/// What `*` stands for, if the whole name is this path, or begins with it.
fn matches<'p>(name: &str, path: &'p [String], whole: bool) -> Option<&'p str> {
    let mut star = "";
    let mut words = name.split('.');
    for key in path {
        match words.next()? {
            "*" => star = key,
            word if word == key => {}
            _ => return None,
        }
    }
    (words.next().is_none() == whole).then_some(star)
}

/// Is this a name that can be meant?
fn check_star(setting: &Setting, star: &str) -> Result<()> {
    match setting.section() {
        "ttl_patterns" => Pattern::new(star).map(drop),
        "near" if setting.name.contains('*') => check_namespace("namespace_limit", star),
        _ if setting.name.contains('*') && star.trim().is_empty() => Err(Error::config("config", "needs a name")),
        _ => Ok(()),
    }
}

fn raw(value: &Figured, loose: bool) -> Raw {
    match value {
        Figured::String(_, text) if loose => Raw::Loose(text.clone()),
        Figured::String(_, text) => Raw::Text(text.clone()),
        Figured::Char(_, letter) => Raw::Text(letter.to_string()),
        Figured::Bool(_, on) => Raw::Switch(*on),
        Figured::Num(_, number) => of_number(*number),
        Figured::Empty(..) => Raw::Nothing,
        Figured::Dict(..) => Raw::Table,
        Figured::Array(_, items) => Raw::List(items.iter().map(|item| raw(item, loose)).collect()),
    }
}

fn of_number(number: Num) -> Raw {
    let signed = || number.to_i128();
    let unsigned = || number.to_u128().map(|whole| i128::try_from(whole).unwrap_or(i128::MAX));
    match unsigned().or_else(signed) {
        Some(whole) => Raw::Whole(whole),
        None => Raw::Part(number.to_f64().unwrap_or(f64::NAN)),
    }
}
