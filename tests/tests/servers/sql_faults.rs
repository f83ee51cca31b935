//! A server that is away, comes back, refuses us, or loses our connections; and callers who go away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cached_runtime::error::ErrorKind;
use cached_runtime::group::Group;
use cached_runtime::testing::contract;
use cached_runtime::tier::Tier;
use cached_runtime::tier::sql::Sql;
use cached_runtime::{Cache, cache};
use kit::{MariaDb, Postgres};

use crate::ear::Ear;
use crate::sql_rig::{Server, key, on_both, payload, put, record, step, tag, until_it_works};

on_both!(
    killed_and_restarted,
    begun_without_its_server,
    what_an_operator_has_to_change_is_said,
    tables_made_by_someone_else_are_enough,
    cancelled_calls_leave_nothing_behind,
    connections_that_were_cut_are_made_again,
);

/// Back within this after the server is; the rest is for a machine that is busy with other tests.
const BACK: Duration = Duration::from_secs(15);

async fn killed_and_restarted<S: Server>() {
    let server = S::begin();
    let tier = Sql::open(server.fresh());
    put(&tier, "a", b"a").await.unwrap();
    tier.apply(&[tag(3, "t")]).await.unwrap();
    for _ in 0..2 {
        server.fall();
        let start = Instant::now();
        let refused = payload(&tier, "a").await.expect_err("nobody is there");
        assert!(refused.kind() == ErrorKind::Tier, "{refused:?}");
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
        let start = Instant::now();
        for _ in 0..100 {
            assert!(payload(&tier, "a").await.is_err() && put(&tier, "b", b"b").await.is_err());
        }
        assert!(start.elapsed() < Duration::from_secs(1), "a closed tier answers at once: {:?}", start.elapsed());
        assert!(tier.apply(&[tag(4, "u")]).await.is_err());
        server.rise();
        let took = until_it_works(&tier, Duration::from_secs(20)).await;
        assert!(took < BACK, "{took:?}");
    }
    assert_eq!(payload(&tier, "a").await.unwrap().as_deref(), Some(&b"a"[..]));
    assert_eq!(tier.recall().await.unwrap().records, [tag(3, "t")]);
}

#[cache(key = "away:{id}", cache = cache)]
async fn read(cache: &Cache, id: u32) -> Result<u32, String> {
    let _ = cache;
    Ok(id)
}

async fn begun_without_its_server<S: Server>() {
    let server = S::begin();
    server.fall();
    let start = Instant::now();
    let tier = Sql::open(server.fresh());
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert!(!tier.is_open());
    let error = payload(&tier, "a").await.unwrap_err();
    assert!(error.to_string().contains("cannot be reached") && error.to_string().contains("127.0.0.1"), "{error}");
    let builder = Cache::builder();
    let cache = match S::WORD {
        "postgres" => builder.postgres_with(server.fresh()).build(),
        _ => builder.mysql_with(server.fresh()).build(),
    };
    let cache = cache.expect("a server that is away is no wrong setting");
    for id in 0..200 {
        assert_eq!(read(&cache, id).await, Ok(id));
    }
    server.rise();
    let took = until_it_works(&tier, Duration::from_secs(20)).await;
    assert!(took < BACK, "{took:?}");
    for id in 0..200 {
        assert_eq!(read(&cache, id).await, Ok(id));
    }
}

