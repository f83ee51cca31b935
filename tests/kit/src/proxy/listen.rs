//! The thread of a proxy, which accepts connections or refuses them.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::connection::serve;
use super::shared::Shared;

/// Runs a proxy until it is told to stop.
pub(super) fn run(shared: Arc<Shared>, port: u16) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be started")
        .block_on(listen(shared, port));
}

/// Without a listener, the system itself refuses connections.
async fn listen(shared: Arc<Shared>, port: u16) {
    loop {
        shared.when(|faults| faults.stopped || !faults.refuse).await;
        if shared.faults().stopped {
            return;
        }
        let listener = bind(port).await;
        shared.listens(true);
        tokio::select! {
            biased;
            () = shared.when(|faults| faults.stopped || faults.refuse) => {}
            () = accept(&shared, &listener) => {}
        }
        drop(listener);
        shared.listens(false);
    }
}

async fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => drop(tokio::spawn(serve(Arc::clone(shared), client, shared.opened()))),
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// The port is the proxy's own, but may be in use for a moment after it was closed.
async fn bind(port: u16) -> TcpListener {
    loop {
        match TcpListener::bind(("127.0.0.1", port)).await {
            Ok(listener) => return listener,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}
