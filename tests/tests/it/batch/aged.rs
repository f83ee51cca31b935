//! Old values, and loads ahead of time.

use std::collections::HashMap;
use std::time::Duration;

use cached_runtime::cache;

use super::{Away, Failing, Names, named, pairs};
use crate::rig::soon;
use crate::shelf::eventually;

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
