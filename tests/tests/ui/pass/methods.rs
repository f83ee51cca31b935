//! Methods, receivers, traits, generics and what belongs to them.
#![deny(warnings, clippy::all, clippy::pedantic)]
#![allow(clippy::unused_async, clippy::unused_self, clippy::trivially_copy_pass_by_ref)]
use std::fmt::Display;
use std::sync::Arc;

use cached_runtime::{Cache, KeyPart, cache, invalidate};

#[derive(Clone)]
pub struct Store {
    tenant: String,
    cache: Cache,
}

impl Store {
    #[cache(key = "store:{self.tenant}:{id}", tags = ["tenant:{self.tenant}"])]
    pub async fn load(&self, id: u64) -> Option<String> {
        let own = self.name(id);
        println!("{}", self.tenant);
        Some(own)
    }

    fn name(&self, id: u64) -> String {
        format!("{}{id}", self.tenant)
    }

    #[cache(skip(self), load = "inline")]
    async fn inline(&self, id: u64) -> String {
        self.name(id)
    }

    #[cache(key = "shared:{self.tenant}")]
    async fn shared(self: Arc<Self>) -> String {
        self.tenant.clone()
    }

    #[cache(skip(self), load = "inline")]
    async fn exclusive(&mut self, id: u64) -> u64 {
        self.tenant.push('x');
        id
    }

    #[cache(key = "sync:{self.tenant}", cache = self.cache)]
    fn sync(&self) -> usize {
        self.tenant.len()
    }

    #[cache(companions = false)]
    async fn of_type(id: u64) -> u64 {
        id
    }

    #[cache(local)]
    pub(crate) async fn of_self(id: u64) -> Self {
        Self { tenant: id.to_string(), cache: Cache::installed().clone() }
    }

    #[invalidate(self.load(id), Self::of_self(id), cache = &self.cache)]
    pub async fn save(&mut self, id: u64) -> Result<&str, ()> {
        if id == 0 {
            return Err(());
        }
        self.tenant.push('x');
        Ok(&self.tenant)
    }

    #[invalidate(pattern = "store:{self.tenant}:*", when = "both")]
    fn clear(&mut self, mut by: u32) {
        by += 1;
        self.tenant.truncate(by as usize);
    }
}

trait Source {
    async fn get(&self, id: u64) -> u64;
}

impl Source for Store {
    #[cache(key = "source:{self.tenant}:{id}")]
    async fn get(&self, id: u64) -> u64 {
        id + self.tenant.len() as u64
    }
}

#[cache]
#[allow(clippy::multiple_bound_locations, reason = "both places have to survive")]
async fn generic<T: KeyPart + Clone + Send + Sync + 'static + Display, const N: usize>(value: &T) -> String
where
    T: Ord,
{
    format!("{value}{N}")
}

#[cache(skip(by))]
async fn unnamed(
    by: impl Display + Clone + Send + Sync + 'static,
    with: &(impl KeyPart + Clone + Send + Sync + 'static),
) -> String {
    let _ = with;
    by.to_string()
}

#[cache(key = "typed:{id}")]
async fn typed<'a, S: Source + Clone + Send + Sync + 'static>(source: &'a S, id: u64) -> u64 {
    let _ = source;
    id
}

pub(crate) fn main() {
    let store = Store { tenant: String::new(), cache: Cache::installed().clone() };
    let mut other = store.clone();
    let _ = store.load_entry(1);
    let _ = Store::of_self_entry(1);
    drop(store.load_refresh(1));
    let _ = generic::entry::<u8, 1>(&1);
    let _ = typed::entry::<Store>(1);
    drop((store.load(1), store.inline(1), Store::of_type(1), Store::of_self(1), store.get(1)));
    drop((generic::<u8, 1>(&1), unnamed(1, &2u8), typed(&store, 1)));
    let _ = store.sync();
    other.clear(1);
    drop(other.save(1));
    drop(other.exclusive(1));
    drop(Arc::new(store).shared());
}
