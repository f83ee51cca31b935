//! What a file and the environment say is what the cache does; what they say wrong is told, and where.

mod advice;
mod described;
mod doors;
mod hostile;
mod layers;
mod reload;
mod rig;
mod sites;
mod wrong;
