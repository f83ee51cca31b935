//! Pictures as WebP: a batch on two threads against the same on one, and what a picture costs.

#![allow(clippy::print_stdout, clippy::expect_used, missing_docs)]

mod kit;

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::time::{Duration, Instant};

use cached_runtime::image::{Resize, WebP};
use image::ImageFormat;
use kit::{median, process_cpu, reach, summary, wanted};

const ROUNDS: usize = 5;

/// What the aim is said of: a batch of pictures on two cores takes at most this part of the time on one.
const AIM: f64 = 0.55;

fn photographs(folder: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("pictures").map(|entry| entry.expect("a picture").path()).collect();
    paths.sort();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jpg"));
    paths.iter().map(|path| fs::read(path).expect("a picture")).collect()
}

fn as_png(photograph: &[u8]) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let picture = image::load_from_memory(photograph).expect("a photograph");
    picture.write_to(&mut out, ImageFormat::Png).expect("a PNG");
    out.into_inner()
}

/// How long a batch takes, and how much of the processor, both in milliseconds a picture.
async fn batch(webp: &WebP, pictures: &[Vec<u8>], at_once: usize) -> (f64, f64) {
    let each = |took: Duration| took.as_secs_f64() * 1e3 / pictures.len() as f64;
    let (start, before) = (Instant::now(), process_cpu());
    let report = webp.batch(pictures.iter().map(Vec::clone)).at_once(at_once).await.expect("a batch");
    let took = (each(start.elapsed()), each(process_cpu() - before));
    report.complete().expect("all pictures");
    took
}

async fn run(name: &str, webp: &WebP, pictures: &[Vec<u8>]) {
    if !wanted(name) {
        return;
    }
    let mut took: [Vec<f64>; 4] = Default::default();
    for round in 0..=ROUNDS {
        let ((one, one_cpu), (two, two_cpu)) = (batch(webp, pictures, 1).await, batch(webp, pictures, 2).await);
        // The first round warms up.
        if round > 0 {
            took.iter_mut().zip([one, two, one_cpu, two_cpu]).for_each(|(all, time)| all.push(time));
        }
    }
    let report = webp.batch(pictures.to_vec()).await.expect("a batch");
    let [one, two, one_cpu, two_cpu] = took.map(median);
    println!("\n{name}: {} pictures, {:.1} % less bytes", pictures.len(), report.saving() * 100.0);
    println!("{:<40}{one:>9.2} ms a picture, {one_cpu:>9.2} ms of the processor", "one at a time");
    println!("{:<40}{two:>9.2} ms a picture, {two_cpu:>9.2} ms of the processor", "two at a time");
    println!("{:<40}{:>9.2} x", "two threads are so many times as fast", one / two);
    summary();
    reach(name, "a batch on two threads: part of the time on one", two / one, AIM);
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data/pictures");
    let (small, large) = (photographs(&folder), photographs(&folder.join("large")));
    let pngs: Vec<Vec<u8>> = large.iter().map(|photograph| as_png(photograph)).collect();
    run("photographs, JPEG, to 400 pixels", &WebP::new(), &small).await;
    run("photographs, JPEG, from 1,280 pixels", &WebP::new(), &large).await;
    run("photographs, PNG, from 1,280 pixels", &WebP::new(), &pngs).await;
    run("thumbnails of 320 pixels, JPEG, from 1,280", &WebP::new().resize(Resize::within(320, 320)), &large).await;
    run("photographs, effort 6, JPEG, from 1,280 pixels", &WebP::new().effort(6), &large).await;
}
