//! What the runtime's `sync` names, with a scheduler behind each step.

use std::future::Future;
use std::ops::{Deref, DerefMut};

use shuttle::sync as tried;
pub(crate) use shuttle::sync::atomic;
pub(crate) use shuttle::thread_local;

/// A lock without poison, as the runtime knows it.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(tried::Mutex<T>);

/// Empty only while a condition variable has it.
#[derive(Debug)]
pub(crate) struct MutexGuard<'a, T>(Option<tried::MutexGuard<'a, T>>);

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(tried::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(unpoisoned(self.0.lock())))
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().expect("a condition variable gives the lock back")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_deref_mut().expect("a condition variable gives the lock back")
    }
}

/// A condition variable that is given the guard by reference.
#[derive(Debug, Default)]
pub(crate) struct Condvar(tried::Condvar);

impl Condvar {
    pub(crate) const fn new() -> Self {
        Self(tried::Condvar::new())
    }

    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        guard.0 = guard.0.take().map(|held| unpoisoned(self.0.wait(held)));
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// A lock of many readers, without poison.
#[derive(Debug)]
pub(crate) struct RwLock<T>(tried::RwLock<T>);

impl<T> RwLock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(tried::RwLock::new(value))
    }

    pub(crate) fn read(&self) -> tried::RwLockReadGuard<'_, T> {
        unpoisoned(self.0.read())
    }

    pub(crate) fn write(&self) -> tried::RwLockWriteGuard<'_, T> {
        unpoisoned(self.0.write())
    }
}

/// Where loads that get a task are spawned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Handle;

impl Handle {
    #[allow(clippy::unused_self, reason = "as the runtime's")]
    pub(crate) fn spawn<F>(&self, future: F) -> shuttle::future::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        shuttle::future::spawn(future)
    }
}

fn unpoisoned<G>(locked: tried::LockResult<G>) -> G {
    locked.unwrap_or_else(tried::PoisonError::into_inner)
}
