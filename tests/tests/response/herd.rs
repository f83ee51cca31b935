//! A herd asks the service once, and nobody gets what is for another.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use cached_runtime::Cache;
use cached_runtime::clock::Clock;
use cached_runtime::testing::{Chaos, Operation};
use cached_runtime::tier::memory::MemoryTier;
use http::StatusCode;

use crate::rig::{World, answer, eventually, get, slow, status};

const HERD: u64 = 50;

/// So many ask at once, and all but the first wait: the flight is held until they do.
async fn herd(world: &World, fields: &'static [(&'static str, &'static str)]) -> Vec<String> {
    world.source.gate.close();
    let first = world.asking(get("/page", fields));
    world.source.gate.arrived(1).await;
    let others: Vec<_> = (1..HERD).map(|_| world.asking(get("/page", fields))).collect();
    // They have come as far as they can without the first one's answer.
    eventually("all have come", || world.responses.stats().asked == HERD).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    world.source.gate.open();
    let mut texts = vec![first.await.unwrap().text().to_owned()];
    for other in others {
        texts.push(other.await.unwrap().text().to_owned());
    }
    texts
}

#[tokio::test]
async fn a_herd_of_equal_requests_asks_the_service_once() {
    let world = World::of(|n, _| answer(format!("{n}"), &[("cache-control", "max-age=60")]));
    assert_eq!(herd(&world, &[]).await, vec!["1"; HERD as usize]);
    assert_eq!(world.asked(), 1);
    assert_eq!(world.responses.stats().joined, HERD - 1);
}

/// The control: what may not be shared is asked for by each, and each gets its own.
#[tokio::test]
async fn nobody_of_a_herd_gets_what_is_for_another() {
    for fields in [
        &[("cache-control", "private, max-age=60")][..],
        &[("cache-control", "no-store")],
        &[("cache-control", "max-age=60"), ("set-cookie", "id=1")],
        &[("cache-control", "max-age=60"), ("vary", "*")],
        &[],
    ] {
        let world = World::of(move |n, _| answer(format!("{n}"), fields));
        let mut texts = herd(&world, &[]).await;
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len() as u64, HERD, "{fields:?}");
        assert_eq!(world.asked(), HERD);
    }
    let world = World::of(|n, _| answer(format!("{n}"), &[("cache-control", "max-age=60")]));
    let mut texts = herd(&world, &[("authorization", "Bearer one")]).await;
    texts.dedup();
    assert_eq!(texts.len() as u64, HERD, "who is authorized gets his own");
}

#[tokio::test]
async fn what_turned_out_to_be_for_one_makes_nobody_wait_again() {
    let world = World::of(|n, _| answer(format!("{n}"), &[("cache-control", "private")]));
    world.get("/page").await;
    world.source.gate.close();
    let both = [world.asking(get("/page", &[])), world.asking(get("/page", &[]))];
    // Both are there at once: neither waits for the other.
    world.source.gate.arrived(3).await;
    world.source.gate.open();
    for one in both {
        one.await.unwrap();
    }
}

/// Who looked before the first answer landed, and goes on after it, would lead a flight of its own.
#[tokio::test]
async fn who_looked_just_before_another_landed_asks_nobody() {
    for (vary, language, asked) in [("", "en", 1), ("accept-language", "de", 1), ("accept-language", "en", 2)] {
        let chaos = Arc::new(Chaos::new(Arc::new(MemoryTier::new()), 7));
        let cache = Cache::builder().clock(Clock::manual()).tier(Arc::clone(&chaos)).build().unwrap();
        let handler = move |n, _: &_| {
            let fields = [("cache-control", "max-age=60"), ("vary", vary)];
            answer(format!("{n}"), &fields[..if vary.is_empty() { 1 } else { 2 }])
        };
        let world = World::over(cache, |layer| layer, handler);
        let read = chaos.after(Operation::Get);
        read.close();
        let first = world.asking(get("/page", &[("accept-language", "de")]));
        read.arrived(1).await;
        let late = world.ask(get("/page", &[("accept-language", language)]));
        let mut late = pin!(late);
        let is_waiting = poll_fn(|cx| Poll::Ready(late.as_mut().poll(cx).is_pending())).await;
        assert!(is_waiting, "it has found nothing in near, and waits for the tier");
        read.open();
        assert_eq!(first.await.unwrap().text(), "1");
        assert_eq!(late.await.text(), format!("{asked}"), "{vary} {language}");
        assert_eq!(world.asked(), asked);
    }
}

