//! What reaches the model, and what does not.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use cached_runtime::embed::{CachedModel, Fault, Precision, embed_fn};
use cached_runtime::error::ErrorKind;
use cached_runtime::{Access, Applied, Cache};

use super::{Model, meaning, texts};
use crate::rig::World;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::test]
async fn only_missing_texts_reach_the_model() {
    let (world, base) = (World::new(), Model::new());
    let model = base.cached(&world.cache);
    model.embed(&["a", "b"]).await.unwrap();
    model.embed(&["b", "c", "a"]).await.unwrap();
    model.embed(&["c", "a"]).await.unwrap();
    assert_eq!(base.asked(), [vec!["a", "b"], vec!["c"]]);
    let stats = model.stats();
    assert_eq!((stats.calls, stats.texts, stats.near_hits, stats.asked, stats.batches), (3, 7, 4, 3, 2));
}

#[tokio::test]
async fn vectors_come_in_the_order_of_the_texts() {
    let (world, base) = (World::new(), Model::new());
    let model = base.options().max_batch(7).build(&world.cache).unwrap();
    model.embed(&texts(10, 20)).await.unwrap();
    for from in [0, 5, 12] {
        let texts = texts(from, from + 30);
        let vectors = model.embed(&texts).await.unwrap();
        for (text, vector) in texts.iter().zip(vectors) {
            assert_eq!(*vector, *meaning(text, 8), "{text}");
        }
    }
}

#[tokio::test]
async fn a_text_that_stands_in_a_call_twice_is_asked_once() {
    let (world, base) = (World::new(), Model::new());
    let model = base.cached(&world.cache);
    let vectors = model.embed(&["a", "b", "a", "a"]).await.unwrap();
    assert_eq!(base.asked(), [["a", "b"]]);
    assert!(Arc::ptr_eq(&vectors[0], &vectors[2]) && vectors[0] == vectors[3] && vectors[0] != vectors[1]);
    assert_eq!(model.stats().repeated, 2);
}

#[tokio::test]
async fn a_hit_copies_no_numbers() {
    let (world, base) = (World::new(), Model::new());
    let model = base.cached(&world.cache);
    let first = model.embed_one("a").await.unwrap();
    assert!(Arc::ptr_eq(&first, &model.embed_one("a").await.unwrap()));
}

#[tokio::test]
async fn another_model_version_or_precision_has_vectors_of_its_own() {
    let (world, base) = (World::new(), Model::new());
    let of = || base.options();
    for options in [
        of(),
        of().version(1),
        of().precision(Precision::F16),
        of().precision(Precision::I8),
        of().dimensions(8),
        of().id("others"),
    ] {
        let model = options.build(&world.cache).unwrap();
        model.embed(&["a"]).await.unwrap();
        assert_eq!(base.asked().len(), 1, "{model:?}");
        // And again it is its own.
        model.embed(&["a"]).await.unwrap();
        assert_eq!(base.asked().len(), 0, "{model:?}");
    }
}

#[tokio::test]
async fn clones_and_models_of_one_id_share_what_they_know() {
    let (world, base) = (World::new(), Model::new());
    base.cached(&world.cache).embed(&["a"]).await.unwrap();
    base.cached(&world.cache).clone().embed(&["a"]).await.unwrap();
    assert_eq!(base.times(), 1);
}

#[tokio::test]
async fn what_was_forgotten_is_asked_again() {
    let (world, base) = (World::new(), Model::new());
    let model = base.options().tag("corpus:1").build(&world.cache).unwrap();
    let next = base.options().version(1).build(&world.cache).unwrap();
    let tenth = base.options().version(10).build(&world.cache).unwrap();
    let all = async || {
        for model in [&model, &next, &tenth] {
            model.embed(&["a", "b"]).await.unwrap();
        }
        base.asked().concat()
    };
    assert_eq!(all().await.len(), 6);
    model.forget("a").await;
    assert_eq!(all().await, ["a"]);
    next.forget_version().await.unwrap();
    assert_eq!(all().await, ["a", "b"], "version 10 is another one");
    world.cache.invalidate_tags(["corpus:1"]).await;
    assert_eq!(all().await, ["a", "b"], "only one of them has the tag");
    tenth.forget_all().await;
    assert_eq!(all().await.len(), 6);
}

/// Whoever says a tag has no vector that was kept without it: its invalidation would miss that one.
#[tokio::test]
async fn no_vector_escapes_a_tag_because_another_handle_kept_it() {
    let (world, base) = (World::new(), Model::new());
    let plain = base.cached(&world.cache);
    let tagged = base.options().tag("corpus:1").tag("all").build(&world.cache).unwrap();
    let same = base.options().tag("all").tag("corpus:1").build(&world.cache).unwrap();
    plain.embed(&["a"]).await.unwrap();
    tagged.embed(&["a"]).await.unwrap();
    assert_eq!(base.asked().len(), 2);
    same.embed(&["a"]).await.unwrap();
    assert_eq!(base.times(), 0, "the order of tags makes no difference");
    world.cache.invalidate_tags(["corpus:1"]).await;
    for model in [&plain, &tagged, &same] {
        model.embed(&["a"]).await.unwrap();
    }
    assert_eq!(base.asked().len(), 1);
}

