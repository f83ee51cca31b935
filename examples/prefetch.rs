//! Frames, and what a viewer asks for after them: captions and objects are on their way before he does.
//!
//! `cargo run --example prefetch`

use std::time::{Duration, Instant};

use cached_runtime::session::in_session;
use cached_runtime::{Cache, cache};

/// Models that look at videos; each takes a second for a whole one, and 30 ms for a trailer.
#[derive(Clone)]
struct Models;

impl Models {
    async fn look(&self, what: &str, video: u32) -> Vec<String> {
        self.find(Duration::from_secs(1), what, video).await
    }

    async fn find(&self, takes: Duration, what: &str, video: u32) -> Vec<String> {
        tokio::time::sleep(takes).await;
        (0..3).map(|n| format!("{what} {n} of video {video}")).collect()
    }
}

#[cache(key = "video:{video}:frames", skip(models), prefetch(captions(models, video), objects(models, video)))]
async fn frames(models: &Models, video: u32) -> Vec<String> {
    models.look("frame", video).await
}

#[cache(key = "video:{video}:captions", skip(models))]
async fn captions(models: &Models, video: u32) -> Vec<String> {
    models.look("caption", video).await
}

#[cache(key = "video:{video}:objects", skip(models))]
async fn objects(models: &Models, video: u32) -> Vec<String> {
    models.look("object", video).await
}

/// What is watched after what is found out.
#[cache(key = "trailer:{video}", skip(models), ttl = "2s", predict)]
async fn trailer(models: &Models, video: u32) -> Vec<String> {
    models.find(Duration::from_millis(30), "scene", video).await
}

#[tokio::main]
async fn main() -> cached_runtime::Result<()> {
    let (cache, models) = (Cache::builder().install()?, Models);

    let start = Instant::now();
    frames(&models, 1).await;
    println!("frames, from cold:                  {:>9.1?}", start.elapsed());
    let after = Instant::now();
    captions(&models, 1).await;
    objects(&models, 1).await;
    println!("captions and objects, just after:   {:>9.1?}", after.elapsed());
    // One after the other they would take three seconds.
    assert!(start.elapsed() < Duration::from_millis(2_500), "three loads of a second, side by side");

    // A series is watched again and again, each time from cold.
    let watched = async {
        let mut waited = Vec::new();
        for round in 0..45 {
            let begin = Instant::now();
            for video in 0..12 {
                trailer(&models, video).await;
                // Somebody looks at it.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            if round % 11 == 0 {
                waited.push((round, begin.elapsed()));
            }
            trailer_forgotten(&cache).await;
        }
        waited
    };
    println!("\nthe same 12 trailers, one after the other, from cold each time:");
    for (round, waited) in in_session("a viewer", watched).await {
        println!("  round {:>2}: {waited:>9.1?}", round + 1);
    }
    let stats = cache.stats();
    let seen = stats.site("trailer").map(|site| site.prediction).unwrap_or_default();
    println!(
        "{} predicted, {} used in time, {} met on their way, {} wasted",
        seen.issued, seen.used, seen.late, seen.wasted
    );
    Ok(())
}

async fn trailer_forgotten(cache: &Cache) {
    // Only what is in memory goes; it is no change of the trailers.
    let bytes = cache.near_capacity();
    cache.set_near_capacity(0);
    cache.set_near_capacity(bytes);
}
