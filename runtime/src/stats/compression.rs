//! What compressing was worth.

use crate::plain::plain;

plain! {
    /// What compressing was worth for one profile, or for one site's entries. Each of the values was compressed, or left as
    /// it was for one of the reasons that are counted.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct CompressStats {
        /// The profile's name.
        pub profile: String,
        /// The method that is used now: `zstd`, or `none`.
        pub method: String,
        /// Its level, 0 where there are none.
        pub level: i32,
        /// Values that came.
        pub values: u64,
        /// Values that were made smaller.
        pub compressed: u64,
        /// Values left as they were because they are shorter than the threshold.
        pub short: u64,
        /// Values left as they were because they had been compressed before, by how they begin.
        pub dense: u64,
        /// Values left as they were because they would not have become smaller.
        pub gainless: u64,
        /// Values left as they were because the profile compressed nothing just then.
        pub off: u64,
        /// Bytes of all values.
        pub bytes_in: u64,
        /// Bytes of what was made of them.
        pub bytes_out: u64,
        /// Seconds spent compressing: an estimate, by the time of one value in sixteen. Where the profile is adaptive, as
        /// measured, and with what it tried.
        pub seconds: f64,
        /// Values that were decompressed.
        pub opened: u64,
        /// Seconds spent decompressing: an estimate, by the time of one value in sixteen.
        pub opened_seconds: f64,
        /// Streams that were refused: broken, foreign, or larger than allowed.
        pub refused: u64,
        /// How often an adaptive profile changed its method or level.
        pub changes: u64,
    }
}

impl CompressStats {
    /// How many times smaller all was made; 1 when nothing came.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        if self.bytes_out == 0 { 1.0 } else { self.bytes_in as f64 / self.bytes_out as f64 }
    }

    /// The part of the bytes that was saved; 0 when nothing came.
    #[must_use]
    pub fn saved(&self) -> f64 {
        if self.bytes_in == 0 { 0.0 } else { 1.0 - self.bytes_out as f64 / self.bytes_in as f64 }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.values += other.values;
        self.compressed += other.compressed;
        self.short += other.short;
        self.dense += other.dense;
        self.gainless += other.gainless;
        self.off += other.off;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.seconds += other.seconds;
        self.opened += other.opened;
        self.opened_seconds += other.opened_seconds;
        self.refused += other.refused;
        self.changes += other.changes;
    }
}
