//! Several elements in one call: each is an entry of its own, and what is nowhere is loaded once, together.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cached_runtime::testing::{Gate, Operation};
use cached_runtime::{cache, invalidate};

use crate::rig::{World, soon};
use crate::shelf::eventually;

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

#[tokio::test]
async fn only_what_is_missing_is_loaded_and_once() {
    let table = Names::new();
    assert_eq!(by_map(&table, &[1, 2, 3]).await.unwrap(), named(&[1, 2, 3]));
    assert_eq!(by_map(&table, &[2, 3, 4, 4, 5, 1]).await.unwrap(), named(&[1, 2, 3, 4, 5]));
    assert_eq!(by_map(&table, &[5, 4, 3, 2, 1]).await.unwrap(), named(&[1, 2, 3, 4, 5]));
    assert_eq!(table.asked(), [vec![1, 2, 3], vec![4, 5]], "each element once");
    let stats = table.cache().stats();
    let site = stats.sites.iter().find(|site| site.site.contains("by_map")).unwrap();
    assert_eq!((site.hits, site.misses, site.loads), (8, 6, 2), "{site:?}");
}

#[tokio::test]
async fn a_batch_of_none_asks_nobody() {
    let table = Names::new();
    assert_eq!(by_map(&table, &[]).await.unwrap(), HashMap::new());
    assert_eq!(in_order(&table, &vec![]).await.unwrap(), []);
    assert_eq!(table.asked(), Vec::<Vec<u32>>::new());
}

#[tokio::test]
async fn answers_stand_where_they_were_asked_for() {
    let table = Names::new();
    let name = |id: u32| Some(format!("name {id}"));
    assert_eq!(in_order(&table, &vec![3, 200, 1]).await.unwrap(), [name(3), None, name(1)]);
    assert_eq!(
        in_order(&table, &vec![1, 2, 3, 2, 200, 1]).await.unwrap(),
        [name(1), name(2), name(3), name(2), None, name(1)]
    );
    assert_eq!(table.asked(), [vec![3, 200, 1], vec![2, 200]]);
    let pairs = by_pairs(&table, vec![7, 200, 6, 7]).await; // of which one is there twice
    assert_eq!(pairs.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [7, 6, 7]);
}

#[tokio::test]
async fn what_is_absent_is_asked_for_again_unless_that_is_remembered() {
    let table = Names::new();
    for _ in 0..2 {
        assert_eq!(by_map(&table, &[1, 500]).await.unwrap(), named(&[1]));
    }
    assert_eq!(table.asked(), [vec![1, 500], vec![500]]);
    for _ in 0..2 {
        assert_eq!(remembered(&table, &[1, 500]).await.unwrap().len(), 1);
    }
    assert_eq!(table.asked(), [vec![1, 500]]);
    table.world.as_ref().unwrap().clock.advance(Duration::from_secs(61));
    remembered(&table, &[1, 500]).await.unwrap();
    assert_eq!(table.asked(), [vec![500]], "no longer than it says");
}

#[tokio::test]
async fn each_element_is_invalidated_by_itself() {
    let table = Names::new();
    by_map(&table, &[1, 2, 3]).await.unwrap();
    rename(&table, 2, "another").await;
    assert_eq!(by_map(&table, &[1, 2, 3]).await.unwrap()[&2], "another");
    assert_eq!(table.asked(), [vec![1, 2, 3], vec![2]]);
    by_map::remove(&table, &3).await;
    by_map(&table, &[1, 2, 3]).await.unwrap();
    assert_eq!(table.asked(), [vec![3]]);
}

