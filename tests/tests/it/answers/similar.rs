//! Similar questions may have one answer: as long as that answer is there, and as long as it is right often enough.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cached_runtime::answers::similar::Similar;
use cached_runtime::answers::{Answers, Generated, Message, Request, Source};
use cached_runtime::clock::Clock;
use cached_runtime::embed::{CachedModel, embed_fn};
use cached_runtime::testing::Gate;
use cached_runtime::tier::Tier;
use cached_runtime::tier::disk::{Disk, DiskOptions};
use serde_json::json;
use tempfile::TempDir;

use super::{Down, LONG, Node, SECOND};

/// A world of topics that are asked about in other words each time: `topic 3 wording 8`.
#[derive(Clone, Default)]
pub(super) struct World {
    pub(super) embedded: Arc<AtomicU64>,
    pub(super) asked: Arc<AtomicU64>,
    pub(super) gate: Gate,
    /// Of how many wordings one has an answer of its own; none of 0.
    pub(super) odd: u64,
    pub(super) fails: bool,
}

fn numbers(text: &str) -> (u64, u64) {
    let mut words = text.split(' ').filter_map(|word| word.parse().ok());
    (words.next().unwrap_or(0), words.next().unwrap_or(0))
}

/// A number from -1 to 1 that belongs to this place.
fn noise(a: u64, b: u64, c: u64) -> f32 {
    let chance = cached_runtime::chance::Chance::new(a.wrapping_mul(1_000_003) ^ (b << 20) ^ c);
    (chance.part() * 2.0 - 1.0) as f32
}

impl World {
    pub(super) fn held() -> Self {
        Self { gate: Gate::closed(), ..Self::default() }
    }

    /// A vector by the topic, and a little by the wording.
    fn vector(text: &str) -> Vec<f32> {
        let (topic, wording) = numbers(text);
        (0..32).map(|i| noise(topic, 0, i) + 0.03 * noise(topic, wording + 1, i)).collect()
    }

    fn embedder<T: cached_runtime::answers::Content>(&self) -> Similar<T> {
        let (embedded, fails) = (Arc::clone(&self.embedded), self.fails);
        Similar::new(move |text: String| {
            embedded.fetch_add(1, Ordering::SeqCst);
            async move { if fails { Err(Down) } else { Ok(Self::vector(&text)) } }
        })
    }

    pub(super) fn answer(&self, text: &str) -> impl Future<Output = Result<String, Down>> + Send + 'static {
        let (this, (topic, wording)) = (self.clone(), numbers(text));
        async move {
            this.asked.fetch_add(1, Ordering::SeqCst);
            this.gate.pass().await;
            let is_odd = this.odd > 0 && wording.is_multiple_of(this.odd);
            Ok(if is_odd { format!("{topic} but {wording}") } else { format!("about {topic}") })
        }
    }

    pub(super) async fn ask(&self, answers: &Answers<String>, text: &str) -> Generated<String> {
        answers.generate(&question(text), || self.answer(text)).await.unwrap()
    }
}

pub(super) fn question(text: &str) -> Request {
    super::question(text).tag("t")
}

pub(super) fn is_similar(generated: &Generated<String>) -> bool {
    matches!(generated.source, Source::Similar { .. })
}

