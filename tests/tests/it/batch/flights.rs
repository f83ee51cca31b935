//! Batches and single calls that want the same elements at the same time.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;

use cached_runtime::cache;

use super::{Away, Names, by_map, locked, named, pairs, rename};
use crate::rig::soon;
use crate::shelf::eventually;

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
