//! Whether a body may run, where the site has a budget for that; and what its caller gets if it may not.

use super::Miss;
use crate::budget::Budget;
use crate::depth::Depth;
use crate::error::{Error, ErrorKind, Result};
use crate::flight::Told;
use crate::key::KeyPart;
use crate::outcome::Shape;
use crate::shelf::Shelf;
use crate::stats::count;

impl<K, S, R, D, V> Miss<K, S, R, D, V>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    R: Send + 'static,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    /// Takes one load out of the site's budget, and puts it on the bill of who loads ahead. Asked last, when nothing but the
    /// body can answer.
    pub(super) fn afford(&self, shelf: &Shelf<K, V, R>) -> Result<()> {
        if let Some(budget) = &shelf.budget {
            self.spend(shelf, budget)?;
        }
        if let Some(bill) = self.ahead.as_ref().and_then(|ahead| ahead.bill.as_ref()) {
            count(&bill.loads);
        }
        Ok(())
    }

    fn spend(&self, shelf: &Shelf<K, V, R>, budget: &Budget) -> Result<()> {
        budget.spend().map_err(|spent| {
            count(&shelf.counters.rate_refused);
            let text = "the function has loaded as often as its `rate` allows; ask later, raise it, or allow `stale`";
            Error::new(ErrorKind::Rate, text)
                .with("site", &shelf.sign.name)
                .with("rate", spent.rate)
                .with("retry_after_ms", spent.wait)
        })
    }

    /// For a caller whose load would be his alone: an old value if one is allowed, else the refusal.
    pub(super) fn do_without(&self, shelf: &Shelf<K, V, R>, refused: Error) -> R {
        match self.usable(self.fallback.clone()) {
            Some(old) => self.tell(shelf, Told::Stale(old.value)),
            None => self.tell(shelf, Told::Refused(refused)),
        }
    }
}
