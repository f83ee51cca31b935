//! Dates and times of chrono and time, behind their features.

use std::hash::{Hash, Hasher};

use super::std_parts::itself;
use super::{KeyPart, KeyWriter};

#[cfg(feature = "chrono")]
itself!(chrono::NaiveDate => |t, out| out.text(&format!("{t:?}")));

#[cfg(feature = "chrono")]
itself!(chrono::NaiveTime, chrono::NaiveDateTime => |t, out| chrono_text(t, out));

#[cfg(feature = "chrono")]
itself!(chrono::DateTime<chrono::Utc> => |t, out| chrono_text(&t.naive_utc(), out));

/// A leap second is written as the second that follows; where that is no 60th, it could be that itself.
#[cfg(feature = "chrono")]
fn chrono_text(time: &(impl std::fmt::Debug + chrono::Timelike), out: &mut KeyWriter) {
    out.text(&format!("{time:?}"));
    if time.nanosecond() >= 1_000_000_000 && time.second() != 59 {
        out.literal("_");
    }
}

#[cfg(feature = "time")]
itself!(time::Date, time::Time, time::PrimitiveDateTime => |t, out| out.text(&t.to_string()));

/// The moment and the offset: what is shown of it may depend on both, though `==` looks at the moment alone.
#[cfg(feature = "time")]
impl KeyPart for time::OffsetDateTime {
    type Owned = (i128, i32);

    fn to_owned_part(&self) -> Self::Owned {
        moment(self)
    }

    fn hash_part<H: Hasher>(&self, state: &mut H) {
        moment(self).hash_part(state);
    }

    fn same_part(&self, owned: &Self::Owned) -> bool {
        moment(self) == *owned
    }

    fn write_part(&self, out: &mut KeyWriter) {
        moment(self).write_part(out);
    }
}

/// Nanoseconds since the epoch, and seconds of offset.
#[cfg(feature = "time")]
fn moment(time: &time::OffsetDateTime) -> (i128, i32) {
    (time.unix_timestamp_nanos(), time.offset().whole_seconds())
}
