//! The connections of a server: so many, and where there is no room, who asks nothing gives his place to who comes; where all
//! ask, who has been there for longest.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// So many connections are held at a time; others wait to be accepted.
pub(super) const CONNECTIONS: usize = 256;
/// Who has asked nothing for so long gives way where there is no room. Nobody is sent away before he could ask.
const SPARE: Duration = Duration::from_millis(250);
/// Where all ask, again and again, who has been there for so long gives way, with the answer that is under way.
const TURN: Duration = Duration::from_millis(500);

/// All connections of a server.
#[derive(Debug)]
pub(super) struct Seats {
    room: Arc<Semaphore>,
    /// Those that have not been told to go.
    taken: Mutex<HashMap<u64, Arc<Seat>>>,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Seat {
    began: Instant,
    asks: Mutex<Asks>,
    go: Notify,
}

/// What is under way on a connection.
#[derive(Debug)]
struct Asks {
    /// Requests that were not answered yet.
    open: usize,
    /// When there was one for the last time.
    since: Instant,
}

/// A request under way, until this is dropped.
#[derive(Debug)]
pub(super) struct Asking(Arc<Seat>);

/// A connection's place, until this is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    seats: Arc<Seats>,
    number: u64,
    pub(super) seat: Arc<Seat>,
    _room: OwnedSemaphorePermit,
}

impl Seats {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { room: Arc::new(Semaphore::new(CONNECTIONS)), taken: Mutex::default() })
    }

    /// How many are taken.
    pub(super) fn count(&self) -> usize {
        CONNECTIONS - self.room.available_permits()
    }

    /// A place for who has just come. Where there is none, it waits until somebody goes: by himself, or because it is his
    /// turn.
    pub(super) async fn take(self: &Arc<Self>, number: u64) -> Taken {
        let room = loop {
            if let Ok(room) = Arc::clone(&self.room).try_acquire_owned() {
                break room;
            }
            let patience = self.send_one();
            // The room is never closed.
            if let Ok(Ok(room)) = timeout(patience, Arc::clone(&self.room).acquire_owned()).await {
                break room;
            }
        };
        let seat = Arc::new(Seat::new());
        self.taken.lock().insert(number, Arc::clone(&seat));
        Taken { seats: Arc::clone(self), number, seat, _room: room }
    }

    /// Tells somebody to go, if there is one who may be told, and answers how long to wait for that.
    fn send_one(&self) -> Duration {
        let mut taken = self.taken.lock();
        let idlest = taken.iter().filter_map(|(number, seat)| Some((seat.idle_since()?, *number))).min();
        let eldest = taken.iter().map(|(number, seat)| (seat.began, *number)).min();
        let may = [(idlest, SPARE), (eldest, TURN)].into_iter().filter_map(|(seat, after)| {
            let (since, number) = seat?;
            Some((after.saturating_sub(since.elapsed()), number))
        });
        match may.min_by_key(|(left, _)| *left) {
            Some((Duration::ZERO, number)) => {
                if let Some(seat) = taken.remove(&number) {
                    seat.go.notify_one();
                }
                SPARE
            }
            Some((left, _)) => left,
            None => SPARE,
        }
    }
}

impl Seat {
    fn new() -> Self {
        let now = Instant::now();
        Self { began: now, asks: Mutex::new(Asks { open: 0, since: now }), go: Notify::new() }
    }

    /// A request begins.
    pub(super) fn asking(self: &Arc<Self>) -> Asking {
        self.asks.lock().open += 1;
        Asking(Arc::clone(self))
    }

    /// Comes to its end when the connection is to go.
    pub(super) async fn told_to_go(&self) {
        self.go.notified().await;
    }

    /// Is a request under way?
    pub(super) fn is_asking(&self) -> bool {
        self.asks.lock().open > 0
    }

    /// Since when nothing is asked; `None` while something is.
    fn idle_since(&self) -> Option<Instant> {
        let asks = self.asks.lock();
        (asks.open == 0).then_some(asks.since)
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let mut asks = self.0.asks.lock();
        asks.open -= 1;
        asks.since = Instant::now();
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.seats.taken.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn full(seats: &Arc<Seats>) -> Vec<Taken> {
        let mut all = Vec::new();
        for number in 0..CONNECTIONS as u64 {
            all.push(seats.take(number).await);
        }
        all
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_nothing_for_longest_gives_way_and_not_before_he_could_ask() {
        let seats = Seats::new();
        let mut all = full(&seats).await;
        // The first is being answered, the third has just been.
        let _asking = all[0].seat.asking();
        tokio::time::advance(SPARE / 2).await;
        drop(all[2].seat.asking());
        let began = Instant::now();
        let coming = tokio::spawn({
            let seats = Arc::clone(&seats);
            async move { seats.take(1_000).await }
        });
        let second = Arc::clone(&all[1].seat);
        second.told_to_go().await;
        assert_eq!(began.elapsed(), SPARE / 2, "it had its time");
        drop(all.remove(1));
        assert_eq!((coming.await.expect("a place").number, seats.count()), (1_000, CONNECTIONS));
    }

    #[tokio::test(start_paused = true)]
    async fn where_all_ask_who_has_been_there_for_longest_gives_way() {
        let seats = Seats::new();
        let mut all = full(&seats).await;
        let asking: Vec<Asking> = all.iter().map(|taken| taken.seat.asking()).collect();
        let coming = tokio::spawn({
            let seats = Arc::clone(&seats);
            async move { seats.take(1_000).await }
        });
        let began = Instant::now();
        let first = Arc::clone(&all[0].seat);
        first.told_to_go().await;
        assert_eq!(
            (began.elapsed(), first.is_asking()),
            (TURN, true),
            "he had his turn, and has his answer still to come"
        );
        assert!(!coming.is_finished(), "until he has gone");
        drop(all.remove(0));
        assert_eq!(coming.await.expect("a place").number, 1_000);
        drop((asking, all));
        assert_eq!((seats.count(), seats.taken.lock().len()), (0, 0));
    }
}
