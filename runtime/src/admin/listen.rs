//! A server of its own: bounded in connections, and in what a slow client may take.
//!
//! Thousands may want to look on. As many are held as there are seats; who comes when all are taken gets the seat of another, so that
//! neither those who only hold connections nor those who never stop asking keep anybody out.

use std::fmt;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::seats::{Seat, Seats};
use crate::error::{Error, Result};

/// A client has so long to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);
/// A connection on which nothing is asked lives no longer than this.
const LONGEST: Duration = Duration::from_secs(300);
/// So many may wait to be let in, as far as the system allows: who is not even heard asks again seconds later.
const WAITING: u32 = 4_096;
/// Requests under way may take so long when it is stopped.
const GRACE: Duration = Duration::from_secs(5);

/// A server under way. It ends when this is dropped; [`Serving::stop`] lets requests under way come to their end.
#[must_use = "it ends when this is dropped"]
pub struct Serving {
    address: SocketAddr,
    seats: Arc<Seats>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Serving {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections it holds, of 256 at most.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.seats.count()
    }

    /// Ends it: nothing new is taken, and requests under way have five seconds.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // A panic in there has been told by its hook.
        let _ended = (&mut self.task).await;
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.task.abort();
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Listens at the first of these addresses at which somebody can.
pub(super) fn listen(addresses: &[SocketAddr]) -> std::io::Result<TcpListener> {
    let mut failed = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match listen_at(*address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn listen_at(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Elsewhere this would let two listen at one address.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}

pub(super) fn serve(listener: TcpListener, router: Router) -> Result<Serving> {
    let address = listener.local_addr().map_err(|error| Error::config("address", error.to_string()))?;
    let (stop, stopped) = watch::channel(false);
    tracing::info!(%address, "the admin API is served");
    let seats = Seats::new();
    let task = tokio::spawn(accept(listener, router, Arc::clone(&seats), stopped));
    Ok(Serving { address, seats, stop, task })
}

async fn accept(listener: TcpListener, router: Router, seats: Arc<Seats>, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let mut watching = stopped.clone();
    let end = async {
        let _stopped = watching.wait_for(|stop| *stop).await;
    };
    let mut end = pin!(end);
    for number in 0.. {
        // Nobody is sent away for who has not come.
        let next = async {
            let (stream, _) = listener.accept().await?;
            Ok::<_, std::io::Error>((stream, seats.take(number).await))
        };
        let accepted = match crate::join::unless(pin!(next), &mut end).await {
            Some(accepted) => accepted,
            None => break,
        };
        match accepted {
            Ok((stream, taken)) => {
                let (router, stopped) = (router.clone(), stopped.clone());
                connections.spawn(async move {
                    connection(stream, router, &taken.seat, stopped).await;
                    drop(taken);
                });
            }
            // Out of descriptors, most often: others have to go first.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
        while connections.try_join_next().is_some() {}
    }
    let _in_time = tokio::time::timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
    let _ = stopped.borrow_and_update();
}

async fn connection(stream: TcpStream, router: Router, seat: &Arc<Seat>, mut stopped: watch::Receiver<bool>) {
    let (answers, asked) = (TowerToHyperService::new(router), Arc::clone(seat));
    let service = service_fn(move |request| {
        let (asking, answer) = (asked.asking(), answers.call(request));
        async move {
            let answer = answer.await;
            drop(asking);
            answer
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(64 << 10)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = pin!(serving);
    let stop = async {
        let _stopped = tokio::time::timeout(LONGEST, stopped.wait_for(|stop| *stop)).await;
    };
    let mut gives_way = false;
    let ended = async {
        gives_way = crate::join::unless(seat.told_to_go(), stop).await.is_some();
    };
    let is_over = crate::join::unless(serving.as_mut(), ended).await.is_some();
    // Who gives way leaves at once, unless he began to ask in this very moment.
    if !is_over && (!gives_way || seat.is_asking()) {
        serving.as_mut().graceful_shutdown();
        let _in_time = tokio::time::timeout(GRACE, serving).await;
    }
}
