//! Loads that fail, in whole or over one element, and answers that nobody can tell apart.

use std::collections::HashMap;

use cached_runtime::cache;

use super::{Away, Failing, Names, by_fours, by_map, in_order, named, pairs};
use crate::rig::soon;
use crate::shelf::eventually;

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
