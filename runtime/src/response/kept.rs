//! Where responses are kept: in a namespace of the cache, and so in its tiers, under its log.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderMap;
use serde::{Deserialize, Serialize};

use super::encoding::Encoding;
use super::labels::Labels;
use super::place::{Hashed, Place, Variant};
use super::stored::Stored;
use super::vary::Varies;
use crate::cache::Cache;
use crate::codec::Octets;
use crate::error::Result;
use crate::group::Group;
use crate::key::written;
use crate::log::Birth;
use crate::namespace::{Namespace, SetOptions};
use crate::stats::ResponseCounts;

/// From so many bytes on a body is compressed on a thread of its own: else it would hold up what else runs here.
const APART_FROM: usize = 64 << 10;

/// What stands under one name.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Kept {
    /// The response for an address, or for one variant of it.
    Whole(Arc<Stored>),
    /// The responses for this address stand under names of their own.
    Apart(Arc<Variants>),
    /// A body in an encoding.
    Packed(Arc<Packed>),
}

/// By what the responses for one address differ, and which there are, the oldest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Variants {
    varies: Varies,
    /// Hashes of what was selected.
    seen: Vec<String>,
    tags: Vec<String>,
    life: u64,
}

/// A body in an encoding; none if it became no smaller.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Packed {
    body: Option<Octets>,
    life: u64,
}

/// The responses of one layer.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    cache: Cache,
    names: Namespace<Kept>,
    labels: Arc<Labels>,
    max_variants: usize,
}

/// The name of a flight: an address, and what is selected of it as far as that is known.
pub(super) type Course = (Place, String);

impl Kept {
    fn life(&self) -> Duration {
        Duration::from_millis(match self {
            Self::Whole(stored) => stored.life,
            Self::Apart(variants) => variants.life,
            Self::Packed(packed) => packed.life,
        })
    }

    fn tags(&self) -> Vec<Arc<str>> {
        let of = |tags: &[String]| tags.iter().map(|tag| Arc::from(tag.as_str())).collect();
        match self {
            Self::Whole(stored) => of(&stored.tags),
            Self::Apart(variants) => of(&variants.tags),
            // It is found by the body that it was made of, and that has tags.
            Self::Packed(_) => Vec::new(),
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Whole(stored) => stored.weight(),
            Self::Apart(variants) => {
                let texts = variants.seen.iter().chain(&variants.tags);
                variants.varies.weight() + texts.map(|text| text.len() + size_of::<String>()).sum::<usize>()
            }
            Self::Packed(packed) => packed.body.as_ref().map_or(0, |body| body.0.len()) + size_of::<Packed>(),
        }
    }
}

impl Shelf {
    pub(super) fn new(cache: &Cache, namespace: &str, max_variants: usize) -> Result<Self> {
        let names = Namespace::living_weighed(cache, namespace, (Kept::life, Kept::tags, Kept::weight))?;
        let labels = names.beside(|| Labels::new(cache, namespace));
        Ok(Self { cache: cache.clone(), names, labels, max_variants })
    }

    /// What is counted of this namespace.
    pub(super) fn counts(&self) -> Arc<ResponseCounts> {
        self.names.beside(ResponseCounts::default)
    }

    /// How old what is asked for from now on will be.
    pub(super) fn birth(&self) -> Birth {
        self.names.birth()
    }

    /// Has nothing been invalidated since that might name a response for this address? What is taken back for others is
    /// known not to.
    pub(super) fn is_unmoved(&self, place: &Place, birth: &Birth) -> bool {
        let is_for_others =
            || birth.seq >= self.labels.rest() && self.names.is_current(place, &self.labels_of(place), birth);
        self.names.is_unmoved(birth) || !self.is_paused() && is_for_others()
    }

    /// May who asks now have what began with this birth, stands there, and has these tags?
    pub(super) fn is_current(&self, (place, selected): &Course, tags: &[String], birth: &Birth) -> bool {
        if selected.is_empty() {
            return self.names.is_current(place, tags, birth);
        }
        self.names.is_current(Variant { place, selected }, tags, birth)
    }

    /// The response that this request may have, and what it selects, as far as that is known.
    pub(super) async fn find(&self, place: &Place, request: &HeaderMap) -> (Option<Arc<Stored>>, String) {
        match self.names.get(place).await {
            Some(Kept::Whole(stored)) => (Some(stored), String::new()),
            Some(Kept::Apart(variants)) => {
                let selected = variants.varies.selected(request);
                let hash = self.hash_of(&selected);
                // What went because there are too many is kept below until its time is over.
                if !variants.seen.contains(&hash) {
                    return (None, selected);
                }
                let found = self.names.get(Hashed { place, hash: &hash }).await;
                let found = found.and_then(|kept| if let Kept::Whole(stored) = kept { Some(stored) } else { None });
                (found, selected)
            }
            Some(Kept::Packed(_)) | None => (None, String::new()),
        }
    }

    /// The same once more, where near has all of it.
    pub(super) fn look_again(&self, place: &Place, request: &HeaderMap) -> Option<Arc<Stored>> {
        let kept = match self.names.look_again(place)? {
            Kept::Apart(variants) => {
                let hash = self.hash_of(&variants.varies.selected(request));
                let is_seen = variants.seen.contains(&hash);
                self.names.look_again(Hashed { place, hash: &hash }).filter(|_| is_seen)?
            }
            kept => kept,
        };
        if let Kept::Whole(stored) = kept { Some(stored) } else { None }
    }