/// What may not be read is asked; what may not be stored is not kept.
#[tokio::test]
async fn a_handle_without_rights_asks_for_itself() {
    let (world, base) = (World::new(), Model::new());
    base.cached(&world.cache).embed(&["a"]).await.unwrap();
    let through = |access| base.cached(&world.cache.restricted(access).unwrap());
    let (blind, reader) = (through(Access::new()), through(Access::new().read("embed.*")));
    base.asked();
    for _ in 0..2 {
        blind.embed(&["a", "b"]).await.unwrap();
        reader.embed(&["a", "b"]).await.unwrap();
    }
    assert_eq!(base.asked(), [vec!["a", "b"], vec!["b"], vec!["a", "b"], vec!["b"]]);
    assert_eq!(blind.forget("a").await, Applied::Denied);
}

#[tokio::test]
async fn a_vector_lives_for_thirty_days_or_as_said() {
    let (world, base) = (World::near_only(), Model::new());
    let (month, hour) =
        (base.cached(&world.cache), base.options().id("brief").ttl(DAY / 24).build(&world.cache).unwrap());
    let both = async || {
        month.embed(&["a"]).await.unwrap();
        hour.embed(&["a"]).await.unwrap();
        base.asked().len()
    };
    assert_eq!(both().await, 2);
    world.clock.advance(DAY / 24 / 2);
    assert_eq!(both().await, 0);
    world.clock.advance(DAY / 24);
    assert_eq!(both().await, 1, "the brief one");
    world.clock.advance(26 * DAY);
    assert_eq!(both().await, 1, "the brief one");
    world.clock.advance(4 * DAY);
    assert_eq!(both().await, 2);
}

#[tokio::test]
async fn batches_are_as_large_as_was_said() {
    let (world, base) = (World::new(), Model::new());
    let sizes = || base.asked().iter().map(Vec::len).collect::<Vec<_>>();
    let model = base.options().max_batch(10).at_once(1).build(&world.cache).unwrap();
    model.embed(&texts(0, 25)).await.unwrap();
    assert_eq!(sizes(), [10, 10, 5]);
    // What is there is left out before batches are made.
    world.settle().await;
    model.embed(&texts(20, 60)).await.unwrap();
    assert_eq!(sizes(), [10, 10, 10, 5]);
    base.options().id("default").build(&world.cache).unwrap().embed(&texts(0, 150)).await.unwrap();
    assert_eq!(base.asked().iter().map(Vec::len).max(), Some(64));
}

#[tokio::test]
async fn an_empty_list_is_refused_by_name() {
    let (world, base) = (World::new(), Model::new());
    let model = base.options().version(3).build(&world.cache).unwrap();
    let error = model.embed::<String>(&[]).await.unwrap_err();
    let refused = error.refused().unwrap();
    assert_eq!(
        (refused.fault(), refused.text(), refused.model(), refused.version()),
        (Fault::NoTexts, None, "letters", 3)
    );
    assert_eq!(model.embed_each::<&str>(&[]).await.unwrap_err(), *refused);
    assert_eq!(refused.to_string(), "the model `letters`, version 3: no texts were given: ask for one at least");
    assert_eq!(base.times(), 0);
}

#[tokio::test]
async fn what_cannot_be_is_an_error_when_it_is_built() {
    let (world, base) = (World::new(), Model::new());
    let of = || base.options();
    let month = of().build(&world.cache).unwrap();
    let wrong = [
        (CachedModel::wrap(base.clone()), "id"),
        (of().id(""), "id"),
        (of().id("x".repeat(129)), "id"),
        (of().max_batch(0), "max_batch"),
        (of().max_batch(1_001), "max_batch"),
        (of().at_once(0), "at_once"),
        (of().dimensions(0), "dimensions"),
        (of().dimensions(65_537), "dimensions"),
        (of().ttl(Duration::ZERO), "ttl"),
        (of().ttl(DAY), "ttl"),
        ((0..17).fold(of(), |options, tag| options.tag(tag.to_string())), "tag"),
    ];
    for (options, setting) in wrong {
        let error = options.build(&world.cache).unwrap_err();
        assert_eq!((error.kind(), error.context("setting")), (ErrorKind::Config, Some(setting)));
    }
    drop(month);
}

#[tokio::test]
async fn a_closure_is_a_model() {
    let cache = Cache::builder().build().unwrap();
    let factor = 2.0;
    let base = embed_fn(move |texts| async move {
        Ok::<_, Infallible>(texts.iter().map(|text| vec![text.len() as f32 * factor]).collect())
    });
    let model = CachedModel::wrap(base).id("closure").build(&cache).unwrap();
    assert_eq!(*model.embed_one("four").await.unwrap(), [8.0]);
    assert_eq!(*model.embed_one("four".to_owned()).await.unwrap(), [8.0]);
}

#[test]
fn it_works_without_a_runtime_too() {
    let cache = Cache::builder().build().unwrap();
    let base = Model::new();
    let model = base.cached(&cache);
    let texts = texts(0, 200);
    let mut call = pin!(model.embed(&texts));
    let alone = (0..100).find_map(|_| match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(vectors) => Some(vectors),
        Poll::Pending => None,
    });
    assert_eq!(alone.unwrap().unwrap().len(), 200);
}
