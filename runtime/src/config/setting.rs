//! What one setting is: its name, its kind, its default, what it sets, and what other systems call it.

use std::time::Duration;

use super::value::{How, Kind, Value};
use crate::builder::Builder;
use crate::error::Result;

/// One setting. `*` in its name stands for a name of the user's: of a function, a namespace, a profile, a pattern.
pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// How a value under its own name is read.
    pub(super) how: How,
    /// In words.
    pub(super) default: &'static str,
    /// Does it change while the program runs?
    pub(super) live: bool,
    /// The call that does the same in code.
    pub(super) sets: &'static str,
    pub(super) says: &'static str,
    pub(super) described: &'static [Described],
    pub(super) takes: Takes,
}

/// What another system calls it.
#[derive(Clone, Copy)]
pub(super) struct Described {
    pub(super) name: &'static str,
    pub(super) how: How,
    /// What stands for `*` then.
    pub(super) star: &'static str,
}

/// Who takes it.
#[derive(Clone, Copy)]
pub(super) enum Takes {
    Builder(fn(Builder, &Given<'_>) -> Result<Builder>),
    /// Whoever takes its section as a whole.
    Section,
    /// Nobody: this feature is missing.
    #[allow(dead_code, reason = "with all features nobody is missing")]
    Nobody(&'static str),
}

/// A setting that was set.
pub(super) struct Given<'a> {
    /// What stands for `*` in its name.
    pub(super) star: &'a str,
    pub(super) value: &'a Value,
}

impl Setting {
    pub(super) const fn new(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        sets: &'static str,
        says: &'static str,
    ) -> Self {
        Self { name, kind, how: How::Same, default, live: false, sets, says, described: &[], takes: Takes::Section }
    }

    pub(super) const fn live(mut self) -> Self {
        self.live = true;
        self
    }

    /// A number alone is so many seconds.
    pub(super) const fn or_seconds(mut self) -> Self {
        self.how = How::Seconds;
        self
    }

    pub(super) const fn described(mut self, described: &'static [Described]) -> Self {
        self.described = described;
        self
    }

    pub(super) const fn by(mut self, set: fn(Builder, &Given<'_>) -> Result<Builder>) -> Self {
        self.takes = Takes::Builder(set);
        self
    }

    pub(super) const fn taken(mut self, takes: Takes) -> Self {
        self.takes = takes;
        self
    }

    /// What its name begins with.
    pub(super) fn section(&self) -> &'static str {
        self.name.split('.').next().unwrap_or(self.name)
    }

    /// Its variable, if it can have one by a fixed name.
    pub(super) fn variable(&self) -> String {
        if self.name == "ttl_patterns.*" {
            // Their names are no names of variables.
            return "CACHED_TTL_PATTERNS={..}".to_owned();
        }
        let words: Vec<String> = self
            .name
            .split('.')
            .map(|word| if word == "*" { "<NAME>".to_owned() } else { word.to_ascii_uppercase() })
            .collect();
        format!("{}{}", super::variables::PREFIX, words.join("__"))
    }
}

impl Described {
    pub(super) const fn star(mut self, star: &'static str) -> Self {
        self.star = star;
        self
    }

    /// Is it the name of a variable?
    pub(super) fn is_variable(&self) -> bool {
        self.name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    }
}

/// The same in other words.
pub(super) const fn same(name: &'static str) -> Described {
    Described { name, how: How::Same, star: "" }
}

pub(super) const fn seconds(name: &'static str) -> Described {
    Described { name, how: How::Seconds, star: "" }
}

pub(super) const fn hours(name: &'static str) -> Described {
    Described { name, how: How::Hours, star: "" }
}

pub(super) const fn mebibytes(name: &'static str) -> Described {
    Described { name, how: How::Mebibytes, star: "" }
}

pub(super) const fn part(name: &'static str) -> Described {
    Described { name, how: How::Part, star: "" }
}

pub(super) const fn read_as(name: &'static str, how: How) -> Described {
    Described { name, how, star: "" }
}

/// The kind of a setting decides what its value is; of another kind it never gets here.
#[allow(dead_code, reason = "which kinds are asked for depends on the features")]
impl<'a> Given<'a> {
    pub(super) fn switch(&self) -> bool {
        matches!(self.value, Value::Switch(true))
    }

    pub(super) fn time(&self) -> Duration {
        if let Value::Time(time) = self.value { *time } else { Duration::ZERO }
    }

    pub(super) fn number(&self) -> u64 {
        if let Value::Number(number) = self.value { *number } else { 0 }
    }

    pub(super) fn size(&self) -> usize {
        usize::try_from(self.number()).unwrap_or(usize::MAX)
    }

    pub(super) fn small(&self) -> u32 {
        u32::try_from(self.number()).unwrap_or(u32::MAX)
    }

    pub(super) fn level(&self) -> i32 {
        if let Value::Level(level) = self.value { *level } else { 0 }
    }

    pub(super) fn share(&self) -> f64 {
        if let Value::Share(share) = self.value { *share } else { 0.0 }
    }

    pub(super) fn text(&self) -> &'a str {
        if let Value::Text(text) = self.value { text } else { "" }
    }

    pub(super) fn list(&self) -> &'a [String] {
        if let Value::List(list) = self.value { list } else { &[] }
    }
}

/// `by!("feature", |builder, given| ..)`: who takes a setting, if the feature is there.
macro_rules! by {
    ($feature:literal, $set:expr) => {{
        #[cfg(feature = $feature)]
        {
            $crate::config::setting::Takes::Builder($set)
        }
        #[cfg(not(feature = $feature))]
        {
            $crate::config::setting::Takes::Nobody($feature)
        }
    }};
}
pub(super) use by;
