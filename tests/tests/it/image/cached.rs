//! A picture is converted once for its content, whoever brings it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use cached_runtime::clock::Clock;
use cached_runtime::image::{Fault, Images, Kept, Limits, Resize, WebP, fault};
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::{Builder, Cache, ErrorKind};
use image::codecs::jpeg::JpegEncoder;

use super::pictures::{decoded, drawing, photograph, png};
use crate::rig::soon;
use crate::shelf::eventually;

const LONG: Duration = Duration::from_secs(20);

fn near() -> Cache {
    Cache::builder().build().unwrap()
}

fn node(tier: &Arc<MemoryTier>, more: impl FnOnce(Builder) -> Builder) -> Cache {
    let builder = Cache::builder().read_deadline(LONG).write_deadline(LONG);
    more(builder.tier(Arc::clone(tier) as Arc<dyn cached_runtime::Tier>)).build().unwrap()
}

fn loads(cache: &Cache) -> u64 {
    cache.stats().site("image").map_or(0, |site| site.loads)
}

#[tokio::test]
async fn the_same_content_is_converted_once_under_whatever_name() {
    let cache = near();
    let images = Images::over(&cache, WebP::new()).unwrap();
    let first = images.convert(photograph()).await.unwrap();
    assert_eq!(first, WebP::new().convert(&photograph()).unwrap());
    let copy: Bytes = photograph().into();
    assert_eq!(images.clone().convert(copy).await.unwrap(), first);
    assert_eq!(Images::over(&cache, WebP::new()).unwrap().convert(photograph()).await.unwrap(), first);
    assert_eq!(loads(&cache), 1);
    // Another content is another picture, also if it looks the same.
    let mut other = photograph();
    other.push(0);
    assert_eq!(images.convert(other).await.unwrap().bytes, first.bytes);
    assert_eq!(loads(&cache), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_waits_for_one_conversion() {
    let cache = near();
    let images = Images::over(&cache, WebP::new()).unwrap();
    let crowd: Vec<_> = (0..16)
        .map(|_| {
            tokio::spawn({
                let images = images.clone();
                async move { images.convert(photograph()).await.unwrap() }
            })
        })
        .collect();
    for one in crowd {
        assert_eq!(one.await.unwrap().kept, Kept::WebP);
    }
    assert_eq!(loads(&cache), 1);
}

#[tokio::test]
async fn other_options_are_another_picture() {
    let cache = near();
    let all = [
        WebP::new(),
        WebP::new().quality(84),
        WebP::new().lossless(true),
        WebP::new().effort(5),
        WebP::new().resize(Resize::width(100)),
        WebP::new().resize(Resize::height(100)),
        WebP::new().never_larger(false),
    ];
    let mut keys: Vec<_> =
        all.map(|options| Images::over(&cache, options).unwrap().key(&photograph()).as_str().to_owned()).into();
    // Limits change nothing of what comes out.
    let limited = Images::over(&cache, WebP::new().limits(Limits::new().pixels(1_000_000))).unwrap();
    assert_eq!(limited.key(&photograph()).as_str(), keys[0]);
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 7);
    let small = Images::over(&cache, WebP::new().resize(Resize::width(100))).unwrap();
    let large = Images::over(&cache, WebP::new()).unwrap();
    assert_eq!(small.convert(photograph()).await.unwrap().width, 100);
    assert_eq!(large.convert(photograph()).await.unwrap().width, 320);
}

#[tokio::test]
async fn what_one_node_converted_another_finds() {
    let tier = Arc::new(MemoryTier::new());
    let (one, other) = (node(&tier, |builder| builder), node(&tier, |builder| builder));
    let first = Images::over(&one, WebP::new()).unwrap().convert(photograph()).await.unwrap();
    one.flush(LONG).await;
    let found = Images::over(&other, WebP::new()).unwrap().convert(photograph()).await.unwrap();
    assert_eq!(found, first);
    assert_eq!((loads(&one), loads(&other)), (1, 0));
}

#[tokio::test]
async fn of_an_original_that_was_kept_only_that_is_remembered() {
    let tier = Arc::new(MemoryTier::new());
    let (one, other) = (node(&tier, |b| b.max_value(64)), node(&tier, |b| b.max_value(64)));
    let mut poor = Vec::new();
    JpegEncoder::new_with_quality(&mut poor, 5).encode_image(&decoded(&photograph())).unwrap();
    for cache in [&one, &other] {
        let kept = Images::over(cache, WebP::new().quality(100)).unwrap().convert(poor.clone()).await.unwrap();
        assert_eq!((kept.kept, kept.width), (Kept::Original, 320));
        assert_eq!(kept.bytes, poor);
        cache.flush(LONG).await;
    }
    assert_eq!((loads(&one), loads(&other)), (1, 0), "a frame of 64 bytes has room for it");
}

#[tokio::test]
async fn what_is_too_large_for_a_tier_stays_near() {
    let tier = Arc::new(MemoryTier::new());
    let (one, other) = (node(&tier, |b| b.max_value(1_000)), node(&tier, |b| b.max_value(1_000)));
    let images = Images::over(&one, WebP::new()).unwrap();
    let first = images.convert(photograph()).await.unwrap();
    assert!(first.bytes.len() > 1_000);
    one.flush(LONG).await;
    assert_eq!(images.convert(photograph()).await.unwrap(), first);
    assert_eq!(Images::over(&other, WebP::new()).unwrap().convert(photograph()).await.unwrap(), first);
    assert_eq!((loads(&one), loads(&other)), (1, 1));
}

#[tokio::test]
async fn what_failed_is_told_as_it_is_and_tried_again() {
    let cache = near();
    let images = Images::over(&cache, WebP::new()).unwrap();
    // Its parts are whole, and a part of its pixels is not.
    let mut broken = png(&drawing(40, 30, false));
    let pixels = broken.windows(4).position(|name| name == b"IDAT").unwrap();
    broken[pixels + 20] ^= 0xff;
    for round in 1..=2 {
        let error = images.convert(broken.clone()).await.unwrap_err();
        assert_eq!((error.kind(), fault(&error)), (ErrorKind::Codec, Some(Fault::Broken)));
        assert_eq!(loads(&cache), round);
    }
    let error = images.convert(&b"no picture, but long enough to be one"[..]).await.unwrap_err();
    assert_eq!((error.kind(), fault(&error)), (ErrorKind::Codec, Some(Fault::NotAPicture)));
    let limited = Images::over(&cache, WebP::new().limits(Limits::new().bytes(100))).unwrap();
    let error = limited.convert(photograph()).await.unwrap_err();
    assert_eq!(fault(&error), Some(Fault::TooManyBytes));
    assert_eq!(loads(&cache), 2, "not even hashed");
}

#[tokio::test]
async fn a_picture_lives_as_long_as_was_said_and_can_be_forgotten() {
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).build().unwrap();
    let images = Images::over(&cache, WebP::new()).unwrap().ttl(Duration::from_secs(60));
    images.convert(photograph()).await.unwrap();
    clock.advance(Duration::from_secs(59));
    images.convert(photograph()).await.unwrap();
    assert_eq!(loads(&cache), 1);
    clock.advance(Duration::from_secs(1));
    images.convert(photograph()).await.unwrap();
    assert_eq!(loads(&cache), 2);
    images.forget(photograph()).await.unwrap();
    images.convert(photograph()).await.unwrap();
    assert_eq!(loads(&cache), 3);
}

