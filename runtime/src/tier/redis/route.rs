//! Which server a command goes to: the one there is, or the one of a cluster that has its key.

use std::sync::atomic::Ordering;

use redis::{Cmd, Pipeline, Value};

use super::Room;
use super::failure::accepted;
use super::link::Lane;
use super::names::slot_of;
use super::target::unfit;
use crate::error::Result;

impl Room {
    /// One command, about the key of this name.
    pub(super) async fn one(&self, lane: Lane, name: &str, command: &Cmd) -> Result<Value> {
        match &self.cluster {
            None => self.link.one(lane, command).await,
            Some(cluster) => cluster.one(lane, slot_of(name), command).await,
        }
    }

    /// The slot of a name, where that matters.
    pub(super) fn slot(&self, name: &str) -> u16 {
        if self.cluster.is_some() { slot_of(name) } else { 0 }
    }

    /// Several commands at once, each beside its slot, and what became of each.
    pub(super) async fn each(&self, lane: Lane, commands: Vec<(u16, Cmd)>) -> Result<Vec<Result<Value>>> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(cluster) = &self.cluster {
            return Ok(cluster.each(lane, commands).await);
        }
        let mut pipeline = Pipeline::with_capacity(commands.len());
        for (_, command) in commands {
            pipeline.add_command(command);
        }
        Ok(self.link.many(lane, &pipeline).await?.into_iter().map(accepted).collect())
    }

    /// The connections, made anew.
    pub(super) async fn connect(&self) -> Result<()> {
        self.rights.forget();
        let Some(cluster) = &self.cluster else {
            return self.link.connect_to(self.options.target.client(&self.options.tls)).await;
        };
        self.link.connect_to(cluster.meet()).await?;
        if self.link.run().is_none() {
            let text = "in a cluster the user must be allowed `INFO` and `CLIENT ID`: without them nobody sees that a server \
                        has failed over";
            return Err(unfit(text).with("code", "NOPERM"));
        }
        cluster.open().await;
        Ok(())
    }

    /// Are the connections that callers use alive? And is there a server that may lack what it was told last?
    pub(super) async fn check(&self) -> Result<bool> {
        self.link.check().await?;
        match &self.cluster {
            None => Ok(false),
            Some(cluster) => cluster.check(&self.link).await,
        }
    }

    pub(super) fn admit(&self, admit: bool) {
        if admit {
            self.caught_up.store(true, Ordering::Release);
        }
        if let Some(cluster) = &self.cluster {
            cluster.admit(admit);
        }
        self.link.admit(admit);
    }
}