#[tokio::test]
async fn companions_are_about_one_element() {
    let table = Names::new();
    by_map(&table, &[1]).await.unwrap();
    assert_eq!(by_map::key(&table, &1).as_str(), "names:1");
    assert_eq!(by_map::peek(&table, &1).await, Some(Ok(Some("name 1".to_owned()))));
    assert_eq!(by_map::peek(&table, &2).await, None);
    assert_eq!(by_map::one(&table, &1).await, Ok(Some("name 1".to_owned())));
    assert_eq!(by_map::one(&table, &2).await, Ok(Some("name 2".to_owned())));
    assert_eq!(by_map::one(&table, &999).await, Ok(None));
    assert_eq!(table.asked(), [vec![1], vec![2], vec![999]]);
    table.rename(1, "another");
    assert_eq!(by_map::refresh(&table, &[1]).await.unwrap()[&1], "another");
    assert_eq!(by_map(&table, &[1]).await.unwrap()[&1], "another");
}

#[tokio::test]
async fn a_refresh_loads_each_element_anew_and_nothing_else() {
    let table = Names::new();
    by_map(&table, &[1, 2, 3]).await.unwrap();
    for id in 1..4 {
        table.rename(id, "another");
    }
    assert_eq!(by_map::refresh(&table, &[1, 2, 9]).await.unwrap()[&2], "another");
    assert_eq!(table.asked(), [vec![1, 2, 3], vec![1, 2, 9]]);
    let answers = by_map(&table, &[1, 2, 3]).await.unwrap();
    assert_eq!((&*answers[&1], &*answers[&2], &*answers[&3]), ("another", "another", "name 3"));
    by_map::refresh(&table, &[]).await.unwrap();
    assert_eq!(by_map(&table, &[3]).await.unwrap()[&3], "name 3", "a refresh of nothing leaves nothing behind");
    assert_eq!(table.asked(), Vec::<Vec<u32>>::new());
}

/// Each tier is read once, whatever the number of elements.
#[tokio::test]
async fn tiers_are_read_once_for_all() {
    let table = Names::in_world(World::new());
    let world = table.world.clone().unwrap();
    by_map(&table, &(0..50).collect::<Vec<_>>()).await.unwrap();
    world.settle().await;
    world.cache.set_near_capacity(1);
    world.cache.set_near_capacity(1 << 20);
    table.asked();
    let before = world.chaos.counts(Operation::Get).calls;
    assert_eq!(by_map(&table, &(0..60).collect::<Vec<_>>()).await.unwrap().len(), 60);
    assert_eq!(world.chaos.counts(Operation::Get).calls - before, 1);
    assert_eq!(table.asked(), [(50..60).collect::<Vec<_>>()], "only what no tier has");
    let promoted = world.cache.stats().sites.iter().map(|site| site.promotions).sum::<u64>();
    assert_eq!(promoted, 50);
}

/// Two batches that overlap: what both want is loaded by one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_batch_loads_is_waited_for() {
    let table = Names::new();
    table.gate.close();
    let call = |ids: &'static [u32]| {
        let table = table.clone();
        tokio::spawn(async move { by_map(&table, ids).await })
    };
    let first = call(&[1, 2, 3]);
    eventually("the first asks", || table.times() == 1).await;
    let second = call(&[2, 3, 4]);
    eventually("the second asks", || table.times() == 2).await;
    let one = {
        let table = table.clone();
        tokio::spawn(async move { by_map::one(&table, &4).await })
    };
    eventually("one has joined", || table.cache().stats().sites.iter().map(|site| site.joins).sum::<u64>() == 3).await;
    table.gate.open();
    assert_eq!(soon("the first", first).await.unwrap(), Ok(named(&[1, 2, 3])));
    assert_eq!(soon("the second", second).await.unwrap(), Ok(named(&[2, 3, 4])));
    assert_eq!(soon("the one", one).await.unwrap(), Ok(Some("name 4".to_owned())));
    assert_eq!(table.asked(), [vec![1, 2, 3], vec![4]]);
}

