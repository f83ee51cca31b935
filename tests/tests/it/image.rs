//! Pictures become WebP, whole or not at all, never larger, and once for each content.

mod batch;
mod cached;
mod files;
mod formats;
mod hostile;
mod pictures;
mod refused;
mod saving;
mod sizes;
mod synthetic;
mod upright;
