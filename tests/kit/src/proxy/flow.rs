//! The bytes of one direction: they are taken in as they come and handed out when they are due.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::faults::{Faults, Latency};
use super::framer::Framer;
use super::shape::Shape;
use super::shared::Shared;

/// How long a frame is held back when no other comes.
const HOLD: Duration = Duration::from_millis(50);

/// How many chunks may be on their way: a slow reader slows the sender in the end.
const ON_THE_WAY: usize = 256;

/// How a direction ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// All that came was carried.
    Finished,
    /// One side is gone.
    Broken,
    /// The proxy was told to cut it.
    Cut,
}

/// Bytes and when they are due.
type Chunk = (Instant, Vec<u8>);

/// Carries requests until the client closes.
pub(super) async fn requests(shared: &Shared, from: ReadHalf<'_>, to: WriteHalf<'_>) -> Ending {
    let (sender, receiver) = channel(ON_THE_WAY);
    ending(tokio::try_join!(take_requests(shared, from, sender), hand_requests(shared, to, receiver)))
}

/// Carries replies until the server closes or they are cut.
pub(super) async fn replies(shared: &Shared, from: ReadHalf<'_>, to: WriteHalf<'_>) -> Ending {
    let (sender, receiver) = channel(ON_THE_WAY);
    ending(tokio::try_join!(take_replies(shared, from, sender), hand_replies(shared, to, receiver)))
}

fn ending(joined: Result<((), ()), Ending>) -> Ending {
    joined.map_or_else(|ending| ending, |_| Ending::Finished)
}

async fn take_requests(shared: &Shared, mut from: ReadHalf<'_>, way: Sender<Chunk>) -> Result<(), Ending> {
    let (mut last, mut buffer) = (Instant::now(), vec![0; 16 * 1024]);
    loop {
        let read = match read(shared, &mut from, &mut buffer, None).await? {
            Some(0) | None => return Ok(()),
            Some(read) => read,
        };
        last = last.max(due(shared, |faults| faults.requests));
        send(&way, (last, buffer[..read].to_vec())).await?;
    }
}

async fn hand_requests(shared: &Shared, mut to: WriteHalf<'_>, mut way: Receiver<Chunk>) -> Result<(), Ending> {
    while let Some(bytes) = next(shared, &mut way).await {
        to.write_all(&bytes).await.map_err(broken)?;
        Shared::count(&shared.request_bytes, bytes.len());
    }
    to.shutdown().await.map_err(broken)
}

async fn take_replies(shared: &Shared, mut from: ReadHalf<'_>, way: Sender<Chunk>) -> Result<(), Ending> {
    let (mut last, mut buffer, mut framer) = (Instant::now(), vec![0; 16 * 1024], Framer::default());
    loop {
        let limit = framer.holds().then_some(HOLD);
        let bytes = match read(shared, &mut from, &mut buffer, limit).await? {
            Some(0) => return send(&way, (last, framer.finish())).await,
            Some(read) => framer.pass(shared, &buffer[..read]),
            None => framer.release(),
        };
        last = last.max(due(shared, |faults| faults.replies));
        send(&way, (last, bytes)).await?;
    }
}

async fn hand_replies(shared: &Shared, mut to: WriteHalf<'_>, mut way: Receiver<Chunk>) -> Result<(), Ending> {
    let mut shape = Shape::default();
    while let Some(bytes) = next(shared, &mut way).await {
        let mut left = bytes.as_slice();
        while !left.is_empty() {
            shared.when(|faults| !faults.black_hole).await;
            let (size, pause) = shape.next(&shared.faults(), left.len());
            to.write_all(&left[..size]).await.map_err(broken)?;
            Shared::count(&shared.reply_bytes, size);
            left = &left[size..];
            if shape.is_cut(&shared.faults()) {
                return Err(Ending::Cut);
            }
            rest(pause, left).await;
        }
    }
    to.shutdown().await.map_err(broken)
}

/// Reads nothing in a black hole, and tells nothing that was read as it began. Nothing is told when nothing came
/// within the limit.
async fn read(
    shared: &Shared,
    from: &mut ReadHalf<'_>,
    buffer: &mut [u8],
    limit: Option<Duration>,
) -> Result<Option<usize>, Ending> {
    shared.when(|faults| !faults.black_hole).await;
    let read = timeout(limit.unwrap_or(Duration::MAX), from.read(buffer)).await;
    shared.when(|faults| !faults.black_hole).await;
    read.ok().transpose().map_err(broken)
}

/// The next chunk, when it is due and the way is open.
async fn next(shared: &Shared, way: &mut Receiver<Chunk>) -> Option<Vec<u8>> {
    let (due, bytes) = way.recv().await?;
    if due > Instant::now() {
        sleep_until(due).await;
    }
    shared.when(|faults| !faults.black_hole).await;
    Some(bytes)
}

/// Between the packets of a reply, so that they leave one by one.
async fn rest(pause: Duration, left: &[u8]) {
    match pause {
        Duration::ZERO if left.is_empty() => {}
        Duration::ZERO => tokio::task::yield_now().await,
        pause => sleep(pause).await,
    }
}

async fn send(way: &Sender<Chunk>, chunk: Chunk) -> Result<(), Ending> {
    way.send(chunk).await.map_err(|_| Ending::Broken)
}

fn due(shared: &Shared, latency: impl Fn(&Faults) -> Latency) -> Instant {
    Instant::now() + latency(&shared.faults()).draw(&mut shared.chance())
}

fn broken(_: io::Error) -> Ending {
    Ending::Broken
}
