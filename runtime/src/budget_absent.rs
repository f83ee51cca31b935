//! Without feature `rate` there are no budgets, and attributes that ask for one do not compile.

use std::sync::Arc;

use crate::clock::{Clock, Millis};
use crate::rate::Rate;

#[derive(Debug, Default)]
pub(crate) struct Budgets;

#[derive(Debug)]
pub(crate) enum Budget {}

pub(crate) struct Spent {
    pub(crate) rate: Rate,
    pub(crate) wait: Millis,
}

impl Budgets {
    pub(crate) fn of(&self, _: &str, _: Option<Rate>, _: &Clock) -> Option<Arc<Budget>> {
        None
    }
}

impl Budget {
    pub(crate) fn spend(&self) -> Result<(), Spent> {
        match *self {}
    }

    #[cfg(feature = "_seen")]
    pub(crate) fn spend_aside(&self) -> bool {
        match *self {}
    }

    pub(crate) fn rests(&self, _: Millis) -> bool {
        match *self {}
    }
}
