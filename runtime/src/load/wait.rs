//! Waiting for a flight, and telling its caller how it ended.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::{Miss, run};
use crate::depth::Depth;
use crate::flight::{Alone, Caller, Fallback, Flight, Told, withhold, would_wait_for_itself};
use crate::join::poll_once;
use crate::key::KeyPart;
use crate::outcome::{Shape, Sort};
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
    /// Waits for the flight; with `soft_timeout`, only so long if there is an old value to answer with.
    pub(super) async fn wait(&self, shelf: &Shelf<K, V, R>, flight: &Arc<Flight<V, R>>, leads: bool) -> Told<V, R> {
        let Some(limit) = shelf.policy().soft_timeout else { return flight.wait(leads).await };
        let wait = flight.wait(leads);
        tokio::pin!(wait);
        // What has landed needs no timer, which not every runtime has.
        let soon = match poll_once(wait.as_mut()).await {
            None if limit > 0 => tokio::time::timeout(Duration::from_millis(limit), wait.as_mut()).await.ok(),
            told => told,
        };
        if let Some(told) = soon {
            return told;
        }
        let old = self.fallback.clone().or_else(|| flight.fallback());
        match self.usable(old) {
            Some(old) => {
                count(&shelf.counters.refreshes);
                Told::Stale(old.value)
            }
            None => wait.await,
        }
    }

    pub(super) fn tell(&self, shelf: &Shelf<K, V, R>, told: Told<V, R>) -> R {
        match told {
            Told::Kept(value) => self.shape.join(value),
            Told::Stale(value) => {
                count(&shelf.counters.stale_hits);
                self.shape.join(value)
            }
            Told::Passed(result) => result,
            Told::Withheld(result) => {
                // Neither may a load that asked for it be published.
                withhold();
                result
            }
            Told::Panicked(payload) => std::panic::resume_unwind(payload),
            Told::Refused(error) => match self.options.refuse {
                Some(refuse) => refuse(error),
                None => std::panic::resume_unwind(Box::new(error.to_string())),
            },
            Told::Unshared | Told::Lost => std::panic::resume_unwind(Box::new(format!(
                "the load of `{}` was lost: its runtime ended, or `cache_if`, `ttl_with`, `weigh` or the value's own code panicked",
                shelf.sign.name
            ))),
        }
    }

    pub(super) fn serve_ready(&self, shelf: &Shelf<K, V, R>, ready: &Fallback<V>) -> R {
        shelf.count_hit(&self.key);
        self.shape.join(ready.value.clone())
    }

    /// An error went to another caller and cannot be copied: load for this one, a few at a time.
    pub(super) async fn load_alone<L, F>(&self, shelf: &Shelf<K, V, R>, body: Option<L>) -> R
    where
        L: FnOnce() -> F,
        F: Future<Output = R>,
    {
        // Who holds a turn may wait for a load that comes here too: that one does without.
        let _turn = match would_wait_for_itself(shelf.alone_id) {
            Ok(_waiting) => shelf.alone.acquire().await.ok(),
            Err(()) => None,
        };
        if let Some(value) = self.look_again(shelf) {
            return self.shape.join(value);
        }
        if let Err(refused) = self.afford(shelf) {
            return self.do_without(shelf, refused);
        }
        let _under_way = shelf.board.alone(self.cache.clock().now());
        let birth = self.cache.0.log.birth();
        let alone = Alone::among(shelf.alone_id);
        let result = match self.run_in_time(shelf, alone.chained(shelf.loading(Caller::here()), run(body))).await {
            Ok(result) if alone.is_withheld() => {
                withhold();
                return result;
            }
            Ok(result) => result,
            Err(late) => return self.tell(shelf, Told::Refused(late)),
        };
        match self.shape.split(result) {
            Ok((value, sort)) => {
                let life = self.life(shelf, &value, sort);
                if self.options.cache_if.is_none_or(|keep| keep(&value)) && life.stale_until > life.born {
                    let entry = self.entry(shelf, &value, life, birth);
                    self.insert_unless_newer(shelf, value.clone(), entry);
                }
                self.shape.join(value)
            }
            Err((result, sort)) => {
                if sort == Sort::Failure {
                    count(&shelf.counters.load_errors);
                }
                result
            }
        }
    }
}
