//! The dashboard in a real browser: what it shows is what the API says, what it does is asked for first, and nothing
//! that others wrote ever runs. Needs `chromedriver` and Chromium; `tests/run.sh` installs them.
#![allow(missing_docs, clippy::unwrap_used)]

mod actions;
mod desk;
mod entry;
mod figures;
mod hostile;
mod pictures;
mod reach;
mod shop;
