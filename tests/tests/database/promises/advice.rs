//! What the adviser counts, finds and suggests.

use std::time::Duration;

use cached_runtime::clock::Clock;
use cached_runtime::database::{Advice, AdviceOptions, Database, DatabaseOptions, QueryStats};
use cached_runtime::{ErrorKind, cache_query};

use super::here::{Db, place, sql};
use crate::ear::Ear;
use crate::rig::Home;

type Handle = Database<Db>;

const ROWS: i64 = 5_000;
/// A machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(30);

async fn home_with(options: DatabaseOptions) -> Home<Db> {
    let home = Home::new(place(), options.acquire_deadline(PATIENCE));
    let table = "CREATE TABLE task (id BIGINT PRIMARY KEY, owner BIGINT NOT NULL, status VARCHAR(20) NOT NULL, \
                 due BIGINT NOT NULL, gone BIGINT, note VARCHAR(100))";
    home.db.execute(sql(table), ()).await.unwrap();
    home
}

async fn home() -> Home<Db> {
    home_with(DatabaseOptions::new().slow(None)).await
}

/// One in fifty is open, five hundred owners have ten each.
async fn filled() -> Home<Db> {
    let home = home().await;
    for start in (0..ROWS).step_by(500) {
        let row = |id: i64| {
            let status = if id % 50 == 0 { "open" } else { "done" };
            format!("({id}, {}, '{status}', {}, {id}, 'a note of some length')", id % 500, id * 7 % ROWS)
        };
        let rows: Vec<String> = (start..start + 500).map(row).collect();
        let text = format!("INSERT INTO task (id, owner, status, due, gone, note) VALUES {}", rows.join(", "));
        home.db.execute(sql(&text), ()).await.unwrap();
    }
    counted_anew(&home.db).await;
    home
}

/// So that the database knows how large its tables are.
async fn counted_anew(db: &Handle) {
    let text = if std::any::type_name::<Db>().contains("MySql") { "ANALYZE TABLE task" } else { "ANALYZE task" };
    db.execute(sql(text), ()).await.unwrap();
}

fn has_partial() -> bool {
    !std::any::type_name::<Db>().contains("MySql")
}

/// The figures of the one statement that has all these words.
fn stats(db: &Handle, words: &[&str]) -> QueryStats {
    let is_it = |stats: &QueryStats| words.iter().all(|word| stats.shape.contains(word));
    let all: Vec<_> = db.queries().into_iter().filter(is_it).collect();
    assert_eq!(all.len(), 1, "{all:?}");
    all.into_iter().next().unwrap()
}