/// Each with the words that help, and none with the password.
async fn what_an_operator_has_to_change_is_said<S: Server>() {
    let ear = Ear::all();
    let server = S::shared();
    let weak = "canary-weak-1";
    server.admit("weak", weak);
    if S::WORD == "postgres" {
        server.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    } else {
        server.sql("GRANT SELECT ON cached.* TO weak@'127.0.0.1'");
    }
    let good = server.address();
    let cases = [
        (server.address_of("cached", "canary-wrong"), "password"),
        (server.address_of("nobody", "canary-wrong"), "password"),
        (good.replace("/cached", "/canary_less"), "database"),
        (server.address_of("weak", weak), "grant"),
    ];
    for (url, word) in cases {
        let options = S::options_of(&url).unwrap().table_prefix("refused").unwrap();
        let shown = format!("{options:?}");
        let ours = || ear.heard(&["WARN", &format!("server={}://", S::WORD), word]);
        let before = ours().len();
        let tier = Sql::open(options);
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(1_500) {
            let error = payload(&tier, "a").await.unwrap_err();
            assert!(error.to_string().contains(word), "{word}: {error}");
            assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
            let shown = format!("{shown} {error} {error:?} {tier} {tier:?}");
            assert!(!shown.contains("canary-") && !shown.contains(S::PASSWORD), "{shown}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let lines = ours().len() - before;
        assert!((1..=3).contains(&lines), "one line a second: {:?}", ours());
    }
    for secret in ["canary-wrong", weak, S::PASSWORD] {
        let said = ear.heard(&[secret]);
        assert!(said.is_empty(), "{said:?}");
    }
    let options = S::options_of(&good).unwrap();
    assert!(!format!("{options:?}").contains(S::PASSWORD), "{options:?}");
}

/// A user who may not make tables uses those that are there.
async fn tables_made_by_someone_else_are_enough<S: Server>() {
    let server = S::shared();
    let options = server.fresh().table_prefix("lent").unwrap();
    drop(Sql::open(options));
    server.admit("guest", "guest");
    if S::WORD == "postgres" {
        server.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
        server.sql("GRANT SELECT, INSERT, UPDATE, DELETE ON lent_frames, lent_log, lent_meta, lent_notes TO guest");
        server.sql("GRANT USAGE ON SEQUENCE lent_frames_id_seq, lent_log_id_seq, lent_notes_id_seq TO guest");
    } else {
        for table in ["lent_frames", "lent_log", "lent_meta", "lent_notes"] {
            server.sql(&format!("GRANT SELECT, INSERT, UPDATE, DELETE ON cached.{table} TO guest@'127.0.0.1'"));
        }
    }
    let options = S::options_of(&server.address_of("guest", "guest")).unwrap().table_prefix("lent").unwrap();
    let tier = Sql::open(options);
    put(&tier, "a", b"a").await.unwrap_or_else(|e| panic!("{e:?}"));
    put(&tier, "a", b"b").await.unwrap();
    tier.apply(&[tag(1, "t"), record(1, 2, Group::Key(key("a")))]).await.unwrap();
    tier.tidy(step(10)).await.unwrap();
}

/// Ten thousand calls, each dropped after 0 to 5 ms: the connections are as usable as before, and no more than before.
async fn cancelled_calls_leave_nothing_behind<S: Server>() {
    let server = S::begin();
    let tier = Arc::new(Sql::open(server.fresh().connections(2)));
    put(&tier, "k:0", b"0").await.unwrap();
    let mut seed = 7_u64;
    let mut running = tokio::task::JoinSet::new();
    for i in 0..10_000_u64 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (tier, wait) = (Arc::clone(&tier), Duration::from_micros((seed >> 33) % 5_000));
        running.spawn(async move {
            let name = format!("k:{}", i % 50);
            let call = async {
                match i % 5 {
                    0 => drop(put(&tier, &name, name.as_bytes()).await),
                    1 => drop(tier.apply(&[record(1, i, Group::Key(key(&name)))]).await),
                    2 => drop(tier.tidy(step(10)).await),
                    3 => drop(tier.apply(&[tag(i, &name)]).await),
                    _ => drop(payload(&tier, &name).await),
                }
            };
            let _ = tokio::time::timeout(wait, call).await;
        });
        if running.len() >= 64 {
            running.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
    until_it_works(&tier, Duration::from_secs(10)).await;
    let start = Instant::now();
    for i in 0..200 {
        let name = format!("after:{i}");
        put(&tier, &name, name.as_bytes()).await.unwrap();
        assert_eq!(payload(&tier, &name).await.unwrap().as_deref(), Some(name.as_bytes()));
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert_eq!(open_transactions(&server), "0");
    let connections: u32 = connections(&server).parse().unwrap();
    assert!((1..=2).contains(&connections), "{connections}");
}

fn ask<S: Server>(server: &S, postgres: &str, mysql: &str) -> String {
    server.sql(if S::WORD == "postgres" { postgres } else { mysql })
}

fn open_transactions<S: Server>(server: &S) -> String {
    let postgres = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'";
    ask(server, postgres, "SELECT count(*) FROM information_schema.innodb_trx")
}

fn connections<S: Server>(server: &S) -> String {
    let postgres = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cached'";
    ask(server, postgres, "SELECT count(*) FROM information_schema.processlist WHERE user = 'cached'")
}

/// Somebody ends all our connections, again and again: no call fails.
async fn connections_that_were_cut_are_made_again<S: Server>() {
    let server = S::begin();
    let tier = Sql::open(server.fresh());
    put(&tier, "a", b"a").await.unwrap();
    for round in 0..5 {
        // Several at once, so that several lie idle.
        let calls = [payload(&tier, "a"), payload(&tier, "a"), payload(&tier, "a")];
        for call in calls {
            call.await.unwrap();
        }
        cut::<S>(&server);
        put(&tier, "b", b"b").await.unwrap_or_else(|e| panic!("round {round}: {e:?}"));
        assert_eq!(payload(&tier, "a").await.unwrap().as_deref(), Some(&b"a"[..]), "round {round}");
        assert!(tier.is_open());
    }
}

fn cut<S: Server>(server: &S) {
    if S::WORD == "postgres" {
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cached'");
    } else {
        let ours = server.sql("SELECT id FROM information_schema.processlist WHERE user = 'cached'");
        ours.lines().for_each(|id| drop(server.sql(&format!("KILL {id}"))));
    }
}

/// A table changed under plans that connections have prepared: no call fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_plans_that_went_out_of_date_are_made_anew() {
    let server = Postgres::shared();
    let tier = Sql::open(server.fresh().table_prefix("altered").unwrap());
    put(&tier, "a", b"a").await.unwrap();
    server.command("CREATE DOMAIN frame_bytes AS BYTEA");
    for kind in ["frame_bytes", "BYTEA", "frame_bytes"] {
        for _ in 0..3 {
            payload(&tier, "a").await.unwrap();
        }
        server.command(&format!("ALTER TABLE altered_frames ALTER COLUMN frame TYPE {kind}"));
        assert_eq!(payload(&tier, "a").await.unwrap().as_deref(), Some(&b"a"[..]), "as {kind}");
    }
    server.command("ALTER TABLE altered_frames ADD COLUMN more TEXT");
    put(&tier, "a", b"b").await.unwrap();
}

/// Tables of a version we do not know are left alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_another_version_are_left_alone() {
    let server = MariaDb::shared();
    let options = server.fresh().table_prefix("newer").unwrap();
    let tier = Sql::open(options.clone());
    put(&tier, "a", b"a").await.unwrap();
    server.command("UPDATE newer_meta SET version = 2");
    let late = Sql::open(options);
    let error = payload(&late, "a").await.unwrap_err();
    assert!(error.kind() == ErrorKind::Config && error.to_string().contains("table_prefix"), "{error:?}");
    assert_eq!(server.command("SELECT count(*) FROM newer_frames"), "1");
}

/// Many frames, larger together than a server takes in one packet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_put_of_many_large_frames_is_several_statements() {
    let server = MariaDb::shared();
    let tier = Sql::open(server.fresh());
    let frames: Vec<_> = (0..40).map(|i| contract::frame(&format!("l:{i}"), &vec![i as u8; 900 << 10])).collect();
    tier.put(&frames).await.unwrap();
    for i in 0..40 {
        assert_eq!(payload(&tier, &format!("l:{i}")).await.unwrap().map(|p| p.len()), Some(900 << 10));
    }
}

/// A server that stands still, and goes on: calls end, then are turned away at once, then work again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stands_still_is_given_up() {
    let server = MariaDb::start();
    let tier = Sql::open(server.fresh());
    put(&tier, "a", b"a").await.unwrap();
    server.freeze();
    let start = Instant::now();
    let error = payload(&tier, "a").await.expect_err("nobody answers");
    assert!(error.kind() == ErrorKind::Tier && start.elapsed() < Duration::from_secs(4), "{error:?}");
    let start = Instant::now();
    for _ in 0..100 {
        assert!(payload(&tier, "a").await.is_err());
    }
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    server.thaw();
    let took = until_it_works(&tier, Duration::from_secs(20)).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(payload(&tier, "a").await.unwrap().as_deref(), Some(&b"a"[..]));
}

