//! Whose stream is followed, by whom, and when nobody listens any more.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use cached_runtime::Access;
use cached_runtime::answers::{Answers, Document, Retrieved, Source};
use futures_core::Stream;

use super::stream::{Heard, asked_again, open, say};
use super::{Down, Node, Tokens, next, question, rest, soon, tokens};

/// Whose documents are of today is not told by, and does not wait for, a stream of yesterday's.
#[tokio::test]
async fn a_stream_with_new_documents_does_not_wait_for_one_with_old_ones() {
    let node = Node::new();
    let list = async || {
        let search = || async { Ok::<_, Down>(vec![Document::new("d", 1)]) };
        node.answers.retrieve("q", search).await.unwrap()
    };
    let old = list().await;
    node.answers.invalidate_documents(["d"]).await;
    let new = list().await;
    let open = async |list: &Retrieved<i32>, source: Tokens| -> Heard {
        node.answers.stream(&question("a").built_on(list), || async { Ok(source) }).await
    };
    let (holds, source) = tokens();
    let mut late = open(&old, source).await;
    say(&holds, "old").await;
    assert_eq!(next(&mut late).await.unwrap().unwrap(), "old");
    let mut as_late = open(&old, tokens().1).await;
    assert_eq!((as_late.source(), next(&mut as_late).await.unwrap().unwrap().as_str()), (Source::Cache, "old"));
    let (speaker, source) = tokens();
    let mut fresh = open(&new, source).await;
    assert_eq!(fresh.source(), Source::Model);
    say(&speaker, "new").await;
    assert_eq!(next(&mut fresh).await.unwrap().unwrap(), "new", "while the old one is under way");
    drop((speaker, holds));
    assert_eq!((rest(&mut fresh).await.len(), rest(&mut late).await.len()), (0, 0));
    soon("it is kept", || node.answers.stats().overtaken == 1).await;
    super::recorded(&node, &question("a").built_on(&new)).await;
}

/// One that has always something to say, and counts what was taken.
struct Chatter(Arc<AtomicU64>);

const ENDLESS: u64 = 300_000;

impl Stream for Chatter {
    type Item = Result<String, Down>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let said = self.0.fetch_add(1, Ordering::Relaxed);
        Poll::Ready((said < ENDLESS).then(|| Ok("so".to_owned())))
    }
}

#[tokio::test]
async fn a_source_that_never_waits_is_given_up_too_when_nobody_listens() {
    for most in [1 << 30, 1_000] {
        let node = Node::new();
        let (answers, said) = (node.answers.clone().max_stream(most), Arc::new(AtomicU64::new(0)));
        let source = Chatter(Arc::clone(&said));
        let mut stream: Heard = answers.stream(&question("a"), || async { Ok(source) }).await;
        assert_eq!(next(&mut stream).await.unwrap().unwrap(), "so");
        drop(stream);
        soon("it is given up", || answers.stats().streams_abandoned == 1).await;
        let said = said.load(Ordering::Relaxed);
        assert!(said < ENDLESS / 10, "{said} were said to nobody");
    }
}

#[tokio::test]
async fn all_answers_of_one_name_follow_one_stream() {
    let node = Node::new();
    let other = Answers::<String>::new(&node.cache, "support").unwrap();
    let elsewhere = Answers::<String>::new(&node.cache, "sales").unwrap();
    let (speaker, source) = tokens();
    let mut first = open(&node.answers, source).await;
    let mut second = open(&other, tokens().1).await;
    say(&speaker, "one").await;
    drop(speaker);
    assert_eq!((second.source(), rest(&mut first).await), (Source::Cache, vec!["one".to_owned()]));
    assert_eq!(rest(&mut second).await, ["one"]);
    assert_eq!(asked_again(&elsewhere).await.0, Source::Model);
    assert_eq!((node.answers.stats().streamed, other.stats().streamed, other.stats().followed), (1, 0, 1));
}

/// Who may not read has nothing of others', and who may not store gives nothing to others.
#[tokio::test]
async fn who_has_no_right_hears_and_leads_alone() {
    let node = Node::new();
    let through = |access| Answers::<String>::new(&node.cache.restricted(access).unwrap(), "support").unwrap();
    let (blind, reader) = (through(Access::new()), through(Access::new().read("support")));
    let (speaker, source) = tokens();
    let mut first = open(&node.answers, source).await;
    say(&speaker, "one").await;
    assert_eq!(asked_again(&blind).await, (Source::Model, vec!["new".to_owned()]));
    assert_eq!(open(&reader, tokens().1).await.source(), Source::Cache);
    drop(speaker);
    assert_eq!(rest(&mut first).await, ["one"]);
    for restricted in [&blind, &reader] {
        node.answers.clear().await;
        let (speaker, source) = tokens();
        let mut alone = open(restricted, source).await;
        assert_eq!(asked_again(&node.answers).await, (Source::Model, vec!["new".to_owned()]), "it does not follow");
        drop(speaker);
        assert_eq!(rest(&mut alone).await.len(), 0);
    }
}
