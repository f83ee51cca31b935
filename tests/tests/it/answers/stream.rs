//! A stream is passed on as it comes, to all who want it, and kept only if it ended well.

use std::sync::Arc;
use std::time::Duration;

use cached_runtime::answers::{AnswerStream, Answers, Document, Retrieved, Source};

use super::{Down, Node, Speaker, Tokens, is_silent, next, question, rest, soon, tokens};

pub(super) type Heard = AnswerStream<String, Down>;

pub(super) async fn open(answers: &Answers<String>, source: Tokens) -> Heard {
    answers.stream(&question("a").tag("t"), || async { Ok(source) }).await
}

pub(super) async fn say(speaker: &Speaker, token: &str) {
    speaker.send(Ok(token.to_owned())).await.unwrap();
}

/// Asks once more, with a source that says one word of its own.
pub(super) async fn asked_again(answers: &Answers<String>) -> (Source, Vec<String>) {
    let (speaker, source) = tokens();
    say(&speaker, "new").await;
    drop(speaker);
    let mut stream = open(answers, source).await;
    (stream.source(), rest(&mut stream).await)
}

#[tokio::test]
async fn chunks_come_as_they_are_said_and_are_replayed_as_they_came() {
    let node = Node::new();
    let (speaker, source) = tokens();
    let mut stream = open(&node.answers, source).await;
    assert_eq!(stream.source(), Source::Model);
    for token in ["The ", "an", "swer"] {
        assert!(is_silent(&mut stream).await);
        say(&speaker, token).await;
        assert_eq!(next(&mut stream).await.unwrap().unwrap(), token, "before the next was said");
    }
    drop(speaker);
    assert!(next(&mut stream).await.is_none() && next(&mut stream).await.is_none());
    for _ in 0..2 {
        let (source, chunks) = asked_again(&node.answers).await;
        assert_eq!((source, chunks.join("|")), (Source::Cache, "The |an|swer".to_owned()));
        super::recorded(&node, &question("a").tag("t")).await;
    }
    let stats = node.answers.stats();
    assert_eq!((stats.streamed, stats.replayed + stats.followed), (1, stats.streams_asked - 1));
    assert!(stats.replayed > 1);
}

#[tokio::test]
async fn who_comes_later_hears_it_from_the_beginning_and_live() {
    let node = Node::new();
    let (speaker, source) = tokens();
    let mut first = open(&node.answers, source).await;
    say(&speaker, "one").await;
    assert_eq!(next(&mut first).await.unwrap().unwrap(), "one");
    let mut second = open(&node.answers, tokens().1).await;
    assert_eq!(second.source(), Source::Cache);
    assert_eq!(next(&mut second).await.unwrap().unwrap(), "one");
    assert!(is_silent(&mut second).await);
    say(&speaker, "two").await;
    assert_eq!(next(&mut second).await.unwrap().unwrap(), "two", "while the first has not read it");
    drop(speaker);
    assert_eq!((rest(&mut second).await.len(), rest(&mut first).await), (0, vec!["two".to_owned()]));
    assert_eq!((node.answers.stats().streamed, node.answers.stats().followed), (1, 1));
}

#[tokio::test]
async fn who_leaves_half_way_takes_nothing_from_others() {
    let node = Node::new();
    let (speaker, source) = tokens();
    let mut first = open(&node.answers, source).await;
    let mut second = open(&node.answers, tokens().1).await;
    say(&speaker, "one").await;
    next(&mut first).await;
    drop(first);
    say(&speaker, "two").await;
    drop(speaker);
    assert_eq!(rest(&mut second).await, ["one", "two"]);
    assert_eq!(asked_again(&node.answers).await.1, ["one", "two"]);
}

#[tokio::test]
async fn when_the_last_has_left_the_source_is_given_up_and_nothing_kept() {
    let node = Node::new();
    let (speaker, source) = tokens();
    let mut only = open(&node.answers, source).await;
    say(&speaker, "one").await;
    next(&mut only).await;
    drop(only);
    speaker.closed().await; // the source was dropped
    assert_eq!(asked_again(&node.answers).await, (Source::Model, vec!["new".to_owned()]));
    assert_eq!(node.answers.stats().streams_abandoned, 1);
}

#[tokio::test]
async fn unless_it_is_to_be_finished() {
    let node = Node::new();
    let answers = node.answers.clone().finish_streams(true);
    let (speaker, source) = tokens();
    drop(open(&answers, source).await);
    say(&speaker, "one").await;
    say(&speaker, "two").await;
    drop(speaker);
    assert_eq!(asked_again(&answers).await, (Source::Cache, vec!["one".to_owned(), "two".to_owned()]));
    assert_eq!(answers.stats().streams_abandoned, 0);
}