/// Two batches each of which wants what the other loads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_that_want_each_others_elements_do_not_wait_for_ever() {
    let table = Names::new();
    for round in 0..200 {
        let ids: Vec<u32> = (0..10).map(|n| (n + round * 10) % 100).collect();
        let calls: Vec<_> = (0..4)
            .map(|turn| {
                let (table, mut ids) = (table.clone(), ids.clone());
                ids.rotate_left(turn * 3);
                if turn % 2 == 1 {
                    ids.reverse();
                }
                tokio::spawn(async move { by_map(&table, &ids).await })
            })
            .collect();
        for call in calls {
            assert_eq!(soon("a batch", call).await.unwrap().unwrap().len(), 10);
        }
        by_map_all_removed(&table, &ids).await;
    }
}

async fn by_map_all_removed(table: &Names, ids: &[u32]) {
    for id in ids {
        by_map::remove(table, id).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_leaves_takes_nothing_away() {
    let table = Names::new();
    table.gate.close();
    let leaves = {
        let table = table.clone();
        tokio::spawn(async move { by_map(&table, &[1, 2]).await })
    };
    eventually("it is asked", || table.times() == 1).await;
    leaves.abort();
    assert!(leaves.await.unwrap_err().is_cancelled());
    table.gate.open();
    eventually("it is loaded", || table.cache().stats().sites.iter().map(|site| site.loads).sum::<u64>() == 1).await;
    assert_eq!(soon("a batch", by_map(&table, &[1, 2])).await.unwrap(), named(&[1, 2]));
    assert_eq!(table.asked(), [vec![1, 2]]);
}

/// A load that began before an invalidation keeps nothing of it; the other elements stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_invalidated_while_it_is_loaded_is_not_kept() {
    let table = Names::new();
    table.gate.close();
    let call = {
        let table = table.clone();
        tokio::spawn(async move { by_map(&table, &[1, 2]).await })
    };
    eventually("it is asked", || table.times() == 1).await;
    rename(&table, 2, "another").await;
    table.gate.open();
    soon("the batch", call).await.unwrap().unwrap();
    assert_eq!(by_map(&table, &[1, 2]).await.unwrap()[&2], "another");
    assert_eq!(table.asked(), [vec![1, 2], vec![2]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_is_told_to_all_and_nothing_is_kept() {
    let table = Names::new();
    table.fail(Failing::Error);
    assert_eq!(by_map(&table, &[1, 2, 1]).await, Err(Away));
    assert_eq!(table.asked(), [vec![1, 2]], "nobody asks again for a failure");
    table.fail(None);
    assert_eq!(by_map(&table, &[1, 2]).await.unwrap(), named(&[1, 2]));
    table.fail(Failing::Error);
    assert_eq!(by_map(&table, &[1, 2]).await.unwrap(), named(&[1, 2]), "what is there needs no load");
    assert_eq!(by_map(&table, &[1, 3]).await, Err(Away), "a part is no answer");
}

/// The error goes to who led; who waited for an element of his asks for himself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_that_cannot_be_copied_leaves_nobody_waiting() {
    let table = Names::new();
    table.fail(Failing::Error);
    table.gate.close();
    let call = |ids: &'static [u32]| {
        let table = table.clone();
        tokio::spawn(async move { by_map(&table, ids).await })
    };
    let first = call(&[1, 2]);
    eventually("the first asks", || table.times() == 1).await;
    let others = [call(&[2]), call(&[1]), call(&[2, 1])];
    eventually("all wait", || table.cache().stats().sites.iter().map(|site| site.joins).sum::<u64>() == 4).await;
    table.gate.open();
    assert_eq!(soon("the first", first).await.unwrap(), Err(Away));
    for other in others {
        assert_eq!(soon("another", other).await.unwrap(), Err(Away));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_told_and_frees_the_keys() {
    let table = Names::new();
    table.fail(Failing::Panic);
    let call = {
        let table = table.clone();
        tokio::spawn(async move { by_map(&table, &[1, 2]).await })
    };
    let panicked = soon("the batch", call).await.unwrap_err().into_panic();
    assert_eq!(panicked.downcast_ref::<&str>(), Some(&"the table fell over"));
    table.fail(None);
    assert_eq!(by_map(&table, &[1, 2]).await.unwrap(), named(&[1, 2]));
}

/// One more or less may stand anywhere: nothing of it is kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_in_order_that_are_too_few_or_too_many_are_refused() {
    let table = Names::new();
    for (how, given) in [(Failing::OneTooFew, 2), (Failing::OneTooMany, 4)] {
        table.fail(how);
        let call = {
            let table = table.clone();
            tokio::spawn(async move { in_order(&table, &vec![1, 2, 3]).await })
        };
        let panicked = soon("the batch", call).await.unwrap_err().into_panic();
        let text = panicked.downcast_ref::<String>().unwrap();
        assert!(text.contains(&format!("{given} answers in order for a batch of 3")), "{text}");
    }
    table.fail(None);
    table.asked();
    assert_eq!(in_order(&table, &vec![1]).await.unwrap(), [Some("name 1".to_owned())]);
    assert_eq!(table.asked(), [vec![1]], "nothing of it was kept");
}

#[tokio::test]
async fn what_nobody_has_asked_for_is_neither_answered_nor_kept() {
    let table = Names::new();
    table.fail(Failing::OneNotAsked);
    assert_eq!(by_map(&table, &[1]).await.unwrap(), named(&[1]));
    assert_eq!(by_map::peek(&table, &1_000).await, None);
}

#[cache(batch = ids, max_batch = 4, skip(table), cache = table.cache())]
async fn by_fours(table: &Names, ids: &[u32]) -> Result<HashMap<u32, String>, Away> {
    let names = table.ask(ids).await?;
    Ok(pairs(ids, names).collect())
}

#[tokio::test]
async fn a_body_takes_so_many_at_a_time() {
    let table = Names::new();
    assert_eq!(by_fours(&table, &(0..10).collect::<Vec<_>>()).await.unwrap().len(), 10);
    assert_eq!(table.asked(), [vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8, 9]]);
    by_fours(&table, &[0, 1, 2, 10, 11, 12]).await.unwrap();
    assert_eq!(table.asked(), [vec![10, 11, 12]]);
}

#[cache(batch = ids, coalesce = "1h", max_batch = 100, skip(table), cache = table.cache())]
async fn gathered(table: &Names, ids: &[u32]) -> Result<HashMap<u32, String>, Away> {
    let names = table.ask(ids).await?;
    Ok(pairs(ids, names).collect())
}

/// N+1 becomes 1: an hour is not waited for, because the batch is full.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_single_calls_become_one_load() {
    let table = Names::new();
    let calls: Vec<_> = (0..100)
        .map(|id| {
            let table = table.clone();
            tokio::spawn(async move { gathered::one(&table, &id).await })
        })
        .collect();
    for (id, call) in calls.into_iter().enumerate() {
        assert_eq!(soon("a call", call).await.unwrap(), Ok(Some(format!("name {id}"))));
    }
    let asked = table.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0].len(), 100);
}

