//! `"100/s"` to a number of loads and the time in which they may run, at compile time.

use syn::{Error, LitStr, Result};

/// So many loads may run within so many milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) loads: u32,
    pub(crate) per: u64,
}

const UNITS: &[(&str, u64)] = &[("s", 1000), ("m", 60 * 1000), ("h", 60 * 60 * 1000), ("d", 24 * 60 * 60 * 1000)];

/// Where one load follows the other by a nanosecond.
const MOST: u32 = 1_000_000_000;

/// The rate a literal stands for.
pub(crate) fn parse(lit: &LitStr) -> Result<Rate> {
    rate(&lit.value()).map_err(|why| Error::new(lit.span(), why))
}

fn rate(text: &str) -> std::result::Result<Rate, String> {
    let shape = || format!("`{text}` is not a rate: write it like \"100/s\", \"5/m\", \"10/h\" or \"1000/d\"");
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(digits);
    if number.is_empty() {
        return Err(shape());
    }
    if rest.is_empty() {
        return Err(format!("`{text}` does not say how often: write \"{text}/s\" for each second"));
    }
    let unit = rest.strip_prefix('/').ok_or_else(shape)?;
    let per = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, per)| *per);
    let per = per.ok_or_else(|| no_such(unit, number).unwrap_or_else(shape))?;
    let loads = number.parse().ok().filter(|&loads| loads <= MOST);
    match loads {
        Some(0) => Err("`rate` cannot be zero, for nothing would ever be loaded: leave the option out, or give one such as \"1/s\"".to_owned()),
        Some(loads) => Ok(Rate { loads, per }),
        None => Err(format!("`{text}` is too many: a rate is \"{MOST}/{unit}\" at most")),
    }
}

/// A unit that is meant well.
fn no_such(unit: &str, number: &str) -> Option<String> {
    let short = match unit.trim() {
        "sec" | "secs" | "second" | "seconds" | "S" | "s" => "s",
        "min" | "mins" | "minute" | "minutes" | "M" | "m" => "m",
        "hr" | "hrs" | "hour" | "hours" | "H" | "h" => "h",
        "day" | "days" | "D" | "d" => "d",
        _ => return None,
    };
    Some(format!("there is no unit `{unit}`: write \"{number}/{short}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read() {
        for (text, loads, per) in
            [("100/s", 100, 1000), ("5/m", 5, 60_000), ("10/h", 10, 3_600_000), ("1/d", 1, 86_400_000)]
        {
            assert_eq!(rate(text), Ok(Rate { loads, per }), "{text}");
        }
        assert!(rate("1000000000/s").is_ok());
    }

    #[test]
    fn what_is_not_a_rate_says_how_to_write_one() {
        for (text, says) in [
            ("", "write it like"),
            ("often", "write it like"),
            ("/s", "write it like"),
            ("-5/s", "write it like"),
            ("1.5/s", "write it like"),
            ("5 /s", "write it like"),
            ("5//s", "write it like"),
            ("5/", "write it like"),
            ("5/w", "write it like"),
            ("５/s", "write it like"),
            ("100", "write \"100/s\""),
            ("100/sec", "write \"100/s\""),
            ("5/ m", "write \"5/m\""),
            ("0/s", "cannot be zero"),
            ("000/h", "cannot be zero"),
            ("1000000001/s", "too many"),
            ("99999999999999999999/s", "too many"),
        ] {
            let said = rate(text).expect_err(text);
            assert!(said.contains(says), "{text}: {said}");
        }
    }
}