#[tokio::test]
async fn one_that_fails_is_told_to_all_and_not_kept() {
    let node = Node::new();
    let (speaker, source) = tokens();
    let mut first = open(&node.answers, source).await;
    let mut second = open(&node.answers, tokens().1).await;
    say(&speaker, "one").await;
    speaker.send(Err(Down)).await.unwrap();
    let mut errors = Vec::new();
    for stream in [&mut first, &mut second] {
        assert_eq!(next(stream).await.unwrap().unwrap(), "one");
        errors.push(next(stream).await.unwrap().unwrap_err());
        assert!(next(stream).await.is_none());
    }
    assert!(Arc::ptr_eq(&errors[0], &errors[1]));
    assert_eq!(asked_again(&node.answers).await, (Source::Model, vec!["new".to_owned()]));
    assert_eq!(node.answers.stats().failed, 1);
}

#[tokio::test]
async fn so_is_one_that_does_not_open() {
    let node = Node::new();
    let closed = || async { Err::<Tokens, Down>(Down) };
    let mut stream: Heard = node.answers.stream(&question("a").tag("t"), closed).await;
    assert_eq!(next(&mut stream).await.unwrap().unwrap_err(), Arc::new(Down));
    assert!(next(&mut stream).await.is_none());
    assert_eq!(asked_again(&node.answers).await.0, Source::Model);
}

#[tokio::test]
async fn one_that_is_too_long_is_passed_on_and_not_kept() {
    let node = Node::new();
    let answers = node.answers.clone().max_stream(1_000);
    let (speaker, source) = tokens();
    let mut stream = open(&answers, source).await;
    let speaking = tokio::spawn(async move {
        for i in 0..200 {
            say(&speaker, &format!("{i:03}{}", "x".repeat(97))).await;
        }
    });
    let all = rest(&mut stream).await;
    assert!(all.len() == 200 && all.iter().enumerate().all(|(i, chunk)| chunk.starts_with(&format!("{i:03}"))));
    speaking.await.unwrap();
    assert_eq!(asked_again(&answers).await.0, Source::Model);
    assert_eq!(answers.stats().streams_too_large, 1);
}

#[tokio::test]
async fn a_slow_reader_holds_up_nobody_as_long_as_it_may_be_kept() {
    let node = Node::new();
    let (speaker, source) = tokens();
    let mut slow = open(&node.answers, source).await;
    let mut quick = open(&node.answers, tokens().1).await;
    let speaking = tokio::spawn(async move {
        for i in 0..1_000 {
            say(&speaker, &format!("{i:03}")).await;
        }
    });
    assert_eq!(rest(&mut quick).await.len(), 1_000);
    speaking.await.unwrap();
    assert_eq!(rest(&mut slow).await.len(), 1_000);
}

#[tokio::test]
async fn beyond_that_the_source_waits_for_the_slowest() {
    let node = Node::new();
    let answers = node.answers.clone().max_stream(1_000);
    let (speaker, source) = tokens();
    let mut slow = open(&answers, source).await;
    let mut said = 0;
    while tokio::time::timeout(Duration::from_millis(200), say(&speaker, &"x".repeat(100))).await.is_ok() {
        said += 1;
        assert!(said < 100, "what waits to be read is bounded");
    }
    assert!((5..16).contains(&said), "{said}");
    let (source, chunks) = asked_again(&answers).await;
    assert_eq!(
        (source, chunks),
        (Source::Model, vec!["new".to_owned()]),
        "the beginning is gone: nobody waits for the end"
    );
    assert!(next(&mut slow).await.is_some() && next(&mut slow).await.is_some());
    say(&speaker, "goes on").await;
}

#[tokio::test]
async fn an_invalidation_overtakes_a_stream_under_way() {
    for (tag, kept) in [("t", false), ("another", true)] {
        let node = Node::new();
        let (speaker, source) = tokens();
        let mut old = open(&node.answers, source).await;
        say(&speaker, "old").await;
        assert_eq!(next(&mut old).await.unwrap().unwrap(), "old");
        node.cache.invalidate_tags([tag]).await;
        if !kept {
            assert_eq!(asked_again(&node.answers).await, (Source::Model, vec!["new".to_owned()]), "not joined");
        }
        drop(speaker);
        assert!(next(&mut old).await.is_none(), "who listens hears it to the end");
        soon("it has landed", || node.cache.stats().site("support.stream").is_some_and(|site| site.loads >= 1)).await;
        let expected = if kept { "old" } else { "new" };
        assert_eq!(asked_again(&node.answers).await, (Source::Cache, vec![expected.to_owned()]), "{tag}");
    }
}

#[tokio::test]
async fn what_was_overtaken_is_not_kept_though_nobody_asked_meanwhile() {
    let node = Node::new();
    let (speaker, source) = tokens();
    let mut old = open(&node.answers, source).await;
    node.cache.invalidate_tags(["t"]).await;
    say(&speaker, "old").await;
    drop(speaker);
    assert_eq!(rest(&mut old).await, ["old"]);
    soon("it has landed", || node.cache.stats().site("support.stream").is_some_and(|site| site.loads == 1)).await;
    assert_eq!(asked_again(&node.answers).await, (Source::Model, vec!["new".to_owned()]));
}

