//! Docs, attributes, visibility and generics of the user survive.
#![deny(warnings, missing_docs)]

use cached_runtime::{cache, invalidate};

/// Documented.
pub mod api {
    use super::{cache, invalidate};

    /// Documented.
    #[cache(key = "frames:{id}")]
    #[must_use]
    #[inline(never)]
    pub fn frames(id: u32) -> u32 {
        #![allow(unused_variables)]
        let unused = 1;
        id
    }

    /// Documented.
    #[deprecated(note = "on purpose")]
    #[cache]
    pub async fn old(id: u32) -> u32 {
        id
    }

    /// Documented.
    #[cfg(not(any()))]
    #[cache]
    pub(crate) async fn there(id: u32) -> u32 {
        id
    }

    #[cache]
    #[cfg(any())]
    pub(crate) async fn not_there(id: u32) -> u32 {
        id
    }

    /// Documented.
    #[cache(name = "traced")]
    #[tracing::instrument(skip(id), ret)]
    pub async fn traced(id: u32) -> Option<u32> {
        let half: u32 = "1".parse().ok()?;
        Some(id + half)
    }

    /// Documented.
    #[tracing::instrument(err)]
    #[invalidate(frames(id), when = "before")]
    pub async fn save(id: u32) -> Result<(), std::num::ParseIntError> {
        let _: u32 = "1".parse()?;
        let _ = id;
        Ok(())
    }
}

#[cache(companions = false)]
async fn alone(id: u32) -> u32 {
    id
}

struct Alone;

#[allow(non_snake_case)]
#[cache]
fn str(id: u32) -> u32 {
    let text: &str = "a type of the language keeps its name";
    id + text.len() as u32
}

pub(crate) fn main() {
    assert_eq!(api::frames(1), 1);
    assert_eq!(api::frames::key(1).as_str(), "frames:1");
    drop((api::there(1), api::traced(1), api::save(1), alone(1), str(1)));
    let _ = Alone;
}
