//! Leases in a table: a row with a token and its end by the database's clock.
//!
//! It orders loads, and nothing is wrong where it fails: then two nodes load, as they do without it.

use std::slice;
use std::sync::Arc;
use std::time::Duration;

use super::SharedSql;
use crate::key::Key;
use crate::tier::Reply;
use crate::tier::shared::{LIFE, Leases};
use crate::tier::sql::server::line::Value;
use crate::tier::sql::server::store::{Store, name, unread};

fn life() -> Value {
    Value::Number(i64::try_from(LIFE.as_millis()).unwrap_or(i64::MAX))
}

impl SharedSql {
    fn lease(&self, key: &Key, token: u64) -> [Value; 2] {
        [name(self.0.names.stored(key).as_str()), Value::Number(token.cast_signed())]
    }
}

impl Leases for SharedSql {
    fn token(&self) -> u64 {
        self.0.chance.next()
    }

    fn take<'a>(&'a self, key: &'a Key, token: u64) -> Reply<'a, bool> {
        Box::pin(async move {
            let sql = self.0.sql.clone();
            let [name, number] = self.lease(key, token);
            let waiting = Arc::new(());
            let caller = Arc::downgrade(&waiting);
            let taken = self.0.server.with(|store| async move {
                let taken = store.links.rows(&sql.take, &[name.clone(), number.clone(), life()]).await?;
                // How many rows were changed does not say on every server whose it is.
                let taken = match &sql.holder {
                    Some(holder) => store.links.rows(holder, slice::from_ref(&name)).await?,
                    None => taken,
                };
                let holder = taken.first().map(|row| row.number(0)).transpose().map_err(unread)?;
                let taken = holder.map(i64::cast_unsigned) == Some(token);
                // What a caller says who has gone may come before this, on another connection.
                if taken && caller.strong_count() == 0 {
                    store.links.change(&sql.release, &[name, number]).await?;
                }
                Ok(taken)
            });
            let taken = taken.await?;
            drop(waiting);
            if taken {
                self.0.held.remember(key, token);
            }
            Ok(taken)
        })
    }

    fn renew<'a>(&'a self, key: &'a Key, token: u64) -> Reply<'a, bool> {
        Box::pin(async move {
            let sql = self.0.sql.clone();
            let [key, token] = self.lease(key, token);
            let hold =
                |store: Arc<Store>| async move { Ok(store.links.change(&sql.hold, &[life(), key, token]).await? > 0) };
            self.0.server.with(hold).await
        })
    }

    fn give_back<'a>(&'a self, key: &'a Key, token: u64) -> Reply<'a, ()> {
        Box::pin(async move {
            self.0.held.forget_token(key, token);
            let (sql, values) = (self.0.sql.clone(), self.lease(key, token));
            let end = |store: Arc<Store>| async move { store.links.change(&sql.release, &values).await.map(drop) };
            self.0.server.with(end).await
        })
    }

    fn life(&self) -> Duration {
        LIFE
    }
}
