//! `"1h30m"` to milliseconds, at compile time.

use syn::{Error, LitStr, Result};

/// The units, longest first, as they must follow one another.
const UNITS: &[(&str, u64)] =
    &[("d", 24 * 60 * 60 * 1000), ("h", 60 * 60 * 1000), ("m", 60 * 1000), ("s", 1000), ("ms", 1)];

/// A hundred years of 365.25 days, as everywhere else: sums of a few durations and a time never overflow.
const LONGEST: u64 = 36_525 * 24 * 60 * 60 * 1000;

/// The milliseconds a literal stands for.
pub(crate) fn parse(lit: &LitStr) -> Result<u64> {
    millis(&lit.value()).map_err(|why| Error::new(lit.span(), why))
}

/// The two times of `"adaptive(30s..1h)"`, in milliseconds.
pub(crate) fn range(lit: &LitStr) -> Result<(u64, u64)> {
    between(&lit.value()).map_err(|why| Error::new(lit.span(), why))
}

fn between(text: &str) -> std::result::Result<(u64, u64), String> {
    let inside = text.strip_prefix("adaptive(").and_then(|rest| rest.strip_suffix(')'));
    let shape = || format!("`{text}` does not say between which times: write it like \"adaptive(30s..1h)\"");
    let (least, most) = inside.and_then(|inside| inside.split_once("..")).ok_or_else(shape)?;
    let (least, most) = (millis(least.trim())?, millis(most.trim())?);
    match (least, most) {
        (0, _) => Err("the shortest life cannot be zero: give one such as \"1s\"".to_owned()),
        _ if least >= most => {
            Err(format!("`{text}` begins with the shorter time: write it like \"adaptive(30s..1h)\""))
        }
        _ => Ok((least, most)),
    }
}

fn millis(text: &str) -> std::result::Result<u64, String> {
    let shape =
        || format!("`{text}` is not a duration: write it like \"500ms\", \"30s\", \"10m\", \"1h30m\" or \"7d\"");
    let mut rest = text;
    let mut units = UNITS;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        if number.is_empty() {
            return Err(shape());
        }
        if unit.is_empty() {
            return Err(format!("`{text}` has no unit: write \"{text}s\" for seconds"));
        }
        let at = units
            .iter()
            .position(|(name, _)| *name == unit)
            .ok_or_else(|| no_such(unit, number).unwrap_or_else(shape))?;
        let part = number.parse::<u64>().ok().and_then(|n| n.checked_mul(units[at].1));
        total = part
            .and_then(|part| total.checked_add(part))
            .filter(|&total| total <= LONGEST)
            .ok_or_else(|| format!("`{text}` is too long: a duration is \"36525d\" at most"))?;
        units = &units[at + 1..];
        rest = tail;
    }
    if text.is_empty() { Err(shape()) } else { Ok(total) }
}

/// A unit that is meant well, or stands in the wrong place.
fn no_such(unit: &str, number: &str) -> Option<String> {
    let short = match unit.trim() {
        "millis" | "msec" | "milliseconds" => "ms",
        "sec" | "secs" | "second" | "seconds" | "S" => "s",
        "min" | "mins" | "minute" | "minutes" | "M" => "m",
        "hr" | "hrs" | "hour" | "hours" | "H" => "h",
        "day" | "days" | "D" => "d",
        "w" | "week" | "weeks" => return Some(format!("there is no unit `{}`: count in days, `7d`", unit.trim())),
        "d" | "h" | "m" | "s" | "ms" if unit == unit.trim() => {
            return Some(format!(
                "`{unit}` is in the wrong place: units go from long to short, each once, as in \"1h30m\""
            ));
        }
        known @ ("d" | "h" | "m" | "s" | "ms") => known,
        _ => return None,
    };
    Some(format!("there is no unit `{unit}`: write \"{number}{short}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_to_the_millisecond() {
        for (text, ms) in [
            ("500ms", 500),
            ("0s", 0),
            ("30s", 30_000),
            ("10m", 600_000),
            ("1h", 3_600_000),
            ("1h30m", 5_400_000),
            ("7d", 604_800_000),
            ("36525d", 3_155_760_000_000),
            ("1d1h1m1s1ms", 90_061_001),
        ] {
            assert_eq!(millis(text), Ok(ms), "{text}");
        }
    }

    #[test]
    fn two_times_are_a_range() {
        assert_eq!(between("adaptive(30s..1h)"), Ok((30_000, 3_600_000)));
        assert_eq!(between("adaptive(1s .. 90s)"), Ok((1_000, 90_000)));
        for (text, says) in [
            ("adaptive", "between which times"),
            ("adaptive(30s)", "between which times"),
            ("adaptive(30s..1h", "between which times"),
            ("adaptive(..1h)", "write it like"),
            ("adaptive(0s..1h)", "cannot be zero"),
            ("adaptive(1h..30s)", "begins with the shorter"),
            ("adaptive(1h..1h)", "begins with the shorter"),
            ("adaptive(30..1h)", "has no unit"),
        ] {
            let said = between(text).expect_err(text);
            assert!(said.contains(says), "{text}: {said}");
        }
    }

    #[test]
    fn what_is_not_a_duration_says_how_to_write_one() {
        for (text, says) in [
            ("", "write it like"),
            ("soon", "write it like"),
            ("-5s", "write it like"),
            ("1.5h", "write it like"),
            ("m", "write it like"),
            ("10", "write \"10s\" for seconds"),
            ("1h30", "has no unit"),
            ("10 m", "write \"10m\""),
            ("10min", "write \"10m\""),
            ("5secs", "write \"5s\""),
            ("2w", "count in days"),
            ("30m1h", "from long to short"),
            ("1h1h", "from long to short"),
            ("36526d", "too long"),
            ("99999999999999999999s", "too long"),
            ("５s", "write it like"),
        ] {
            let said = millis(text).expect_err(text);
            assert!(said.contains(says), "{text}: {said}");
        }
    }
}
