//! Whose calls follow each other: what `predict` learns from.

use std::future::Future;
use std::hash::{Hash, Hasher as _};

use siphasher::sip::SipHasher13;

tokio::task_local! {
    static SESSION: u64;
}

/// Runs a future as part of a session: its calls of functions with `predict` follow each other, and those of others do not
/// come between.
///
/// For whatever the calls of one user have in common, such as a user's id or a connection's. Without it, and without
/// `predict(by = ..)`, each tokio task is a session of its own. Tasks that the future spawns are not part of it.
///
/// ```
/// # async fn handle(request: u32) -> u32 { request }
/// # async fn example(user: u64) {
/// let answer = cached_runtime::session::in_session(user, handle(7)).await;
/// # }
/// ```
pub async fn in_session<F: Future>(whose: impl Hash, future: F) -> F::Output {
    SESSION.scope(session_of(&whose), future).await
}

/// The session of whoever calls.
pub fn session_here() -> u64 {
    if let Ok(session) = SESSION.try_with(|session| *session) {
        return session;
    }
    match tokio::task::try_id() {
        Some(task) => session_of(&task),
        None => session_of(&std::thread::current().id()),
    }
}

/// The session that this stands for.
pub fn session_of(whose: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = SipHasher13::new();
    whose.hash(&mut hasher);
    hasher.finish()
}
