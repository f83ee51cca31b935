//! The videos whose indexes are in memory, within a bound.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

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
    /// Has no tier taken all that is known of it?
    owes: AtomicBool,
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
                    owes: AtomicBool::new(false),
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
    /// asked for longest ago first, and last those of which a tier has not taken all. A video that somebody holds
    /// stays: two indexes of it would each find a picture new.
    pub(super) fn weigh(&self, video: &Video, state: &State) {
        video.owes.store(state.owes(), Relaxed);
        let now = state.weight() + size_of::<Video>() + 2 * video.id.len();
        let before = video.weight.swap(now, Relaxed);
        self.weight.fetch_add(now, Relaxed);
        let all = self.weight.fetch_sub(before, Relaxed) - before;
        if all > self.most {
            self.let_go(&mut self.by_id.lock());
        }
    }

    #[cold]
    fn let_go(&self, by_id: &mut HashMap<Box<str>, Arc<Video>>) {
        let mut idle: Vec<(bool, u64, Box<str>)> = by_id
            .values()
            .filter(|video| Arc::strong_count(video) == 1)
            .map(|video| (video.owes.load(Relaxed), video.touched.load(Relaxed), video.id.clone()))
            .collect();
        idle.sort_unstable();
        // Some more than is needed, so that it is not sorted for every check.
        let enough = self.most / 8 * 7;
        for (.., id) in idle {
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

#[cfg(test)]
mod tests {
    use super::super::{Dedup, DedupOptions};
    use super::*;
    use crate::cache::Cache;

    #[test]
    fn a_video_of_which_a_tier_has_not_taken_all_goes_last() {
        let cache = Cache::builder().build().expect("nothing is out of range");
        let dedup = Dedup::open(&cache, "stills", DedupOptions::new()).expect("they are open once");
        let videos = Videos::new(100_000);
        let state = || State::new(&dedup.indexes, &cache, cache.0.log.birth());
        let mut kept = Vec::new();
        for (id, owes) in [("owes", true), ("owes-not", false)] {
            let mut state = state();
            state.head_owed = owes;
            let video = videos.get(id, || dedup.indexes.kept.name(&cache, id));
            videos.weigh(&video, &state);
            kept.push(Arc::downgrade(&video));
        }
        for id in 0..500 {
            let id = id.to_string();
            let video = videos.get(&id, || dedup.indexes.kept.name(&cache, &id));
            videos.weigh(&video, &state());
        }
        assert!(videos.size().0 < 500, "some went");
        assert_eq!(kept.iter().map(std::sync::Weak::strong_count).collect::<Vec<_>>(), [1, 0]);
    }
}
