//! What a model may do wrong, and whom it concerns.

use std::sync::Arc;

use cached_runtime::embed::{CachedModel, EmbedError, Fault, Precision};

use super::{Away, Failing, Model, meaning, texts};
use crate::rig::World;
use crate::shelf::eventually;

/// Three batches of four, of which the second has the text that goes wrong.
async fn three(failing: Failing) -> (World, Model, CachedModel<Model>) {
    let (world, base) = (World::new(), Model::new());
    let model = base.options().max_batch(4).precision(Precision::F16).build(&world.cache).unwrap();
    model.embed_one("first").await.unwrap();
    base.asked();
    base.fail("text 5", failing);
    (world, base, model)
}

async fn failed(model: &CachedModel<Model>) -> Vec<(usize, Option<Fault>)> {
    let told = model.embed_each(&texts(0, 12)).await.unwrap();
    let told = told.into_iter().enumerate().filter_map(|(i, told)| Some((i, told.err()?)));
    told.map(|(i, error)| {
        if let Some(refused) = error.refused() {
            assert_eq!((refused.text(), refused.model()), (Some(i), "letters"));
        }
        (i, error.refused().map(cached_runtime::embed::Refused::fault))
    })
    .collect()
}

#[tokio::test]
async fn a_vector_that_is_none_is_refused_alone() {
    let wrong = [
        (Failing::Nan, Fault::NotFinite { component: 3 }),
        (Failing::Infinite, Fault::NotFinite { component: 0 }),
        (Failing::Short, Fault::Length { expected: 8, given: 7 }),
        (Failing::Empty, Fault::Empty),
        (Failing::Huge, Fault::TooLarge { component: 2 }),
        (Failing::Long, Fault::TooLong { given: 70_000 }),
    ];
    for (failing, fault) in wrong {
        let (_world, base, model) = three(failing).await;
        assert_eq!(failed(&model).await, [(5, Some(fault))]);
        assert_eq!(base.asked().concat().len(), 12);
        // Nothing of it is kept, and all of the others is.
        base.mend();
        assert_eq!(failed(&model).await, []);
        assert_eq!(base.asked(), [["text 5"]]);
        assert_eq!(model.stats().refused, 1);
    }
}

#[tokio::test]
async fn of_an_answer_with_a_wrong_count_nothing_is_believed() {
    for (failing, given) in [(Failing::OneTooFew, 3), (Failing::OneTooMany, 5)] {
        let (_world, base, model) = three(failing).await;
        let fault = Some(Fault::Count { asked: 4, given });
        assert_eq!(failed(&model).await, [(4, fault), (5, fault), (6, fault), (7, fault)]);
        base.mend();
        base.asked();
        assert_eq!(failed(&model).await, []);
        assert_eq!(base.asked(), [texts(4, 8)]);
    }
}

#[tokio::test]
async fn a_batch_that_fails_fails_for_its_own_texts_and_others_go_on() {
    let (_world, base, model) = three(Failing::Error).await;
    assert_eq!(failed(&model).await, [(4, None), (5, None), (6, None), (7, None)]);
    assert_eq!((base.asked().len(), model.stats().failed), (3, 4));
    let error = model.embed(&texts(0, 12)).await.unwrap_err();
    let EmbedError::Model(cause) = error else { panic!("the model's own error") };
    assert_eq!(*cause, Away);
    assert_eq!(base.asked(), [texts(4, 8)], "the others are kept");
    base.mend();
    assert_eq!(*model.embed(&texts(0, 12)).await.unwrap()[5].clone(), *rounded(&meaning("text 5", 8)));
}

fn rounded(numbers: &[f32]) -> Vec<f32> {
    // To eleven binary digits.
    let round = |number: &f32| {
        let unit = 2.0_f32.powi(number.abs().log2().floor() as i32 - 10);
        (number / unit).round_ties_even() * unit
    };
    numbers.iter().map(round).collect()
}

/// The error itself is told to all, and is one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_who_wait_are_told_the_models_error() {
    let (_world, base, model) = three(Failing::Error).await;
    base.gate.close();
    let call = || {
        let model = model.clone();
        tokio::spawn(async move { model.embed_one("text 5").await.unwrap_err() })
    };
    let first = call();
    base.gate.arrived(2).await; // after that of `three`
    let second = call();
    eventually("the second has joined", || model.stats().joined == 1).await;
    base.gate.open();
    let (EmbedError::Model(one), EmbedError::Model(other)) = (first.await.unwrap(), second.await.unwrap()) else {
        panic!("the model's own errors")
    };
    assert!(Arc::ptr_eq(&one, &other));
    assert_eq!(base.times(), 1);
}

/// Each caller knows a text by its own number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_is_told_the_number_of_his_own_text() {
    let (_world, base, model) = three(Failing::Nan).await;
    base.gate.close();
    let call = |texts: &'static [&'static str]| {
        let model = model.clone();
        tokio::spawn(async move { model.embed(texts).await.unwrap_err().refused().unwrap().text() })
    };
    let first = call(&["a", "b", "text 5"]);
    base.gate.arrived(2).await;
    let second = call(&["text 5"]);
    eventually("the second has joined", || model.stats().joined == 1).await;
    base.gate.open();
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (Some(2), Some(0)));
}

