//! Why there is no vector for a text.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use super::vector::MOST_DIMENSIONS;

/// Why there is no vector for a text: the model said so, or what it said cannot be a vector.
#[non_exhaustive]
pub enum EmbedError<E> {
    /// The model's own error, shared by all who waited for a text of the batch.
    Model(Arc<E>),
    /// What was asked, or what the model answered, is refused.
    Refused(Refused),
}

/// What was refused: of which model, for which text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    model: Arc<str>,
    version: u32,
    text: Option<usize>,
    fault: Fault,
}

/// What is wrong with a question or with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// No texts were asked for.
    NoTexts,
    /// The model gave more or fewer vectors than it was asked for: nobody can tell which belongs to what, so the whole
    /// batch is refused.
    Count {
        /// Texts in the batch.
        asked: usize,
        /// Vectors in the answer.
        given: usize,
    },
    /// The vector has no numbers.
    Empty,
    /// The vector is longer than 65,536 numbers.
    TooLong {
        /// How long it is.
        given: usize,
    },
    /// A number is infinite or none at all (NaN).
    NotFinite {
        /// Its place in the vector, from 0 on.
        component: usize,
    },
    /// A number is too large for the precision: [`F16`](super::Precision::F16) ends at 65,520.
    TooLarge {
        /// Its place in the vector, from 0 on.
        component: usize,
    },
    /// The vector is not as long as `dimensions(..)` says, or as others of this model are.
    Length {
        /// How long it should be.
        expected: usize,
        /// How long it is.
        given: usize,
    },
    /// The first vectors of this model have several lengths, none more often than all others: nobody can tell which one
    /// is right.
    Unsettled {
        /// How long it is.
        given: usize,
        /// How long others are.
        other: usize,
    },
}

impl Refused {
    pub(super) const fn new(model: Arc<str>, version: u32, text: Option<usize>, fault: Fault) -> Self {
        Self { model, version, text, fault }
    }

    /// What is wrong.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        self.fault
    }

    /// Which text of the call, from 0 on; `None` if it is about the call as a whole.
    #[must_use]
    pub const fn text(&self) -> Option<usize> {
        self.text
    }

    /// The model's id.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The model's version.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }
}

impl<E> EmbedError<E> {
    /// What was refused, if the model has not failed by itself.
    #[must_use]
    pub const fn refused(&self) -> Option<&Refused> {
        match self {
            Self::Model(_) => None,
            Self::Refused(refused) => Some(refused),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTexts => f.write_str("no texts were given: ask for one at least"),
            Self::Count { asked, given } => {
                write!(f, "it gave {given} vectors for a batch of {asked} texts: give one for each, in order")
            }
            Self::Empty => f.write_str("its vector has no numbers"),
            Self::TooLong { given } => {
                write!(f, "its vector has {given} numbers, and {MOST_DIMENSIONS} are the most that is kept")
            }
            Self::NotFinite { component } => {
                write!(f, "number {component} of its vector is infinite or no number: mend the model")
            }
            Self::TooLarge { component } => {
                write!(f, "number {component} of its vector does not fit into f16: use `Precision::F32`")
            }
            Self::Length { expected, given } => write!(
                f,
                "its vector has {given} numbers, and those of this model have {expected}, by `dimensions(..)` or by what \
                 it gave before: if the model is another one by now, raise `version`"
            ),
            Self::Unsettled { given, other } => write!(
                f,
                "its vector has {given} numbers, and as many others have {other}: say with `dimensions(..)` which is right"
            ),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, version, text, fault } = self;
        write!(f, "the model `{}`, version {version}", crate::key::escape(model))?;
        if let Some(text) = text {
            write!(f, ", text {text} of the call")?;
        }
        write!(f, ": {fault}")
    }
}

impl<E: fmt::Display> fmt::Display for EmbedError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(error) => error.fmt(f),
            Self::Refused(refused) => refused.fmt(f),
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for EmbedError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(error) => f.debug_tuple("Model").field(error).finish(),
            Self::Refused(refused) => f.debug_tuple("Refused").field(refused).finish(),
        }
    }
}

impl<E> Clone for EmbedError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Model(error) => Self::Model(Arc::clone(error)),
            Self::Refused(refused) => Self::Refused(refused.clone()),
        }
    }
}

impl<E: PartialEq> PartialEq for EmbedError<E> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Model(one), Self::Model(other)) => one == other,
            (Self::Refused(one), Self::Refused(other)) => one == other,
            _ => false,
        }
    }
}

impl StdError for Fault {}

impl StdError for Refused {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.fault)
    }
}

impl<E: StdError + 'static> StdError for EmbedError<E> {
    /// The model's error speaks for itself, and so does what is behind it.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Model(error) => error.source(),
            Self::Refused(refused) => refused.source(),
        }
    }
}