#[cache(batch = ids, coalesce = "2ms", skip(table), cache = table.cache())]
async fn of_tenant(table: &Names, tenant: &str, ids: &[u32]) -> Result<HashMap<u32, String>, Away> {
    let names = table.ask(ids).await?;
    Ok(pairs(ids, names).map(|(id, name)| (id, format!("{tenant}: {name}"))).collect())
}

/// What differs in another argument is another load.
#[tokio::test(start_paused = true)]
async fn only_calls_that_agree_in_all_else_are_gathered() {
    let table = Names::new();
    let calls: Vec<_> = (0..40)
        .map(|n| {
            let table = table.clone();
            let tenant = if n % 2 == 0 { "even" } else { "odd" };
            tokio::spawn(async move { (n, tenant, of_tenant::one(&table, tenant, &(n / 4)).await) })
        })
        .collect();
    for call in calls {
        let (n, tenant, answer) = call.await.unwrap();
        assert_eq!(answer, Ok(Some(format!("{tenant}: name {}", n / 4))));
    }
    let mut asked = table.asked();
    asked.iter_mut().for_each(|ids| ids.sort_unstable());
    assert_eq!(asked, [(0..10).collect::<Vec<_>>(), (0..10).collect()], "one load a tenant");
}

/// A caller who leaves before the load has begun.
#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_while_it_is_gathered_takes_nothing_away() {
    let table = Names::new();
    let call = |id: u32| {
        let table = table.clone();
        tokio::spawn(async move { of_tenant::one(&table, "a", &id).await })
    };
    let (leaves, stays) = (call(1), call(2));
    tokio::task::yield_now().await;
    leaves.abort();
    assert_eq!(stays.await.unwrap(), Ok(Some("a: name 2".to_owned())));
    assert_eq!(table.asked(), [vec![1, 2]]);
}

