//! What settings hold, and how it is read from what somebody wrote.

use std::fmt::Write as _;
use std::time::Duration;

use super::read::{bytes, count, list, share, text, time, word};

/// What a setting can be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Switch,
    /// A duration; zero only where it means something.
    Time {
        zero: bool,
    },
    /// A size, more than zero.
    Bytes,
    Count {
        least: u64,
        most: u64,
    },
    /// A level of compression.
    Level,
    /// A number between two others.
    Share {
        least: f64,
        most: f64,
    },
    /// One of these words.
    Word(&'static [&'static str]),
    /// What other systems let one choose, and this one does not.
    Only {
        word: &'static str,
        why: &'static str,
    },
    Text,
    /// A text that is never shown.
    Secret,
    List,
    /// So many in a time, such as `100/s`.
    Rate,
}

/// How a name of another system is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// As the setting itself.
    Same,
    /// A number is so many seconds; a duration with its unit is taken, too.
    Seconds,
    /// A number is so many hours.
    Hours,
    /// A number is so many MiB; a size with its unit is taken, too.
    Mebibytes,
    /// One of several whose sum the setting is.
    Part,
    /// On, if it is this word; another known word says nothing.
    Is(&'static str, &'static [&'static str]),
    /// A switch: `false` is this number, `true` says nothing.
    Off(u64),
}

/// What a setting was set to.
#[derive(Clone, PartialEq)]
pub(super) enum Value {
    Switch(bool),
    Time(Duration),
    Number(u64),
    Level(i32),
    Share(f64),
    Text(String),
    List(Vec<String>),
}

/// What somebody wrote.
#[derive(Clone)]
pub(super) enum Raw {
    /// A text that stands for whatever it looks like: of a variable.
    Loose(String),
    Text(String),
    Whole(i128),
    Part(f64),
    Switch(bool),
    List(Vec<Raw>),
    Table,
    Nothing,
}

impl Kind {
    pub(super) const TIME: Self = Self::Time { zero: false };
    pub(super) const TIME_OR_ZERO: Self = Self::Time { zero: true };

    /// From this number on.
    pub(super) const fn from(least: u64) -> Self {
        Self::Count { least, most: u64::MAX }
    }

    /// What is expected, in words.
    pub(super) fn expects(self, how: How) -> String {
        match how {
            How::Seconds => return "a number of seconds, or a duration such as `10m`".to_owned(),
            How::Hours => return "a number of hours, or a duration such as `24h`".to_owned(),
            How::Mebibytes => return "a number of MiB, or a size such as `64MiB`".to_owned(),
            How::Is(word, others) => return format!("one of `{word}`, {}", quoted(others)),
            How::Off(_) => return "`true` or `false`".to_owned(),
            How::Same | How::Part => {}
        }
        match self {
            Self::Switch => "`true` or `false`".to_owned(),
            Self::Time { .. } => "a duration such as `10m`, `500ms` or `1h 30m`".to_owned(),
            Self::Bytes => "a size such as `64MiB`, or a number of bytes".to_owned(),
            Self::Count { least, most: u64::MAX } => format!("a whole number from {least} on"),
            Self::Count { least, most } => format!("a whole number from {least} to {most}"),
            Self::Level => "a whole number".to_owned(),
            Self::Share { least, most } => format!("a number from {least} to {most}"),
            Self::Word(words) => format!("one of {}", quoted(words)),
            Self::Only { word, why } => format!("`{word}`: {why}"),
            Self::Text | Self::Secret => "a text".to_owned(),
            Self::List => "a list of texts, in a variable with commas between them".to_owned(),
            Self::Rate => "a rate such as `100/s`, `5/m`, `10/h` or `1000/d`".to_owned(),
        }
    }

    /// The word for the kind in the table.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Switch => "switch",
            Self::Time { .. } => "duration",
            Self::Bytes => "size",
            Self::Count { .. } | Self::Level | Self::Share { .. } => "number",
            Self::Word(_) | Self::Only { .. } => "word",
            Self::Text => "text",
            Self::Secret => "secret text",
            Self::List => "list",
            Self::Rate => "rate",
        }
    }

    /// The value that was written, or what is wrong with it. `None` where a name of another system says nothing about the
    /// setting. What was written is not repeated: it may stand in the wrong place, and be a secret.
    pub(super) fn read(self, how: How, raw: &Raw) -> Result<Option<Value>, String> {
        let wrong = |why: &str| format!("{why}: expected is {}", self.expects(how));
        match how {
            How::Is(word, others) => {
                let said = raw.text().ok_or_else(|| wrong(&raw.sort()))?.to_ascii_lowercase();
                let known = said == word || others.contains(&said.as_str());
                return if known {
                    Ok((said == word).then_some(Value::Switch(true)))
                } else {
                    Err(wrong("is no such word"))
                };
            }
            How::Off(number) => {
                let on = raw.switch().ok_or_else(|| wrong(&raw.sort()))?;
                return Ok((!on).then_some(Value::Number(number)));
            }
            How::Seconds | How::Hours | How::Mebibytes | How::Same | How::Part => {}
        }
        let value = match self {
            Self::Switch => raw.switch().map(Value::Switch).ok_or_else(|| raw.sort()),
            Self::Time { zero } => time(how, raw, zero).map(Value::Time),
            Self::Bytes => bytes(how, raw).map(Value::Number),
            Self::Count { least, most } => count(raw, least, most).map(Value::Number),
            Self::Level => raw.whole().and_then(|n| i32::try_from(n).ok()).map(Value::Level).ok_or_else(|| raw.sort()),
            Self::Share { least, most } => share(raw, least, most).map(Value::Share),
            Self::Word(words) => word(raw, words).map(Value::Text),
            Self::Only { word: only, .. } => word(raw, &[only]).map(Value::Text),
            Self::Text | Self::Secret | Self::Rate => text(raw).map(Value::Text),
            Self::List => list(raw).map(Value::List),
        };
        value.map(Some).map_err(|why| wrong(&why))
    }
}

