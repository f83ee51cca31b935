//! Vectors of texts, each asked of its model once: cold, warm, after a restart, and with four, two
//! bytes or one for each number.
//!
//! The model is a small one that knows words by the company they keep (`glove.rs`): it finds definitions that share no
//! word with the question. It comes with the example; any other takes its place in `model`.
//!
//! `cargo run --release --example embeddings`

mod glove;
mod search;

use std::path::Path;
use std::time::{Duration, Instant};

use cached_runtime::Cache;
use cached_runtime::codec::Compression;
use cached_runtime::embed::{CachedModel, Precision};

use crate::glove::{DIMENSIONS, Glove};
use crate::search::{Shelf, overlap};

const PATIENCE: Duration = Duration::from_secs(10);
const QUESTIONS: [&str; 4] =
    ["an attorney in a courtroom", "a wedding of bride and groom", "too much alcohol", "physicians and drugs"];

/// The model over the cache. Everything else in this program knows only this.
fn model(cache: &Cache, precision: Precision) -> Result<CachedModel<Glove>, Box<dyn std::error::Error>> {
    Ok(CachedModel::wrap(Glove::new()?).id("glove-100d").version(1).precision(precision).build(cache)?)
}

/// What one process does: it makes the vectors of all texts, twice.
struct Run {
    shelf: Shelf,
    questions: Shelf,
    asked: u64,
    stored: u64,
}

async fn process(dir: &Path, precision: Precision, texts: &[String]) -> Result<Run, Box<dyn std::error::Error>> {
    // Vectors of trained models hardly get smaller.
    let builder = Cache::builder().compression(Compression::None);
    let cache = builder.disk_with(dir.join("vectors"), 100 << 20).build()?;
    let model = model(&cache, precision)?;
    let mut before = 0;
    let mut shelf = Shelf::default();
    for time in ["first", "again"] {
        let start = Instant::now();
        shelf = Shelf::of(model.embed(texts).await?);
        let took = start.elapsed();
        let asked = model.stats().asked;
        println!("  {time}: {:3} of {} texts reached the model, {took:.2?}", asked - before, texts.len());
        before = asked;
    }
    let questions = Shelf::of(model.embed(&QUESTIONS).await?);
    cache.flush(PATIENCE).await;
    let stored = cache.stats().tiers[0].bytes_written;
    cache.shutdown(PATIENCE).await;
    Ok(Run { shelf, questions, asked: model.stats().asked, stored })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let entries: Vec<[String; 2]> = serde_json::from_str(include_str!("../data/definitions.json"))?;
    let texts: Vec<String> = entries.iter().map(|[word, definition]| format!("{word}: {definition}")).collect();
    let words = Glove::new()?.words();
    println!("{} definitions; a model that knows {words} words, in {DIMENSIONS} numbers\n", texts.len());

    let mut exact: Option<Run> = None;
    for precision in [Precision::F32, Precision::F16, Precision::I8] {
        let dir = tempfile::tempdir()?;
        println!("{}, a new store:", precision.word());
        let cold = process(dir.path(), precision, &texts).await?;
        assert_eq!(cold.asked as usize, texts.len() + QUESTIONS.len());
        println!("{}, after a restart:", precision.word());
        let warm = process(dir.path(), precision, &texts).await?;
        assert_eq!(warm.asked, 0, "all was on disk");
        assert_eq!(warm.shelf, cold.shelf, "and came back to the bit");
        println!("  {} bytes written for each text, key and all", cold.stored / cold.asked);
        if let Some(exact) = &exact {
            let (lost, same) = (exact.shelf.lost(&cold.shelf), overlap(&exact.shelf, &cold.shelf));
            println!("  1 - cosine with the exact vectors: {lost:.1e} at most");
            println!("  of the ten nearest of each text, {:.2} % are those of f32", 100.0 * same);
        }
        println!();
        exact.get_or_insert(cold);
    }

    let exact = exact.ok_or("there is a first precision")?;
    for (question, vector) in QUESTIONS.iter().zip(exact.questions.vectors()) {
        println!("{question}?");
        for (place, likeness) in exact.shelf.nearest(vector, 3) {
            let [word, definition] = &entries[place];
            println!("  {likeness:.2}  {word}: {}", definition.chars().take(80).collect::<String>());
        }
    }
    Ok(())
}
