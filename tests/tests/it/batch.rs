//! Several elements in one call: each is an entry of its own, and what is nowhere is loaded once, together.

mod aged;
mod answers;
mod failing;
mod flights;
mod gathered;
mod placed;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cached_runtime::testing::Gate;
use cached_runtime::{cache, invalidate};

use crate::rig::World;

/// A table of names, which counts how it is asked.
#[derive(Clone, Default)]
struct Names {
    world: Option<World>,
    names: Arc<Mutex<BTreeMap<u32, String>>>,
    /// What was asked, each time.
    asked: Arc<Mutex<Vec<Vec<u32>>>>,
    fails: Arc<Mutex<Option<Failing>>>,
    gate: Gate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failing {
    Error,
    Panic,
    OneTooFew,
    OneTooMany,
    OneNotAsked,
}

/// Cannot be cloned.
#[derive(Debug, PartialEq, Eq)]
struct Away;

/// Also after a body has panicked.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Names {
    fn new() -> Self {
        Self::in_world(World::near_only())
    }

    fn in_world(world: World) -> Self {
        let names = (0..100).map(|id| (id, format!("name {id}"))).collect();
        Self { world: Some(world), names: Arc::new(Mutex::new(names)), gate: Gate::opened(), ..Self::default() }
    }

    fn cache(&self) -> &cached_runtime::Cache {
        &self.world.as_ref().unwrap().cache
    }

    async fn ask(&self, ids: &[u32]) -> Result<Vec<Option<String>>, Away> {
        locked(&self.asked).push(ids.to_vec());
        let names: Vec<_> = ids.iter().map(|id| locked(&self.names).get(id).cloned()).collect();
        let fails = *locked(&self.fails);
        self.gate.pass().await;
        match fails {
            Some(Failing::Error) => Err(Away),
            Some(Failing::Panic) => panic!("the table fell over"),
            Some(Failing::OneTooFew) => Ok(names[1..].to_vec()),
            Some(Failing::OneTooMany) => Ok(names.into_iter().chain([None]).collect()),
            Some(Failing::OneNotAsked) | None => Ok(names),
        }
    }

    /// What it was asked since this was asked last.
    fn asked(&self) -> Vec<Vec<u32>> {
        std::mem::take(&mut locked(&self.asked))
    }

    /// How often it was asked since then.
    fn times(&self) -> usize {
        locked(&self.asked).len()
    }

    fn rename(&self, id: u32, name: &str) {
        locked(&self.names).insert(id, name.to_owned());
    }

    fn fail(&self, how: impl Into<Option<Failing>>) {
        *locked(&self.fails) = how.into();
    }
}

fn pairs(ids: &[u32], names: Vec<Option<String>>) -> impl Iterator<Item = (u32, String)> {
    ids.iter().copied().zip(names).filter_map(|(id, name)| Some((id, name?))).collect::<Vec<_>>().into_iter()
}

#[cache(batch = ids, key = "names:{ids}", tags = ["name:{ids}"], ttl = "10m", skip(table), cache = table.cache())]
async fn by_map(table: &Names, ids: &[u32]) -> Result<HashMap<u32, String>, Away> {
    let names = table.ask(ids).await?;
    let mut map: HashMap<u32, String> = pairs(ids, names).collect();
    if *locked(&table.fails) == Some(Failing::OneNotAsked) {
        map.insert(1_000, "nobody has asked for this".to_owned());
    }
    Ok(map)
}

#[cache(batch = ids, skip(table), cache = table.cache())]
async fn by_pairs(table: &Names, ids: Vec<u32>) -> Vec<(u32, String)> {
    let names = table.ask(&ids).await.unwrap();
    pairs(&ids, names).collect()
}

#[cache(batch = ids, skip(table), cache = table.cache())]
async fn in_order(table: &Names, ids: &Vec<u32>) -> Result<Vec<Option<String>>, Away> {
    table.ask(ids).await
}

#[cache(batch = ids, skip(table), cache = table.cache(), cache_none = "1m")]
async fn remembered(table: &Names, ids: &[u32]) -> Result<BTreeMap<u32, String>, Away> {
    let names = table.ask(ids).await?;
    Ok(pairs(ids, names).collect())
}

#[invalidate(tags = ["name:{id}"], cache = table.cache())]
async fn rename(table: &Names, id: u32, name: &str) {
    table.rename(id, name);
}

fn named(ids: &[u32]) -> HashMap<u32, String> {
    ids.iter().map(|id| (*id, format!("name {id}"))).collect()
}

#[cache(batch = ids, max_batch = 4, skip(table), cache = table.cache())]
async fn by_fours(table: &Names, ids: &[u32]) -> Result<HashMap<u32, String>, Away> {
    let names = table.ask(ids).await?;
    Ok(pairs(ids, names).collect())
}
