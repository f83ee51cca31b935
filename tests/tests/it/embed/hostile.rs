//! Texts that nobody would write.

use std::collections::HashSet;

use super::{Model, meaning};
use crate::rig::World;

fn hostile() -> Vec<String> {
    let mut texts: Vec<String> = vec![
        String::new(),
        " ".into(),
        "\0".into(),
        "\0\0".into(),
        "a\0b".into(),
        "x".repeat(1 << 20),
        "x".repeat((1 << 20) + 1),
        "a:b*?[c]%41!3A~e".into(),
        "é".into(),
        "e\u{301}".into(), // the same to the eye
        "\u{202e}back\u{feff}".into(),
        "\u{10ffff}".into(),
        "\r\n".into(),
        "\n".into(),
        "🏴".into(),
        "--version".into(),
        "../../etc/passwd".into(),
    ];
    texts.extend((0..300).map(|n| "\u{1}".repeat(n + 1)));
    texts
}

#[tokio::test]
async fn hostile_texts_are_told_apart_and_kept() {
    let (world, base) = (World::new(), Model::new());
    let (model, texts) = (base.cached(&world.cache), hostile());
    let vectors = model.embed(&texts).await.unwrap();
    for (text, vector) in texts.iter().zip(&vectors) {
        assert!(**vector == *meaning(text, 8), "{} bytes", text.len());
    }
    assert_eq!(base.asked().concat(), texts);
    model.embed(&texts).await.unwrap();
    assert_eq!(base.times(), 0);
    world.settle().await;
    let keys: HashSet<String> = texts.iter().map(|text| model.key(text).to_string()).collect();
    assert_eq!(keys.len(), texts.len());
    assert!(keys.iter().all(|key| key.len() < 100 && key.starts_with("embed.letters:0:f32:")));
}

#[tokio::test]
async fn no_text_is_in_keys_or_statistics() {
    let (world, base) = (World::new(), Model::new());
    let model = base.cached(&world.cache);
    model.embed_one("a secret of mine").await.unwrap();
    let said =
        format!("{} {:?} {} {:?}", model.key("a secret of mine"), model, world.cache.stats(), world.cache.stats());
    assert!(!said.contains("secret of"), "{said}");
}

#[tokio::test]
async fn what_near_may_hold_bounds_what_it_keeps() {
    let base = Model::new();
    let cache = cached_runtime::Cache::builder().near_bytes(64 << 10).build().unwrap();
    base.set_dimensions(512);
    let model = base.cached(&cache);
    model.embed(&super::texts(0, 500)).await.unwrap();
    let stats = cache.stats();
    assert!(stats.near_bytes <= 64 << 10, "{} bytes", stats.near_bytes);
    let entries: u64 = stats.sites.iter().map(|site| site.entries).sum();
    assert!((8..=32).contains(&entries), "a vector weighs two kilobytes and a little: {entries}");
}
