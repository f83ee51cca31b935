//! The nearest of many pictures: by the index, by comparing all, and by a tree of distances; and what a hash costs.

#![allow(clippy::print_stdout, clippy::expect_used, missing_docs)]

mod kit;

use std::hint::black_box;
use std::io::Cursor;
use std::path::Path;
use std::time::{Duration, Instant};

use cached_runtime::Cache;
use cached_runtime::dedup::{Dedup, DedupOptions, Index, Method, PictureHash};
use image::{DynamicImage, ImageFormat, RgbImage};
use kit::{median, reach, summary, wanted};

const MANY: usize = 100_000;
const LOOKS: usize = 2_000;
const SCANS: usize = 200;
const ROUNDS: usize = 5;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z ^ (z >> 29)
    }

    fn below(&mut self, bound: u32) -> u32 {
        (self.next() % u64::from(bound.max(1))) as u32
    }
}

/// A tree of distances (Burkhard and Keller, 1973), to compare with.
#[derive(Default)]
struct Tree(Vec<(PictureHash, Vec<(u32, usize)>)>);

impl Tree {
    fn insert(&mut self, hash: PictureHash) {
        let (mut node, new) = (0, self.0.len());
        self.0.push((hash, Vec::new()));
        while node != new {
            let distance = self.0[node].0.distance(&hash);
            match self.0[node].1.iter().find(|(far, _)| *far == distance) {
                Some((_, child)) => node = *child,
                None => {
                    self.0[node].1.push((distance, new));
                    node = new;
                }
            }
        }
    }

    fn nearest(&self, hash: &PictureHash, radius: u32) -> Option<u32> {
        let (mut best, mut open) = (None, vec![0]);
        while let Some(node) = open.pop() {
            let Some((here, children)) = self.0.get(node) else { break };
            let distance = here.distance(hash);
            if distance <= best.unwrap_or(radius) {
                best = Some(distance);
            }
            let reach = best.unwrap_or(radius);
            open.extend(children.iter().filter(|(far, _)| far.abs_diff(distance) <= reach).map(|(_, child)| *child));
        }
        best
    }
}

fn pictures() -> Vec<RgbImage> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data/pictures");
    let mut paths: Vec<_> = std::fs::read_dir(dir).expect("pictures").flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jpg"));
    paths.sort();
    paths.iter().map(|path| image::open(path).expect("a picture").to_rgb8()).collect()
}

fn bmp(picture: &DynamicImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Bmp).expect("a picture");
    bytes.into_inner()
}

/// Hashes as real pictures have them: of windows of pictures, whose bits are anything but even.
async fn of_windows(dedup: &Dedup, pictures: &[RgbImage], count: usize) -> Vec<PictureHash> {
    let mut random = Random(7);
    let mut hashes = Vec::with_capacity(count);
    for i in 0..count {
        let picture = &pictures[i % pictures.len()];
        let (width, height) = (64 + random.below(picture.width() - 64), 64 + random.below(picture.height() - 64));
        let (x, y) = (random.below(picture.width() - width), random.below(picture.height() - height));
        let window = image::imageops::crop_imm(picture, x, y, width, height).to_image();
        hashes.push(dedup.hash(bmp(&DynamicImage::from(window))).await.expect("a hash"));
    }
    hashes
}

fn of_chance(count: usize, bits: u32) -> Vec<PictureHash> {
    let mut random = Random(9);
    (0..count).map(|_| PictureHash::new(std::array::from_fn(|_| random.next()), bits)).collect()
}

fn micros(count: usize, work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1e6 / count as f64
}