fn quoted(words: &[&str]) -> String {
    let mut out = String::new();
    for (at, word) in words.iter().enumerate() {
        // A text takes whatever it is given.
        let _ = write!(out, "{}`{word}`", if at == 0 { "" } else { ", " });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, how: How, text: &str) -> Result<Option<Value>, String> {
        kind.read(how, &Raw::Loose(text.to_owned()))
    }

    #[test]
    fn durations_have_units_unless_the_name_says_which() {
        let time = |how, text| match read(Kind::TIME, how, text) {
            Ok(Some(Value::Time(time))) => Ok(time.as_millis()),
            Ok(_) => Err("no time".to_owned()),
            Err(why) => Err(why.split(':').next().unwrap_or("").to_owned()),
        };
        assert_eq!(time(How::Same, "1h 30m"), Ok(5_400_000));
        assert_eq!(time(How::Same, "500ms"), Ok(500));
        assert_eq!(time(How::Seconds, "0.1"), Ok(100));
        assert_eq!(time(How::Seconds, "10m"), Ok(600_000));
        assert_eq!(time(How::Hours, "2"), Ok(7_200_000));
        for (how, text, why) in [
            (How::Same, "300", "is a number without a unit"),
            (How::Same, "-5m", "is negative"),
            (How::Same, "0s", "is zero"),
            (How::Same, "0", "is zero"),
            (How::Same, "10us", "is less than a millisecond"),
            (How::Same, "soon", "is no duration"),
            (How::Same, "", "is empty"),
            (How::Same, "1000y", "is longer than a century"),
            (How::Same, "99999999999999999999s", "is too long"),
            (How::Seconds, "-1", "is negative"),
            (How::Seconds, "1e300", "is longer than a century"),
            (How::Seconds, "nan", "is no duration"),
        ] {
            assert_eq!(time(how, text), Err(why.to_owned()), "{text}");
        }
    }

    #[test]
    fn sizes_are_bytes_or_have_a_unit() {
        let size = |how, text| match read(Kind::Bytes, how, text) {
            Ok(Some(Value::Number(bytes))) => Some(bytes),
            _ => None,
        };
        assert_eq!(size(How::Same, "64MiB"), Some(64 << 20));
        assert_eq!(size(How::Same, "1.5 GB"), Some(1_500_000_000));
        assert_eq!(size(How::Same, "1024"), Some(1024));
        assert_eq!(size(How::Mebibytes, "100"), Some(100 << 20));
        assert_eq!(size(How::Mebibytes, "1GiB"), Some(1 << 30));
        for text in ["0", "-1", "64MeB", "1e9", "999999999999TiB", "0.4", "MiB", "", "1.2.3MiB"] {
            assert_eq!(size(How::Same, text), None, "{text}");
        }
    }

    #[test]
    fn what_was_written_is_not_repeated() {
        let secret = "redis://:hunter2@host";
        for kind in [Kind::Switch, Kind::TIME, Kind::Bytes, Kind::from(1), Kind::Word(&["a"]), Kind::Level] {
            let why = read(kind, How::Same, secret).err().unwrap_or_default();
            assert!(!why.is_empty() && !why.contains("hunter2"), "{why}");
        }
    }

    #[test]
    fn a_text_of_a_file_is_no_number_and_no_switch() {
        let text = Raw::Text("1".to_owned());
        assert!(Kind::Switch.read(How::Same, &text).is_err());
        assert!(Kind::from(0).read(How::Same, &text).is_err());
        assert!(Kind::from(0).read(How::Same, &Raw::Whole(1)).is_ok());
    }

    #[test]
    fn numbers_keep_to_their_bounds() {
        let count = Kind::Count { least: 1, most: 64 };
        assert!(read(count, How::Same, "64").is_ok());
        for text in ["0", "65", "-1", "1.5", "many"] {
            assert!(read(count, How::Same, text).is_err(), "{text}");
        }
    }
}