#[cache(batch = ids, skip(table), cache = table.cache())]
async fn of_itself(table: &Names, ids: &[u32]) -> HashMap<u32, u32> {
    locked(&table.asked).push(ids.to_vec());
    // The first of them, which is loaded here, and one below it.
    let wanted: Vec<u32> = ids.iter().take(1).flat_map(|id| [*id, id.saturating_sub(1)]).collect();
    let found = if table.times() < 10 { once_more(table.clone(), wanted).await } else { HashMap::new() };
    ids.iter().map(|id| (*id, 1 + found.len() as u32)).collect()
}

/// Boxed: else its type would hold itself.
fn once_more(table: Names, ids: Vec<u32>) -> Pin<Box<dyn Future<Output = HashMap<u32, u32>> + Send>> {
    Box::pin(async move { of_itself(&table, &ids).await })
}

/// It runs without the cache for those, up to where it ends by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_that_asks_for_its_own_elements_does_not_wait_for_itself() {
    let table = Names::new();
    let answers = soon("a batch of itself", of_itself(&table, &[5, 6])).await;
    assert_eq!(answers.len(), 2);
    let asked = table.asked();
    assert!(asked.len() > 2 && asked.len() <= 20, "{asked:?}");
    assert_eq!(asked[0], [5, 6]);
}

#[cache(batch = ids, ttl = "1m", stale = "1h", skip(table), cache = table.cache())]
async fn stale(table: &Names, ids: &[u32]) -> Result<HashMap<u32, String>, Away> {
    let names = table.ask(ids).await?;
    Ok(pairs(ids, names).collect())
}

#[tokio::test]
async fn old_values_answer_while_the_source_fails() {
    let table = Names::new();
    stale(&table, &[1, 2]).await.unwrap();
    table.world.as_ref().unwrap().clock.advance(Duration::from_secs(120));
    table.fail(Failing::Error);
    assert_eq!(stale(&table, &[1, 2]).await.unwrap(), named(&[1, 2]));
    assert_eq!(stale(&table, &[1, 3]).await, Err(Away), "there is nothing old of the other");
}

#[cache(batch = ids, ttl = "1m", stale = "1h", soft_timeout = "100ms", skip(table), cache = table.cache())]
async fn patient(table: &Names, ids: &[u32]) -> Result<HashMap<u32, String>, Away> {
    let names = table.ask(ids).await?;
    Ok(pairs(ids, names).collect())
}

/// A tenth of a second for all of them, not for each: what is old answers then, and the load goes on behind.
#[tokio::test(start_paused = true)]
async fn a_batch_waits_for_a_slow_source_once() {
    let table = Names::new();
    let ids: Vec<u32> = (0..50).collect();
    patient(&table, &ids).await.unwrap();
    table.world.as_ref().unwrap().clock.advance(Duration::from_secs(90));
    table.gate.close();
    let start = tokio::time::Instant::now();
    assert_eq!(patient(&table, &ids).await.unwrap(), named(&ids));
    assert!(start.elapsed() < Duration::from_millis(150), "{:?}", start.elapsed());
    table.gate.open();
}

