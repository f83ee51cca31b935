//! A store of which one page is damaged, each in turn; and text that would be a statement, if it were not bound.

use std::fs;
use std::path::{Path, PathBuf};

use cached_runtime::codec::{Frame, Head};
use cached_runtime::group::{Group, Position, Record};
use cached_runtime::key::Key;
use cached_runtime::testing::contract::frame;
use cached_runtime::tier::Tier;
use cached_runtime::tier::disk::Disk;
use cached_runtime::tier::sql::Sql;
use tempfile::TempDir;

use crate::store_damage::{Engine, copy_all, filled, nothing_false, recovered, store, survives};

const PAGE: usize = 4_096;
const PAGES: usize = 100;
/// So many stores are damaged side by side: most of the time is spent waiting until a tier may try again.
const AT_ONCE: usize = 20;

/// The first pages of a store: the file, and where in it.
fn pages<E: Engine>(path: &Path) -> Vec<(PathBuf, usize)> {
    let of = |file: PathBuf| {
        let len = fs::metadata(&file).map_or(0, |meta| meta.len() as usize);
        (0..len).step_by(PAGE).map(move |at| (file.clone(), at))
    };
    let first = E::files(path).into_iter().flat_map(of).take(PAGES);
    first.step_by(if std::env::var_os("CACHED_FULL").is_some() { 1 } else { 5 }).collect()
}

/// D3: each of the first hundred pages with all its bits turned over; a fifth of them unless `tests/run.sh --full` runs.
#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
async fn each_page_flipped<E: Engine>(engine: &str) {
    let (dir, path) = store();
    filled::<E>(&path).await;
    let pages = pages::<E>(&path);
    for some in pages.chunks(AT_ONCE) {
        let mut running = tokio::task::JoinSet::new();
        for (file, at) in some {
            let copy = TempDir::new().expect("a temporary directory");
            copy_all(dir.path(), copy.path());
            let target = copy.path().join(file.strip_prefix(dir.path()).expect("inside"));
            let mut bytes = fs::read(&target).expect("a file of the store");
            bytes.iter_mut().skip(*at).take(PAGE).for_each(|byte| *byte = !*byte);
            fs::write(&target, bytes).expect("writing the damage");
            let what = format!("{engine}: the page at {at} of {}", file.display());
            running.spawn(async move { survives::<E>(&copy.path().join("cache"), &what).await });
        }
        while let Some(done) = running.join_next().await {
            done.expect("the tier survives");
        }
    }
    println!("D3, {engine}: {} pages flipped in turn, 0 stores that do not open, 0 wrong values", pages.len());
    assert!(pages.len() >= PAGES / 5, "{} pages", pages.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d3_a_disk_opens_whatever_page_is_flipped() {
    each_page_flipped::<Disk>("disk").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d3_an_sqlite_opens_whatever_page_is_flipped() {
    each_page_flipped::<Sql>("sqlite").await;
}

/// D2: the log beside a database vanishes while the database is open.
#[tokio::test]
async fn d2_a_log_that_is_deleted_under_an_open_database_ends_nothing() {
    let (_dir, path) = store();
    filled::<Sql>(&path).await;
    let sql = Sql::start(&path);
    sql.put(&[frame("v:0", &[0; 3_000])]).await.expect("put");
    let log = PathBuf::from(format!("{}-wal", path.display()));
    fs::remove_file(&log).expect("there is a log while the database is open");
    nothing_false(&sql).await;
    recovered(&sql).await;
    drop(sql);
    survives::<Sql>(&path, "its log was deleted").await;
}

/// What an attacker would like to have executed.
const STATEMENTS: [&str; 6] = [
    "'; DROP TABLE cached_frames; --",
    "\" OR \"\"=\"",
    "1); DELETE FROM cached_frames; --",
    "%' ESCAPE '\\",
    "$1 ?1 :key @key",
    "a'||(SELECT sqlite_version())||'b",
];

fn tagged(key: &str, tag: &str) -> Frame {
    let plain = frame(key, key.as_bytes());
    let head = Head { tags: [tag.into()].into(), ..plain.head().clone() };
    Frame::seal(head, key.as_bytes()).expect("a frame")
}

/// S17: keys, tags and namespaces are values of statements and never part of one.
async fn statements_are_text<E: Engine>() {
    let (_dir, path) = store();
    let tier = E::start(&path);
    let keys: Vec<Key> = STATEMENTS.iter().map(|text| Key::from_stored(&format!("v:{text}"))).collect();
    let frames: Vec<Frame> = STATEMENTS.iter().map(|text| tagged(&format!("v:{text}"), text)).collect();
    tier.put(&frames).await.expect("put");
    let found = tier.get(&keys).await.expect("get");
    assert!(found.iter().zip(&frames).all(|(found, frame)| found.as_ref() == Some(frame.bytes())), "each is its own");
    for (number, text) in (1..).zip(STATEMENTS) {
        let position = Position { epoch: 1, number };
        for group in [Group::Tag(text.into()), Group::Namespace(text.into()), Group::Key(keys[0].clone())] {
            tier.apply(&[Record { group, position }]).await.expect("apply");
        }
    }
    let recall = tier.recall().await.expect("recall");
    assert!(STATEMENTS.iter().all(|text| recall.records.iter().any(|r| r.group == Group::Tag((*text).into()))));
    tier.remove(&keys[1..2]).await.expect("remove");
    let left = tier.get(&keys).await.expect("get").iter().filter(|found| found.is_some()).count();
    assert_eq!(left, STATEMENTS.len() - 2, "a key removes itself and nothing else");
}

#[tokio::test]
async fn s17_statements_in_keys_and_tags_are_text() {
    statements_are_text::<Sql>().await;
    statements_are_text::<Disk>().await;
}