#[tokio::test]
async fn a_large_picture_is_known_as_well_as_a_small_one() {
    let cache = near();
    let images = Images::over(&cache, WebP::new().effort(0)).unwrap().at_once(1);
    // Over what is hashed in the caller's task.
    let noise = image::RgbImage::from_fn(300, 200, |x, y| {
        let mixed = x.wrapping_mul(2_654_435_761).wrapping_add(y.wrapping_mul(40_503)).wrapping_mul(2_246_822_519);
        image::Rgb([(mixed >> 24) as u8, (mixed >> 16) as u8, (mixed >> 8) as u8])
    });
    let large = png(&noise.into());
    assert!(large.len() > 64 << 10, "{}", large.len());
    let first = images.convert(large.clone()).await.unwrap();
    assert_eq!(images.convert(large.clone()).await.unwrap(), first);
    assert_eq!(loads(&cache), 1);
    assert!(images.key(&large).as_str().starts_with("image:1-q85-e0:"), "{}", images.key(&large).as_str());
    images.convert(png(&drawing(20, 20, false))).await.unwrap();
    assert_eq!(loads(&cache), 2);
}

/// A runtime whose only thread for what blocks is busy until it is told: conversions begin, and come no further.
fn blocked() -> (tokio::runtime::Runtime, std::sync::mpsc::Sender<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    let (go, told) = std::sync::mpsc::channel::<()>();
    drop(runtime.spawn_blocking(move || told.recv()));
    (runtime, go)
}

/// A picture that says when nobody holds it any more.
struct Counted(Vec<u8>, Arc<AtomicUsize>);

impl Counted {
    fn bytes(picture: Vec<u8>, count: &Arc<AtomicUsize>) -> Bytes {
        count.fetch_add(1, SeqCst);
        Bytes::from_owner(Self(picture, Arc::clone(count)))
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_sub(1, SeqCst);
    }
}

/// Pictures of one length, each of its own content.
fn numbered(number: u8) -> Vec<u8> {
    let mut picture = png(&drawing(40, 30, false));
    picture.push(number);
    picture
}

