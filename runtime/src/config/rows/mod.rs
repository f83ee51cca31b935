//! The table of all settings, section by section. Everything else is made from it: what is read, what is refused and in
//! which words, and the documentation.

mod below;
mod compression;
mod general;
mod sites;
mod sources;

use super::setting::Setting;

const SECTIONS: [&[Setting]; 5] = [general::ROWS, sites::ROWS, below::ROWS, compression::ROWS, sources::ROWS];

/// All settings there are.
pub(super) fn all() -> impl Iterator<Item = &'static Setting> {
    SECTIONS.into_iter().flatten()
}