async fn tried(db: &Handle) -> Advice {
    db.advice_with(AdviceOptions::new().scratch(true)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_that_differ_in_their_values_are_counted_together() {
    let home = home().await;
    let db = &home.db;
    for id in 1..=3_i64 {
        let text = format!("INSERT INTO task (id, owner, status, due) VALUES ({id}, 7, 'open', {id})");
        db.execute(sql(&text), ()).await.unwrap();
    }
    for ids in [vec![1_i64], vec![1, 2], vec![1, 2, 3, 4, 5]] {
        let marks = vec!["?"; ids.len()].join(", ");
        let text = format!("SELECT id FROM task WHERE id IN ({marks})");
        let _: Vec<(i64,)> = db.fetch_all(sql(&text), ids).await.unwrap();
    }
    let inserts = stats(db, &["INSERT"]);
    assert_eq!((inserts.count, inserts.rows, inserts.errors, &*inserts.kind), (3, 3, 0, "INSERT"));
    let lists = stats(db, &["IN (?)"]);
    assert_eq!((lists.count, lists.rows, lists.most_rows, lists.distinct), (3, 6, 3, 3));
    assert!(lists.min_micros > 0.0 && lists.min_micros <= lists.p50_micros, "{lists:?}");
    assert!(lists.p50_micros <= lists.p99_micros && lists.p99_micros <= lists.max_micros, "{lists:?}");
    assert!((lists.average_micros * 3.0 - lists.total_seconds * 1e6).abs() < 1.0, "{lists:?}");
    let taken = "INSERT INTO task (id, owner, status, due) VALUES (1, 1, 'x', 1)";
    db.execute(sql(taken), ()).await.unwrap_err();
    assert_eq!((stats(db, &["INSERT"]).count, stats(db, &["INSERT"]).errors), (4, 1));
}

async fn status(db: &Handle, id: i64) -> Option<String> {
    let one: Option<(String,)> = db.fetch_optional(sql("SELECT status FROM task WHERE id = ?"), (id,)).await.unwrap();
    one.map(|row| row.0)
}

const STATUS_LINE: u32 = line!() - 4;

async fn repeated(db: &Handle) -> Vec<(String, u64, u64)> {
    let advice = db.advice().await.unwrap();
    advice.repeated.into_iter().map(|one| (one.location, one.callers, one.most)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_of_one_task_is_found_with_its_place_and_the_batch() {
    let home = home_with(DatabaseOptions::new().clock(Clock::manual())).await;
    let db = home.db.clone();
    let ear = Ear::open();
    tokio::spawn(async move {
        for id in 0..9 {
            status(&db, id).await;
        }
    })
    .await
    .unwrap();
    let advice = home.db.advice().await.unwrap();
    let [found] = advice.repeated.as_slice() else { panic!("{:?}", advice.repeated) };
    assert!(found.location.contains(&format!("advice.rs:{STATUS_LINE}:")), "{found:?}");
    assert_eq!((found.callers, found.most, found.key.as_deref()), (1, 8, Some("id")));
    let batch = found.batch.as_deref().unwrap();
    let list = if std::any::type_name::<Db>().contains("Postgres") { "id = ANY(?)" } else { "id IN (?)" };
    assert!(batch.starts_with("SELECT id, status FROM task") && batch.ends_with(list), "{batch}");
    // The whole name: others begin with it.
    let name = format!("={} ", home.db.name());
    assert_eq!(ear.heard(&["again and again", &name, "advice.rs"]).len(), 1);
    assert!(advice.to_string().contains(batch), "{advice}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_many_tasks_ask_once_is_no_loop() {
    let clock = Clock::manual();
    let home = home_with(DatabaseOptions::new().clock(clock.clone())).await;
    for id in 0..20 {
        let db = home.db.clone();
        tokio::spawn(async move { status(&db, id).await }).await.unwrap();
    }
    assert_eq!(repeated(&home.db).await, [], "each task asked once");
    for id in 0..20 {
        home.db.request(status(&home.db, id)).await;
    }
    assert_eq!(repeated(&home.db).await, [], "each request asked once");
    for id in 0..20 {
        status(&home.db, id).await;
        clock.advance(Duration::from_millis(300));
    }
    assert_eq!(repeated(&home.db).await, [], "it took its time");
    home.db
        .request(async {
            for id in 0..20 {
                status(&home.db, id).await;
            }
        })
        .await;
    assert_eq!(repeated(&home.db).await.len(), 1, "and this is what would have been found");
}

#[cache_query(tables = ["task"], ttl = "1h", cache_none)]
async fn cached_status(db: &Handle, id: i64) -> Option<String> {
    let db = db.clone();
    tokio::task::yield_now().await;
    status(&db, id).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_load_asks_counts_for_its_site_and_for_whoever_called() {
    let home = home_with(DatabaseOptions::new().clock(Clock::manual())).await;
    for _ in 0..3 {
        for id in 0..6 {
            cached_status(&home.db, id).await;
        }
    }
    let found = repeated(&home.db).await;
    assert!(
        matches!(found.as_slice(), [(place, 1, 5)] if place.contains(&format!("advice.rs:{STATUS_LINE}:"))),
        "{found:?}"
    );
    let stats = stats(&home.db, &["SELECT status"]);
    assert_eq!((stats.count, stats.cache_hits, stats.cache_misses), (6, 12, 6));
    assert!(matches!(stats.sites.as_slice(), [site] if site.ends_with("advice.cached_status")), "{:?}", stats.sites);
    assert_eq!(stats.cache_hit_rate(), Some(12.0 / 18.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_statement_is_told_once_with_its_plan_and_place() {
    let clock = Clock::manual();
    let home = home_with(DatabaseOptions::new().slow(Duration::ZERO).clock(clock.clone())).await;
    let ear = Ear::open();
    // The whole name: others begin with it.
    let (db, name) = (&home.db, format!("={} ", home.db.name()));
    let told = || ear.heard(&["a slow query", &name, "SELECT status"]);
    for id in 0..3 {
        status(db, id).await;
    }
    kit::until("the plan is there", PATIENCE, || !told().is_empty());
    let place = format!("advice.rs:{STATUS_LINE}:");
    let lines = told();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(&place) && lines[0].contains("task"), "{lines:?}");
    let slow: Vec<_> = db.slow_queries().into_iter().filter(|slow| slow.shape.contains("SELECT status")).collect();
    assert_eq!(slow.len(), 3);
    assert!(slow.iter().all(|slow| slow.location.contains(&place) && slow.rows == Some(0)), "{slow:?}");
    let plans: Vec<_> = slow.iter().filter_map(|slow| slow.plan.as_ref()).collect();
    assert!(plans.len() == 1 && plans[0].of_table("task"), "{plans:?}");
    clock.advance(Duration::from_secs(61));
    status(db, 1).await;
    kit::until("it is told again", PATIENCE, || told().len() == 2);
}

trait OfTable {
    fn of_table(&self, name: &str) -> bool;
}

impl OfTable for cached_runtime::database::Plan {
    /// Of MariaDB, where there are no rows, no table is left in the plan.
    fn of_table(&self, name: &str) -> bool {
        let mysql = std::any::type_name::<Db>().contains("MySql");
        self.steps.iter().any(|step| step.table.as_deref() == Some(name)) || mysql
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_scan_is_found_and_its_index_is_proved_and_then_not_suggested_any_more() {
    let home = filled().await;
    let db = &home.db;
    let ask = async || {
        let text = "SELECT id, note FROM task WHERE owner = ? AND due > ? ORDER BY due";
        let _: Vec<(i64, Option<String>)> = db.fetch_all(sql(text), (7_i64, 4_900_i64)).await.unwrap();
    };
    ask().await;
    let advice = tried(db).await;
    let [scan] = advice.full_scans.as_slice() else { panic!("{advice}") };
    assert!(scan.table == "task" && scan.rows.is_some_and(|rows| rows.abs_diff(5_000) < 1_500), "{scan:?}");
    let [index] = advice.indexes.as_slice() else { panic!("{advice}") };
    assert_eq!((index.columns.as_slice(), index.proved), (["owner".to_owned(), "due".to_owned()].as_slice(), true));
    assert!(index.rows_after.is_some_and(|rows| rows < 200), "{index:?}");
    assert_eq!((scan.index.as_ref(), index.shapes.as_slice()), (Some(&index.name), [scan.shape.clone()].as_slice()));
    migrate(db, &advice.migration()).await;
    ask().await;
    let after = tried(db).await;
    assert!(after.full_scans.is_empty() && after.indexes.is_empty(), "{after}");
    assert_eq!(after.migration(), "");
}

/// As a tool would: comments are no statements.
async fn migrate(db: &Handle, migration: &str) {
    let lines: Vec<_> = migration.lines().filter(|line| !line.starts_with("--") && !line.is_empty()).collect();
    assert!(!lines.is_empty(), "{migration}");
    for line in lines {
        db.execute(sql(line.trim_end_matches(';')), ()).await.unwrap();
    }
    counted_anew(db).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_in_the_statement_makes_an_index_of_some_rows() {
    let home = filled().await;
    let db = &home.db;
    let text = "SELECT id, note FROM task WHERE status = 'open' AND owner = ?";
    let _: Vec<(i64, Option<String>)> = db.fetch_all(sql(text), (50_i64,)).await.unwrap();
    let advice = tried(db).await;
    let [index] = advice.indexes.as_slice() else { panic!("{advice}") };
    assert!(index.proved && index.columns.contains(&"owner".to_owned()), "{index:?}");
    assert_eq!(index.only.is_some(), has_partial(), "{index:?}");
    migrate(db, &advice.migration()).await;
    assert!(tried(db).await.indexes.is_empty());
    // With another literal of the same shape nobody knows which rows it is for.
    let home = filled().await;
    for status in ["open", "done"] {
        let text = text.replace("open", status);
        let _: Vec<(i64, Option<String>)> = home.db.fetch_all(sql(&text), (50_i64,)).await.unwrap();
    }
    let advice = tried(&home.db).await;
    assert!(advice.indexes.iter().all(|index| index.only.is_none()) && !advice.indexes.is_empty(), "{advice}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_are_changed_are_found_by_an_index_too() {
    let home = filled().await;
    home.db.execute(sql("UPDATE task SET note = ? WHERE owner = ?"), ("new", 3_i64)).await.unwrap();
    home.db.execute(sql("DELETE FROM task WHERE due = ?"), (3_i64,)).await.unwrap();
    let advice = tried(&home.db).await;
    let columns: std::collections::BTreeSet<_> = advice.indexes.iter().map(|index| index.columns.join(",")).collect();
    assert_eq!(columns.into_iter().collect::<Vec<_>>(), ["due", "owner"], "{advice}");
    let count: (i64,) = home.db.fetch_one(sql("SELECT count(*) FROM task WHERE note = ?"), ("new",)).await.unwrap();
    assert_eq!(count.0, 10, "nothing ran twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_tried_says_so_and_is_in_no_migration() {
    let home = filled().await;
    let _: Vec<(i64,)> = home.db.fetch_all(sql("SELECT id FROM task WHERE due = ?"), (5_i64,)).await.unwrap();
    let advice = home.db.advice().await.unwrap();
    let [index] = advice.indexes.as_slice() else { panic!("{advice}") };
    if std::any::type_name::<Db>().contains("Sqlite") {
        assert!(index.proved, "{index:?}");
        return;
    }
    assert!(!index.proved && index.plan_after.is_none() && index.how.contains("copies"), "{index:?}");
    assert_eq!(advice.migration(), "");
    assert!(advice.to_string().contains("not proved"), "{advice}");
    migrate(&home.db, &advice.migration_with_unproved()).await;
    assert!(home.db.advice().await.unwrap().full_scans.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_index_is_suggested_where_none_helps() {
    let home = filled().await;
    let ask = async |text: &str| drop(home.db.fetch_all::<(i64,)>(sql(text), ()).await.unwrap());
    ask("SELECT id FROM task").await;
    ask("SELECT id FROM task WHERE id = 5").await;
    ask("SELECT id FROM task WHERE owner + 1 = 5").await;
    ask("SELECT count(*) FROM task GROUP BY owner").await;
    let advice = tried(&home.db).await;
    assert!(advice.indexes.is_empty() && advice.full_scans.is_empty(), "{advice}");
    let few = home_with(DatabaseOptions::new()).await;
    let _: Vec<(i64,)> = few.db.fetch_all(sql("SELECT id FROM task WHERE owner = ?"), (1_i64,)).await.unwrap();
    counted_anew(&few.db).await;
    assert!(tried(&few.db).await.full_scans.is_empty(), "the table is small");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_statement_has_a_verdict_with_its_reason() {
    let home = home().await;
    let db = &home.db;
    db.execute(sql("CREATE TABLE busy (id BIGINT)"), ()).await.unwrap();
    for round in 0..40_i64 {
        let _: Vec<(i64,)> = db.fetch_all(sql("SELECT due FROM task WHERE id = ?"), (round % 4,)).await.unwrap();
        let _: Vec<(i64,)> = db.fetch_all(sql("SELECT owner FROM task WHERE id = ?"), (round,)).await.unwrap();
        let _: Vec<(i64,)> = db.fetch_all(sql("SELECT id FROM busy"), ()).await.unwrap();
        let steady = "SELECT id FROM task WHERE CURRENT_TIMESTAMP IS NULL";
        let _: Vec<(i64,)> = db.fetch_all(sql(steady), ()).await.unwrap();
        for _ in 0..2 {
            db.execute(sql("INSERT INTO busy (id) VALUES (?)"), (round,)).await.unwrap();
        }
    }
    let _: Vec<(i64,)> = db.fetch_all(sql("SELECT gone FROM task WHERE gone > 0"), ()).await.unwrap();
    let reason = |words: &[&str]| stats(db, words).verdict.reason;
    assert_eq!(reason(&["SELECT due"]), "repeated");
    assert_eq!(reason(&["SELECT owner"]), "unrepeated");
    assert_eq!(reason(&["FROM busy"]), "changing");
    assert_eq!(reason(&["CURRENT_TIMESTAMP"]), "unsteady");
    assert_eq!(reason(&["SELECT gone"]), "few");
    assert_eq!(reason(&["INSERT INTO busy"]), "write");
    assert!(stats(db, &["SELECT due"]).verdict.cacheable && !stats(db, &["SELECT owner"]).verdict.cacheable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_quotes_a_value() {
    const CANARY: &str = "canary-4d1e of all values";
    let ear = Ear::all();
    let home = home_with(DatabaseOptions::new().slow(Duration::ZERO).clock(Clock::manual())).await;
    let db = &home.db;
    for id in 0..10_i64 {
        let text = "INSERT INTO task (id, owner, status, due, note) VALUES (?, 1, 'x', 1, ?)";
        db.execute(sql(text), (id, CANARY)).await.unwrap();
        let literal = format!("SELECT id FROM task WHERE note = '{CANARY}' AND status <> '{CANARY}' AND due > ?");
        let _: Vec<(i64,)> = db.fetch_all(sql(&literal), (0_i64,)).await.unwrap();
        let _: Vec<(i64,)> = db.fetch_all(sql("SELECT id FROM task WHERE note LIKE ?"), (CANARY,)).await.unwrap();
        db.execute(sql(text), (id, CANARY)).await.unwrap_err();
    }
    let options = || AdviceOptions::new().scratch(true).least_rows(0);
    let advice = db.advice_with(options()).await.unwrap();
    assert!(!advice.slow.is_empty() && !advice.full_scans.is_empty() && !advice.repeated.is_empty(), "{advice}");
    let explained = || db.slow_queries().iter().filter(|slow| slow.plan.is_some()).count();
    kit::until("two plans", PATIENCE, || explained() >= 2);
    let advice = db.advice_with(options()).await.unwrap();
    let json = serde_json::to_string(&advice).unwrap();
    let migration = advice.migration_with_unproved();
    let shown = format!("{advice} {advice:?} {json} {migration} {db:?} {:?} {:?}", db.queries(), db.stats());
    assert!(!shown.contains("canary"), "{shown}");
    assert!(serde_json::from_str::<Advice>(&json).unwrap() == advice, "it reads back what it writes");
    let said = ear.heard(&["canary-4d1e", "cached_runtime"]);
    assert!(said.is_empty(), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_off_counts_nothing_and_says_so() {
    let home = home_with(DatabaseOptions::new().adviser(false).slow(Duration::ZERO)).await;
    status(&home.db, 1).await;
    assert!(home.db.queries().is_empty() && home.db.slow_queries().is_empty());
    let error = home.db.advice().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("DatabaseOptions::adviser"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_that_were_prepared_already_are_told() {
    let home = home_with(DatabaseOptions::new().max_connections(1)).await;
    let before = home.db.stats();
    let ask = async |text: &str| drop(home.db.fetch_all::<(i64,)>(sql(text), ()).await.unwrap());
    for _ in 0..5 {
        ask("SELECT id FROM task").await;
        ask("SELECT owner FROM task").await;
    }
    let after = home.db.stats();
    let counts = (after.prepared_misses - before.prepared_misses, after.prepared_hits - before.prepared_hits);
    assert_eq!(counts, (2, 8), "{after:?}");
    assert!(after.prepared_hit_rate() > Some(0.5));
    let small = home_with(DatabaseOptions::new().max_connections(1).statement_cache(1)).await;
    for _ in 0..5 {
        drop(small.db.fetch_all::<(i64,)>(sql("SELECT id FROM task"), ()).await.unwrap());
    }
    assert_eq!(small.db.stats().prepared_hits, 0, "it is full, and nobody can tell");
    assert!(small.db.stats().prepared_unclear >= 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_given_up_is_counted_as_failed() {
    let home = home().await;
    // The first may be given up while it still waits for a connection.
    for _ in 0..100 {
        let ask = home.db.fetch_all::<(i64,)>(sql(super::here::SLOW), ());
        assert!(tokio::time::timeout(Duration::from_millis(50), ask).await.is_err(), "it takes longer");
        if home.db.queries().iter().any(|stats| stats.errors > 0) {
            break;
        }
    }
    let all = home.db.queries();
    let given_up: Vec<_> = all.iter().filter(|stats| stats.errors > 0).collect();
    assert!(matches!(given_up.as_slice(), [one] if one.count == one.errors && one.kind == "SELECT"), "{all:?}");
}
