//! Who asks: the site whose load runs here, and the task or request that wants it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::shelf::Sign;
use crate::stats::Counters;

/// Among whose calls one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    /// A request that said so.
    Request(u64),
    Task(tokio::task::Id),
    /// What a runtime blocks on is no task, and stays on its thread.
    Thread(std::thread::ThreadId),
}

/// A site, as far as those need to know whom its loads ask.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    pub(crate) sign: Arc<Sign>,
    pub(crate) counters: Arc<Counters>,
}

/// Whose load it is, and who wanted it first.
#[derive(Debug, Clone)]
pub(crate) struct Loading {
    pub(crate) asker: Asker,
    pub(crate) caller: Caller,
}

tokio::task_local! {
    static REQUEST: u64;
}

impl Loading {
    pub(crate) fn new(sign: &Arc<Sign>, counters: &Arc<Counters>, caller: Caller) -> Self {
        Self { asker: Asker { sign: Arc::clone(sign), counters: Arc::clone(counters) }, caller }
    }
}

impl Caller {
    /// Who calls here. A load counts for who wanted it.
    pub(crate) fn here() -> Self {
        if let Ok(request) = REQUEST.try_with(|request| *request) {
            return Self::Request(request);
        }
        super::chain::with_loading(|loading| loading.map(|loading| loading.caller))
            .or_else(|| tokio::task::try_id().map(Self::Task))
            .unwrap_or_else(|| Self::Thread(std::thread::current().id()))
    }
}

/// The site whose load runs here.
pub(crate) fn asker() -> Option<Asker> {
    super::chain::with_loading(|loading| loading.map(|loading| loading.asker.clone()))
}

/// Runs this as one request, whichever task it runs in.
pub(crate) fn as_request<F: Future>(work: F) -> impl Future<Output = F::Output> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    REQUEST.scope(NEXT.fetch_add(1, Ordering::Relaxed), work)
}