    /// Do requests go by the cache?
    pub(super) fn is_paused(&self) -> bool {
        self.names.is_paused()
    }

    /// Keeps a response that was asked for at this birth; false if it may not be found by others.
    pub(super) async fn put(
        &self,
        place: &Place,
        request: &HeaderMap,
        varies: Varies,
        mut stored: Stored,
        birth: Birth,
    ) -> (Arc<Stored>, bool) {
        for label in self.labels_of(place) {
            if !stored.tags.contains(&label) {
                stored.tags.push(label);
            }
        }
        let life = stored.life;
        let stored = Arc::new(stored);
        // What was invalidated meanwhile would not be found, and might stand where a younger one does.
        if !self.names.is_current(place, &stored.tags, &birth) {
            return (stored, false);
        }
        let whole = Kept::Whole(Arc::clone(&stored));
        if varies.is_nothing() {
            let is_kept = self.set(place, whole, birth);
            return (stored, is_kept);
        }
        let selected = varies.selected(request);
        // The response first: who finds the way to it shall find it.
        let is_kept = self.set(Variant { place, selected: &selected }, whole, birth);
        if is_kept {
            self.note_variant(place, varies, (self.hash_of(&selected), life), birth).await;
        }
        (stored, is_kept)
    }

    /// Writes down that there is such a variant. Two who do so at once may forget each other's: it is not found again,
    /// and nothing else. Clients choose how many there are, so nobody is told of one that goes.
    async fn note_variant(&self, place: &Place, varies: Varies, (hash, life): (String, u64), birth: Birth) {
        let (mut seen, mut longest) = (Vec::new(), life);
        if let Some(Kept::Apart(before)) = self.names.get(place).await
            && before.varies == varies
        {
            seen.clone_from(&before.seen);
            longest = longest.max(before.life);
        }
        seen.retain(|known| *known != hash);
        seen.push(hash);
        while seen.len() > self.max_variants {
            let oldest = seen.remove(0);
            self.names.drop_near(Hashed { place, hash: &oldest });
        }
        let variants = Variants { varies, seen, tags: self.labels_of(place).to_vec(), life: longest };
        self.set(place, Kept::Apart(Arc::new(variants)), birth);
    }

    fn set(&self, name: impl crate::namespace::Name, kept: Kept, birth: Birth) -> bool {
        let ttl = kept.life();
        self.names.keep_born(name, kept, SetOptions { ttl: Some(ttl), ..SetOptions::new() }, birth)
    }

    /// Takes back what was kept for this request: the origin has answered with what is not kept. A node that goes by
    /// the cache says nothing of what others keep.
    pub(super) async fn remove(&self, (place, selected): &Course) {
        if self.is_paused() {
            return;
        }
        if selected.is_empty() {
            self.names.remove(place).await;
        } else {
            self.names.remove(Variant { place, selected }).await;
        }
    }

    /// The tags of all responses for an address.
    fn labels_of(&self, place: &Place) -> [String; 2] {
        self.labels.of(&self.cache, place)
    }

    fn hash_of(&self, selected: &str) -> String {
        written(&crate::key::secret(Cow::Borrowed(selected)), self.cache.0.settings.secret)
    }

    /// The name of a flight, of those who are authorized or of the others.
    pub(super) fn name_of(&self, (place, selected): &Course, is_authorized: bool) -> String {
        let key = self.names.key(Variant { place, selected });
        format!("{key}{}", if is_authorized { "!" } else { "" })
    }

    /// Takes back all responses for these addresses, without waiting for the tiers: for destructors.
    pub(super) fn invalidate_behind(&self, places: &[Place]) {
        self.cache.invalidate_behind(self.groups_of(places));
    }

    /// Invalidates all responses for these addresses.
    pub(super) async fn invalidate(&self, places: &[Place]) {
        self.cache.invalidate(self.groups_of(places)).await;
    }

    fn groups_of(&self, places: &[Place]) -> Vec<Group> {
        let labels = places.iter().map(|place| self.labels.to_tell(&self.cache, place));
        labels.map(|label| Group::Tag(label.into())).collect()
    }

    /// The body of a response in this encoding, made once; none if it becomes no smaller.
    pub(super) async fn packed(&self, stored: &Arc<Stored>, encoding: Encoding) -> Option<Bytes> {
        let load = || {
            let stored = Arc::clone(stored);
            async move {
                let (body, life) = (stored.body.0.clone(), stored.life);
                let encode = move || encoding.encode(&body);
                let body = match tokio::runtime::Handle::try_current() {
                    Ok(runtime) if stored.body.0.len() >= APART_FROM => {
                        runtime.spawn_blocking(encode).await.map_err(|_| ())?
                    }
                    _ => encode(),
                };
                Ok::<_, ()>(Kept::Packed(Arc::new(Packed { body: body.map(|body| Octets(body.into())), life })))
            }
        };
        match self.names.get_or_load(("in", encoding.token(), stored.id), load).await {
            Ok(Kept::Packed(packed)) => packed.body.as_ref().map(|body| body.0.clone()),
            Ok(Kept::Whole(_) | Kept::Apart(_)) | Err(_) => None,
        }
    }

    /// What tells a body from every other one, here and in tiers that outlive this process: its keyed hash.
    pub(super) fn id_of(&self, body: &[u8]) -> u128 {
        self.cache.0.settings.secret.hash(body)
    }
}
