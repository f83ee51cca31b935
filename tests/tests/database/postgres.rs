pub(crate) use crate::rig::postgres as here;

#[path = "promises/mod.rs"]
mod promises;

#[path = "served/mod.rs"]
mod served;
