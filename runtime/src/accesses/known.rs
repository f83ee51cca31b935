//! The logs of a cache, by the names of their sites.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::AccessLog;
use crate::clock::Millis;

/// The logs of a cache: one for each site that is warmed for what is asked most, and as many of them as the program has.
#[derive(Debug, Default)]
pub(crate) struct Accesses(Mutex<HashMap<String, Arc<AccessLog>>>);

impl Accesses {
    /// The log of the site of this name, which is warmed for so many keys.
    pub(crate) fn of(&self, site: &str, most: usize, now: Millis) -> Arc<AccessLog> {
        let mut logs = self.0.lock();
        if let Some(log) = logs.get(site) {
            return Arc::clone(log);
        }
        Arc::clone(logs.entry(site.to_owned()).or_insert_with(|| Arc::new(AccessLog::new(most, now))))
    }

    /// The sites that have one, and for how many keys they are warmed.
    pub(crate) fn all(&self) -> Vec<(String, usize)> {
        self.0.lock().iter().map(|(site, log)| (site.clone(), log.most)).collect()
    }
}