#[tokio::test]
async fn a_herd_of_different_variants_gets_its_own_each() {
    let world = World::of(|_, request| {
        let language = request.headers()["accept-language"].to_str().unwrap().to_owned();
        answer(language, &[("cache-control", "max-age=60"), ("vary", "accept-language")])
    });
    world.source.gate.close();
    let languages = ["de", "en", "fr"];
    let asking = (0..30).map(|n| (n, world.asking(get("/page", &[("accept-language", languages[n % 3])]))));
    let asking: Vec<_> = asking.collect();
    world.source.gate.arrived(1).await;
    world.source.gate.open();
    for (n, one) in asking {
        assert_eq!(one.await.unwrap().text(), languages[n % 3]);
    }
    assert!(world.asked() <= 6, "one for each, and a few who began before anything was known: {}", world.asked());
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_the_answer_to_the_others() {
    let world = World::of(|n, _| answer(format!("{n}"), &[("cache-control", "max-age=60")]));
    world.source.gate.close();
    let first = world.asking(get("/page", &[]));
    world.source.gate.arrived(1).await;
    let second = world.asking(get("/page", &[]));
    eventually("the second has come", || world.responses.stats().asked == 2).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    world.source.gate.open();
    assert_eq!(second.await.unwrap().text(), "1");
    assert_eq!(world.asked(), 1);
}

/// A service that hangs keeps nobody for longer than that, and nothing of it stays when its clients have gone.
#[tokio::test(start_paused = true)]
async fn nobody_waits_for_another_without_end() {
    let world = World::with(
        |layer| layer.patience(Duration::from_secs(3)),
        |n, _| answer(format!("{n}"), &[("cache-control", "max-age=60")]),
    );
    world.source.gate.close();
    let hangs = world.asking(get("/page", &[]));
    world.source.gate.arrived(1).await;
    let waits = world.asking(get("/page", &[]));
    world.source.gate.arrived(2).await;
    assert_eq!(world.source.running(), 2, "who waited goes himself in the end");
    hangs.abort();
    waits.abort();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(world.source.running(), 0);
}

#[tokio::test]
async fn a_handler_that_panics_panics_for_who_asked_and_frees_the_rest() {
    let world = World::of(|n, _| {
        assert!(n > 1, "the first one panics");
        answer("well", &[("cache-control", "max-age=60")])
    });
    world.source.gate.open();
    let first = world.asking(get("/page", &[]));
    let failed = first.await.unwrap_err();
    let told = failed.into_panic();
    assert_eq!(told.downcast_ref::<&str>(), Some(&"the first one panics"));
    assert_eq!(world.get("/page").await.text(), "well");
}

#[tokio::test]
async fn a_slow_body_is_not_held_back_and_is_found_when_it_is_over() {
    let (sender, text) = slow();
    let text = std::sync::Mutex::new(Some(text));
    let world = World::of(move |n, _| match text.lock().unwrap().take() {
        Some(text) => Ok(crate::rig::response(text, &[("cache-control", "max-age=60")])),
        None => answer(format!("{n}"), &[("cache-control", "max-age=60")]),
    });
    let mut first = world.begin(get("/page", &[])).await.unwrap();
    let follower = world.asking(get("/page", &[]));
    eventually("the second has come", || world.responses.stats().asked == 2).await;
    sender.send(Ok("one ".into())).unwrap();
    use http_body_util::BodyExt as _;
    let piece = first.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(piece.into_data().unwrap(), "one ", "it came before there was more");
    sender.send(Ok("two".into())).unwrap();
    drop(sender);
    assert_eq!(first.into_body().collect().await.unwrap().to_bytes(), "two");
    assert_eq!(world.get("/page").await.text(), "one two", "who has read it to its end finds it");
    assert_eq!(follower.await.unwrap().text(), "one two");
    assert_eq!(world.asked(), 1);
}

/// A service whose first answer has this body.
fn once(text: crate::rig::Text) -> World {
    let text = std::sync::Mutex::new(Some(text));
    World::with(
        |layer| layer.patience(Duration::from_secs(3)),
        move |n, _| match text.lock().unwrap().take() {
            Some(text) => Ok(crate::rig::response(text, &[("cache-control", "max-age=60")])),
            None => answer(format!("{n}"), &[("cache-control", "max-age=60")]),
        },
    )
}

#[tokio::test(start_paused = true)]
async fn a_body_whose_client_has_gone_is_kept_if_it_ends_soon_and_given_up_if_not() {
    let (sender, text) = slow();
    let world = once(text);
    drop(world.begin(get("/page", &[])).await.unwrap());
    sender.send(Ok("whole".into())).unwrap();
    drop(sender);
    eventually("it is kept", || world.responses.stats().stored == 1).await;
    assert_eq!(world.get("/page").await.text(), "whole");

    let (sender, text) = slow();
    let world = once(text);
    drop(world.begin(get("/page", &[])).await.unwrap());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!sender.is_closed());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(sender.is_closed(), "who sends it without end is told to stop");
    assert_eq!(world.get("/page").await.text(), "2");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_kept() {
    let world = World::of(|n, _| {
        let (sender, text) = slow();
        sender.send(Ok("half".into())).unwrap();
        if n == 1 {
            sender.send(Err(crate::rig::Broken)).unwrap();
        }
        Ok(crate::rig::response(text, &[("cache-control", "max-age=60")]))
    });
    use http_body_util::BodyExt as _;
    let broken = world.begin(get("/page", &[])).await.unwrap().into_body().collect().await;
    assert_eq!(broken.unwrap_err(), crate::rig::Broken);
    assert_eq!(world.get("/page").await.text(), "half");
    assert_eq!(world.asked(), 2);
    assert_eq!(world.responses.stats().not_kept.total(), 1);
}

#[tokio::test]
async fn a_body_over_the_limit_streams_through_and_is_asked_for_again() {
    let world = World::with(
        |layer| layer.max_body(10),
        |n, request| {
            let (sender, text) = slow();
            if request.uri().path() == "/known" {
                return answer("x".repeat(11), &[("cache-control", "max-age=60")]);
            }
            for _ in 0..5 {
                sender.send(Ok("seven b".into())).unwrap();
            }
            assert!(n > 0);
            Ok(crate::rig::response(text, &[("cache-control", "max-age=60")]))
        },
    );
    for path in ["/known", "/unknown"] {
        let before = world.asked();
        let first = world.get(path).await;
        assert_eq!(first.body, world.get(path).await.body);
        assert_eq!(world.asked(), before + 2, "{path}");
    }
    assert_eq!(world.get("/unknown").await.text(), "seven b".repeat(5));
    assert_eq!(world.responses.stats().stored, 0);
}

#[tokio::test]
async fn trailers_come_through_and_what_has_them_is_not_kept() {
    let world = World::of(|_, _| {
        let trailers = [("x-sum".parse().unwrap(), "7".parse().unwrap())].into_iter().collect();
        let text = crate::rig::Text::Trailed(Some("text".into()), Some(trailers));
        Ok(crate::rig::response(text, &[("cache-control", "max-age=60")]))
    });
    use http_body_util::BodyExt as _;
    for asked in 1..=2 {
        let body = world.begin(get("/page", &[])).await.unwrap().into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()["x-sum"], "7");
        assert_eq!(world.asked(), asked);
    }
}

