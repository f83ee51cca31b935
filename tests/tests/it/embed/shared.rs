//! Callers who want the same texts at the same time.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use cached_runtime::embed::{CachedModel, Embed, embed_fn};
use cached_runtime::testing::Gate;

use super::{Away, Model, meaning, texts};
use crate::rig::{World, soon};
use crate::shelf::eventually;

const CALLERS: usize = 8;

/// Starts callers who are all under way before the model answers; says how often it was asked.
async fn crowd(world: &World, base: &Model, model: Option<CachedModel<Model>>) -> usize {
    base.gate.close();
    let calls: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (base, model) = (base.clone(), model.clone());
            tokio::spawn(async move {
                match model {
                    Some(model) => model.embed_one("a").await.unwrap().to_vec(),
                    None => base.embed(&["a".to_owned()]).await.unwrap().remove(0),
                }
            })
        })
        .collect();
    let joined = || world.cache.stats().sites.iter().map(|site| site.joins).sum::<u64>();
    let waiting = || base.times() + usize::try_from(joined()).unwrap();
    eventually("all callers wait for an answer", || waiting() == CALLERS).await;
    base.gate.open();
    for call in calls {
        assert_eq!(soon("a caller", call).await.unwrap(), meaning("a", 8));
    }
    base.asked().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_who_want_a_text_at_the_same_time_share_it() {
    let (world, base) = (World::new(), Model::new());
    let model = base.cached(&world.cache);
    assert_eq!(crowd(&world, &base, Some(model.clone())).await, 1);
    assert_eq!(model.stats().joined, CALLERS as u64 - 1);
}

