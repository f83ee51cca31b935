//! One binary; a module per promise.

mod behind;
mod chaos;
mod guard;
mod shelf;
