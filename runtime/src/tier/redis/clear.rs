//! Emptying the tier: names are walked over by `SCAN`, and what is a frame of ours by its name is unlinked.
//!
//! Nothing is read. Fences, leases and the log have other names, and stay; so does what others keep in the same server.

use super::Room;
use super::sweep::START;
use crate::error::{Error, ErrorKind, Result};
use crate::tier::Cleared;
use crate::tier::clear::told;

impl Room {
    pub(super) async fn clear(&self, after: Option<&str>, most: usize) -> Result<Cleared> {
        let [server, cursor, away] = told(after)?.unwrap_or_default();
        let number = usize::try_from(server).unwrap_or(usize::MAX);
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(self.names.glob("")).arg("COUNT").arg(most.max(1));
        let (cursor, names, away) = match self.scan(number, &scan).await {
            // Those of the others go first.
            Err(error) if error.kind() == ErrorKind::Partial => (Some(START.to_owned()), Vec::new(), 1),
            answer => {
                let (cursor, names) = answer?;
                (cursor, names, away)
            }
        };
        let removed = self.unlink_frames(&names).await?;
        match cursor {
            Some(cursor) if cursor != START => Ok(Cleared::so_far(removed, format!("{server} {cursor} {away}"))),
            Some(_) if self.cluster.is_some() => Ok(Cleared::so_far(removed, format!("{} {START} {away}", server + 1))),
            _ if away == 0 => Ok(Cleared::all(removed)),
            _ => Err(Error::new(
                ErrorKind::Partial,
                "a server of the cluster is away, and what it has stays; all others were emptied: try again when it is back",
            )),
        }
    }

    async fn unlink_frames(&self, names: &[String]) -> Result<u64> {
        let frames = names.iter().filter(|name| self.names.key_of(name).is_some());
        let unlinked = self.unlink(frames.map(String::as_str)).await?;
        let mut removed = 0;
        for answer in unlinked {
            removed += match answer {
                Ok(redis::Value::Int(count)) => u64::try_from(count).unwrap_or(0),
                Ok(_) => 0,
                // It stays until it ends, or until somebody empties the tier again.
                Err(error) if error.kind() == ErrorKind::Partial => 0,
                Err(error) => return Err(error),
            };
        }
        Ok(removed)
    }
}