/// A store that takes long to count is counted aside, and kept within its bound all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_slow_to_count_keeps_its_bound() {
    let server = Postgres::shared();
    let tier = Sql::open(server.fresh().table_prefix("slow").unwrap().max_bytes(50_000));
    for i in 0..100 {
        put(&tier, &format!("s:{i}"), &[b'x'; 900]).await.unwrap();
    }
    // Reading a row's size takes 20 ms: to count is too slow, to walk is not.
    let slow = "CREATE FUNCTION slow(n BIGINT) RETURNS BIGINT LANGUAGE plpgsql STABLE AS \
                'BEGIN PERFORM pg_sleep(0.02); RETURN n; END'";
    server.command(slow);
    server.command("ALTER TABLE slow_frames RENAME TO slow_real");
    server.command("CREATE VIEW slow_frames AS SELECT id, name, slow(bytes) AS bytes, frame FROM slow_real");
    let start = Instant::now();
    let left = || server.command("SELECT sum(bytes) FROM slow_real").parse::<u64>().unwrap();
    while left() > 50_000 {
        tier.tidy(step(10)).await.unwrap();
        assert!(start.elapsed() < Duration::from_secs(30), "{} left", left());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(start.elapsed() > Duration::from_millis(1_500), "the control: counting was slow");
    assert!(left() > 40_000, "{} left", left());
}