#[test]
fn callers_who_go_away_leave_no_more_behind_than_the_bound() {
    const CALLERS: u8 = 40;
    let (runtime, go) = blocked();
    runtime.block_on(async {
        let (cache, held) = (near(), Arc::new(AtomicUsize::new(0)));
        let a_picture = numbered(0).len().next_multiple_of(1 << 10);
        let images = Images::over(&cache, WebP::new()).unwrap().max_waiting(3 * a_picture + 1_000);
        let callers: Vec<_> = (0..CALLERS)
            .map(|number| {
                let (images, picture) = (images.clone(), Counted::bytes(numbered(number), &held));
                tokio::spawn(async move { images.convert(picture).await })
            })
            .collect();
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        assert_eq!(held.load(SeqCst), usize::from(CALLERS), "they all wait");
        for caller in callers {
            caller.abort();
            assert!(caller.await.unwrap_err().is_cancelled());
        }
        assert_eq!(held.load(SeqCst), 3, "conversions that have begun go on, and no others");
        go.send(()).unwrap();
        eventually("they are done", || held.load(SeqCst) == 0 && loads(&cache) == 3).await;
        // The control: who stays gets a picture, however many there are, and also a larger one than there is room for.
        let callers: Vec<_> = (0..CALLERS)
            .map(|number| {
                let (images, picture) = (images.clone(), Counted::bytes(numbered(number), &held));
                tokio::spawn(async move { images.convert(picture).await.unwrap() })
            })
            .collect();
        for caller in callers {
            assert_eq!(soon("a picture", caller).await.unwrap().width, 40);
        }
        let narrow = images.max_waiting(1);
        assert_eq!(soon("a picture", narrow.convert(photograph())).await.unwrap().width, 320);
    });
}

/// Long pictures are hashed where computing delays nobody, and wait for that without being bounded by what is converted.
#[test]
fn callers_with_long_pictures_who_go_away_leave_no_more_than_are_hashed_at_a_time() {
    let (runtime, go) = blocked();
    runtime.block_on(async {
        let (cache, held) = (near(), Arc::new(AtomicUsize::new(0)));
        let images = Images::over(&cache, WebP::new()).unwrap();
        let long = |number: u8| {
            let mut picture = numbered(number);
            picture.resize(70_000, number);
            picture
        };
        let call = |number| {
            let (images, picture) = (images.clone(), Counted::bytes(long(number), &held));
            tokio::spawn(async move { images.convert(picture).await })
        };
        let callers: Vec<_> = (0..40).map(call).collect();
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        for caller in callers {
            caller.abort();
            assert!(caller.await.unwrap_err().is_cancelled());
        }
        let cores = std::thread::available_parallelism().unwrap().get();
        assert_eq!(held.load(SeqCst), cores.min(40));
        go.send(()).unwrap();
        eventually("they are done", || held.load(SeqCst) == 0).await;
        assert_eq!(loads(&cache), 0);
        assert_eq!(soon("a picture", call(1)).await.unwrap().unwrap().width, 40);
    });
}

#[test]
fn what_was_converted_before_does_not_wait_for_room() {
    let (runtime, go) = blocked();
    runtime.block_on(async {
        let cache = near();
        let images = Images::over(&cache, WebP::new()).unwrap().max_waiting(1);
        let other = images.clone();
        // Its bytes come from another place than the only thread, which is busy.
        let stored = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(other.convert(numbered(1))).unwrap()
        });
        let stored = stored.join().unwrap();
        let waits = tokio::spawn({
            let images = images.clone();
            async move { images.convert(numbered(2)).await.unwrap() }
        });
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        assert_eq!(soon("a picture", images.convert(numbered(1))).await.unwrap(), stored);
        assert!(!waits.is_finished(), "the control: all room is taken");
        go.send(()).unwrap();
        soon("a picture", waits).await.unwrap();
    });
}

#[test]
fn each_handle_has_its_own_limits_whoever_converts() {
    let (runtime, go) = blocked();
    runtime.block_on(async {
        let cache = near();
        let wide = Images::over(&cache, WebP::new()).unwrap();
        let narrow = Images::over(&cache, WebP::new().limits(Limits::new().pixels(100))).unwrap();
        assert_eq!(wide.key(&photograph()), narrow.key(&photograph()), "one conversion serves both");
        let refused = async || {
            let error = soon("a refusal", narrow.convert(photograph())).await.unwrap_err();
            assert_eq!(fault(&error), Some(Fault::TooManyPixels));
        };
        // Before the other one asks, while it waits, and when it has the picture.
        refused().await;
        let waits = tokio::spawn({
            let wide = wide.clone();
            async move { wide.convert(photograph()).await.unwrap() }
        });
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        refused().await;
        assert!(!waits.is_finished());
        go.send(()).unwrap();
        assert_eq!(soon("a picture", waits).await.unwrap().width, 320);
        refused().await;
        assert_eq!(loads(&cache), 1);
    });
}