#[cache(batch = ids, ttl = "1m", refresh_ahead = "30s", skip(table), cache = table.cache())]
async fn ahead(table: &Names, ids: &[u32]) -> Result<HashMap<u32, String>, Away> {
    let names = table.ask(ids).await?;
    Ok(pairs(ids, names).collect())
}

/// What is due soon is loaded behind: nobody waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_due_is_refreshed_behind() {
    let table = Names::new();
    ahead(&table, &[1, 2]).await.unwrap();
    table.world.as_ref().unwrap().clock.advance(Duration::from_secs(45));
    table.rename(1, "another");
    table.gate.close();
    assert_eq!(soon("what is there", ahead(&table, &[1, 2])).await.unwrap(), named(&[1, 2]));
    eventually("it is loaded behind", || table.times() == 2).await;
    table.gate.open();
    eventually("it is there", || {
        let loads = table.cache().stats().sites.iter().map(|site| site.loads).sum::<u64>();
        loads == 2
    })
    .await;
    assert_eq!(ahead(&table, &[1]).await.unwrap()[&1], "another");
}

struct Service {
    table: Names,
}

impl Service {
    #[cache(batch = ids, key = "service:{ids}", skip(self), cache = self.table.cache())]
    pub(crate) async fn names(&self, ids: &[u32]) -> Result<Vec<(u32, String)>, Away> {
        let names = self.table.ask(ids).await?;
        Ok(pairs(ids, names).collect())
    }
}

impl Clone for Service {
    fn clone(&self) -> Self {
        Self { table: self.table.clone() }
    }
}

#[tokio::test]
async fn methods_have_batches_too() {
    let service = Service { table: Names::new() };
    assert_eq!(service.names(&[2, 1]).await.unwrap().len(), 2);
    assert_eq!(service.names_one(&1).await, Ok(Some("name 1".to_owned())));
    assert_eq!(service.names_entry(&2).key().as_str(), "service:2");
    assert_eq!(service.table.asked(), [vec![2, 1]]);
}

#[cache(name = "shared-names", key = "shared:{ids}", tags = ["shared:{ids}"], batch = ids, skip(table), cache = table.cache())]
async fn all_of(table: &Names, ids: &[u32]) -> Result<HashMap<u32, String>, Away> {
    let names = table.ask(ids).await?;
    Ok(pairs(ids, names).collect())
}

#[cache(name = "shared-names", key = "shared:{id}", tags = ["shared:{id}"], skip(table), cache = table.cache())]
async fn one_of(table: &Names, id: u32) -> Result<Option<String>, Away> {
    Ok(table.ask(&[id]).await?.pop().flatten())
}

/// The function for one and the function for several have the same entries, near and below, and the same flights.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_and_its_batch_of_one_name_share_entries() {
    let table = Names::new();
    all_of(&table, &[1, 2]).await.unwrap();
    assert_eq!(one_of(&table, 1).await, Ok(Some("name 1".to_owned())));
    one_of(&table, 3).await.unwrap();
    assert_eq!(all_of(&table, &[1, 2, 3]).await.unwrap(), named(&[1, 2, 3]));
    assert_eq!(table.asked(), [vec![1, 2], vec![3]]);
    table.gate.close();
    let batch = {
        let table = table.clone();
        tokio::spawn(async move { all_of(&table, &[7, 8]).await })
    };
    eventually("the batch asks", || table.times() == 1).await;
    let one = {
        let table = table.clone();
        tokio::spawn(async move { one_of(&table, 8).await })
    };
    eventually("one has joined", || table.cache().stats().sites.iter().map(|site| site.joins).sum::<u64>() == 1).await;
    table.gate.open();
    assert_eq!(soon("the batch", batch).await.unwrap(), Ok(named(&[7, 8])));
    assert_eq!(soon("the one", one).await.unwrap(), Ok(Some("name 8".to_owned())));
    assert_eq!(table.asked(), [vec![7, 8]]);
}

