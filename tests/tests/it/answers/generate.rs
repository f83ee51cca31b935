//! One call of the model for equal requests; what is sampled, failed or out of date is not kept.

use std::sync::Arc;
use std::time::Duration;

use cached_runtime::answers::{Answers, Message, Request, Source};
use serde_json::json;

use super::{Down, Model, Node, SECOND, question};

#[tokio::test]
async fn equal_requests_at_a_time_ask_the_model_once() {
    let (node, model) = (Node::new(), Model::held());
    let ask = |text: &'static str| {
        let (answers, model) = (node.answers.clone(), model.clone());
        tokio::spawn(async move { answers.generate(&question(text), || model.ask()).await.unwrap() })
    };
    let first = ask("a");
    model.gate.arrived(1).await;
    let others: Vec<_> = (0..20).map(|_| ask("a")).collect();
    let another = ask("b");
    model.gate.arrived(2).await;
    model.gate.open();
    assert_eq!(first.await.unwrap().source, Source::Model);
    for other in others {
        let other = other.await.unwrap();
        assert_eq!((other.value.as_str(), other.source), ("answer 1", Source::Cache));
    }
    assert_eq!(another.await.unwrap().value, "answer 2", "another question is not joined");
    let stats = node.answers.stats();
    assert_eq!((stats.asked, stats.hits, stats.model_calls, model.calls()), (22, 20, 2, 2));
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_cancel_the_call() {
    let (node, model) = (Node::new(), Model::held());
    let (answers, asked) = (node.answers.clone(), model.clone());
    let caller = tokio::spawn(async move { answers.generate(&question("a"), || asked.ask()).await });
    model.gate.arrived(1).await;
    caller.abort();
    assert!(caller.await.is_err());
    model.gate.open();
    let answer = node.answers.generate(&question("a"), || model.ask()).await.unwrap();
    assert_eq!((answer.value.as_str(), answer.source, model.calls()), ("answer 1", Source::Cache, 1));
}

#[tokio::test]
async fn an_error_goes_to_all_who_waited_and_is_not_kept() {
    let (node, model) = (Node::new(), Model::held());
    let ask = || {
        let (answers, model) = (node.answers.clone(), model.clone());
        tokio::spawn(async move { answers.generate(&question("a"), || model.fail()).await })
    };
    let first = ask();
    model.gate.arrived(1).await;
    let second = ask();
    super::soon("the second waits", || node.cache.stats().site("support").is_some_and(|site| site.joins == 1)).await;
    model.gate.open();
    let (one, other) = (first.await.unwrap().unwrap_err(), second.await.unwrap().unwrap_err());
    assert!(Arc::ptr_eq(&one, &other), "the same error");
    assert_eq!((&*one, model.calls(), node.answers.stats().failed), (&Down, 1, 1));
    assert_eq!(node.answers.generate(&question("a"), || model.ask()).await.unwrap().value, "answer 2");
}

#[tokio::test]
async fn what_is_sampled_goes_by_the_cache_and_is_not_joined() {
    let (node, model) = (Node::new(), Model::held());
    let sampled = question("a").parameter("temperature", 0.7);
    let ask = |request: Request| {
        let (answers, model) = (node.answers.clone(), model.clone());
        tokio::spawn(async move { answers.generate(&request, || model.ask()).await.unwrap() })
    };
    let asked = [ask(sampled.clone()), ask(sampled.clone())];
    model.gate.arrived(2).await;
    model.gate.open();
    for one in asked {
        assert_eq!(one.await.unwrap().source, Source::Model);
    }
    assert_eq!((model.calls(), node.answers.stats().bypassed), (2, 2));

    let wanted = sampled.clone().cache_sampled(true);
    assert_eq!(ask(wanted.clone()).await.unwrap().value, "answer 3", "nothing was kept");
    assert_eq!(ask(wanted).await.unwrap().value, "answer 3", "unless it is asked for");
    let all = Answers::<String>::new(&node.cache, "all").unwrap().cache_sampled(true);
    let first = all.generate(&sampled, || model.ask()).await.unwrap();
    assert_eq!(all.generate(&sampled, || model.ask()).await.unwrap().value, first.value);
    let not = all.generate(&sampled.cache_sampled(false), || model.ask()).await.unwrap();
    assert_eq!(not.source, Source::Model);
}

#[test]
fn a_request_is_sampled_unless_it_says_otherwise() {
    let request = Request::new("m").user("a");
    assert!(request.is_sampled(), "most models choose a temperature of 1");
    assert!(request.clone().parameter("temperature", 0.1).is_sampled());
    assert!(request.clone().parameter("temperature", json!(null)).is_sampled());
    assert!(!request.clone().parameter("temperature", 0.0).is_sampled());
    assert!(!request.clone().parameter("temperature", -0.0).is_sampled());
    assert!(request.clone().parameter("temperature", 1).parameter("seed", 7).is_sampled(), "nobody asked for it");
    assert!(request.parameter("seed", 7).is_sampled());
}

