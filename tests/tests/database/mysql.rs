pub(crate) use crate::rig::mysql as here;

#[path = "promises/mod.rs"]
mod promises;

#[path = "served/mod.rs"]
mod served;
