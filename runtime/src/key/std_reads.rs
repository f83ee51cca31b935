//! Parts from std, and from uuid, chrono and time behind their features, read back out of their text.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroIsize, NonZeroU8, NonZeroU16, NonZeroU32,
    NonZeroU64, NonZeroU128, NonZeroUsize,
};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::ReadPart;
use super::read::{bytes_of, exact, parts_of, text_of};

/// Types with a text of their own; the closure may take other spellings of a value too.
macro_rules! spelled {
    ($($ty:ty),* => $read:expr) => {$(
        impl ReadPart for $ty {
            fn read_part(text: &str) -> Option<Self> {
                let read: fn(&str) -> Option<Self> = $read;
                exact(read(text)?, text)
            }
        }
    )*};
}

spelled!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, bool => |text| text.parse().ok());
spelled!(NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64, NonZeroU128, NonZeroUsize => |text| text.parse().ok());
spelled!(NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroIsize => |text| text.parse().ok());
spelled!(char, IpAddr, Ipv4Addr, Ipv6Addr => |text| text_of(text)?.parse().ok());
spelled!(SocketAddr => socket_address);
spelled!(String => text_of);
spelled!(OsString => |text| os_string(bytes_of(text)?));
spelled!(Duration => duration);
spelled!(SystemTime => |text| match text.strip_prefix('-') {
    Some(before) => UNIX_EPOCH.checked_sub(duration(before)?),
    None => UNIX_EPOCH.checked_add(duration(text)?),
});
spelled!(f32 => |text| match text.strip_prefix("NaN") {
    Some(bits) => Some(Self::from_bits(u32::from_str_radix(bits, 16).ok()?)),
    None => text.parse().ok(),
});
spelled!(f64 => |text| match text.strip_prefix("NaN") {
    Some(bits) => Some(Self::from_bits(u64::from_str_radix(bits, 16).ok()?)),
    None => text.parse().ok(),
});

#[cfg(feature = "uuid")]
spelled!(uuid::Uuid => |text| text.parse().ok());

#[cfg(feature = "chrono")]
spelled!(chrono::NaiveDate, chrono::NaiveTime, chrono::NaiveDateTime => |text| text_of(text)?.parse().ok());

#[cfg(feature = "chrono")]
spelled!(chrono::DateTime<chrono::Utc> => |text| Some(text_of(text)?.parse::<chrono::NaiveDateTime>().ok()?.and_utc()));

#[cfg(feature = "time")]
spelled!(time::Date => |text| date(&text_of(text)?));

#[cfg(feature = "time")]
spelled!(time::Time => |text| time_of_day(&text_of(text)?));

#[cfg(feature = "time")]
spelled!(time::PrimitiveDateTime => |text| {
    let text = text_of(text)?;
    let (day, time) = text.split_once(' ')?;
    Some(Self::new(date(day)?, time_of_day(time)?))
});

#[cfg(feature = "time")]
spelled!(time::OffsetDateTime => |text| {
    let (nanos, offset) = <(i128, i32)>::read_part(text)?;
    let offset = time::UtcOffset::from_whole_seconds(offset).ok()?;
    Self::from_unix_timestamp_nanos(nanos).ok()?.checked_to_offset(offset)
});

/// `[::1]:80`, and behind it `_7` if it has a flow.
fn socket_address(text: &str) -> Option<SocketAddr> {
    let (address, flow) = match text.split_once('_') {
        Some((address, flow)) => (address, flow.parse().ok()?),
        None => (text, 0),
    };
    let mut address: SocketAddr = text_of(address)?.parse().ok()?;
    if let SocketAddr::V6(address) = &mut address {
        address.set_flowinfo(flow);
    }
    Some(address)
}

fn duration(text: &str) -> Option<Duration> {
    let (seconds, nanos) = text.split_once('.')?;
    // More than a second of them would be carried over, beyond the largest duration with a panic.
    let nanos = nanos.parse().ok().filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(seconds.parse().ok()?, nanos))
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "elsewhere not all bytes are text of the system")]
fn os_string(bytes: Vec<u8>) -> Option<OsString> {
    Some(std::os::unix::ffi::OsStringExt::from_vec(bytes))
}

