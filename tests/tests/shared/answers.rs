//! Answers of language models on several nodes: what one was told the other replays, until a document of it changes.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;

use cached_runtime::Builder;
use cached_runtime::answers::{Answers, Document, Request, Retrieved, Source as From};
use futures_core::Stream;
use kit::RedisServer;

use crate::rig::{LONG, Node, Source, soon};

/// Says the words of a text, one by one, and counts who asks.
struct Words(std::vec::IntoIter<String>);

impl Stream for Words {
    type Item = Result<String, String>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next().map(Ok))
    }
}

/// A node, what it answers, and the source that all nodes search and ask.
struct Desk {
    node: Node,
    answers: Answers<String>,
    /// What the document says by now.
    edition: Arc<AtomicU64>,
    calls: Arc<AtomicU64>,
}

impl Desk {
    async fn open(redis: &RedisServer, edition: &Arc<AtomicU64>, calls: &Arc<AtomicU64>) -> Self {
        let patient = |builder: Builder| builder.read_deadline(LONG).write_deadline(LONG);
        let node = Node::with(&redis.url(), &Arc::new(Source::default()), patient);
        node.proven().await;
        let answers = Answers::new(&node.cache, "support").unwrap();
        Self { node, answers, edition: Arc::clone(edition), calls: Arc::clone(calls) }
    }

    async fn found(&self) -> Retrieved<u64> {
        let edition = Arc::clone(&self.edition);
        let search = || async move { Ok::<_, String>(vec![Document::new("terms", edition.load(SeqCst))]) };
        soon("a retrieval", self.answers.retrieve("returns", search)).await.unwrap()
    }

    fn request(list: &Retrieved<u64>) -> Request {
        Request::new("small").user("How long?").parameter("temperature", 0).built_on(list)
    }

    /// The answer by this node's documents, and whether the model was asked for it.
    async fn asked(&self) -> (String, bool) {
        let list = self.found().await;
        let (calls, edition) = (Arc::clone(&self.calls), list.documents[0].content);
        let ask = || async move {
            calls.fetch_add(1, SeqCst);
            Ok::<_, String>(format!("as edition {edition} says"))
        };
        let generated = soon("an answer", self.answers.generate(&Self::request(&list), ask)).await.unwrap();
        (generated.value, generated.source == From::Model)
    }

    /// The same as a stream.
    async fn heard(&self) -> (Vec<String>, bool) {
        let list = self.found().await;
        let (calls, edition) = (Arc::clone(&self.calls), list.documents[0].content);
        let open = || async move {
            calls.fetch_add(1, SeqCst);
            let words = ["as ", "edition ", &edition.to_string()].map(str::to_owned);
            Ok(Words(Vec::from(words).into_iter()))
        };
        let mut stream = soon("a stream", self.answers.stream(&Self::request(&list), open)).await;
        let is_new = stream.source() == From::Model;
        let mut heard = Vec::new();
        while let Some(word) = soon("a word", std::future::poll_fn(|cx| Pin::new(&mut stream).poll_next(cx))).await {
            heard.push(word.unwrap());
        }
        (heard, is_new)
    }

    /// Waits until the stream that was heard is a recording, which happens behind the back of who heard it. A node that
    /// has just invalidated something hears of that from the log once more, and keeps nothing from before that.
    async fn replays(&self) {
        let (began, before) = (std::time::Instant::now(), self.answers.stats().replayed);
        while self.answers.stats().replayed == before {
            assert!(began.elapsed() < LONG, "the stream is not kept");
            self.heard().await;
        }
    }

    /// Waits until this node has nothing left of what it was told before.
    async fn has_heard_of(&self, edition: u64) {
        let began = std::time::Instant::now();
        while self.found().await.documents[0].content != edition {
            assert!(began.elapsed() < Duration::from_secs(2), "the other node still has the old list");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn words(edition: u64) -> Vec<String> {
    vec!["as ".to_owned(), "edition ".to_owned(), edition.to_string()]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_was_told_the_other_replays_until_a_document_changes() {
    let redis = RedisServer::start();
    let (edition, calls) = (Arc::new(AtomicU64::new(1)), Arc::new(AtomicU64::new(0)));
    let (a, b) = (Desk::open(&redis, &edition, &calls).await, Desk::open(&redis, &edition, &calls).await);
    assert_eq!((a.asked().await, a.heard().await), (("as edition 1 says".to_owned(), true), (words(1), true)));
    a.replays().await;
    a.node.settled().await;
    for desk in [&b, &a] {
        assert_eq!(desk.asked().await, ("as edition 1 says".to_owned(), false));
        assert_eq!(desk.heard().await, (words(1), false));
    }
    assert_eq!((b.answers.stats().replayed, b.answers.stats().model_calls), (1, 0));
    assert_eq!(calls.load(SeqCst), 2, "the model was asked on one node alone");

    // It changes, and the node where it does says so: neither has anything of the old one then.
    edition.store(2, SeqCst);
    soon("an invalidation", b.answers.invalidate_documents(["terms"])).await;
    assert_eq!((b.asked().await, b.heard().await), (("as edition 2 says".to_owned(), true), (words(2), true)));
    a.has_heard_of(2).await;
    assert_eq!(a.asked().await.0, "as edition 2 says");
    assert_eq!(a.heard().await.0, words(2));
    b.replays().await;
    b.node.settled().await;
    let c = Desk::open(&redis, &edition, &calls).await;
    assert_eq!((c.asked().await.0, c.heard().await.0), ("as edition 2 says".to_owned(), words(2)));

    // The control: a document that nothing was made from takes nothing away.
    a.replays().await;
    a.node.settled().await;
    let before = calls.load(SeqCst);
    soon("an invalidation", a.answers.invalidate_documents(["others"])).await;
    for desk in [&a, &b] {
        assert_eq!((desk.asked().await.1, desk.heard().await.1), (false, false));
    }
    assert_eq!(calls.load(SeqCst), before);
}
