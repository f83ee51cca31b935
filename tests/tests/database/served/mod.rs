//! The promises of databases that are servers, on the one that is called `here` in them: what is ended, dies or stands still.

mod dead;
mod ended;
mod frozen;

use super::here;
