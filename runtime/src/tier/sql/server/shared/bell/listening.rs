//! `LISTEN`, on a connection of its own.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::task::AbortHandle;

use super::Bell;
use crate::tier::sql::host::Host;
use crate::tier::sql::server::Terms;
use crate::tier::sql::server::address::Address;
use crate::tier::sql::server::shared::statements::channel;

/// How long to wait before one listens again.
const PAUSE: Duration = Duration::from_secs(1);
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(2);

/// Has the bell rung by a server that can ring it, until it is aborted.
pub(in crate::tier::sql::server::shared) fn listen(
    bell: &Arc<Bell>,
    host: &Host,
    terms: &Terms,
) -> Option<AbortHandle> {
    match &terms.address {
        Address::Postgres(options) => {
            let (options, channel, bell) = ((**options).clone(), channel(&terms.tables), Arc::clone(bell));
            Some(host.spawn(async move { listen_on(&options, &channel, &bell).await }).abort_handle())
        }
        #[cfg(feature = "mysql")]
        Address::MySql(_) => None,
    }
}

async fn listen_on(options: &PgConnectOptions, channel: &str, bell: &Arc<Bell>) {
    let mut said = false;
    loop {
        // Whoever waits looks now and then, too, but hears of others' invalidations later: said once for each outage.
        if let Err(error) = listen_once(options, channel, bell, &mut said).await
            && !std::mem::replace(&mut said, true)
        {
            let reason = error.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default();
            tracing::warn!(%reason, "the server does not ring: the log that nodes share is looked at now and then");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn listen_once(options: &PgConnectOptions, channel: &str, bell: &Arc<Bell>, said: &mut bool) -> sqlx::Result<()> {
    // The driver listens on connections of its pool only.
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(CONNECT).max_lifetime(None).idle_timeout(None);
    let mut listener = PgListener::connect_with(&pool.connect_lazy_with(options.clone())).await?;
    listener.eager_reconnect(false);
    listener.listen(channel).await?;
    let heard = Heard(Arc::clone(bell));
    heard.0.hears.store(true, Ordering::Release);
    *said = false;
    // What was told before is found by whoever looks now.
    bell.rung.notify_one();
    while listener.try_recv().await?.is_some() {
        bell.rung.notify_one();
    }
    Ok(())
}

/// Says that nobody listens any more, also when the task is ended.
struct Heard(Arc<Bell>);

impl Drop for Heard {
    fn drop(&mut self) {
        self.0.hears.store(false, Ordering::Release);
        self.0.rung.notify_one();
    }
}