/// An element that is invalidated while it is gathered is loaded for both who want it: each has what he asked for.
#[tokio::test(start_paused = true)]
async fn an_element_that_is_invalidated_while_it_is_gathered_has_a_load_of_its_own() {
    let table = Names::new();
    let call = || {
        let table = table.clone();
        tokio::spawn(async move { of_tenant::one(&table, "a", &1).await })
    };
    let first = call();
    tokio::task::yield_now().await;
    of_tenant::remove(&table, "a", &1).await;
    table.rename(1, "another");
    let second = call();
    tokio::task::yield_now().await;
    assert_eq!(first.await.unwrap(), Ok(Some("a: another".to_owned())));
    assert_eq!(second.await.unwrap(), Ok(Some("a: another".to_owned())));
    assert_eq!(table.asked(), [vec![1], vec![1]]);
    assert_eq!(of_tenant::peek(&table, "a", &1).await, Some(Ok(Some("a: another".to_owned()))));
}

/// A failure of a gathered load reaches all of them, though it cannot be copied, and not one after the other for ever.
#[tokio::test(start_paused = true)]
async fn who_was_gathered_into_a_load_that_fails_is_told_too() {
    let table = Names::new();
    table.fail(Failing::Error);
    let calls: Vec<_> = (0..20)
        .map(|id| {
            let table = table.clone();
            tokio::spawn(async move { of_tenant::one(&table, "a", &id).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), Err(Away));
    }
    assert!(table.times() <= 60, "{} loads of twenty callers", table.times());
}

#[tokio::test(start_paused = true)]
async fn who_was_gathered_into_a_load_that_panics_is_told_too() {
    let table = Names::new();
    table.fail(Failing::Panic);
    let calls: Vec<_> = (0..5)
        .map(|id| {
            let table = table.clone();
            tokio::spawn(async move { of_tenant::one(&table, "a", &id).await })
        })
        .collect();
    for call in calls {
        assert!(call.await.unwrap_err().is_panic());
    }
    table.fail(None);
    assert_eq!(of_tenant::one(&table, "a", &1).await, Ok(Some("a: name 1".to_owned())));
}

/// Nobody is there: a hundred who ask for it cost one load, though the error type cannot be copied.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_nobody_is_there_is_told_to_all_who_wait() {
    let table = Names::new();
    table.gate.close();
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let table = table.clone();
            tokio::spawn(async move { by_map::one(&table, &777).await })
        })
        .collect();
    eventually("all wait", || table.cache().stats().sites.iter().map(|site| site.joins).sum::<u64>() == 99).await;
    table.gate.open();
    for call in calls {
        assert_eq!(soon("a call", call).await.unwrap(), Ok(None));
    }
    assert_eq!(table.asked(), [vec![777]]);
}

/// A first part that fails is the answer: the rest is not asked for.
#[tokio::test]
async fn a_failure_of_one_part_ends_the_others() {
    let table = Names::new();
    table.fail(Failing::Error);
    assert_eq!(by_fours(&table, &(0..20).collect::<Vec<_>>()).await, Err(Away));
    assert_eq!(table.asked(), [vec![0, 1, 2, 3]]);
}

#[cache(batch = ids, skip(table), cache = table.cache())]
async fn twice(table: &Names, ids: &[u32]) -> Vec<(u32, String)> {
    table.ask(ids).await.unwrap();
    ids.iter().flat_map(|id| [(*id, "one".to_owned()), (*id, "other".to_owned())]).collect()
}

