//! What a batch answers and what it asks for: only what is missing, each once, in the order in which it was asked for.

use std::collections::HashMap;
use std::time::Duration;

use cached_runtime::testing::Operation;

use super::{Failing, Names, by_fours, by_map, by_pairs, in_order, named, remembered, rename};
use crate::rig::World;

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

#[tokio::test]
async fn what_nobody_has_asked_for_is_neither_answered_nor_kept() {
    let table = Names::new();
    table.fail(Failing::OneNotAsked);
    assert_eq!(by_map(&table, &[1]).await.unwrap(), named(&[1]));
    assert_eq!(by_map::peek(&table, &1_000).await, None);
}

#[tokio::test]
async fn a_body_takes_so_many_at_a_time() {
    let table = Names::new();
    assert_eq!(by_fours(&table, &(0..10).collect::<Vec<_>>()).await.unwrap().len(), 10);
    assert_eq!(table.asked(), [vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8, 9]]);
    by_fours(&table, &[0, 1, 2, 10, 11, 12]).await.unwrap();
    assert_eq!(table.asked(), [vec![10, 11, 12]]);
}
