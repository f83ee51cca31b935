//! Three nodes and one Redis, which is killed, comes back, and is emptied while they read and write.
//!
//! `cargo run --release --example cluster` starts a redis-server of its own and shows, twice a second, what each node
//! reads, how old it is, and what it knows. It fails if a node ever reads something older than what it invalidated
//! itself, or if the nodes disagree in the end.

mod node;
mod server;

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use cached_runtime::Cache;

use node::{ARTICLES, Node, Shop};
use server::Server;

/// When what happens, in seconds.
const KILLED: u64 = 3;
const BACK: u64 = 6;
const EMPTIED: u64 = 9;
const END: u64 = 12;

#[tokio::main]
async fn main() -> Result<()> {
    let mut redis = Server::start()?;
    let shop = Arc::new(Shop::new());
    let mut nodes = Vec::new();
    for number in 0..3 {
        let cache = Cache::builder().redis(&redis.url()).build()?;
        nodes.push(Node::new(number, cache, Arc::clone(&shop)));
    }
    let mut tasks = Vec::new();
    for node in &nodes {
        tasks.push(tokio::spawn(Arc::clone(node).read()));
        tasks.push(tokio::spawn(Arc::clone(node).write()));
    }
    show(&mut redis, &nodes, &shop).await?;
    shop.open.store(false, SeqCst);
    for task in tasks {
        task.await?;
    }
    agree(&nodes, &shop).await
}

async fn show(redis: &mut Server, nodes: &[Arc<Node>], shop: &Shop) -> Result<()> {
    println!("{:>5}  {:<10} {:>7} | per node: reads/s, stale reads (oldest), log", "s", "redis", "loads/s");
    let start = Instant::now();
    let mut state = "well";
    for tick in 1..=END * 2 {
        match tick {
            t if t == KILLED * 2 => (state, _) = ("killed", redis.kill()),
            t if t == BACK * 2 => (state, _) = ("back", redis.restart()?),
            t if t == EMPTIED * 2 => (state, _) = ("emptied", empty(redis)?),
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let loads = shop.loads.swap(0, SeqCst) * 2;
        let each: Vec<String> = nodes.iter().map(|node| line(node)).collect();
        println!("{:>5.1}  {state:<10} {loads:>7} | {}", start.elapsed().as_secs_f64(), each.join(" | "));
    }
    Ok(())
}

fn line(node: &Node) -> String {
    let (reads, stale) = (node.reads.swap(0, SeqCst) * 2, node.stale.swap(0, SeqCst));
    let oldest = Duration::from_micros(node.oldest_micros.swap(0, SeqCst));
    let shared = node.cache.shared().unwrap_or_default();
    let log = if shared.proven { "followed" } else { "SUSPECT" };
    let waiting: u64 = node.cache.stats().tiers.iter().map(|tier| tier.backlog).sum();
    let waiting = if waiting > 0 { format!(", {waiting} queued") } else { String::new() };
    format!("{reads:>7} {stale:>6} ({oldest:>9.1?}) {log}{waiting}")
}

/// As `FLUSHALL` does.
fn empty(redis: &Server) -> Result<()> {
    use std::io::{Read, Write};
    let address = redis.url().trim_start_matches("redis://").trim_end_matches('/').to_owned();
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.write_all(b"FLUSHALL\r\n")?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer)?;
    ensure!(&answer == b"+OK\r\n", "Redis does not let itself be emptied");
    Ok(())
}

async fn agree(nodes: &[Arc<Node>], shop: &Shop) -> Result<()> {
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (mut queued, mut broken, mut old) = (0, 0, 0);
    for node in nodes {
        queued += node.queued.load(SeqCst);
        broken += node.broken.load(SeqCst);
        for id in 0..ARTICLES {
            old += usize::from(node.look(id).await != shop.version(id));
        }
    }
    println!("\n{queued} invalidations were queued while Redis was away; {broken} reads older than the node's own");
    println!("invalidations; {old} of {} articles old, on any node, two seconds after the last write", ARTICLES * 3);
    ensure!(broken == 0 && old == 0, "a promise was broken");
    Ok(())
}
