//! The service behind the player: what is stored of a film, and what a page shows of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cached_runtime::{Cache, cache, invalidate};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// How long a database takes for an answer.
const MOMENT: Duration = Duration::from_millis(5);

/// A frame as it is stored: the picture, or the time of the one that it is like.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stored {
    pub at: Duration,
    pub original: Option<Duration>,
    pub bytes: usize,
}

/// One node of the service.
#[derive(Clone)]
pub struct Library {
    pub cache: Cache,
    shelves: Arc<Shelves>,
}

#[derive(Default)]
struct Shelves {
    frames: Mutex<HashMap<String, Vec<Stored>>>,
    titles: Mutex<HashMap<String, Vec<String>>>,
    asked: AtomicU64,
}

impl Library {
    pub fn new(cache: Cache) -> Self {
        Self { cache, shelves: Arc::default() }
    }

    /// The same shelves behind another cache, as after a restart.
    pub fn behind(self, cache: Cache) -> Self {
        Self { cache, ..self }
    }

    pub fn titled(&self, film: &str, titles: &[String]) {
        self.shelves.titles.lock().insert(film.to_owned(), titles.to_vec());
    }

    /// How often the shelves were asked, past the cache.
    pub fn asked(&self) -> u64 {
        self.shelves.asked.load(Ordering::Relaxed)
    }

    /// A database would be asked here, which takes a moment.
    async fn look<T>(&self, look: impl FnOnce(&Shelves) -> T) -> T {
        self.shelves.asked.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(MOMENT).await;
        look(&self.shelves)
    }
}

/// Stores a film's frames; what pages showed of it is gone on every node when this returns. (The tag `video:{film}` would end
/// the index of its frames with that, as for a film that is taken out.)
#[invalidate(pattern = "video:{film}:*", cache = &library.cache)]
pub async fn store(library: &Library, film: &str, frames: Vec<Stored>) {
    library.shelves.frames.lock().insert(film.to_owned(), frames);
}

/// The frames of a film. Who asks for them asks for its captions and its chapters next: they are on their way meanwhile.
#[cache(key = "video:{film}:frames", tags = ["video:{film}"], ttl = "10m", skip(library), cache = &library.cache,
    prefetch(captions(library, film), chapters(library, film)))]
pub async fn frames(library: &Library, film: &str) -> Arc<Vec<Stored>> {
    Arc::new(library.look(|shelves| shelves.frames.lock().get(film).cloned().unwrap_or_default()).await)
}

/// What is seen in each scene.
#[cache(key = "video:{film}:captions", tags = ["video:{film}"], ttl = "10m", skip(library), cache = &library.cache)]
pub async fn captions(library: &Library, film: &str) -> Arc<Vec<String>> {
    Arc::new(library.look(|shelves| shelves.titles.lock().get(film).cloned().unwrap_or_default()).await)
}

/// When each scene begins: the frames that are like none before.
#[cache(key = "video:{film}:chapters", tags = ["video:{film}"], ttl = "10m", skip(library), cache = &library.cache)]
pub async fn chapters(library: &Library, film: &str) -> Arc<Vec<Duration>> {
    let begins = |frames: &Vec<Stored>| frames.iter().filter(|f| f.original.is_none()).map(|f| f.at).collect();
    Arc::new(library.look(|shelves| shelves.frames.lock().get(film).map(begins).unwrap_or_default()).await)
}
