//! How many loads may run in a time.

use std::fmt;
use std::time::Duration;

use crate::clock::Millis;
#[cfg(feature = "rate")]
use crate::error::{Error, Result};

/// How many loads of one function may run in a second, a minute, an hour or a day: what `rate = "100/s"` says.
///
/// So many may run at once, and one more each time its part of the unit has passed. A configuration's text is read by
/// [`str::parse`] (feature `rate`, without which there are none).
///
/// ```
/// # #[cfg(feature = "rate")]
/// # fn read() -> cached_runtime::Result<()> {
/// let rate: cached_runtime::Rate = "5/m".parse()?;
/// assert_eq!((rate.loads(), rate.to_string().as_str()), (5, "5/m"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    loads: u32,
    per: Millis,
}

const UNITS: [(&str, Millis); 4] = [("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Where one load follows the other by a nanosecond.
#[cfg(feature = "rate")]
const MOST: u32 = 1_000_000_000;

impl Rate {
    /// As the attribute has checked it.
    pub(crate) const fn of(loads: u32, per: Millis) -> Self {
        Self { loads, per }
    }

    /// So many loads.
    #[must_use]
    pub const fn loads(&self) -> u32 {
        self.loads
    }

    /// In this time.
    #[must_use]
    pub const fn per(&self) -> Duration {
        Duration::from_millis(self.per)
    }
}

/// # Errors
/// A `Config` error for what is no rate from `1/d` to `1000000000/s`.
#[cfg(feature = "rate")]
impl std::str::FromStr for Rate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::config("rate", "write it like `100/s`, `5/m`, `10/h` or `1000/d`");
        let (loads, unit) = text.split_once('/').ok_or_else(wrong)?;
        let digits = loads.bytes().all(|byte| byte.is_ascii_digit());
        let loads = loads.parse().ok().filter(|loads| digits && (1..=MOST).contains(loads)).ok_or_else(wrong)?;
        let per = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, per)| *per).ok_or_else(wrong)?;
        Ok(Self { loads, per })
    }
}

/// As it is written.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, per)| *per == self.per).map_or("", |(name, _)| name);
        write!(f, "{}/{unit}", self.loads)
    }
}