#[tokio::test]
async fn a_herd_whose_service_fails_is_told_by_the_service() {
    let world = World::of(|_, _| status(503, &[]));
    world.source.gate.close();
    let asking: Vec<_> = (0..10).map(|_| world.asking(get("/page", &[]))).collect();
    world.source.gate.arrived(1).await;
    world.source.gate.open();
    for one in asking {
        assert_eq!(one.await.unwrap().status, StatusCode::SERVICE_UNAVAILABLE);
    }
    world.clock.advance(Duration::from_secs(2));
    assert_eq!(world.get("/page").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

/// The source is down in this moment, and all are there: it is asked by a few at a time.
#[tokio::test]
async fn a_failing_source_is_not_met_by_a_whole_herd() {
    for down in ["503", "error"] {
        let world = World::of(move |n, _| match down {
            _ if n > 10 => answer(format!("{n}"), &[("cache-control", "max-age=60")]),
            "503" => status(503, &[]),
            _ => Err(crate::rig::Down),
        });
        world.source.gate.close();
        let asking = |world: &World| {
            let world = world.clone();
            tokio::spawn(async move { world.try_ask(get("/page", &[])).await })
        };
        let mut all = vec![asking(&world)];
        world.source.gate.arrived(1).await;
        all.extend((1..HERD).map(|_| asking(&world)));
        eventually("all have come", || world.responses.stats().asked == HERD).await;
        let settle = async || {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        };
        settle().await;
        // One after the other is let go, and as many take their turn. All of these fail.
        for failed in 1..=6 {
            world.source.gate.release();
            world.source.gate.passed(failed).await;
            settle().await;
            assert!(world.source.running() <= 4, "{}", world.source.running());
            assert_eq!(world.asked(), failed + 4, "the next have come: {down}");
        }
        world.source.gate.open();
        for one in all {
            drop(one.await.unwrap());
        }
        // The source is well again: who comes to his turn then finds what another brought.
        assert!(world.asked() <= 10 + 4 + 1, "{}", world.asked());
    }
}

/// The control: what is for one alone is asked for by all at once.
#[tokio::test]
async fn control_what_is_for_one_alone_is_not_asked_for_in_turns() {
    let world = World::of(|n, _| answer(format!("{n}"), &[("cache-control", "private")]));
    world.source.gate.close();
    let first = world.asking(get("/page", &[]));
    world.source.gate.arrived(1).await;
    let others: Vec<_> = (1..HERD).map(|_| world.asking(get("/page", &[]))).collect();
    eventually("all have come", || world.responses.stats().asked == HERD).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    world.source.gate.release();
    world.source.gate.arrived(HERD).await;
    assert_eq!(world.source.running(), HERD - 1);
    world.source.gate.open();
    first.await.unwrap();
    for one in others {
        one.await.unwrap();
    }
}

/// A source that hangs is not waited for behind without end, and the next one asks it again.
#[tokio::test(start_paused = true)]
async fn what_is_asked_behind_is_given_up_in_the_end() {
    let said = ("cache-control", "max-age=10, stale-while-revalidate=60");
    let world =
        World::with(|layer| layer.patience(Duration::from_secs(3)), move |n, _| answer(format!("{n}"), &[said]));
    world.get("/page").await;
    world.clock.advance(Duration::from_secs(11));
    world.source.gate.close();
    assert_eq!(world.get("/page").await.text(), "1");
    world.source.gate.arrived(2).await;
    assert_eq!(world.source.running(), 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((world.get("/page").await.text(), world.source.running()), ("1", 1), "it is still waited for");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.source.running(), 0);
    world.source.gate.open();
    assert_eq!(world.get("/page").await.text(), "1");
    eventually("another one has asked", || world.responses.stats().stored == 2).await;
    assert_eq!(world.get("/page").await.text(), "3");
}