#[tokio::test]
async fn a_panic_is_the_callers_and_frees_the_texts() {
    let (_world, base, model) = three(Failing::Panic).await;
    let call = {
        let model = model.clone();
        tokio::spawn(async move { model.embed_one("text 5").await.map(|vector| vector.len()) })
    };
    assert!(call.await.unwrap_err().is_panic());
    base.mend();
    assert_eq!(model.embed_one("text 5").await.unwrap().len(), 8);
}

#[tokio::test]
async fn dimensions_are_those_that_were_seen_or_as_said() {
    let (world, base) = (World::new(), Model::new());
    let (seen, said) = (base.cached(&world.cache), base.options().dimensions(12).build(&world.cache).unwrap());
    assert_eq!((seen.dimensions(), said.dimensions()), (None, Some(12)));
    seen.embed_one("a").await.unwrap();
    assert_eq!(seen.dimensions(), Some(8));
    let fault = |error: EmbedError<Away>| error.refused().map(cached_runtime::embed::Refused::fault);
    assert_eq!(said.embed_one("a").await.map_err(fault).unwrap_err(), Some(Fault::Length { expected: 12, given: 8 }));
    base.set_dimensions(12);
    assert_eq!(said.embed_one("a").await.unwrap().len(), 12);
    assert_eq!(seen.embed_one("b").await.map_err(fault).unwrap_err(), Some(Fault::Length { expected: 8, given: 12 }));
    assert_eq!(seen.embed_one("a").await.unwrap().len(), 8, "what is kept is still there");
}

#[tokio::test]
async fn errors_say_what_to_do_and_nothing_of_the_text() {
    let (_world, _base, model) = three(Failing::Nan).await;
    let EmbedError::Refused(refused) = model.embed(&texts(4, 8)).await.unwrap_err() else { panic!("refused") };
    assert_eq!(
        refused.to_string(),
        "the model `letters`, version 0, text 1 of the call: number 3 of its vector is infinite or no number: mend the \
         model"
    );
    assert!(!format!("{refused:?} {model:?} {:?}", model.stats()).contains("text 5"));
}

#[tokio::test]
async fn most_of_the_first_batch_decide_how_long_vectors_are() {
    let (world, base) = (World::new(), Model::new());
    base.fail("text 0", Failing::Short);
    let model = base.cached(&world.cache);
    let told = model.embed_each(&texts(0, 5)).await.unwrap();
    let wrong = told[0].as_ref().unwrap_err().refused().unwrap();
    assert_eq!((wrong.text(), wrong.fault()), (Some(0), Fault::Length { expected: 8, given: 7 }));
    assert!(told[1..].iter().all(Result::is_ok));
    assert_eq!(model.dimensions(), Some(8));
    // One against one: who would be right?
    let other = base.options().id("other").build(&world.cache).unwrap();
    let told = other.embed_each(&texts(0, 2)).await.unwrap();
    let faults = told.into_iter().map(|told| told.unwrap_err().refused().unwrap().fault()).collect::<Vec<_>>();
    assert_eq!(faults, [Fault::Unsettled { given: 7, other: 8 }, Fault::Unsettled { given: 8, other: 7 }]);
    assert_eq!((other.dimensions(), other.stats().refused), (None, 2));
    assert_eq!(other.embed_one("text 2").await.unwrap().len(), 8);
}

#[tokio::test]
async fn a_first_vector_that_is_wrong_is_found_out_and_replaced() {
    let (world, base) = (World::new(), Model::new());
    base.fail("text 0", Failing::Short);
    let model = base.cached(&world.cache);
    assert_eq!(model.embed_one("text 0").await.unwrap().len(), 7, "nobody can know");
    let refused = model.embed_one("text 1").await.unwrap_err();
    assert_eq!(
        refused.refused().map(cached_runtime::embed::Refused::fault),
        Some(Fault::Length { expected: 7, given: 8 })
    );
    for text in ["text 2", "text 1"] {
        assert_eq!(model.embed_one(text).await.unwrap().len(), 8, "two against one");
    }
    base.asked();
    let refused = model.embed_one("text 0").await.unwrap_err();
    assert_eq!(
        refused.refused().map(cached_runtime::embed::Refused::fault),
        Some(Fault::Length { expected: 8, given: 7 })
    );
    base.mend();
    for _ in 0..2 {
        assert_eq!(model.embed_one("text 0").await.unwrap().len(), 8);
    }
    assert_eq!(base.asked(), [["text 0"], ["text 0"]], "and what took its place is kept");
}

#[tokio::test]
async fn who_forgets_a_model_forgets_how_long_its_vectors_were() {
    let (world, base) = (World::new(), Model::new());
    let model = base.cached(&world.cache);
    for (dimensions, all) in [(12, true), (20, false)] {
        model.embed(&["a", "b", "c"]).await.unwrap();
        base.set_dimensions(dimensions);
        assert!(model.embed_one("d").await.is_err());
        if all {
            model.forget_all().await;
        } else {
            model.forget_version().await.unwrap();
        }
        assert_eq!(model.dimensions(), None);
        assert_eq!(model.embed(&["a", "d"]).await.unwrap()[1].len(), dimensions);
        model.forget("d").await;
    }
}
