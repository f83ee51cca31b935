//! One connection through a proxy.

use std::future::pending;
use std::sync::Arc;

use tokio::net::TcpStream;

use super::flow::{Ending, replies, requests};
use super::shared::Shared;

/// Carries a connection until one side ends it or the proxy does.
pub(super) async fn serve(shared: Arc<Shared>, mut client: TcpStream, number: u64) {
    let ending = tokio::select! {
        biased;
        () = shared.when(|faults| number < faults.reset_below) => Ending::Broken,
        ending = relay(&shared, &mut client) => ending,
    };
    if matches!(ending, Ending::Broken) {
        let _ = client.set_zero_linger();
    }
    drop(client);
    shared.closed(number);
}

/// The target is connected to only when the way is open: behind a black hole nobody learns of the connection.
async fn relay(shared: &Shared, client: &mut TcpStream) -> Ending {
    shared.when(|faults| !faults.black_hole).await;
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", shared.faults().target)).await else {
        return Ending::Broken;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    tokio::select! {
        ending = replies(shared, from_server, to_client) => ending,
        ending = unless_finished(requests(shared, from_client, to_server)) => ending,
    }
}

/// A client that has sent its last request still waits for replies.
async fn unless_finished(requests: impl Future<Output = Ending>) -> Ending {
    match requests.await {
        Ending::Finished => pending().await,
        broken => broken,
    }
}
