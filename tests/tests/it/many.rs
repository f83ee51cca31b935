//! Several names of a namespace in one call: each is loaded once, with all that is missing beside it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use cached_runtime::testing::{Gate, Operation};
use cached_runtime::{Access, Namespace};

use crate::rig::{World, soon};
use crate::shelf::eventually;

/// A table that writes down what it is asked.
#[derive(Clone)]
struct Table {
    asked: Arc<Mutex<Vec<Vec<u32>>>>,
    fails: Arc<Mutex<bool>>,
    gate: Gate,
}

#[derive(Debug, PartialEq, Eq)]
struct Away;

impl Table {
    fn new() -> Self {
        Self { asked: Arc::default(), fails: Arc::default(), gate: Gate::opened() }
    }

    fn asked(&self) -> Vec<Vec<u32>> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn times(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn fail(&self, fails: bool) {
        *self.fails.lock().unwrap() = fails;
    }

    /// Has names for all below 100.
    async fn read(&self, ids: Vec<u32>) -> Result<HashMap<u32, String>, Away> {
        self.asked.lock().unwrap().push(ids.clone());
        self.gate.pass().await;
        if *self.fails.lock().unwrap() {
            return Err(Away);
        }
        Ok(ids.into_iter().filter(|id| *id < 100).map(|id| (id, format!("name {id}"))).collect())
    }

    async fn ask(&self, names: &Namespace<String>, ids: &[u32]) -> Result<Vec<Option<String>>, Arc<Away>> {
        let table = self.clone();
        let load = move |ids| {
            let table = table.clone();
            async move { table.read(ids).await }
        };
        names.get_or_load_many(ids, load).await
    }
}

fn named(ids: &[u32]) -> Vec<Option<String>> {
    ids.iter().map(|id| (*id < 100).then(|| format!("name {id}"))).collect()
}

fn set_up() -> (World, Table, Namespace<String>) {
    let world = World::new();
    let names = world.cache.namespace::<String>("names").unwrap();
    (world, Table::new(), names)
}

#[tokio::test]
async fn only_missing_names_are_loaded_each_once_and_in_order() {
    let (_world, table, names) = set_up();
    assert_eq!(table.ask(&names, &[3, 1, 3, 2]).await.unwrap(), named(&[3, 1, 3, 2]));
    names.set(9, "set".to_owned());
    assert_eq!(
        table.ask(&names, &[4, 9, 1, 5]).await.unwrap(),
        [Some("name 4".into()), Some("set".into()), Some("name 1".into()), Some("name 5".into())]
    );
    assert_eq!(table.asked(), [vec![3, 1, 2], vec![4, 5]]);
    assert_eq!(names.get(5).await.as_deref(), Some("name 5"), "each is an entry of its own");
    assert_eq!(table.ask(&names, &[]).await.unwrap(), []);
    assert_eq!(table.times(), 0);
}

#[tokio::test]
async fn what_tiers_have_is_read_once_and_not_loaded() {
    let (world, table, names) = set_up();
    table.ask(&names, &[1, 2, 3]).await.unwrap();
    world.settle().await;
    let next = World::over_at(world.chaos.clone(), &world.clock);
    let names = next.cache.namespace::<String>("names").unwrap();
    table.asked();
    assert_eq!(table.ask(&names, &[1, 2, 3, 4]).await.unwrap(), named(&[1, 2, 3, 4]));
    assert_eq!(table.asked(), [[4]]);
    assert_eq!(next.chaos.counts(Operation::Get).calls, 1);
}

#[tokio::test]
async fn a_name_without_a_value_is_asked_again() {
    let (_world, table, names) = set_up();
    for _ in 0..2 {
        assert_eq!(table.ask(&names, &[200, 1, 200]).await.unwrap(), named(&[200, 1, 200]));
    }
    assert_eq!(table.asked(), [vec![200, 1], vec![200]]);
}

#[tokio::test]
async fn an_error_is_the_callers_and_what_was_there_stays() {
    let (_world, table, names) = set_up();
    table.ask(&names, &[1]).await.unwrap();
    table.fail(true);
    assert_eq!(*table.ask(&names, &[1, 2, 3]).await.unwrap_err(), Away);
    assert_eq!(table.asked(), [vec![1], vec![2, 3]], "a failing load is not tried again");
    table.fail(false);
    assert_eq!(table.ask(&names, &[1, 2]).await.unwrap(), named(&[1, 2]));
}

/// The first thousand that fails ends a load; what was loaded before stays.
#[tokio::test]
async fn more_than_a_thousand_are_loaded_in_parts() {
    let (_world, _table, names) = set_up();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let load = {
        let asked = Arc::clone(&asked);
        move |ids: Vec<u32>| {
            let mut asked = asked.lock().unwrap();
            asked.push(ids.len());
            let fails = asked.len() == 2;
            async move {
                if fails { Err(Away) } else { Ok(ids.into_iter().map(|id| Some(id.to_string())).collect::<Vec<_>>()) }
            }
        }
    };
    let ids: Vec<u32> = (0..2_500).collect();
    assert_eq!(*names.get_or_load_many(&ids, load.clone()).await.unwrap_err(), Away);
    assert_eq!(std::mem::take(&mut *asked.lock().unwrap()), [1_000, 1_000]);
    let all = names.get_or_load_many(&ids, load).await;
    // The second part of the rest fails again: half of what is left is there then.
    assert_eq!(all.unwrap_err().as_ref(), &Away);
    assert_eq!(*asked.lock().unwrap(), [1_000, 500]);
    assert_eq!(names.get(1_999).await.as_deref(), Some("1999"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loads_for_several_and_for_one_wait_for_each_other() {
    let (world, table, names) = set_up();
    table.gate.close();
    let many = |ids: &'static [u32]| {
        let (table, names) = (table.clone(), names.clone());
        tokio::spawn(async move { table.ask(&names, ids).await })
    };
    let first = many(&[1, 2]);
    eventually("the first asks", || table.times() == 1).await;
    let second = many(&[2, 3]);
    eventually("the second asks", || table.times() == 2).await;
    let one = {
        let names = names.clone();
        tokio::spawn(async move { names.get_or_load(3, || async { Err::<String, _>(Away) }).await })
    };
    let joins = || world.cache.stats().sites.iter().map(|site| site.joins).sum::<u64>();
    eventually("two have joined", || joins() == 2).await;
    table.gate.open();
    assert_eq!(soon("the first", first).await.unwrap().unwrap(), named(&[1, 2]));
    assert_eq!(soon("the second", second).await.unwrap().unwrap(), named(&[2, 3]));
    assert_eq!(soon("the one", one).await.unwrap().as_deref(), Ok("name 3"));
    assert_eq!(table.asked(), [vec![1, 2], vec![3]]);
}

/// Another caller's error of another type is none of ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_a_load_with_another_error_loads_for_himself() {
    let (world, table, names) = set_up();
    let gate = Gate::closed();
    let other = {
        let (names, gate) = (names.clone(), gate.clone());
        tokio::spawn(async move {
            let load = || async move {
                gate.pass().await;
                Err::<String, _>("another type")
            };
            names.get_or_load(1, load).await
        })
    };
    gate.arrived(1).await;
    let many = {
        let (table, names) = (table.clone(), names.clone());
        tokio::spawn(async move { table.ask(&names, &[2, 1, 300]).await })
    };
    let joins = || world.cache.stats().sites.iter().map(|site| site.joins).sum::<u64>();
    eventually("it has joined", || joins() == 1).await;
    gate.open();
    assert!(soon("the other", other).await.unwrap().is_err());
    assert_eq!(soon("the many", many).await.unwrap().unwrap(), named(&[2, 1, 300]));
}

/// Nor is that a reason to ask for more at a time than was promised.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_loads_for_himself_is_given_a_thousand_at_a_time() {
    let (world, table, names) = set_up();
    let (gate, ids) = (Gate::closed(), (0..2_500).collect::<Vec<u32>>());
    let other = {
        let (names, gate, ids) = (names.clone(), gate.clone(), ids.clone());
        tokio::spawn(async move {
            let load = move |_: Vec<u32>| {
                let gate = gate.clone();
                async move {
                    gate.pass().await;
                    Err::<HashMap<u32, String>, _>("another type")
                }
            };
            names.get_or_load_many(&ids, load).await
        })
    };
    gate.arrived(1).await;
    let many = {
        let (table, names, ids) = (table.clone(), names.clone(), ids.clone());
        tokio::spawn(async move { table.ask(&names, &ids).await })
    };
    let joins = || world.cache.stats().sites.iter().map(|site| site.joins).sum::<u64>();
    eventually("it has joined", || joins() == 2_500).await;
    gate.open();
    assert!(soon("the other", other).await.unwrap().is_err());
    assert_eq!(soon("the many", many).await.unwrap().unwrap(), named(&ids));
    let most = table.asked().iter().map(Vec::len).max();
    assert!(most <= Some(1_000), "{most:?} at a time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_outlives_a_caller_who_goes_away() {
    let (_world, table, names) = set_up();
    table.gate.close();
    let leaves = {
        let (table, names) = (table.clone(), names.clone());
        tokio::spawn(async move { table.ask(&names, &[1, 2]).await })
    };
    eventually("it is asked", || table.times() == 1).await;
    leaves.abort();
    assert!(leaves.await.unwrap_err().is_cancelled());
    table.gate.open();
    assert_eq!(soon("the rest", table.ask(&names, &[1, 2])).await.unwrap(), named(&[1, 2]));
    assert_eq!(table.times(), 1);
}

#[tokio::test]
async fn answers_that_fit_to_nothing_are_a_panic_and_free_the_names() {
    let (_world, table, names) = set_up();
    let short = {
        let names = names.clone();
        tokio::spawn(async move {
            names.get_or_load_many(&[1, 2], |_| async { Ok::<_, Away>(vec![Some("one".to_owned())]) }).await
        })
    };
    assert!(short.await.unwrap_err().is_panic());
    assert_eq!(table.ask(&names, &[1, 2]).await.unwrap(), named(&[1, 2]));
    let pairs = |ids: Vec<u32>| async move {
        Ok::<_, Away>(ids.into_iter().map(|id| (id, "pair".to_owned())).collect::<Vec<_>>())
    };
    assert_eq!(names.get_or_load_many(&[7], pairs).await.unwrap(), [Some("pair".to_owned())]);
    let tree = |ids: Vec<u32>| async move {
        Ok::<_, Away>(ids.into_iter().map(|id| (id, "tree".to_owned())).collect::<BTreeMap<_, _>>())
    };
    assert_eq!(names.get_or_load_many(&[8], tree).await.unwrap(), [Some("tree".to_owned())]);
}

#[tokio::test]
async fn an_invalidation_during_a_load_is_not_undone() {
    let (_world, table, names) = set_up();
    table.gate.close();
    let call = {
        let (table, names) = (table.clone(), names.clone());
        tokio::spawn(async move { table.ask(&names, &[1, 2]).await })
    };
    table.gate.arrived(1).await;
    names.remove(2).await;
    table.gate.open();
    assert_eq!(call.await.unwrap().unwrap(), named(&[1, 2]));
    table.asked();
    table.ask(&names, &[1, 2]).await.unwrap();
    assert_eq!(table.asked(), [[2]]);
}

#[tokio::test]
async fn a_handle_that_may_not_read_or_store_loads_for_itself() {
    let (world, table, names) = set_up();
    table.ask(&names, &[1]).await.unwrap();
    let through = |access| world.cache.restricted(access).unwrap().namespace::<String>("names").unwrap();
    let blind = through(Access::new());
    assert_eq!(table.ask(&blind, &[1, 2]).await.unwrap(), named(&[1, 2]));
    let reader = through(Access::new().read("names"));
    assert_eq!(table.ask(&reader, &[1, 2]).await.unwrap(), named(&[1, 2]));
    assert_eq!(table.ask(&names, &[1, 2]).await.unwrap(), named(&[1, 2]));
    assert_eq!(table.asked(), [vec![1], vec![1, 2], vec![2], vec![2]]);
}

/// Who reads by the name alone does not know the tags that the load said.
#[tokio::test]
async fn a_tag_said_with_a_load_names_the_entry_for_all() {
    for world in [World::near_only(), World::new()] {
        let names = world.cache.namespace::<String>("names").unwrap();
        let load = || async { Ok::<_, Away>("value".to_owned()) };
        names.get_or_load_with("tagged", vec!["t:1".to_owned()], load).await.unwrap();
        assert_eq!(names.get("tagged").await.as_deref(), Some("value"));
        world.cache.invalidate_tags(["t:1"]).await;
        assert_eq!(names.get("tagged").await, None);
    }
}