#[tokio::test]
async fn a_seed_alone_does_not_ask_for_the_cache() {
    let (node, model) = (Node::new(), Model::default());
    let seeded = question("a").parameter("temperature", 0.7).parameter("seed", 7);
    for _ in 0..2 {
        let answer = node.answers.generate(&seeded, || model.ask()).await.unwrap();
        assert_eq!(answer.source, Source::Model);
    }
    let wanted = seeded.cache_sampled(true);
    node.answers.generate(&wanted, || model.ask()).await.unwrap();
    assert_eq!(node.answers.generate(&wanted, || model.ask()).await.unwrap().source, Source::Cache);
    assert_eq!((model.calls(), node.answers.stats().bypassed), (3, 2));
}

#[tokio::test]
async fn an_answer_lives_as_long_as_was_said() {
    let (node, model) = (Node::new(), Model::default());
    let requests = [question("hour"), question("minute").ttl(SECOND * 60), question("moment").ttl(Duration::ZERO)];
    for request in &requests {
        node.answers.generate(request, || model.ask()).await.unwrap();
    }
    let mut sources = Vec::new();
    for passed in [59, 1, 3_539, 1] {
        node.clock.advance(SECOND * passed);
        for request in &requests[..2] {
            // A look that never keeps anything.
            let found = node.answers.generate(&request.clone().ttl(Duration::ZERO), || model.ask()).await.unwrap();
            sources.push(found.source == Source::Cache);
        }
    }
    assert_eq!(sources, [true, true, true, false, true, false, false, false]);
    let moment = node.answers.generate(&requests[2], || model.ask()).await.unwrap();
    assert_eq!(moment.source, Source::Model);
}

#[tokio::test]
async fn tags_a_removal_and_a_clearing_take_answers_away() {
    let (node, model) = (Node::new(), Model::default());
    let tagged = question("a").tag("product:7");
    let plain = question("b");
    let ask = async |request: &Request| node.answers.generate(request, || model.ask()).await.unwrap().value;
    assert_eq!((ask(&tagged).await, ask(&plain).await), ("answer 1".into(), "answer 2".into()));
    node.cache.invalidate_tags(["product:7"]).await;
    assert_eq!((ask(&tagged).await, ask(&plain).await), ("answer 3".into(), "answer 2".into()));
    node.answers.remove(&plain).await;
    assert_eq!((ask(&tagged).await, ask(&plain).await), ("answer 3".into(), "answer 4".into()));
    node.answers.clear().await;
    assert_eq!((ask(&tagged).await, ask(&plain).await), ("answer 5".into(), "answer 6".into()));
    assert_eq!(ask(&question("a")).await, "answer 7", "without the tag it is another request: nothing escapes a tag");
}

#[tokio::test]
async fn an_invalidation_overtakes_a_call_under_way() {
    for (tag, kept) in [("product:7", false), ("product:8", true)] {
        let (node, model) = (Node::new(), Model::held());
        let request = question("a").tag("product:7");
        let (answers, asked, of) = (node.answers.clone(), model.clone(), request.clone());
        let old = tokio::spawn(async move { answers.generate(&of, || asked.ask()).await.unwrap() });
        model.gate.arrived(1).await;
        node.cache.invalidate_tags([tag]).await;
        model.gate.open();
        assert_eq!(old.await.unwrap().value, "answer 1");
        let next = node.answers.generate(&request, || model.ask()).await.unwrap();
        assert_eq!(next.source == Source::Cache, kept, "after an invalidation of {tag}");
    }
}

#[tokio::test]
async fn two_purposes_share_nothing() {
    let (node, model) = (Node::new(), Model::default());
    let sales = Answers::<String>::new(&node.cache, "sales").unwrap();
    node.answers.generate(&question("a"), || model.ask()).await.unwrap();
    assert_eq!(sales.generate(&question("a"), || model.ask()).await.unwrap().source, Source::Model);
    let again = Answers::<String>::new(&node.cache, "support").unwrap();
    assert_eq!(again.generate(&question("a"), || model.ask()).await.unwrap().source, Source::Cache);
}

#[tokio::test]
async fn nothing_shows_what_was_asked_or_answered() {
    let (node, model) = (Node::new(), Model::default());
    let request = Request::new("m").message(Message::new("user", "whisper")).parameter("temperature", 0).tag("t");
    let answer = node.answers.generate(&request, || model.ask()).await.unwrap();
    let shown =
        format!("{request:?} {answer:?} {:?} {:?} {}", node.answers, node.answers.stats(), node.answers.key(&request));
    assert!(!shown.contains("whisper") && !shown.contains("answer 1"), "{shown}");
}
