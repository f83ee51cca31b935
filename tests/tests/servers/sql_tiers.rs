//! A tier on a server keeps the contract of every tier, and takes every key.

use cached_runtime::error::ErrorKind;
use cached_runtime::group::Group;
use cached_runtime::testing::contract;
use cached_runtime::tier::Tier;
use cached_runtime::tier::sql::{Sql, SqlOptions};
use cached_runtime::{Cache, cache};
use kit::{MariaDb, Postgres};

use crate::rig::eventually;
use crate::sql_rig::{Server, key, on_both, payload, put, record, round, until_it_works};

on_both!(
    keeps_the_contract,
    keeps_the_contract_with_one_connection,
    is_durable,
    is_bounded,
    what_is_written_again_is_new,
    hostile_keys,
    tables_that_are_gone_are_made_anew,
    a_cache_stands_on_it,
);

async fn keeps_the_contract<S: Server>() {
    let server = S::shared();
    contract::all(|| async { Sql::open(server.fresh()) }).await;
}

async fn keeps_the_contract_with_one_connection<S: Server>() {
    let server = S::shared();
    contract::all(|| async { Sql::open(server.fresh().connections(1)) }).await;
}

async fn is_durable<S: Server>() {
    let server = S::shared();
    let options = server.fresh();
    let reopen = |tier: Sql| async {
        drop(tier);
        Sql::open(options.clone())
    };
    contract::durable(|| async { Sql::open(options.clone()) }, reopen).await;
}

async fn is_bounded<S: Server>() {
    let server = S::shared();
    contract::bounded(|max_bytes| {
        let options = server.fresh().max_bytes(max_bytes);
        async { Sql::open(options) }
    })
    .await;
}

async fn what_is_written_again_is_new<S: Server>() {
    let server = S::shared();
    let tier = Sql::open(server.fresh().max_bytes(3_000));
    for name in ["a", "b", "a", "c"] {
        put(&tier, name, &[b'x'; 1_000]).await.unwrap();
    }
    round(&tier).await;
    assert!(payload(&tier, "b").await.unwrap().is_none(), "the oldest goes");
    assert!(payload(&tier, "a").await.unwrap().is_some(), "what was written again is not the oldest");
    assert!(payload(&tier, "c").await.unwrap().is_some());
}

/// Those that a column of text would cut, fold or refuse.
async fn hostile_keys<S: Server>() {
    let server = S::shared();
    let tier = Sql::open(server.fresh());
    let long = "l".repeat(1_100);
    let names =
        ["k:\0", "k:\0\0", "k", "k ", "k  ", "K", "k\t", "é", "e\u{301}", "ß", "ss", "🦀", "\u{feff}k", &long, ""];
    for name in names {
        put(&tier, name, name.as_bytes()).await.unwrap_or_else(|e| panic!("{name:?}: {e:?}"));
    }
    for name in names {
        assert_eq!(payload(&tier, name).await.unwrap().as_deref(), Some(name.as_bytes()), "{name:?}");
    }
    let keys = names.map(key);
    assert!(tier.get(&keys).await.unwrap().iter().all(Option::is_some));
    tier.apply(&[record(1, 1, Group::Key(key("k")))]).await.unwrap();
    assert_eq!(tier.get(&keys).await.unwrap().iter().filter(|found| found.is_none()).count(), 1, "one key, one entry");

    let longer = "l".repeat(1_101);
    assert_eq!(put(&tier, &longer, b"x").await.unwrap_err().kind(), ErrorKind::TooLarge, "nothing is cut short");
    assert_eq!(payload(&tier, &longer).await.unwrap(), None);
    let tag = record(1, 2, Group::Tag("t".repeat(1_500).into()));
    assert_eq!(tier.apply(&[tag]).await.unwrap_err().kind(), ErrorKind::TooLarge);
    for prefix in ["", "1a", "A", "a-b", "a;DROP TABLE x", "a\"", "a`", "ä", &"a".repeat(49)] {
        let refused = server.fresh().table_prefix(prefix).expect_err(prefix);
        assert_eq!(refused.kind(), ErrorKind::Config);
    }
}

async fn tables_that_are_gone_are_made_anew<S: Server>() {
    let server = S::shared();
    let tier = Sql::open(server.fresh().table_prefix(&format!("gone_{}", S::WORD)).unwrap());
    let table = |name: &str| format!("gone_{}_{name}", S::WORD);
    put(&tier, "a", b"a").await.unwrap();
    for lost in [vec!["frames"], vec!["log"], vec!["meta"], vec!["notes"], vec!["frames", "log", "meta", "notes"]] {
        let all: Vec<String> = lost.iter().map(|name| table(name)).collect();
        server.sql(&format!("DROP TABLE {}", all.join(", ")));
        let done = (put(&tier, "a", b"a").await, tier.recall().await);
        assert!(done.0.is_err() || done.1.is_err(), "{lost:?} had to be missed");
        until_it_works(&tier, std::time::Duration::from_secs(5)).await;
        tier.recall().await.unwrap();
        tier.apply(&[record(1, 9, Group::Everything)]).await.unwrap();
    }
    server.sql(&format!("DELETE FROM {}", table("meta")));
    assert!(tier.apply(&[record(1, 10, Group::Everything)]).await.is_err(), "a position cannot be kept nowhere");
    until_it_works(&tier, std::time::Duration::from_secs(5)).await;
    tier.apply(&[record(1, 10, Group::Everything)]).await.unwrap();
    assert_eq!(tier.recall().await.unwrap().position.unwrap().number, 10);
}