/// Rows of which an element has many: to keep one of them would lose the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_answers_for_one_are_refused() {
    let table = Names::new();
    let call = tokio::spawn(async move { twice(&table, &[1, 2]).await });
    let panicked = soon("the batch", call).await.unwrap_err().into_panic();
    assert!(panicked.downcast_ref::<String>().unwrap().contains("several answers for one element"));
}

#[cache(batch = ids, key = "judged:{ids}", cache_if = |name| { assert_ne!(name, "name 2", "not this"); true }, skip(table), cache = table.cache())]
async fn judged(table: &Names, ids: &[u32]) -> Result<HashMap<u32, String>, Away> {
    let names = table.ask(ids).await?;
    Ok(pairs(ids, names).collect())
}

/// What panics over one element loses that one: who wants only the others has them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_panics_over_one_element_loses_no_other() {
    let table = Names::new();
    let call = {
        let table = table.clone();
        tokio::spawn(async move { judged(&table, &[1, 2, 3]).await })
    };
    assert!(soon("the batch", call).await.unwrap_err().is_panic());
    assert_eq!(soon("the others", judged(&table, &[1, 3])).await.unwrap(), named(&[1, 3]));
    assert_eq!(table.asked(), [vec![1, 2, 3]], "they were kept");
}

/// Without a runtime it runs where it is called.
#[test]
fn a_batch_needs_no_runtime() {
    let table = Names::new();
    let ready = std::pin::pin!(of_tenant(&table, "a", &[1, 2]));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(answer) = ready.poll(&mut context) else { panic!("it waits for somebody") };
    assert_eq!(answer.unwrap().len(), 2);
}

/// A runtime that ends takes what it gathered along; callers in another begin anew.
#[test]
fn what_one_runtime_gathers_another_does_not_wait_for() {
    let table = Names::new();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let call = {
        let table = table.clone();
        first.spawn(async move { gathered::one(&table, &1).await })
    };
    first.block_on(tokio::task::yield_now());
    let other = second.block_on(async {
        let calls: Vec<_> = (2..102)
            .map(|id| {
                let table = table.clone();
                tokio::spawn(async move { gathered::one(&table, &id).await })
            })
            .collect();
        let mut answers = Vec::new();
        for call in calls {
            answers.push(soon("a call of the other runtime", call).await.unwrap());
        }
        answers
    });
    assert!(other.iter().filter(|answer| **answer == Ok(None)).count() == 2, "100 and 101 are nobody");
    drop(call);
}

struct Hidden {
    table: Names,
}

impl Hidden {
    /// Without a visibility it has no companions, and its site is its own.
    #[cache(batch = ids, key = "hidden:{ids}", skip(self), cache = self.table.cache())]
    async fn hidden_names(&self, ids: &[u32]) -> Result<HashMap<u32, String>, Away> {
        let names = self.table.ask(ids).await?;
        Ok(pairs(ids, names).collect())
    }
}

impl Clone for Hidden {
    fn clone(&self) -> Self {
        Self { table: self.table.clone() }
    }
}

#[cache(batch = ids, companions = false, skip(table, lang), cache = table.cache())]
async fn alone(table: &Names, lang: Option<&str>, suffix: String, mut ids: Vec<u32>) -> BTreeMap<u32, String> {
    ids.sort_unstable();
    let names = table.ask(&ids).await.unwrap();
    pairs(&ids, names).map(|(id, name)| (id, format!("{name}{}{suffix}", lang.unwrap_or_default()))).collect()
}

#[tokio::test]
async fn private_methods_and_functions_without_companions_have_batches() {
    let hidden = Hidden { table: Names::new() };
    assert_eq!(hidden.hidden_names(&[1, 2]).await.unwrap(), named(&[1, 2]));
    let table = Names::new();
    let found = alone(&table, Some("!"), "?".to_owned(), vec![2, 1]).await;
    assert_eq!(found[&1], "name 1!?");
    assert_eq!(table.asked(), [vec![1, 2]]);
    cached_runtime::Cache::builder().build().unwrap();
}
