//! Reading what was written: units, bounds, and what is wrong in words.

use std::time::Duration;

use super::value::{How, Raw};
use crate::clock::CENTURY;

/// The largest size: what fits a file offset.
const MOST_BYTES: u64 = i64::MAX as u64;
/// Units of sizes; a number alone is bytes.
const SIZES: [(&str, u64); 10] = [
    ("b", 1),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("", 1),
];

pub(super) fn time(how: How, raw: &Raw, zero: bool) -> Result<Duration, String> {
    let unit = match how {
        How::Seconds => Some(1.0),
        How::Hours => Some(3_600.0),
        _ => None,
    };
    let time = match (raw.number(), unit) {
        (Some(number), _) if number < 0.0 => return Err("is negative".to_owned()),
        (Some(number), _) if !number.is_finite() => return Err("is no finite number".to_owned()),
        (Some(number), Some(unit)) => Duration::try_from_secs_f64(number * unit).unwrap_or(Duration::MAX),
        (Some(0.0), None) => Duration::ZERO,
        (Some(_), None) => return Err("is a number without a unit".to_owned()),
        (None, _) => duration(raw.text().ok_or_else(|| raw.sort())?)?,
    };
    if time > CENTURY {
        return Err("is longer than a century".to_owned());
    }
    if time.as_millis() == 0 && !zero {
        return Err(if time.is_zero() { "is zero" } else { "is less than a millisecond" }.to_owned());
    }
    Ok(time)
}

fn duration(text: &str) -> Result<Duration, String> {
    match text.trim() {
        "" => Err("is empty".to_owned()),
        text if text.starts_with('-') => Err("is negative".to_owned()),
        text => humantime::parse_duration(text).map_err(|wrong| match wrong {
            humantime::DurationError::NumberOverflow => "is too long".to_owned(),
            _ => "is no duration".to_owned(),
        }),
    }
}

pub(super) fn bytes(how: How, raw: &Raw) -> Result<u64, String> {
    let unit = if how == How::Mebibytes { (1_u64 << 20) as f64 } else { 1.0 };
    let bytes = match raw.number() {
        Some(number) if number < 0.0 => return Err("is negative".to_owned()),
        // Exact where it can be.
        Some(_) if how != How::Mebibytes => raw.whole().ok_or("is no whole number of bytes")?,
        Some(number) => (number * unit) as i128,
        None => i128::from(size(raw.text().ok_or_else(|| raw.sort())?)?),
    };
    match u64::try_from(bytes) {
        Ok(0) => Err("is zero".to_owned()),
        Ok(bytes) if bytes <= MOST_BYTES => Ok(bytes),
        _ => Err("is too large".to_owned()),
    }
}

/// `64MiB`, `1.5 GB`.
fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    if text.starts_with('-') {
        return Err("is negative".to_owned());
    }
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..end], text[end..].trim().to_ascii_lowercase());
    let unit = SIZES.iter().find(|(word, _)| *word == unit).map(|(_, bytes)| *bytes).ok_or("is no size")?;
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(unit).ok_or_else(|| "is too large".to_owned());
    }
    let number = number.parse::<f64>().map_err(|_| "is no size".to_owned())?;
    Ok((number * unit as f64) as u64)
}

pub(super) fn count(raw: &Raw, least: u64, most: u64) -> Result<u64, String> {
    let number = raw.whole().ok_or_else(|| raw.sort())?;
    match u64::try_from(number) {
        _ if number < 0 => Err("is negative".to_owned()),
        Ok(number) if number < least => Err(format!("is less than {least}")),
        Ok(number) if number <= most => Ok(number),
        _ => Err("is too large".to_owned()),
    }
}

pub(super) fn share(raw: &Raw, least: f64, most: f64) -> Result<f64, String> {
    let number = raw.number().ok_or_else(|| raw.sort())?;
    if (least..=most).contains(&number) { Ok(number) } else { Err("is outside of that".to_owned()) }
}

pub(super) fn word(raw: &Raw, words: &[&str]) -> Result<String, String> {
    let said = match raw {
        Raw::Switch(on) => on.to_string(),
        raw => raw.text().ok_or_else(|| raw.sort())?.trim().to_ascii_lowercase(),
    };
    if words.contains(&said.as_str()) { Ok(said) } else { Err("is no such word".to_owned()) }
}

pub(super) fn text(raw: &Raw) -> Result<String, String> {
    match raw.text() {
        Some(text) if text.trim().is_empty() => Err("is empty".to_owned()),
        Some(text) => Ok(text.to_owned()),
        None => Err(raw.sort()),
    }
}

pub(super) fn list(raw: &Raw) -> Result<Vec<String>, String> {
    match raw {
        Raw::List(items) => items.iter().map(text).collect(),
        Raw::Loose(words) => {
            Ok(words.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect())
        }
        raw => Err(raw.sort()),
    }
}

impl Raw {
    /// What it is, in words.
    pub(super) fn sort(&self) -> String {
        match self {
            Self::Loose(_) => "is a text that cannot be read".to_owned(),
            Self::Text(_) => "is a text".to_owned(),
            Self::Whole(_) => "is a whole number".to_owned(),
            Self::Part(_) => "is a number with a fraction".to_owned(),
            Self::Switch(_) => "is a switch".to_owned(),
            Self::List(_) => "is a list".to_owned(),
            Self::Table => "is a table".to_owned(),
            Self::Nothing => "has no value".to_owned(),
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Loose(text) | Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Whole(whole) => Some(*whole as f64),
            Self::Part(part) => Some(*part),
            // Not `inf` or `nan`, which are words.
            Self::Loose(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        }
    }

    pub(super) fn whole(&self) -> Option<i128> {
        match self {
            Self::Whole(whole) => Some(*whole),
            Self::Loose(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(super) fn switch(&self) -> Option<bool> {
        match self {
            Self::Switch(on) => Some(*on),
            Self::Loose(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Some(true),
                "false" | "0" | "no" | "off" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }
}