/// Asks about these topics, each in so many wordings, and lets each check come to its end.
pub(super) async fn ask_all(world: &World, answers: &Answers<String>, topics: u64, wordings: u64) {
    for wording in 1..=wordings {
        for topic in 0..topics {
            world.ask(answers, &format!("topic {topic} wording {wording}")).await;
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
    }
}

pub(super) fn similar(
    node: &Node,
    world: &World,
    more: impl FnOnce(Similar<String>) -> Similar<String>,
) -> Answers<String> {
    node.answers.clone().similar(more(world.embedder())).unwrap()
}

#[tokio::test]
async fn a_similar_question_has_the_same_answer() {
    let (node, world) = (Node::new(), World::default());
    let answers = similar(&node, &world, |similar| similar.shadow(0.0));
    assert_eq!(world.ask(&answers, "topic 1 wording 1").await.source, Source::Model);
    let other = world.ask(&answers, "topic 1 wording 2").await;
    let Source::Similar { similarity } = other.source else { panic!("{:?}", other.source) };
    assert!((0.95..1.0).contains(&similarity) && other.value == "about 1");
    assert_eq!(world.ask(&answers, "topic 1 wording 1").await.source, Source::Cache, "its own answer comes first");
    assert_eq!(world.ask(&answers, "topic 2 wording 1").await.source, Source::Model, "another topic");
    let stats = answers.stats();
    assert_eq!((stats.asked, stats.hits, stats.similar_hits, stats.model_calls), (4, 1, 1, 2));
    assert_eq!(answers.similar_stats().map(|stats| (stats.on, stats.questions)), Some((true, 2)));
}

#[tokio::test]
async fn nobody_gets_similar_answers_who_did_not_ask_for_them() {
    let (node, world) = (Node::new(), World::default());
    world.ask(&node.answers, "topic 1 wording 1").await;
    assert_eq!(world.ask(&node.answers, "topic 1 wording 2").await.source, Source::Model);
    assert!(node.answers.similar_stats().is_none());
    let strict = similar(&node, &world, |similar| similar.threshold(0.999_99));
    world.ask(&strict, "topic 2 wording 1").await;
    assert_eq!(world.ask(&strict, "topic 2 wording 2").await.source, Source::Model, "not similar enough");
}

#[tokio::test]
async fn only_the_last_question_may_differ() {
    let (node, world) = (Node::new(), World::default());
    let answers = similar(&node, &world, |similar| similar.shadow(0.0));
    world.ask(&answers, "topic 1 wording 1").await;
    let text = "topic 1 wording 2";
    let base = || Request::new("small").system("Be brief.");
    let settled = |request: Request| request.parameter("temperature", 0).tag("t");
    let others = [
        settled(Request::new("large").system("Be brief.").user(text)),
        settled(Request::new("small").system("Be polite.").user(text)),
        settled(Request::new("small").user(text)),
        settled(base().user("before").assistant("indeed").user(text)),
        settled(base().user(text)).parameter("max_tokens", 5),
        settled(base().user(text)).tag("another"),
        settled(base().user(text)).documents(["d"]),
        settled(base().message(Message::new("user", json!([{"type": "text", "text": text}])))),
        settled(base().message(Message::new("tool", text))),
        settled(base().message(Message::new("user", text).with("name", "somebody else"))),
    ];
    for other in others {
        let generated = answers.generate(&other, || world.answer(text)).await.unwrap();
        assert_eq!(generated.source, Source::Model, "{other:?}");
    }
    assert!(is_similar(&answers.generate(&settled(base().user(text)), || world.answer(text)).await.unwrap()));
}

#[tokio::test]
async fn what_is_gone_answers_nothing() {
    for (how, gone) in [("nothing", false), ("another tag", false), ("tag", true), ("removed", true), ("old", true)] {
        let (node, world) = (Node::new(), World::default());
        let answers = similar(&node, &world, |similar| similar.shadow(0.0));
        world.ask(&answers, "topic 1 wording 1").await;
        match how {
            "tag" => drop(node.cache.invalidate_tags(["t"]).await),
            "another tag" => drop(node.cache.invalidate_tags(["u"]).await),
            "removed" => drop(answers.remove(&question("topic 1 wording 1")).await),
            "old" => node.clock.advance(SECOND * 3_600),
            _ => {}
        }
        assert_eq!(is_similar(&world.ask(&answers, "topic 1 wording 2").await), !gone, "{how}");
        assert_eq!(answers.similar_stats().unwrap().questions, 1, "what is gone is forgotten: {how}");
    }
}

#[tokio::test]
async fn good_answers_stay_and_a_twentieth_of_them_is_checked() {
    let (node, world) = (Node::new(), World::default());
    let answers = similar(&node, &world, |similar| similar);
    ask_all(&world, &answers, 10, 300).await;
    let (stats, seen) = (answers.stats(), answers.similar_stats().unwrap());
    assert_eq!(stats.asked, stats.hits + stats.similar_hits + 10);
    assert!(stats.similar_hits > 2_900);
    assert!((100..200).contains(&stats.shadow_checks), "{}", stats.shadow_checks);
    assert_eq!((stats.false_hits, stats.switched_off, seen.on, seen.wrong), (0, 0, true, 0));
    assert!(seen.wrong_least == 0.0 && seen.wrong_most < 0.04, "{seen:?}");
}

#[tokio::test]
async fn answers_that_are_wrong_switch_themselves_off() {
    for (odd, most) in [(1, 4), (2, 30), (8, 250)] {
        let (node, world) = (Node::new(), World { odd, ..World::default() });
        let answers = similar(&node, &world, |similar| similar.shadow(0.5));
        ask_all(&world, &answers, 5, 200).await;
        let (stats, seen) = (answers.stats(), answers.similar_stats().unwrap());
        assert!(!seen.on && stats.switched_off == 1, "one wording of {odd} has another answer: {stats:?}");
        assert!(stats.shadow_checks <= most, "after {} checks where one of {odd} is wrong", stats.shadow_checks);
        assert!(seen.wrong_least > 0.01, "{seen:?}");
        let embedded = world.embedded.load(Ordering::SeqCst);
        assert_eq!(world.ask(&answers, "topic 1 wording 900").await.source, Source::Model);
        assert_eq!(world.embedded.load(Ordering::SeqCst), embedded, "what is off costs nothing");
    }
}

#[tokio::test]
async fn without_checks_nobody_finds_out() {
    let (node, world) = (Node::new(), World { odd: 1, ..World::default() });
    let answers = similar(&node, &world, |similar| similar.shadow(0.0));
    ask_all(&world, &answers, 5, 100).await;
    assert!(answers.similar_stats().unwrap().on && answers.stats().similar_hits == 495);
}

#[tokio::test]
async fn they_are_switched_on_by_hand_or_after_they_have_cooled_down() {
    let (node, world) = (Node::new(), World { odd: 1, ..World::default() });
    let answers = similar(&node, &world, |similar| similar.shadow(1.0).cool_down(SECOND * 600));
    let is_on = || answers.similar_stats().unwrap().on;
    ask_all(&world, &answers, 1, 10).await;
    assert!(!is_on());
    node.clock.advance(SECOND * 599);
    assert!(!is_on());
    node.clock.advance(SECOND);
    assert!(is_on());
    assert_eq!(answers.similar_stats().unwrap().checks, 0, "judged anew");
    ask_all(&world, &answers, 1, 20).await;
    assert!(!is_on() && answers.stats().switched_off == 2);
    answers.switch_similar(true);
    assert!(is_on());
    answers.switch_similar(false);
    assert!(!is_on() && answers.stats().switched_off == 2, "by hand");
    node.clock.advance(SECOND * 6_000);
    assert!(!is_on(), "what was switched off by hand does not cool down");
    answers.switch_similar(true);
    assert!(is_on());
}

#[tokio::test]
async fn an_embedder_that_fails_costs_a_call_of_the_model_and_no_more() {
    let (node, world) = (Node::new(), World { fails: true, ..World::default() });
    let answers = similar(&node, &world, |similar| similar);
    for wording in ["1", "2"] {
        assert_eq!(world.ask(&answers, &format!("topic 1 wording {wording}")).await.source, Source::Model);
    }
    assert_eq!(answers.stats().embedding_failed, 2);
}

#[tokio::test]
async fn an_embedder_that_panics_fails_for_nobody() {
    let (node, world) = (Node::new(), World::default());
    let panics = Similar::new(|_| async { if true { panic!("no vector") } else { Err::<Vec<f32>, _>(Down) } });
    let answers = node.answers.clone().similar(panics).unwrap();
    assert_eq!(world.ask(&answers, "topic 1 wording 1").await.source, Source::Model);
    assert_eq!(answers.stats().embedding_failed, 1);
}

#[tokio::test]
async fn clearing_forgets_the_questions_too() {
    let (node, world) = (Node::new(), World::default());
    let answers = similar(&node, &world, |similar| similar.shadow(0.0));
    ask_all(&world, &answers, 5, 1).await;
    assert_eq!(answers.similar_stats().unwrap().questions, 5);
    answers.clear().await;
    let stats = answers.similar_stats().unwrap();
    assert_eq!((stats.questions, stats.bytes), (0, 0));
    assert_eq!(world.ask(&answers, "topic 1 wording 2").await.source, Source::Model);
    assert!(is_similar(&world.ask(&answers, "topic 1 wording 3").await), "and it goes on");
}

/// A wrapped model is an embedder: each question is asked of it once, whoever asks.
#[tokio::test]
async fn a_cached_model_compares_questions() {
    let (node, world) = (Node::new(), World::default());
    let embedded = Arc::clone(&world.embedded);
    let base = embed_fn(move |texts: Vec<String>| {
        embedded.fetch_add(texts.len() as u64, Ordering::SeqCst);
        async move { Ok::<_, Down>(texts.iter().map(|text| World::vector(text)).collect()) }
    });
    let model = CachedModel::wrap(base).id("words").version(3).build(&node.cache).unwrap();
    let answers = node.answers.clone().similar(Similar::by(&model).shadow(0.0)).unwrap();
    assert!(format!("{:?}", Similar::<String>::by(&model)).contains("words:3:f32"), "its name tells its vectors apart");
    assert_eq!(world.ask(&answers, "topic 1 wording 1").await.source, Source::Model);
    for _ in 0..3 {
        assert!(is_similar(&world.ask(&answers, "topic 1 wording 2").await));
    }
    assert_eq!(world.embedded.load(Ordering::SeqCst), 2, "each wording once");
}

#[tokio::test]
async fn what_is_known_of_questions_is_bounded() {
    let (node, world) = (Node::new(), World::default());
    let few = similar(&node, &world, |similar| similar.shadow(0.0).questions(3));
    ask_all(&world, &few, 10, 1).await;
    assert_eq!(few.similar_stats().unwrap().questions, 3);
    let small = similar(&node, &world, |similar| similar.shadow(0.0).max_bytes(2_000));
    for system in 0..5 {
        for topic in 20..30 {
            let text = format!("topic {topic} wording 1");
            let request = Request::new("m").system(system.to_string()).user(&*text).parameter("temperature", 0);
            small.generate(&request, || world.answer(&text)).await.unwrap();
        }
        assert!(small.similar_stats().unwrap().bytes <= 2_000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_outlive_the_process_and_what_was_invalidated_does_not() {
    let (dir, clock, world) = (TempDir::new().unwrap(), Clock::manual(), World::default());
    let open = |seed, embedding: &str| {
        let tier: Arc<dyn Tier> = Arc::new(Disk::open(DiskOptions::new(dir.path().join("store"))));
        let node = Node::over(tier, &clock, seed);
        let answers = similar(&node, &world, |similar| similar.shadow(0.0).embedding(embedding));
        (node, answers)
    };
    let ask = async |answers: &Answers<String>, topic: u64, wording: u64, tag: &str| {
        let text = format!("topic {topic} wording {wording}");
        let request = super::question(&text).tag(tag);
        is_similar(&answers.generate(&request, || world.answer(&text)).await.unwrap())
    };
    let (node, answers) = open(1, "e");
    for topic in 0..40 {
        assert!(!ask(&answers, topic, 1, "t").await);
    }
    ask(&answers, 1, 1, "u").await;
    node.cache.shutdown(LONG).await;
    drop((node, answers));

    let (node, answers) = open(2, "e");
    let mut known = HashSet::new();
    for topic in 0..40 {
        if ask(&answers, topic, 2, "t").await {
            known.insert(topic);
        }
    }
    assert_eq!(known.len(), 40, "of three pages");
    node.cache.invalidate_tags(["t"]).await;
    node.cache.shutdown(LONG).await;
    drop((node, answers));

    let (node, answers) = open(3, "e");
    assert!(!ask(&answers, 1, 3, "t").await && ask(&answers, 1, 3, "u").await);
    node.cache.shutdown(LONG).await;
    drop((node, answers));
    let (_node, answers) = open(4, "another");
    assert!(!ask(&answers, 1, 4, "u").await, "vectors of another embedder are not compared");
}

#[test]
fn numbers_that_mean_nothing_are_refused() {
    type Set = fn(Similar<String>) -> Similar<String>;
    let wrong: [(&str, Set); 8] = [
        ("threshold", |s| s.threshold(0.0)),
        ("threshold", |s| s.threshold(1.1)),
        ("threshold", |s| s.threshold(f32::NAN)),
        ("questions", |s| s.questions(0)),
        ("shadow", |s| s.shadow(-0.1)),
        ("shadow", |s| s.shadow(1.1)),
        ("budget", |s| s.budget(0.0)),
        ("budget", |s| s.budget(1.0)),
    ];
    let (node, world) = (Node::new(), World::default());
    for (setting, of) in wrong {
        let refused = node.answers.clone().similar(of(world.embedder()));
        assert_eq!(refused.unwrap_err().context("setting"), Some(setting));
    }
}
