//! The small harness: contestants side by side in one process, interleaved, their order shuffled each round, medians.

#![allow(dead_code, reason = "each bench uses its own part")]

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Rounds per table; the median of them counts.
pub(crate) const ROUNDS: usize = 9;

/// CPU time of this thread: what other processes do drops out.
pub(crate) fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// CPU time of all threads of this process.
pub(crate) fn process_cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// What one contestant does with a stream of keys, on the calling thread.
pub(crate) type Work<'a> = Box<dyn Fn(&[u64]) + Sync + 'a>;

/// One table: a cell per contestant and column.
pub(crate) struct Table<'a> {
    title: String,
    rows: Vec<(String, Work<'a>)>,
    columns: Vec<Column>,
    cells: Vec<Vec<f64>>,
}

struct Column {
    name: String,
    threads: usize,
    keys: Vec<u64>,
}

/// Whether this is to be measured: `ROWS="#[cache];quick"` asks only for what has one of these words in its name, as for a
/// profile.
pub(crate) fn wanted(name: &str) -> bool {
    std::env::var("ROWS").map_or(true, |rows| rows.split(';').any(|word| name.contains(word)))
}

impl<'a> Table<'a> {
    pub(crate) fn new(title: &str) -> Self {
        Self { title: title.to_owned(), rows: Vec::new(), columns: Vec::new(), cells: Vec::new() }
    }

    /// A contestant: runs once through the keys it is given.
    pub(crate) fn row(&mut self, name: &str, work: impl Fn(&[u64]) + Sync + 'a) -> &mut Self {
        if wanted(name) {
            self.rows.push((name.to_owned(), Box::new(work)));
        }
        self
    }

    /// A stream of keys, seen by one thread or by two at a time.
    pub(crate) fn column(&mut self, name: &str, threads: usize, keys: &[u64]) -> &mut Self {
        self.columns.push(Column { name: name.to_owned(), threads, keys: keys.to_vec() });
        self
    }

    /// Runs all rounds.
    pub(crate) fn run(&mut self) -> &mut Self {
        for column in &self.columns {
            let mut rounds = vec![Vec::with_capacity(ROUNDS); self.rows.len()];
            let mut order: Vec<usize> = (0..self.rows.len()).collect();
            let mut random = Random(7);
            for round in 0..=ROUNDS {
                // Shuffled: behind the same one each time, a contestant would always find the same in the caches.
                for i in (1..order.len()).rev() {
                    order.swap(i, (random.unit() * (i + 1) as f64) as usize);
                }
                for &row in &order {
                    let took = column.measure(&self.rows[row].1);
                    // The first round warms up.
                    if round > 0 {
                        rounds[row].push(took);
                    }
                }
            }
            self.cells.push(rounds.into_iter().map(median).collect());
        }
        self
    }

    /// Nanoseconds per call seen by one thread.
    pub(crate) fn ns(&self, row: &str, column: &str) -> f64 {
        let row = self.rows.iter().position(|(name, _)| name == row);
        let column = self.columns.iter().position(|c| c.name == column);
        match (row, column) {
            (Some(row), Some(column)) => self.cells[column][row],
            _ => f64::NAN,
        }
    }

    /// How much of `bar` does `row` need?
    pub(crate) fn ratio(&self, row: &str, bar: &str, column: &str) -> f64 {
        self.ns(row, column) / self.ns(bar, column)
    }

    /// Prints nanoseconds, and in brackets how many times the first row each needs.
    pub(crate) fn print(&self) -> &Self {
        println!("\n{} (ns per call seen by one thread; in brackets: times the first row)", self.title);
        let names = self.columns.iter().map(|c| format!("{:>18}", c.name)).collect::<String>();
        println!("{:<52}{names}", "");
        for (i, (name, _)) in self.rows.iter().enumerate() {
            let cells: String =
                self.cells.iter().map(|c| format!("{:>10.1} {:>7}", c[i], times(c[i] / c[0]))).collect();
            println!("{name:<52}{cells}");
        }
        self
    }
}

