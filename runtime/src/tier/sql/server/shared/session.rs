//! The connections of one time: opened together, trusted together, given up together.
//!
//! Callers never wait for a connection to be made: while there is none they are turned away at once. They are made, and
//! looked after, by the one who follows the log.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;

use super::bell::Bell;
use super::schema::{self, VERSION};
use super::statements::LogStatements;
use super::{Hall, SharedSql, bell};
use crate::error::{Error, ErrorKind, Result};
use crate::tier::fault::Fault;
use crate::tier::sql::host::Host;
use crate::tier::sql::server::links::Links;
use crate::tier::sql::server::store::{Store, unread};
use crate::tier::sql::server::{Terms, fault};

/// The connections of one time.
pub(super) struct Session {
    /// What callers use.
    store: Arc<Store>,
    /// The log's own connection: no caller keeps it waiting.
    tail: Arc<Links>,
    bell: Arc<Bell>,
    listening: Option<AbortHandle>,
    admitted: bool,
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(listening) = &self.listening {
            listening.abort();
        }
    }
}

impl SharedSql {
    /// Makes all connections anew.
    pub(super) async fn open(&self, limit: Duration) -> Result<()> {
        self.0.end_session();
        let host = self.host()?;
        let (room, sql) = (Arc::clone(&self.0.server.room), Arc::clone(&self.0.sql));
        let opening = host.run(async move { opened(&room.terms, &sql).await });
        let opened = tokio::time::timeout(limit, opening).await.map_err(|_| fault::SILENT);
        let (store, tail) = opened.and_then(|opened| opened).map_err(|fault| self.error(fault))?;
        let bell = Arc::new(Bell::default());
        let listening = bell::listen(&bell, host, &self.0.server.room.terms);
        *self.0.session.write() = Some(Session { store, tail, bell, listening, admitted: false });
        Ok(())
    }

    /// Lets callers through, or turns them away.
    pub(super) fn let_through(&self, admit: bool) {
        if !admit {
            return self.0.end_session();
        }
        if let Some(session) = &mut *self.0.session.write() {
            session.admitted = true;
            self.0.server.room.door.set(Ok(Arc::clone(&session.store)));
        }
    }

    /// Has a caller found a connection lost?
    pub(super) fn is_broken(&self) -> bool {
        let admitted = self.0.session.read().as_ref().is_some_and(|session| session.admitted);
        admitted && self.0.server.room.door.store().is_none()
    }

    /// Are all connections alive?
    pub(super) async fn check_lines(&self) -> Result<()> {
        if self.is_broken() {
            return Err(self.0.server.room.door.why());
        }
        let (host, sql) = (self.host()?, Arc::clone(&self.0.sql));
        let store = self.of_session(|session| Arc::clone(&session.store))?;
        let checked = host.run(async move { store.links.check(&sql.version).await });
        checked.await.map_err(|fault| self.error(fault))
    }

    /// Does one thing with the log's own connection, on the tier's own thread.
    pub(super) async fn look<T, Act, Done>(&self, limit: Duration, act: Act) -> Result<T>
    where
        T: Send + 'static,
        Act: FnOnce(Arc<Links>) -> Done + Send,
        Done: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        let host = self.host()?;
        let tail = self.of_session(|session| Arc::clone(&session.tail))?;
        let looked = tokio::time::timeout(limit, host.run(act(tail))).await.map_err(|_| fault::SILENT);
        looked.and_then(|looked| looked).map_err(|fault| self.error(fault))
    }

    /// What wakes those who wait for news.
    pub(super) fn bell(&self) -> Result<Arc<Bell>> {
        self.of_session(|session| Arc::clone(&session.bell))
    }

    fn of_session<T>(&self, part: impl FnOnce(&Session) -> T) -> Result<T> {
        self.0.session.read().as_ref().map(part).ok_or_else(|| self.0.server.room.door.why())
    }

    fn host(&self) -> Result<&Host> {
        self.0.server.host.as_ref().ok_or_else(|| self.0.server.room.door.why())
    }

    fn error(&self, fault: Fault) -> Error {
        self.0.server.room.error(fault)
    }
}

impl Hall {
    /// Turns callers away and gives the connections up.
    pub(super) fn end_session(&self) {
        let why = Error::new(ErrorKind::Open, "the database is not used now: its log is not known");
        self.server.room.door.set(Err(why));
        let Some(session) = self.session.write().take() else { return };
        if let Some(host) = &self.server.host {
            let (store, tail) = (Arc::clone(&session.store), Arc::clone(&session.tail));
            drop(host.spawn(async move {
                store.close().await;
                tail.close().await;
            }));
        }
    }
}

/// Connections to tables that are there, or were made.
async fn opened(terms: &Terms, sql: &LogStatements) -> Result<(Arc<Store>, Arc<Links>), Fault> {
    // Side by side: to connect takes longer than anything that is asked then.
    let address = terms.address.clone();
    let tail = tokio::spawn(async move { Links::together(&address, 1).await });
    let links = Links::together(&terms.address, terms.connections).await?;
    let store = Store::over(links, terms).await?;
    check(&store, terms, sql).await?;
    let tail = tail.await.map_err(|_| fault::LOST)??;
    Ok((Arc::new(store), Arc::new(tail)))
}

/// Is this the server that is written to, and are the log's tables ours? They are looked for first: who may use them need not have the right to make them.
async fn check(store: &Store, terms: &Terms, sql: &LogStatements) -> Result<(), Fault> {
    if store.links.row(&sql.repeats, &[]).await?.number(0).map_err(unread)? != 0 {
        return Err(fault::REPLICA);
    }
    let version = match store.links.row(&sql.version, &[]).await {
        Err(fault) if fault.message() == fault::MISSING.message() => {
            for batch in schema::create(terms.address.dialect(), &terms.tables) {
                store.links.batch(batch).await?;
            }
            store.links.row(&sql.version, &[]).await?
        }
        found => found?,
    };
    if version.number(0).map_err(unread)? == VERSION { Ok(()) } else { Err(fault::strange()) }
}
