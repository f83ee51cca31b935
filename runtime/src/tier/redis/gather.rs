//! Reads that callers ask for in the same moment travel together.
//!
//! A command that is sent by itself costs a wake-up of the connection's driver and, on the server, often a turn of its
//! loop. Where many callers run in one runtime, those that are ready ask one after the other before the runtime looks at
//! the network again: so what they ask for waits until they have run, and goes as one pipeline. Nobody waits for an answer
//! that is under way, as with Nagle's rule (RFC 896), nor for a time: on a slow network either would cost a round trip.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, RedisResult, Value};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// How many commands travel together at most.
const MOST: usize = 256;
/// How often a carrier whose answer is late looks whether anybody still waits for it.
const LOOK: Duration = Duration::from_millis(100);

/// The reads that are about to leave on one connection. For each [`MOST`] of them, and for the rest, a carrier is on
/// its way.
#[derive(Default)]
pub(super) struct Gather(Mutex<Vec<Ask>>);

/// A command, and who waits for what becomes of it.
struct Ask {
    command: Cmd,
    answer: oneshot::Sender<RedisResult<Value>>,
}

impl Gather {
    /// Sends the command with those that are asked for now; `None` if the runtime ended, which drives the connection.
    pub(super) async fn one(
        self: &Arc<Self>,
        connection: &MultiplexedConnection,
        command: Cmd,
        runtime: &Handle,
    ) -> Option<RedisResult<Value>> {
        let (answer, from) = oneshot::channel();
        if self.join(Ask { command, answer }) {
            let carrier = Carrier { gather: Arc::clone(self), asks: None };
            drop(runtime.spawn(carrier.carry(connection.clone())));
        }
        from.await.ok()
    }

    /// Takes the command; answers whether it needs one more carrier.
    fn join(&self, ask: Ask) -> bool {
        let mut asks = self.0.lock();
        asks.push(ask);
        asks.len() % MOST == 1
    }

    fn take(&self) -> Vec<Ask> {
        let mut asks = self.0.lock();
        if asks.len() <= MOST {
            return std::mem::take(&mut asks);
        }
        let later = asks.split_off(MOST);
        std::mem::replace(&mut asks, later)
    }
}

/// A task that takes what waits, once.
struct Carrier {
    gather: Arc<Gather>,
    asks: Option<Vec<Ask>>,
}

impl Carrier {
    async fn carry(mut self, mut connection: MultiplexedConnection) {
        // Those who are ready too may ask first.
        tokio::task::yield_now().await;
        let (pipeline, waiting) = packed(self.asks.insert(self.gather.take()).drain(..));
        let answers = connection.send_packed_commands(&pipeline, 0, waiting.len());
        let mut answers = pin!(answers);
        // A connection lives as long as something is to come over it: nothing is, once nobody waits.
        while waiting.iter().any(|answer| !answer.is_closed()) {
            if let Ok(answers) = tokio::time::timeout(LOOK, answers.as_mut()).await {
                return tell(answers, waiting);
            }
        }
    }
}

impl Drop for Carrier {
    /// With the runtime, it may end before it was run: those who count on it are told.
    fn drop(&mut self) {
        if self.asks.is_none() {
            drop(self.gather.take());
        }
    }
}

type Waiting = Vec<oneshot::Sender<RedisResult<Value>>>;

/// As one pipeline; who went away meanwhile is not asked for.
fn packed(asks: impl ExactSizeIterator<Item = Ask>) -> (Pipeline, Waiting) {
    let mut pipeline = Pipeline::with_capacity(asks.len());
    let mut waiting = Vec::with_capacity(asks.len());
    for Ask { command, answer } in asks {
        if !answer.is_closed() {
            pipeline.add_command(command);
            waiting.push(answer);
        }
    }
    (pipeline, waiting)
}

/// Who went away is not told.
fn tell(answers: RedisResult<Vec<Value>>, waiting: Waiting) {
    match answers {
        Ok(answers) => answers.into_iter().zip(waiting).for_each(|(value, answer)| drop(answer.send(Ok(value)))),
        Err(error) => waiting.into_iter().for_each(|answer| drop(answer.send(Err(error.clone())))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask() -> (Ask, oneshot::Receiver<RedisResult<Value>>) {
        let (answer, from) = oneshot::channel();
        (Ask { command: redis::cmd("PING"), answer }, from)
    }

    /// Whatever the order in which callers join and carriers leave: nobody is left behind.
    #[test]
    fn there_is_a_carrier_for_everyone_who_waits() {
        for seed in 0..200_u64 {
            let (chance, gather) = (crate::chance::Chance::new(seed), Gather::default());
            let (mut carriers, mut joined, mut taken) = (0_usize, 0_usize, 0_usize);
            for _ in 0..3_000 {
                if carriers == 0 || !chance.next().is_multiple_of(200) {
                    carriers += usize::from(gather.join(ask().0));
                    joined += 1;
                } else {
                    taken += gather.take().len();
                    carriers -= 1;
                }
            }
            for _ in 0..carriers {
                taken += gather.take().len();
            }
            assert_eq!(taken, joined, "seed {seed}");
        }
    }

    #[test]
    fn who_went_away_is_not_asked_for() {
        let ((gone, from), (here, _from)) = (ask(), ask());
        drop(from);
        let (pipeline, waiting) = packed(vec![gone, here].into_iter());
        assert_eq!((pipeline.len(), waiting.len()), (1, 1));
    }

    #[test]
    fn those_who_wait_for_a_carrier_that_ends_unrun_are_told() {
        let gather = Arc::new(Gather::default());
        let (ask, mut from) = ask();
        assert!(gather.join(ask));
        drop(Carrier { gather, asks: None });
        assert_eq!(from.try_recv().err(), Some(oneshot::error::TryRecvError::Closed));
    }
}