impl Column {
    fn measure(&self, work: &Work<'_>) -> f64 {
        let calls = self.keys.len() as f64;
        if self.threads == 1 {
            let start = cpu();
            work(&self.keys);
            return (cpu() - start).as_nanos() as f64 / calls;
        }
        let barrier = std::sync::Barrier::new(self.threads);
        let took: Vec<f64> = std::thread::scope(|scope| {
            let runs: Vec<_> = (0..self.threads)
                .map(|thread| {
                    let barrier = &barrier;
                    // Each thread begins elsewhere in the stream.
                    let mut keys = self.keys.clone();
                    keys.rotate_left(thread * self.keys.len() / self.threads);
                    scope.spawn(move || {
                        barrier.wait();
                        let start = Instant::now();
                        work(&keys);
                        start.elapsed().as_nanos() as f64 / calls
                    })
                })
                .collect();
            runs.into_iter().map(|run| run.join().unwrap_or(f64::NAN)).collect()
        });
        took.iter().sum::<f64>() / took.len() as f64
    }
}

fn times(ratio: f64) -> String {
    format!("({ratio:.2})")
}

pub(crate) fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or(f64::NAN)
}

/// One line of "to reach": our figure against a bar that must not be exceeded.
pub(crate) fn reach(case: &str, what: &str, ours: f64, target: f64) {
    let verdict = match ours / target {
        _ if ours == target => "met".to_owned(),
        part if part < 1.0 => format!("met, {:.0} % under", (1.0 - part) * 100.0),
        part if part.is_nan() => "not run".to_owned(),
        part => format!("missed by {:.0} %", (part - 1.0) * 100.0),
    };
    println!("{case:<58} {what:<44} {ours:>7.2} <= {target:<5.2} {verdict}");
}

/// The head over the lines of [`reach`].
pub(crate) fn summary() {
    println!("\nto reach");
}

/// A runtime for one thread.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Runs a future on this thread with the runtime that was made for it.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime = runtime();
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// A random stream that is the same in every run.
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Keys by Zipf(0.99) over `n`, scattered so that neighbours in rank are no neighbours in number.
pub(crate) fn zipf(n: u64, count: usize, seed: u64) -> Vec<u64> {
    let mut sum = 0.0;
    let steps: Vec<f64> = (1..=n)
        .map(|rank| {
            sum += 1.0 / (rank as f64).powf(0.99);
            sum
        })
        .collect();
    let mut random = Random(seed);
    let rank = |u: f64| steps.partition_point(|step| *step < u * sum) as u64;
    (0..count).map(|_| scatter(rank(random.unit()).min(n - 1), n)).collect()
}

fn scatter(rank: u64, n: u64) -> u64 {
    // 7919 is a prime that divides none of the sizes used here.
    rank * 7919 % n
}

/// One row of a table, about 200 bytes.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Row {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) tags: Vec<String>,
    pub(crate) score: f64,
}

impl Row {
    pub(crate) fn of(id: u64) -> Self {
        Self {
            id,
            name: format!("the name of row {id}, as long as names in tables tend to be"),
            tags: vec!["first".to_owned(), format!("tag-{}", id % 10)],
            score: id as f64 / 3.0,
        }
    }
}

/// A text of 100 bytes.
pub(crate) fn text(id: u64) -> String {
    format!("{id:0>100}")
}

/// The traces of `CACHED_TRACES`, or those that lie beside the benches; of each so many requests at most.
pub(crate) fn traces(most: usize) -> Vec<(String, Vec<u64>)> {
    let here = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/data"));
    let room = std::env::var_os("CACHED_TRACES").map_or(here, PathBuf::from);
    let files = std::fs::read_dir(&room).expect("CACHED_TRACES names a directory").flatten().map(|file| file.path());
    let mut traces: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|end| end == "gz"))
        .map(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy().replace(".txt.gz", "")).unwrap_or_default();
            let lines = BufReader::new(flate2::read::GzDecoder::new(File::open(&path).expect("a trace"))).lines();
            let keys = lines.map_while(Result::ok).filter_map(|line| line.split(' ').next()?.parse().ok());
            (name, keys.take(most).collect())
        })
        .collect();
    traces.sort();
    traces
}
