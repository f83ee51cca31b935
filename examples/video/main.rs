//! A video service: frames that look alike are stored once, pictures become WebP, and what a page shows next is on its way.
//!
//! Real pictures, 75 of them under free licences (`examples/data/pictures`), make five films. Everything printed is measured.

mod film;
mod import;
mod library;

use std::time::{Duration, Instant};

use cached_runtime::Cache;
use cached_runtime::dedup::{Dedup, DedupOptions};
use cached_runtime::image::{Images, WebP};

use film::Film;
use import::{Sum, import};
use library::{Library, captions, chapters, frames};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    println!("making five films of 75 pictures ..");
    let films = film::films()?;

    let library = Library::new(Cache::builder().disk(folder.path()).build()?);
    let sum = brought(&films, &library).await?;
    report("first import", &sum);
    saved(&sum);
    watch(&films, &library).await;

    println!("\na restart, and the same films once more: each frame and each picture is known");
    let flushed = library.cache.shutdown(Duration::from_secs(5)).await;
    anyhow::ensure!(flushed.unwritten == 0, "the disk did not take everything");
    let library = library.behind(Cache::builder().disk(folder.path()).build()?);
    let again = brought(&films, &library).await?;
    report("once more", &again);
    let converted = library.cache.stats().site("image").map_or(0, |site| site.loads);
    println!("  {converted} pictures were converted");
    anyhow::ensure!((again.new, again.stored) == (sum.new, sum.stored), "another answer than before");

    println!("\na film is taken out: one tag ends the index of its frames with all else that is cached of it");
    let (dedup, film) = (stills(&library)?, &films[0]);
    library.cache.invalidate_tags([dedup.group(&film.name)]).await;
    println!("  {}: {} frames are known", film.name, dedup.video_stats(&film.name).await.frames);
    library.cache.shutdown(Duration::from_secs(5)).await;
    Ok(())
}

fn stills(library: &Library) -> cached_runtime::Result<Dedup> {
    Dedup::open(&library.cache, "stills", DedupOptions::new())
}

async fn brought(films: &[Film], library: &Library) -> anyhow::Result<Sum> {
    import(films, &stills(library)?, &Images::over(&library.cache, WebP::new())?, library).await
}

fn report(what: &str, sum: &Sum) {
    let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    println!(
        "  {what:<14}{:>5} frames, {:>6.2} MiB; {:>4} like none before, {:>5.2} MiB; as WebP {:>5.2} MiB; {:>7.3} s",
        sum.frames,
        mib(sum.raw),
        sum.new,
        mib(sum.kept),
        mib(sum.stored),
        sum.took.as_secs_f64()
    );
}

fn saved(sum: &Sum) {
    let part = |after: usize, before: usize| 100.0 * (1.0 - after as f64 / before as f64);
    println!("  frames of one scene that were told to be another's: {}", sum.wrong);
    println!("  saved by references  {:>5.1} %", part(sum.kept, sum.raw));
    println!(
        "  saved by WebP        {:>5.1} %   (quality 85, of frames that were JPEG of quality 90)",
        part(sum.stored, sum.kept)
    );
    println!("  saved in all         {:>5.1} %   (described: over 80 %)", part(sum.stored, sum.raw));
}

/// Somebody opens each film's page.
async fn watch(films: &[Film], library: &Library) {
    println!("\nsomebody opens each film's page, and then again");
    for round in 1..=2 {
        let (before, began) = (library.asked(), Instant::now());
        for film in films {
            let shown = frames(library, &film.name).await.len();
            let (titles, scenes) = (captions(library, &film.name).await, chapters(library, &film.name).await);
            if round == 1 {
                println!("  {}: {shown} frames, {} scenes, {} ..", film.name, scenes.len(), titles[..3].join(", "));
            }
        }
        let (asked, took) = (library.asked() - before, began.elapsed().as_secs_f64() * 1e3);
        println!("  the library was asked {asked} times for {} answers, {took:.1} ms", 3 * films.len());
    }
    let ahead = library.cache.stats().total().prefetched;
    println!(
        "  {} answers were on their way before somebody asked, {} of them were asked for",
        ahead.brought, ahead.used
    );
}