/// What is not Unicode is not read back here: it takes unsafe code to make text of the system from it.
#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> Option<OsString> {
    String::from_utf8(bytes).ok().map(OsString::from)
}

/// `2026-05-01`, with a sign in front of years that need one: the crate reads only with a feature that it has no need of
/// to write.
#[cfg(feature = "time")]
fn date(text: &str) -> Option<time::Date> {
    let mut fields = text.rsplitn(3, '-');
    let (day, month, year) = (fields.next()?, fields.next()?, fields.next()?);
    let month = time::Month::try_from(month.parse::<u8>().ok()?).ok()?;
    time::Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()
}

/// `7:05:00.25`
#[cfg(feature = "time")]
fn time_of_day(text: &str) -> Option<time::Time> {
    let (whole, part) = text.split_once('.')?;
    let mut fields = whole.split(':').map(|field| field.parse().ok());
    let (hour, minute, second) = (fields.next()??, fields.next()??, fields.next()??);
    time::Time::from_hms_nano(hour, minute, second, format!("{part:0<9}").parse().ok()?).ok()
}

impl<T: ReadPart> ReadPart for Option<T> {
    fn read_part(text: &str) -> Option<Self> {
        match text.strip_prefix('~') {
            Some("") => Some(None),
            // Something that itself begins with `~` was given one more.
            Some(part) if part.starts_with('~') => T::read_part(part).map(Some),
            Some(_) => None,
            None => T::read_part(text).map(Some),
        }
    }
}

impl<T: ReadPart> ReadPart for Vec<T> {
    fn read_part(text: &str) -> Option<Self> {
        parts_of(text)?.into_iter().map(T::read_part).collect()
    }
}

impl<T: ReadPart, const N: usize> ReadPart for [T; N] {
    fn read_part(text: &str) -> Option<Self> {
        Vec::read_part(text)?.try_into().ok()
    }
}

impl<T: ReadPart + Ord> ReadPart for BTreeSet<T> {
    fn read_part(text: &str) -> Option<Self> {
        let items = Vec::<T>::read_part(text)?;
        items.is_sorted_by(|a, b| a < b).then(|| items.into_iter().collect())
    }
}

impl<K: ReadPart + Ord, V: ReadPart> ReadPart for BTreeMap<K, V> {
    fn read_part(text: &str) -> Option<Self> {
        let pairs = Vec::<(K, V)>::read_part(text)?;
        pairs.is_sorted_by(|(a, _), (b, _)| a < b).then(|| pairs.into_iter().collect())
    }
}

impl<T: ToOwned<Owned: ReadPart> + ?Sized> ReadPart for Cow<'_, T> {
    fn read_part(text: &str) -> Option<Self> {
        T::Owned::read_part(text).map(Cow::Owned)
    }
}

/// Types that stand for another part.
macro_rules! stands_for {
    ($([$($g:tt)*] $ty:ty => $target:ty;)*) => {$(
        impl<$($g)*> ReadPart for $ty {
            fn read_part(text: &str) -> Option<Self> {
                <$target>::read_part(text).map(Self::from)
            }
        }
    )*};
}

stands_for! {
    [T: ReadPart] Box<T> => T;
    [T: ReadPart] Arc<T> => T;
    [T: ReadPart] Rc<T> => T;
    [T: ReadPart] Box<[T]> => Vec<T>;
    [T: ReadPart] Arc<[T]> => Vec<T>;
    [T: ReadPart] Rc<[T]> => Vec<T>;
    [T: ReadPart] VecDeque<T> => Vec<T>;
    [] Box<str> => String;
    [] Arc<str> => String;
    [] Rc<str> => String;
    [] Box<OsStr> => OsString;
    [] Arc<OsStr> => OsString;
    [] Rc<OsStr> => OsString;
    [] PathBuf => OsString;
    [] Box<Path> => PathBuf;
    [] Arc<Path> => PathBuf;
    [] Rc<Path> => PathBuf;
}