#[tokio::test]
async fn a_stream_built_on_documents_that_changed_is_neither_kept_nor_joined() {
    for (changed, kept) in [("d", false), ("e", true)] {
        let node = Node::new();
        let search = || async { Ok::<_, Down>(vec![Document::new("d", 1)]) };
        let list = async || node.answers.retrieve("q", search).await.unwrap();
        let built_on = |list: &Retrieved<i32>| question("a").built_on(list);
        let old = list().await;
        node.answers.invalidate_documents([changed]).await;
        let new = list().await;
        let (speaker, source) = tokens();
        let mut stream: Heard = node.answers.stream(&built_on(&old), || async { Ok(source) }).await;
        say(&speaker, "old").await;
        let (_silent, another) = tokens();
        let follower: Heard = node.answers.stream(&built_on(&new), || async { Ok(another) }).await;
        assert_eq!(follower.source() == Source::Cache, kept);
        drop((speaker, follower));
        assert_eq!(rest(&mut stream).await, ["old"], "who listens hears it");
        let over = || node.answers.stats().overtaken + node.answers.stats().streams_abandoned;
        soon("both are over", || over() == if kept { 0 } else { 2 }).await;
        let (_silent, last) = tokens();
        let last: Heard = node.answers.stream(&built_on(&new), || async { Ok(last) }).await;
        assert_eq!(last.source() == Source::Cache, kept, "after a change of {changed}");
    }
}

#[tokio::test]
async fn what_is_sampled_is_passed_on_alone() {
    let node = Node::new();
    let sampled = question("a").parameter("temperature", 1);
    for said in ["one", "two"] {
        let (speaker, source) = tokens();
        let mut stream: Heard = node.answers.stream(&sampled, || async { Ok(source) }).await;
        say(&speaker, said).await;
        drop(speaker);
        assert_eq!((stream.source(), rest(&mut stream).await), (Source::Model, vec![said.to_owned()]));
    }
    assert_eq!((node.answers.stats().bypassed, node.answers.stats().streams_too_large), (2, 0));
}

#[tokio::test]
async fn a_recording_may_be_heard_at_its_own_pace() {
    let node = Node::new();
    let (speaker, source) = tokens();
    let mut stream = open(&node.answers, source).await;
    soon("it is open", || node.answers.stats().streamed == 1).await;
    for token in ["a", "b"] {
        node.clock.advance(Duration::from_millis(300));
        say(&speaker, token).await;
        next(&mut stream).await;
    }
    drop(speaker);
    rest(&mut stream).await;
    super::recorded(&node, &question("a").tag("t")).await;
    let mut paced = open(&node.answers, tokens().1).await.paced();
    for token in ["a", "b"] {
        assert!(is_silent(&mut paced).await);
        node.clock.advance(Duration::from_millis(299));
        assert!(is_silent(&mut paced).await, "{token} is not due");
        node.clock.advance(Duration::from_millis(1));
        assert_eq!(next(&mut paced).await.unwrap().unwrap(), token);
    }
    assert!(next(&mut paced).await.is_none());
}

#[tokio::test]
async fn a_panic_is_told_to_all_who_listen_and_frees_the_key() {
    let node = Node::new();
    let panics = || async {
        tokio::task::yield_now().await;
        if true { panic!("the source panics") } else { Ok::<_, Down>(tokens().1) }
    };
    let mut stream: Heard = node.answers.stream(&question("a").tag("t"), panics).await;
    let heard = tokio::spawn(async move { next(&mut stream).await.is_none() }).await;
    assert!(heard.unwrap_err().is_panic());
    assert_eq!(asked_again(&node.answers).await.0, Source::Model);
}

/// The closure itself, before there is anything to wait for.
#[tokio::test]
async fn a_panic_before_the_source_is_asked_frees_the_key_too() {
    let node = Node::new();
    let answers = node.answers.clone();
    let opens = move || -> std::future::Ready<Result<Tokens, Down>> { panic!("no source is made") };
    let asked = tokio::spawn(async move { drop::<Heard>(answers.stream(&question("a").tag("t"), opens).await) }).await;
    assert!(asked.unwrap_err().is_panic());
    let again = crate::rig::soon("asked again", asked_again(&node.answers)).await;
    assert_eq!(again.0, Source::Model);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_come_and_go_all_hear_the_same() {
    let node = Node::new();
    let (speaker, source) = tokens();
    let mut first = open(&node.answers, source).await;
    let listeners: Vec<_> = (0..40)
        .map(|i| {
            let answers = node.answers.clone();
            tokio::spawn(async move {
                let mut stream = open(&answers, tokens().1).await;
                let mut heard = Vec::new();
                while let Some(chunk) = next(&mut stream).await {
                    heard.push(chunk.unwrap());
                    // Every third one leaves early.
                    if i % 3 == 0 && heard.len() == i {
                        break;
                    }
                }
                heard
            })
        })
        .collect();
    let speaking = tokio::spawn(async move {
        for i in 0..100 {
            say(&speaker, &i.to_string()).await;
        }
    });
    let all = rest(&mut first).await;
    speaking.await.unwrap();
    for listener in listeners {
        let heard = listener.await.unwrap();
        assert_eq!(heard, all[..heard.len()]);
    }
    assert_eq!(node.answers.stats().streamed, 1);
}
