//! More statements than have figures of their own.

use crate::rig::sqlite::{Db, place, sql};
use crate::rig::{Home, patient};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_least_used_of_too_many_statements_are_counted_together() {
    const STATEMENTS: u64 = 1_150;
    let home = Home::<Db>::new(place(), patient());
    let ask = async |n: u64| {
        let _: Vec<(i64,)> = home.db.fetch_all(sql(&format!("SELECT 1 AS a{n}")), ()).await.unwrap();
    };
    for _ in 0..20 {
        ask(0).await;
    }
    for n in 1..STATEMENTS {
        ask(n).await;
    }
    // It was folded, and comes again.
    ask(1).await;
    let queries = home.db.queries();
    assert!(queries.len() <= 1_001, "{}", queries.len());
    assert_eq!(queries.iter().map(|query| query.count).sum::<u64>(), 20 + STATEMENTS);
    let count = |shape: &str| queries.iter().find(|query| query.shape == shape).map(|query| query.count);
    assert_eq!(count("SELECT ? AS a0"), Some(20), "what is used most keeps its own");
    assert!(count("(others)") >= Some(100), "{:?}", count("(others)"));
    assert_eq!(queries.iter().find(|query| query.shape == "(others)").unwrap().verdict.reason, "unknown");
}