#[cache(key = "page:{id}", cache = cache, ttl = "1h")]
async fn page(cache: &Cache, id: u32) -> u32 {
    let _ = cache;
    id * 2
}

/// A cache that is new finds what another has stored; its frames wait for nobody.
async fn a_cache_stands_on_it<S: Server>() {
    let server = S::shared();
    let options = server.fresh();
    let built = async || {
        let builder = Cache::builder().read_deadline(std::time::Duration::from_secs(2));
        let cache = S::add(builder, options.clone()).build().unwrap();
        eventually("it follows its log", || cache.shared().is_some_and(|log| log.proven)).await;
        cache
    };
    let first = built().await;
    assert_eq!(page(&first, 21).await, 42);
    first.shutdown(std::time::Duration::from_secs(5)).await;
    let second = built().await;
    assert_eq!(page(&second, 21).await, 42);
    let stats = second.stats();
    assert_eq!(stats.tiers[0].tier, S::WORD);
    assert_eq!(stats.tiers[0].hits, 1, "{stats:?}");
    // What is scraped of the log that nodes share is what is known of it.
    let scraped = cached_runtime::metrics::Prometheus::new(&second).render();
    let log = second.shared().unwrap();
    for (name, value) in [
        ("proven", u64::from(log.proven)),
        ("connected", u64::from(log.connected)),
        ("heard_total", log.heard),
        ("adopted_total", log.adopted),
        ("sessions_total", log.sessions),
        ("suspicions_total", log.suspicions),
    ] {
        let line = format!("cached_log_{name} {value}");
        assert!(scraped.lines().any(|scraped| scraped == line), "no `{line}` in\n{scraped}");
    }
}

/// What is wrong about a URL is told when the cache is built, without a word of it.
#[test]
fn urls_are_checked() {
    let wrong = [
        "postgres:canary",
        "mysql://u:canary@h:1",
        "http://u:canary@h/db",
        "postgres://u:can@ary@h/db",
        "postgres://u:c#anary@h/db",
        "postgres://u:12/canary@h/db",
        "mysql://u:p@h:canary/db",
        "postgres://u:p@h/db?pasword=canary",
        "mysql://u:p@h/db?canary",
        "postgres://u:p@h/db?sslmode=canary",
        "",
    ];
    for url in wrong {
        for refused in [SqlOptions::postgres(url), SqlOptions::mysql(url), SqlOptions::url(url)] {
            let error = refused.expect_err(url);
            assert_eq!(error.kind(), ErrorKind::Config, "{url}");
            assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        }
        let built = Cache::builder().postgres(url).build().expect_err(url);
        assert_eq!(built.kind(), ErrorKind::Config);
    }
    for url in ["postgres://u:p@h/db?sslmode=disable&options[search_path]=x", "postgresql:///db?host=/run"] {
        SqlOptions::postgres(url).unwrap_or_else(|e| panic!("{url}: {e}"));
        SqlOptions::url(url).unwrap();
    }
    for url in ["mysql://u@h/db?ssl-mode=DISABLED", "mariadb://u:p%40%2F@h:3307/db"] {
        SqlOptions::mysql(url).unwrap_or_else(|e| panic!("{url}: {e}"));
        SqlOptions::url(url).unwrap();
    }
}

#[test]
fn a_builder_refuses_what_cannot_be_meant() {
    let postgres = || SqlOptions::postgres("postgres://u@127.0.0.1:1/db").unwrap();
    let refused = |builder: cached_runtime::Builder| builder.build().expect_err("refused").to_string();
    assert!(refused(Cache::builder().mysql_with(postgres())).contains("another database"));
    assert!(refused(Cache::builder().postgres_with(postgres()).postgres_with(postgres())).contains("two tiers"));
    assert!(refused(Cache::builder().postgres_with(postgres().max_bytes(0))).contains("postgres"));
}

/// So that a server that does not start is told as that, and not by the first test that it fails.
#[test]
fn servers_of_the_kit_run() {
    assert_eq!(Postgres::shared().command("SELECT 1"), "1");
    assert_eq!(MariaDb::shared().command("SELECT 1"), "1");
}
