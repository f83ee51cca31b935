//! What a site's calls were followed by.

use std::any::Any;
use std::fmt;
use std::sync::OnceLock;

use crate::predict::{Figures, Limits, Predictor};

/// The predictor of one shelf, whatever the arguments of its function are.
#[derive(Default)]
pub(crate) struct Foresight(OnceLock<Box<dyn Foresees>>);

trait Foresees: Any + Send + Sync {
    fn figures(&self) -> Figures;
    fn as_any(&self) -> &dyn Any;
}

impl<T: Clone + Send + Sync + 'static> Foresees for Predictor<T> {
    fn figures(&self) -> Figures {
        self.figures()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Foresight {
    /// Made when it is first asked for: few sites ask.
    pub(crate) fn predictor<T: Clone + Send + Sync + 'static>(&self, limits: Limits) -> Option<&Predictor<T>> {
        let make = || -> Box<dyn Foresees> { Box::new(Predictor::<T>::new(limits)) };
        self.0.get_or_init(make).as_any().downcast_ref()
    }

    pub(crate) fn figures(&self) -> Option<Figures> {
        self.0.get().map(|predictor| predictor.figures())
    }
}

impl fmt::Debug for Foresight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Foresight").field("in_use", &self.0.get().is_some()).finish()
    }
}
