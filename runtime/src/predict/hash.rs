//! Short names of keys and contexts. Seeds are fixed: the same accesses always lead to the same predictions.

/// What a key is called in here: 32 bits of its hash. Two keys of one name lead to a wrong prediction, nothing else.
pub(super) type Id = u32;

/// One in so many contexts is still watched while nothing is predicted.
pub(super) const SAMPLED: u64 = 8;

const ONE: u64 = 0x243F_6A88_85A3_08D3;
const TWO: u64 = 0x1319_8A2E_0370_7344;

/// SplitMix64's last steps.
pub(super) const fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[allow(clippy::cast_possible_truncation, reason = "half of the hash")]
pub(super) const fn id(key: u64) -> Id {
    (mix(key) >> 32) as Id
}

/// What came last: one key, or two in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Context(u64);

impl Context {
    pub(super) const fn one(last: Id) -> Self {
        Self(mix(ONE ^ last as u64))
    }

    pub(super) const fn two(before: Id, last: Id) -> Self {
        Self(mix(TWO ^ ((before as u64) << 32 | last as u64)))
    }

    pub(super) const fn hash(self) -> u64 {
        self.0
    }

    /// Is this one of the few that are always watched? By its own hash, so that each is seen fully or not at all.
    pub(super) const fn is_sampled(self) -> bool {
        self.0 >> 32 & (SAMPLED - 1) == 0
    }
}