fn look_ups(name: &str, hashes: &[PictureHash], asked: &[PictureHash]) {
    let bits = hashes[0].bits();
    let mut index = Index::new(bits, 0.95);
    let insert = micros(hashes.len(), || {
        hashes.iter().zip(0..).for_each(|(hash, milli)| index.insert(hash, Duration::from_millis(milli)));
    });
    let mut tree = Tree::default();
    hashes.iter().for_each(|hash| tree.insert(*hash));
    let mut took: [Vec<f64>; 3] = Default::default();
    for _ in 0..ROUNDS {
        let asked_here = asked.iter().take(LOOKS);
        took[0].push(micros(LOOKS, || {
            asked_here.for_each(|hash| {
                black_box(index.nearest(hash));
            });
        }));
        let few = || asked.iter().take(SCANS);
        took[1].push(micros(SCANS, || {
            few().for_each(|hash| {
                black_box(index.nearest_by_scan(hash));
            });
        }));
        took[2].push(micros(SCANS, || {
            few().for_each(|hash| {
                black_box(tree.nearest(hash, index.radius()));
            });
        }));
    }
    for hash in asked.iter().take(SCANS) {
        assert_eq!(index.nearest(hash), index.nearest_by_scan(hash));
        assert_eq!(index.nearest(hash).map(|(_, distance)| distance), tree.nearest(hash, index.radius()));
    }
    let found = asked.iter().take(LOOKS).filter(|hash| index.nearest(hash).is_some()).count();
    let [index_took, scan, by_tree] = took.map(median);
    println!("\n{name}: microseconds a look-up among {}, {bits} bits, {found} of {LOOKS} found", hashes.len());
    println!("{:<34}{index_took:>9.2}", "index");
    println!("{:<34}{scan:>9.2}{:>8.1} x", "comparing all", scan / index_took);
    println!("{:<34}{by_tree:>9.2}{:>8.1} x", "a tree of distances", by_tree / index_took);
    println!("{:<34}{insert:>9.2}", "adding one");
    println!("{:<34}{:>9.0}", "bytes of memory a picture", index.heap_bytes() as f64 / hashes.len() as f64);
    summary();
    reach(name, "a look-up, in microseconds", index_took, 50.0);
}

async fn hash_costs(pictures: &[RgbImage], cache: &Cache) {
    println!("\nmilliseconds a picture, decoded and hashed");
    let large = DynamicImage::from(pictures[0].clone()).resize_exact(1920, 1080, image::imageops::FilterType::Triangle);
    let encoded = |picture: &DynamicImage, format| {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).expect("a picture");
        bytes.into_inner()
    };
    for method in [Method::Combined, Method::Mean] {
        let options = DedupOptions::new().method(method);
        let dedup = Dedup::open(cache, &format!("cost-{method:?}"), options).expect("a name");
        for (what, bytes) in [
            ("JPEG, 1920 by 1080", encoded(&large, ImageFormat::Jpeg)),
            ("BMP, 1920 by 1080", encoded(&large, ImageFormat::Bmp)),
            ("JPEG, 320 by 213", encoded(&DynamicImage::from(pictures[0].clone()), ImageFormat::Jpeg)),
        ] {
            let mut took = Vec::new();
            for _ in 0..20 {
                let start = Instant::now();
                black_box(dedup.hash(bytes.clone()).await.expect("a hash"));
                took.push(start.elapsed().as_secs_f64() * 1e3);
            }
            println!("{:<34}{:>9.2}", format!("{method:?}: {what}"), median(took));
        }
        let known = dedup.hash(encoded(&large, ImageFormat::Jpeg)).await.expect("a hash");
        let mut random = Random(3);
        let mut took = Vec::new();
        for milli in 0..3_000 {
            let hash = PictureHash::new(std::array::from_fn(|_| random.next()), known.bits());
            let start = Instant::now();
            dedup.check_hash("v", Duration::from_millis(milli), &hash, 1).await.expect("an answer");
            took.push(start.elapsed().as_secs_f64() * 1e6);
        }
        println!("{:<34}{:>9.2} microseconds", format!("{method:?}: a check of its hash"), median(took));
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let cache = Cache::builder().build().expect("a cache");
    let pictures = pictures();
    if wanted("hash") {
        hash_costs(&pictures, &cache).await;
    }
    for method in [Method::Combined, Method::Mean] {
        let dedup = Dedup::open(&cache, &format!("of-{method:?}"), DedupOptions::new().method(method)).expect("a name");
        if wanted("windows") {
            let mut hashes = of_windows(&dedup, &pictures, MANY + LOOKS).await;
            let asked = hashes.split_off(MANY);
            look_ups(&format!("{method:?}, windows of pictures"), &hashes, &asked);
        }
        if wanted("chance") {
            let mut hashes = of_chance(MANY + LOOKS, method.bits());
            let asked = hashes.split_off(MANY);
            look_ups(&format!("{method:?}, hashes of chance"), &hashes, &asked);
        }
    }
}
