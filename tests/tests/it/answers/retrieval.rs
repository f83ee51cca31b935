//! What was retrieved is kept until a document of it changes, and so is what was answered from it.

use std::sync::Arc;

use cached_runtime::answers::{Document, Query, Retrieved, Source};
use cached_runtime::{Cache, invalidate};

use super::{Down, Model, Node, SECOND, in_time, question};

/// The search for a query: says how often it searched, when its gate lets it.
async fn search(model: Model, ids: &'static [&'static str]) -> Result<Vec<Document<String>>, Down> {
    let text = model.ask().await?;
    Ok(ids.iter().map(|id| Document::new(*id, text.clone())).collect())
}

async fn found(node: &Node, source: &Model, query: impl Into<Query>) -> Retrieved<String> {
    node.answers.retrieve(query, || search(source.clone(), &["a", "b"])).await.unwrap()
}

#[invalidate(tags = ["document:{id}"], cache = cache)]
async fn rewrite(cache: &Cache, id: &str) -> Result<(), Down> {
    let _ = (cache, id);
    Ok(())
}

#[tokio::test]
async fn a_list_is_searched_for_once_and_kept_for_half_an_hour() {
    let (node, source) = (Node::new(), Model::default());
    assert!(!found(&node, &source, "parcels").await.cached);
    node.clock.advance(SECOND * 1_799);
    let again = found(&node, &source, "parcels").await;
    assert!(again.cached && again.documents[0].content == "answer 1");
    assert!(!found(&node, &source, Query::new("parcels").parameter("top", 5)).await.cached, "another query");
    node.clock.advance(SECOND);
    assert!(!found(&node, &source, "parcels").await.cached);
    let stats = node.answers.stats();
    assert_eq!((stats.retrievals, stats.retrieval_hits, source.calls()), (4, 1, 3));
}

#[tokio::test]
async fn who_asks_for_the_same_waits_for_the_search_under_way() {
    let (node, source) = (Node::new(), Model::held());
    let ask = || {
        let (answers, source) = (node.answers.clone(), source.clone());
        tokio::spawn(async move { answers.retrieve("parcels", || search(source, &["a"])).await.unwrap() })
    };
    let first = ask();
    source.gate.arrived(1).await;
    let second = ask();
    super::soon("the second waits", || {
        node.cache.stats().site("support.retrieval").is_some_and(|site| site.joins == 1)
    })
    .await;
    source.gate.open();
    assert_eq!((first.await.unwrap().cached, second.await.unwrap().cached, source.calls()), (false, true, 1));
}

#[tokio::test]
async fn a_document_that_changes_takes_lists_and_answers_with_it() {
    let (node, source, model) = (Node::new(), Model::default(), Model::default());
    let answered = async || {
        let list = found(&node, &source, "parcels").await;
        let request = question("how?").built_on(&list);
        (list.cached, node.answers.generate(&request, || model.ask()).await.unwrap().source == Source::Cache)
    };
    assert_eq!(answered().await, (false, false));
    assert_eq!(answered().await, (true, true));
    node.answers.invalidate_documents(["c"]).await;
    assert_eq!(answered().await, (true, true), "a document that is in neither");
    node.answers.invalidate_documents(["b"]).await;
    assert_eq!(answered().await, (false, false));
    rewrite(&node.cache, "a").await.unwrap();
    assert_eq!(answered().await, (false, false), "by the attribute on what writes it");
    node.cache.invalidate_tags(["document:a"]).await;
    assert_eq!(answered().await, (false, false), "by its tag");
    node.answers.invalidate_retrievals().await;
    assert_eq!(answered().await, (false, true), "the list alone");
}

#[tokio::test]
async fn names_of_documents_are_escaped_as_the_attribute_does() {
    let (node, source) = (Node::new(), Model::default());
    for id in ["a:b*", "", "é/1"] {
        let ids: &'static [&'static str] = match id {
            "" => &[""],
            "a:b*" => &["a:b*"],
            _ => &["é/1"],
        };
        let ask = || node.answers.retrieve(id, || search(source.clone(), ids));
        assert!(!ask().await.unwrap().cached);
        assert!(ask().await.unwrap().cached);
        rewrite(&node.cache, id).await.unwrap();
        assert!(!ask().await.unwrap().cached, "{id}");
    }
}

