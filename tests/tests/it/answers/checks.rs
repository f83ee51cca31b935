//! Similar answers are checked behind their callers' backs: what hangs, fails or panics there is nobody's failure.

use std::sync::atomic::Ordering;

use cached_runtime::answers::similar::Similar;
use cached_runtime::answers::{AnswersStats, Source};

use super::similar::{World, ask_all, is_similar, question, similar};
use super::{Down, Node, SECOND, soon};

#[tokio::test]
async fn checks_are_bounded_and_delay_nobody() {
    let (node, world) = (Node::new(), World::default());
    let answers = similar(&node, &world, |similar| similar.shadow(1.0).at_once(1));
    world.ask(&answers, "topic 1 wording 1").await;
    world.gate.close();
    for wording in 2..7 {
        assert!(is_similar(&world.ask(&answers, &format!("topic 1 wording {wording}")).await));
    }
    assert_eq!(answers.stats().shadow_skipped, 4);
    world.gate.open();
    soon("the check is done", || answers.stats().shadow_checks == 1).await;
    assert_eq!(world.asked.load(Ordering::SeqCst), 2);
    let checked = world.ask(&answers, "topic 1 wording 2").await;
    assert_eq!(checked.source, Source::Cache, "what a check was told is kept for its own question");
}

#[tokio::test]
async fn a_check_that_fails_or_is_overtaken_says_nothing() {
    let (node, world) = (Node::new(), World::held());
    let answers = similar(&node, &world, |similar| similar.shadow(1.0));
    world.gate.open();
    world.ask(&answers, "topic 1 wording 1").await;
    let failing = || async { Err::<String, Down>(Down) };
    let given = answers.generate(&question("topic 1 wording 2"), failing).await.unwrap();
    assert!(is_similar(&given));
    soon("the check has failed", || answers.stats().shadow_undecided == 1).await;
    world.gate.close();
    let changed = World { odd: 1, ..world.clone() };
    changed.ask(&answers, "topic 1 wording 3").await;
    world.gate.arrived(2).await;
    node.cache.invalidate_tags(["t"]).await; // what was given is out of date by now
    world.gate.open();
    soon("the check is over", || answers.stats().shadow_undecided == 2).await;
    assert_eq!((answers.stats().shadow_checks, answers.stats().false_hits), (0, 0));
}

#[tokio::test]
async fn a_check_that_hangs_is_given_up_and_makes_room() {
    let (node, world) = (Node::new(), World::default());
    let answers = similar(&node, &world, |similar| similar.shadow(1.0).at_once(1).check_within(SECOND * 30));
    world.ask(&answers, "topic 1 wording 1").await;
    world.gate.close();
    for (wording, undecided) in [(2, 1), (3, 2)] {
        assert!(is_similar(&world.ask(&answers, &format!("topic 1 wording {wording}")).await));
        super::in_time(world.gate.arrived(undecided + 1)).await; // the model is asked, and does not answer
        node.clock.advance(SECOND * 29);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(answers.stats().shadow_undecided, undecided - 1);
        node.clock.advance(SECOND);
        soon("it is given up", || answers.stats().shadow_undecided == undecided).await;
    }
    soon("neither does its call of the model go on", || answers.stats().failed == 2).await;
    world.gate.open();
    assert_eq!((answers.stats().shadow_skipped, answers.stats().shadow_checks), (0, 0));
}

#[tokio::test]
async fn a_check_that_panics_is_counted_and_is_nobodys_failure() {
    let (node, world) = (Node::new(), World::default());
    let judged = |similar: Similar<String>| similar.shadow(1.0).at_once(1).judge(|_, _| async { panic!("no judge") });
    let answers = similar(&node, &world, judged);
    world.ask(&answers, "topic 1 wording 1").await;
    for (wording, what) in ["judge", "model", "call"].iter().enumerate() {
        let request = question(&format!("topic 1 wording {}", wording + 2));
        let given = match *what {
            "judge" => answers.generate(&request, || world.answer("topic 1 wording 2")).await,
            "model" => answers.generate(&request, || async { panic!("no model") }).await,
            _ => answers.generate(&request, || -> std::future::Ready<Result<String, Down>> { panic!("no call") }).await,
        };
        assert!(is_similar(&given.unwrap()), "{what}");
        soon(what, || answers.stats().shadow_undecided == wording as u64 + 1).await;
    }
    let stats = answers.stats();
    assert_eq!((stats.shadow_checks, stats.shadow_skipped, stats.false_hits), (0, 0, 0));
}

#[tokio::test]
async fn statistics_add_up() {
    let (node, world) = (Node::new(), World { odd: 3, ..World::default() });
    let answers = similar(&node, &world, |similar| similar.shadow(1.0).budget(0.9));
    assert_eq!((answers.stats().hit_rate(), answers.stats().false_hit_rate()), (None, None));
    ask_all(&world, &answers, 2, 6).await;
    ask_all(&world, &answers, 2, 6).await;
    let stats = answers.stats();
    soon("all checks are done", || answers.stats().shadow_checks == 10).await;
    assert_eq!(
        (stats.asked, stats.similar_hits, stats.hits, stats.model_calls),
        (24, 10, 12, 12),
        "checks are no requests"
    );
    assert_eq!(stats.hit_rate(), Some(22.0 / 24.0));
    assert_eq!((stats.false_hits, stats.false_hit_rate()), (4, Some(0.4)));
}

#[tokio::test]
async fn the_judge_decides() {
    for (says, wrong) in [(true, 0), (false, 5)] {
        let (node, world) = (Node::new(), World { odd: 3, ..World::default() });
        let answers = similar(&node, &world, |similar| {
            similar.shadow(1.0).budget(0.9).judge(move |given: String, fresh: String| async move {
                assert!(given == "about 1" && fresh.starts_with(['a', '1']));
                says
            })
        });
        ask_all(&world, &answers, 1, 1).await;
        for wording in [2, 3, 4, 5, 6] {
            world.ask(&answers, &format!("topic 1 wording {wording}")).await;
        }
        drop(world.ask(&answers, "topic 0 wording 1").await);
        let over = |stats: AnswersStats| stats.shadow_checks + stats.shadow_skipped + stats.shadow_undecided;
        soon("all checks are done", || over(answers.stats()) == 4).await;
        let stats = answers.stats();
        assert_eq!(stats.false_hits, if wrong == 0 { 0 } else { stats.shadow_checks });
    }
}
