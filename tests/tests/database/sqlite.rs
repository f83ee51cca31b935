pub(crate) use crate::rig::sqlite as here;

#[path = "promises/mod.rs"]
mod promises;