#[tokio::test]
async fn a_document_that_changes_during_the_search_is_not_missed() {
    for (changed, kept) in [("a", false), ("c", true)] {
        let (node, source) = (Node::new(), Model::held());
        let (answers, of) = (node.answers.clone(), source.clone());
        let old = tokio::spawn(async move { answers.retrieve("parcels", || search(of, &["a", "b"])).await.unwrap() });
        source.gate.arrived(1).await; // it has read, and nobody knows yet what
        node.answers.invalidate_documents([changed]).await;
        source.gate.open();
        assert_eq!(old.await.unwrap().documents.len(), 2);
        assert_eq!(found(&node, &source, "parcels").await.cached, kept, "after a change of {changed}");
    }
}

#[tokio::test]
async fn who_asks_after_a_change_does_not_join_a_search_from_before() {
    let (node, source) = (Node::new(), Model::held());
    let ask = || {
        let (answers, source) = (node.answers.clone(), source.clone());
        tokio::spawn(async move { answers.retrieve("parcels", || search(source, &["a"])).await.unwrap() })
    };
    let old = ask();
    source.gate.arrived(1).await;
    node.answers.invalidate_documents(["a"]).await;
    let new = ask();
    in_time(source.gate.arrived(2)).await; // it searches for itself
    source.gate.open();
    assert_eq!(old.await.unwrap().documents[0].content, "answer 1");
    assert_eq!(new.await.unwrap().documents[0].content, "answer 2");
    assert_eq!(found(&node, &source, "parcels").await.documents[0].content, "answer 2");
}

/// What becomes of an answer whose documents changed after they were retrieved, and before the model was asked.
async fn changed_between(built_on: bool, changed: &str) -> Source {
    let (node, source, model) = (Node::new(), Model::default(), Model::default());
    let list = found(&node, &source, "parcels").await;
    node.answers.invalidate_documents([changed]).await;
    let request = if built_on { question("how?").built_on(&list) } else { question("how?").documents(list.ids()) };
    assert_eq!(node.answers.generate(&request, || model.ask()).await.unwrap().value, "answer 1");
    node.answers.generate(&request, || model.ask()).await.unwrap().source
}

#[tokio::test]
async fn an_answer_from_documents_that_changed_since_is_not_kept() {
    assert_eq!(changed_between(true, "a").await, Source::Model);
    assert_eq!(changed_between(true, "c").await, Source::Cache, "another document changed");
    assert_eq!(changed_between(false, "a").await, Source::Cache, "without the birth of the list nobody can know");
}

#[tokio::test]
async fn so_is_one_from_a_list_that_was_in_the_cache() {
    let (node, source, model) = (Node::new(), Model::default(), Model::default());
    found(&node, &source, "parcels").await;
    let list = found(&node, &source, "parcels").await;
    assert!(list.cached);
    node.answers.invalidate_documents(["b"]).await;
    let request = question("how?").built_on(&list);
    node.answers.generate(&request, || model.ask()).await.unwrap();
    assert_eq!(node.answers.generate(&request, || model.ask()).await.unwrap().source, Source::Model);
    assert_eq!(node.answers.stats().overtaken, 2);
}

#[tokio::test]
async fn who_has_newer_documents_does_not_get_an_answer_from_older_ones() {
    let (node, source, model) = (Node::new(), Model::default(), Model::held());
    let old_list = found(&node, &source, "parcels").await;
    node.answers.invalidate_documents(["a"]).await;
    let new_list = found(&node, &source, "parcels").await;
    let ask = |list: &Retrieved<String>| {
        let (answers, model, request) = (node.answers.clone(), model.clone(), question("how?").built_on(list));
        tokio::spawn(async move { answers.generate(&request, || model.ask()).await.unwrap() })
    };
    let old = ask(&old_list);
    model.gate.arrived(1).await;
    let new = ask(&new_list);
    in_time(model.gate.arrived(2)).await; // it asks for itself, and does not wait
    model.gate.open();
    assert_eq!(old.await.unwrap().value, "answer 1");
    assert_eq!(new.await.unwrap().value, "answer 2");
    assert_eq!(ask(&new_list).await.unwrap().value, "answer 2");
}

