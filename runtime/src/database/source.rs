//! A database as an argument of a `#[cache_query]` function.

use super::Database;
use super::driver::Driver;
use crate::which::{Source, Which};

impl<DB: Driver> Source for Database<DB> {
    fn name(&self) -> &str {
        &self.core.name
    }

    fn which<'a>(&'a self, said: Which<'a>) -> Which<'a> {
        let which = match (said, &self.core.cache) {
            (Which::Installed, Some(cache)) => Which::This(cache),
            (Which::Installed, None) => said,
            (Which::This(cache) | Which::Bypass(cache), _) => {
                // What is written here has to be told there.
                self.core.kept_in(cache);
                said
            }
        };
        if self.in_transaction() { Which::Bypass(which.cache()) } else { which }
    }
}

/// What `#[cache_query(sql = ..)]` and `#[invalidate(sql = ..)]` ask: a [`Database`], by itself, by reference or behind an
/// `Arc`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no database that can be asked",
    label = "the first argument of a function with `sql` is a `&Database<_>`"
)]
pub trait Connected {
    /// Which it is.
    type Driver: Driver;

    /// The database.
    fn database(&self) -> &Database<Self::Driver>;
}

impl<DB: Driver> Connected for Database<DB> {
    type Driver = DB;

    fn database(&self) -> &Self {
        self
    }
}

impl<S: Connected + ?Sized> Connected for &S {
    type Driver = S::Driver;

    fn database(&self) -> &Database<S::Driver> {
        (**self).database()
    }
}

impl<S: Connected + ?Sized> Connected for std::sync::Arc<S> {
    type Driver = S::Driver;

    fn database(&self) -> &Database<S::Driver> {
        (**self).database()
    }
}

/// As an argument is often spelled.
impl<DB: Driver> Source for std::sync::Arc<Database<DB>> {
    fn name(&self) -> &str {
        Source::name(&**self)
    }

    fn which<'a>(&'a self, said: Which<'a>) -> Which<'a> {
        Source::which(&**self, said)
    }
}
