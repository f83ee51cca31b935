//! Rows under names that are hidden from what nodes share, be it Redis or a database.

use std::future::Future;

use cached_runtime::{Applied, Builder, Key, KeySecrecy, Keys, cache};

use crate::rig::{LONG, Node, soon};

/// No canary of those that S13 listens for: a key is told to the node's own log, and to no tier.
pub(crate) const CANARY: &str = "person-8b31-of-somebody";
pub(crate) const SECRET: [u8; 32] = *b"a-secret-for-names-of-thirty-two";
pub(crate) const OTHER: [u8; 32] = *b"another-secret-that-is-not-ours!";

#[cache(
    key = "veiled:{who}:{id}", tags = ["veiled-of:{who}", "veiled-id:{id}"], ttl = "1h", jitter = 0.0,
    cache = node.cache, skip(node)
)]
pub(crate) async fn row(node: &Node, who: &str, id: u64) -> Result<u64, String> {
    let _ = (who, id);
    node.source.read().await
}

#[cache(
    key = "leased:{who}:{id}", ttl = "1h", jitter = 0.0, lock = "cluster", cache = node.cache, skip(node)
)]
pub(crate) async fn leased(node: &Node, who: &str, id: u64) -> Result<u64, String> {
    let _ = (who, id);
    node.source.read().await
}

pub(crate) type Secret = Option<[u8; 32]>;

/// Each pair of nodes that name the same key otherwise.
pub(crate) const STRANGERS: [(Secret, Secret); 3] =
    [(Some(SECRET), Some(OTHER)), (Some(SECRET), None), (None, Some(SECRET))];

pub(crate) fn hiding(builder: Builder, secret: Secret) -> Builder {
    let builder = builder.read_deadline(LONG).write_deadline(LONG).encryption(Keys::new(1, [7; 32]));
    match secret {
        Some(secret) => builder.key_secrecy(KeySecrecy::hmac(secret)),
        None => builder,
    }
}

/// Loads rows on one node, so that what nodes share has them.
pub(crate) async fn load(node: &Node, ids: std::ops::Range<u64>) {
    for id in ids {
        row(node, CANARY, id).await.unwrap();
    }
    node.settled().await;
}

/// What a node has of a row, without the source.
pub(crate) async fn peek(node: &Node, id: u64) -> Option<u64> {
    row::peek(node, CANARY, id).await.map(Result::unwrap)
}

pub(crate) async fn there(node: &Node, ids: std::ops::Range<u64>) -> Vec<u64> {
    let mut there = Vec::new();
    for id in ids {
        if peek(node, id).await.is_some() {
            there.push(id);
        }
    }
    there
}

pub(crate) fn key(node: &Node, id: u64) -> Key {
    row::key(node, CANARY, id)
}

/// What this node invalidates is taken by what nodes share.
pub(crate) async fn applied(node: &Node, what: &str, done: impl Future<Output = Applied>) {
    node.taken(soon(what, done).await).await;
}

pub(crate) async fn applied_pattern(node: &Node, glob: &str) {
    node.taken(soon(glob, node.cache.invalidate_pattern(glob)).await.unwrap()).await;
}

/// One of each kind: the rows 1 to 4, and no others.
pub(crate) async fn invalidate_four(node: &Node) {
    applied(node, "a key", node.cache.invalidate_key(&key(node, 1))).await;
    applied(node, "a tag", node.cache.invalidate_tags(["veiled-id:2"])).await;
    applied_pattern(node, &format!("veiled:{CANARY}:3")).await;
    applied_pattern(node, "*:4").await;
}
