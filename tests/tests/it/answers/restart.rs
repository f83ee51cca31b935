//! The next process has what this one was told, and not what was taken back.

use std::sync::Arc;

use cached_runtime::answers::{Document, Source};
use cached_runtime::clock::Clock;
use cached_runtime::tier::disk::{Disk, DiskOptions};
use tempfile::TempDir;

use super::{Down, LONG, Model, Node, SECOND, next, question, rest, tokens};

async fn ended(node: Node) {
    let flushed = node.cache.shutdown(LONG).await;
    assert_eq!(flushed.unwritten + flushed.records, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_streams_and_lists_outlive_the_process() {
    let (dir, clock, model) = (TempDir::new().unwrap(), Clock::manual(), Model::default());
    let open = |seed| Node::over(Arc::new(Disk::open(DiskOptions::new(dir.path().join("store")))), &clock, seed);
    let list = async |node: &Node| {
        let of = model.clone();
        let search = || async move { of.ask().await.map(|text| vec![Document::new("d", text)]) };
        node.answers.retrieve::<String, Down, _>("q", search).await.unwrap()
    };
    let about_d = async |node: &Node| {
        let request = question("from d").built_on(&list(node).await);
        node.answers.generate(&request, || model.ask()).await.unwrap()
    };

    let node = open(1);
    node.answers.generate(&question("a"), || model.ask()).await.unwrap();
    about_d(&node).await;
    let (speaker, source) = tokens();
    let mut stream = node.answers.stream(&question("s"), || async { Ok(source) }).await;
    for token in ["one ", "two"] {
        speaker.send(Ok(token.to_owned())).await.unwrap();
        next(&mut stream).await;
    }
    drop(speaker);
    assert_eq!(rest(&mut stream).await.len(), 0);
    super::recorded(&node, &question("s")).await;
    ended(node).await;

    clock.advance(SECOND);
    let node = open(2);
    let answer = node.answers.generate(&question("a"), || model.ask()).await.unwrap();
    assert_eq!((answer.value.as_str(), answer.source), ("answer 1", Source::Cache));
    let silent = || async { Ok::<super::Tokens, Down>(tokens().1) };
    let mut stream = node.answers.stream::<String, _, _, _>(&question("s"), silent).await;
    assert_eq!((stream.source(), rest(&mut stream).await.concat()), (Source::Cache, "one two".to_owned()));
    assert_eq!(about_d(&node).await.source, Source::Cache);
    node.answers.invalidate_documents(["d"]).await;
    ended(node).await;

    let node = open(3);
    assert!(!list(&node).await.cached, "the list is not back");
    assert_eq!(about_d(&node).await.source, Source::Model, "neither is what was answered from it");
    assert_eq!(node.answers.generate(&question("a"), || model.ask()).await.unwrap().source, Source::Cache);
}
