//! The videos whose indexes are in memory, within a bound.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use parking_lot::Mutex;

use super::state::State;
use crate::names::Named;

/// One video: its names, and what is known of it. One check at a time compares and remembers.
#[derive(Debug)]
pub(super) struct Video {
    pub(super) id: Box<str>,
    pub(super) name: Named,
    pub(super) state: tokio::sync::Mutex<Option<State>>,
    weight: AtomicUsize,
    touched: AtomicU64,
}

#[derive(Debug)]
pub(super) struct Videos {
    by_id: Mutex<HashMap<Box<str>, Arc<Video>>>,
    weight: AtomicUsize,
    touches: AtomicU64,
    most: usize,
}

impl Videos {
    pub(super) fn new(most: usize) -> Self {
        Self { by_id: Mutex::default(), weight: AtomicUsize::new(0), touches: AtomicU64::new(0), most }
    }

    /// The video of this id: the same for all who hold it now.
    pub(super) fn get(&self, id: &str, name: impl FnOnce() -> Named) -> Arc<Video> {
        let mut by_id = self.by_id.lock();
        let video = match by_id.get(id) {
            Some(video) => Arc::clone(video),
            None => {
                let least = size_of::<Video>() + 2 * id.len();
                let video = Arc::new(Video {
                    id: id.into(),
                    name: name(),
                    state: tokio::sync::Mutex::default(),
                    weight: AtomicUsize::new(least),
                    touched: AtomicU64::new(0),
                });
                by_id.insert(id.into(), Arc::clone(&video));
                if self.weight.fetch_add(least, Relaxed) + least > self.most {
                    self.let_go(&mut by_id);
                }
                video
            }
        };
        video.touched.store(self.touches.fetch_add(1, Relaxed), Relaxed);
        video
    }

    /// Says what a video takes now. If that is too much for all together, those go that nobody holds, the one that was
    /// asked for longest ago first. A video that somebody holds stays: two indexes of it would each find a picture new.
    pub(super) fn weigh(&self, video: &Video, known: usize) {
        let now = known + size_of::<Video>() + 2 * video.id.len();
        let before = video.weight.swap(now, Relaxed);
        self.weight.fetch_add(now, Relaxed);
        let all = self.weight.fetch_sub(before, Relaxed) - before;
        if all > self.most {
            self.let_go(&mut self.by_id.lock());
        }
    }

    #[cold]
    fn let_go(&self, by_id: &mut HashMap<Box<str>, Arc<Video>>) {
        let mut idle: Vec<(u64, Box<str>)> = by_id
            .values()
            .filter(|video| Arc::strong_count(video) == 1)
            .map(|video| (video.touched.load(Relaxed), video.id.clone()))
            .collect();
        idle.sort_unstable();
        // Some more than is needed, so that it is not sorted for every check.
        let enough = self.most / 8 * 7;
        for (_, id) in idle {
            if self.weight.load(Relaxed) <= enough {
                break;
            }
            if let Some(video) = by_id.remove(&id) {
                self.weight.fetch_sub(video.weight.load(Relaxed), Relaxed);
            }
        }
    }

    /// How many there are, and what they take.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.by_id.lock().len(), self.weight.load(Relaxed))
    }
}
