//! Single calls of one moment, made one load.

use std::collections::HashMap;
use std::future::Future;

use cached_runtime::cache;

use super::{Away, Failing, Names, pairs};
use crate::rig::soon;

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