/// The control: without the cache each of them asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_callers_without_a_cache_all_ask() {
    let (world, base) = (World::new(), Model::new());
    assert_eq!(crowd(&world, &base, None).await, CALLERS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_call_that_overlaps_only_the_rest_is_asked() {
    let (world, base) = (World::new(), Model::new());
    let model = base.cached(&world.cache);
    base.gate.close();
    let call = |texts: &'static [&'static str]| {
        let model = model.clone();
        tokio::spawn(async move { model.embed(texts).await.unwrap().len() })
    };
    let first = call(&["a", "b", "c"]);
    eventually("the first asks", || base.times() == 1).await;
    let second = call(&["b", "c", "d"]);
    eventually("the second asks", || base.times() == 2).await;
    base.gate.open();
    assert_eq!((soon("the first", first).await.unwrap(), soon("the second", second).await.unwrap()), (3, 3));
    assert_eq!(base.asked(), [vec!["a", "b", "c"], vec!["d"]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_leaves_takes_nothing_away() {
    let (world, base) = (World::new(), Model::new());
    let model = base.options().max_batch(4).at_once(2).build(&world.cache).unwrap();
    base.gate.close();
    let leaves = {
        let model = model.clone();
        tokio::spawn(async move { model.embed(&texts(0, 40)).await.map(|vectors| vectors.len()) })
    };
    base.gate.arrived(2).await;
    let joins = {
        let model = model.clone();
        tokio::spawn(async move { model.embed_one("text 0").await.map(|vector| vector.len()) })
    };
    eventually("one has joined", || model.stats().joined == 1).await;
    leaves.abort();
    assert!(leaves.await.unwrap_err().is_cancelled());
    base.gate.open();
    assert_eq!(soon("who joined", joins).await.unwrap().unwrap(), 8);
    // What had begun is kept, and nothing else was begun.
    assert_eq!(soon("both batches", model.embed(&texts(0, 8))).await.unwrap().len(), 8);
    let mut asked = base.asked();
    asked.sort();
    assert_eq!(asked, [texts(0, 4), texts(4, 8)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_of_all_callers_take_turns() {
    for at_once in [1, 3] {
        let (world, base) = (World::new(), Model::new());
        let model = base.options().max_batch(2).at_once(at_once).build(&world.cache).unwrap();
        base.gate.close();
        let calls: Vec<_> = (0..5)
            .map(|call| {
                let model = model.clone();
                tokio::spawn(async move { model.embed(&texts(call * 10, call * 10 + 10)).await.unwrap().len() })
            })
            .collect();
        base.gate.arrived(at_once as u64).await;
        base.gate.open();
        for call in calls {
            assert_eq!(soon("a call", call).await.unwrap(), 10);
        }
        assert_eq!((base.peak(), base.times()), (at_once, 25));
    }
}

/// A model that asks another one for the words of a text, or itself.
#[derive(Clone, Default)]
struct OfWords {
    asks: Arc<Mutex<Option<CachedModel<OfWords>>>>,
    /// Between taking its turn and asking for words.
    gate: Gate,
}

impl Embed for OfWords {
    type Error = Away;

    /// Boxed: a future cannot hold itself.
    #[allow(refining_impl_trait, reason = "what it is has to be said, for it is asked within itself")]
    fn embed(&self, texts: &[String]) -> Pin<Box<dyn Future<Output = Result<Vec<Vec<f32>>, Away>> + Send>> {
        let (asks, texts) = (self.asks.lock().unwrap().clone().unwrap(), texts.to_vec());
        let gate = self.gate.clone();
        Box::pin(async move {
            gate.pass().await;
            let mut vectors = Vec::new();
            for text in texts {
                let words: Vec<&str> = text.split(' ').collect();
                vectors.push(match words.len() {
                    1 => meaning(&text, 4),
                    _ => {
                        let parts = asks.embed(&words).await.map_err(|_| Away)?;
                        (0..4).map(|i| parts.iter().map(|part| part[i]).sum()).collect()
                    }
                });
            }
            Ok(vectors)
        })
    }
}

/// With one turn each, for callers of both.
async fn all_are_answered(world: &World, bases: [&OfWords; 2]) {
    let model = |base: &OfWords, id: &str| {
        CachedModel::wrap(base.clone()).id(id).max_batch(1).at_once(1).build(&world.cache).unwrap()
    };
    let models = [model(bases[0], "one"), model(bases[1], "other")];
    *bases[0].asks.lock().unwrap() = Some(models[1].clone());
    *bases[1].asks.lock().unwrap() = Some(models[0].clone());
    let calls: Vec<_> = (0..20)
        .map(|call| {
            let model = models[call % 2].clone();
            let texts = vec![format!("to be {call} or not"), format!("or {call} be")];
            tokio::spawn(async move { model.embed(&texts).await.unwrap().len() })
        })
        .collect();
    for call in calls {
        assert_eq!(soon("a text of texts", call).await.unwrap(), 2);
    }
    for base in bases {
        *base.asks.lock().unwrap() = None;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_asks_itself_does_not_wait_for_ever() {
    let base = OfWords::default();
    all_are_answered(&World::new(), [&base, &base]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn models_that_ask_each_other_do_not_wait_for_ever() {
    all_are_answered(&World::new(), [&OfWords::default(), &OfWords::default()]).await;
}

/// The only turn is held by a text that waits for a part of itself, whose load waits for just this turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_another_caller_asks_for_is_not_held_up_by_its_whole() {
    let (world, base) = (World::new(), OfWords::default());
    let model = CachedModel::wrap(base.clone()).id("one").at_once(1).build(&world.cache).unwrap();
    *base.asks.lock().unwrap() = Some(model.clone());
    base.gate.close();
    let ask = |text: &'static str| {
        let model = model.clone();
        tokio::spawn(async move { model.embed_one(text).await.unwrap().len() })
    };
    let whole = ask("to be");
    base.gate.arrived(1).await;
    let part = ask("be");
    eventually("the load of the part waits for its turn", || model.stats().asked == 2).await;
    base.gate.open();
    assert_eq!(soon("the whole", whole).await.unwrap(), 4);
    assert_eq!(soon("the part", part).await.unwrap(), 4);
    assert_eq!(model.stats().joined, 1, "the whole waited for the load of the other caller");
    *base.asks.lock().unwrap() = None;
}

/// What is asked within a model takes the turns of the model that is asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_within_another_keeps_its_own_turns() {
    let (world, base) = (World::new(), Model::new());
    let within = base.options().id("within").at_once(1).build(&world.cache).unwrap();
    let asked = within.clone();
    let around = embed_fn(move |texts: Vec<String>| {
        let asked = asked.clone();
        async move {
            let vectors = asked.embed(&texts).await.map_err(|_| Away)?;
            Ok::<_, Away>(vectors.iter().map(|vector| vector.to_vec()).collect())
        }
    });
    let around = Arc::new(CachedModel::wrap(around).id("around").at_once(4).build(&world.cache).unwrap());
    base.gate.close();
    let calls: Vec<_> = (0..6)
        .map(|call| {
            let around = Arc::clone(&around);
            tokio::spawn(async move { around.embed_one(format!("text {call}")).await.unwrap().len() })
        })
        .collect();
    eventually("all of them ask within", || within.stats().asked == 6).await;
    base.gate.open();
    for call in calls {
        assert_eq!(soon("a call", call).await.unwrap(), 8);
    }
    assert_eq!((base.peak(), base.times()), (1, 6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handles_of_one_model_take_turns_together() {
    let (world, base) = (World::new(), Model::new());
    let handle = |version| base.options().version(version).at_once(1).build(&world.cache).unwrap();
    let handles = [handle(0), handle(0), handle(1)];
    base.gate.close();
    let calls: Vec<_> = handles
        .iter()
        .enumerate()
        .map(|(call, model)| {
            let model = model.clone();
            tokio::spawn(async move { model.embed(&texts(call, call + 1)).await.unwrap().len() })
        })
        .collect();
    let asked = || handles.iter().map(|model| model.stats().asked).sum::<u64>();
    eventually("all of them want a turn", || asked() == 3).await;
    base.gate.open();
    for call in calls {
        assert_eq!(soon("a call", call).await.unwrap(), 1);
    }
    assert_eq!((base.peak(), base.times()), (1, 3));
    let other = base.options().at_once(2).build(&world.cache).unwrap_err();
    assert_eq!(other.context("setting"), Some("at_once"));
}