#[tokio::test]
async fn an_empty_list_and_one_that_is_too_long_are_not_kept() {
    let (node, source) = (Node::new(), Model::default());
    for ids in [&[][..], &["a"; 1_001][..]] {
        for _ in 0..2 {
            let many = ids.iter().enumerate().map(|(i, id)| Document::new(format!("{id}{i}"), i)).collect::<Vec<_>>();
            let (of, length) = (source.clone(), many.len().to_string());
            let list = node.answers.retrieve(length, || async move { of.ask().await.map(|_| many) }).await.unwrap();
            assert!(!list.cached);
        }
    }
}

#[tokio::test]
async fn a_search_that_fails_is_told_to_all_and_not_kept() {
    let (node, source) = (Node::new(), Model::default());
    let failing = source.clone();
    let failed = node.answers.retrieve::<String, _, _>("parcels", || async move {
        failing.fail().await?;
        Ok(Vec::new())
    });
    assert_eq!(failed.await.unwrap_err(), Arc::new(Down));
    assert!(!found(&node, &source, "parcels").await.cached);
}

/// Of one list each, retrieved before anything changed.
async fn crowd(node: &Node, source: &Model, model: &Model, callers: u64) -> Vec<tokio::task::JoinHandle<Source>> {
    let list = found(node, source, "parcels").await;
    let ask = |_| {
        let (answers, model, request) = (node.answers.clone(), model.clone(), question("how?").built_on(&list));
        tokio::spawn(async move { answers.generate(&request, || model.ask()).await.unwrap().source })
    };
    (0..callers).map(ask).collect()
}

async fn joined(node: &Node, more: u64) {
    super::soon("all have joined", || node.cache.stats().site("support").is_some_and(|site| site.joins >= more)).await;
}

/// Whoever waits for a call that is overtaken could make nothing newer of his own documents.
#[tokio::test]
async fn a_crowd_whose_call_is_overtaken_asks_the_model_once() {
    let (node, source, model) = (Node::new(), Model::default(), Model::held());
    let callers = crowd(&node, &source, &model, 20).await;
    model.gate.arrived(1).await;
    joined(&node, 19).await;
    node.answers.invalidate_documents(["a"]).await;
    model.gate.open();
    let mut sources = Vec::new();
    for caller in callers {
        sources.push(in_time(caller).await.unwrap());
    }
    assert_eq!(sources.iter().filter(|source| **source == Source::Model).count(), 1);
    let stats = node.answers.stats();
    assert_eq!((model.calls(), stats.overtaken, stats.hits), (1, 1, 19));
    // Nothing of it is kept.
    let list = found(&node, &source, "parcels").await;
    let next = node.answers.generate(&question("how?").built_on(&list), || model.ask()).await.unwrap();
    assert_eq!((next.source, list.cached), (Source::Model, false));
}

#[tokio::test]
async fn a_crowd_with_documents_of_yesterday_asks_once_and_holds_up_nobody() {
    let (node, source, model) = (Node::new(), Model::default(), Model::held());
    let old = found(&node, &source, "parcels").await;
    node.answers.invalidate_documents(["a"]).await;
    let new = found(&node, &source, "parcels").await;
    let ask = |list: &Retrieved<String>| {
        let (answers, model, request) = (node.answers.clone(), model.clone(), question("how?").built_on(list));
        tokio::spawn(async move { answers.generate(&request, || model.ask()).await.unwrap() })
    };
    let late: Vec<_> = (0..5).map(|_| ask(&old)).collect();
    model.gate.arrived(1).await;
    joined(&node, 4).await;
    let fresh = ask(&new);
    in_time(model.gate.arrived(2)).await; // it does not wait for theirs
    model.gate.open();
    assert_eq!(in_time(fresh).await.unwrap().source, Source::Model);
    for caller in late {
        in_time(caller).await.unwrap();
    }
    assert_eq!((model.calls(), node.answers.stats().overtaken), (2, 1));
    let again = node.answers.generate(&question("how?").built_on(&new), || model.ask()).await.unwrap();
    assert_eq!(again.source, Source::Cache, "what was made from the new ones is kept");
    let kept = node.answers.generate(&question("how?").built_on(&old), || model.ask()).await.unwrap();
    assert_eq!(kept.source, Source::Cache, "and good for all who ask the same");
}
