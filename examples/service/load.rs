//! Clients: a few airports are in great demand (Zipf's law), and one request of two hundred changes something.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rand_distr::{Distribution as _, Zipf};
use tokio::task::JoinSet;

use crate::schema::Db;

/// So many clients ask at a time, and each rests so long between two requests: some thousand requests a second at most.
const CLIENTS: u64 = 8;
const REST: Duration = Duration::from_millis(2);

type Http = Client<HttpConnector, Full<Bytes>>;

/// Clients at work.
pub struct Clients {
    tasks: JoinSet<()>,
    counts: Arc<Counts>,
    began: Instant,
}

#[derive(Default)]
struct Counts {
    answered: AtomicU64,
    failed: AtomicU64,
    micros: AtomicU64,
}

/// What may be asked for.
struct World {
    at: SocketAddr,
    airports: Vec<(String, String, String)>,
    zipf: Zipf<f64>,
}

impl Clients {
    pub async fn start(at: SocketAddr, db: &Db) -> anyhow::Result<Self> {
        let airports: Vec<(String, String, String)> =
            sqlx::query_as("SELECT code, state, name FROM airports ORDER BY code").fetch_all(db.pool()).await?;
        let zipf = Zipf::new(airports.len() as f64, 1.0)?;
        let (world, counts) = (Arc::new(World { at, airports, zipf }), Arc::new(Counts::default()));
        let http: Http = Client::builder(TokioExecutor::new()).build_http();
        let mut tasks = JoinSet::new();
        for client in 0..CLIENTS {
            tasks.spawn(ask(Arc::clone(&world), Arc::clone(&counts), http.clone(), client));
        }
        Ok(Self { tasks, counts, began: Instant::now() })
    }

    pub fn report(&self) {
        let (answered, failed) = (self.counts.answered.load(Relaxed), self.counts.failed.load(Relaxed));
        let seconds = self.began.elapsed().as_secs_f64();
        println!(
            "{answered} requests in {seconds:.1} s ({:.0} a second), {failed} failed; {:.0} us each on average",
            answered as f64 / seconds,
            self.counts.micros.load(Relaxed) as f64 / answered.max(1) as f64
        );
    }

    pub fn stop(mut self) {
        self.tasks.abort_all();
    }
}

async fn ask(world: Arc<World>, counts: Arc<Counts>, http: Http, seed: u64) {
    let mut chance = StdRng::seed_from_u64(seed);
    loop {
        let Ok(request) = world.request(&mut chance) else { return };
        let began = Instant::now();
        let well = match http.request(request).await {
            Ok(answer) => !answer.status().is_server_error() && answer.into_body().collect().await.is_ok(),
            Err(_) => false,
        };
        counts.micros.fetch_add(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX), Relaxed);
        let count = if well { &counts.answered } else { &counts.failed };
        count.fetch_add(1, Relaxed);
        tokio::time::sleep(REST).await;
    }
}

impl World {
    fn request(&self, chance: &mut StdRng) -> anyhow::Result<Request<Full<Bytes>>> {
        let rank = |chance: &mut StdRng| &self.airports[self.zipf.sample(chance) as usize - 1];
        let (code, state, name) = rank(chance);
        let other = &rank(chance).0;
        let (method, path, body) = match chance.random_range(0..200) {
            0..80 => (Method::GET, format!("/airports/{code}"), String::new()),
            80..85 => (Method::GET, format!("/airports/no-{code}"), String::new()),
            85..115 => (Method::GET, format!("/states/{state}"), String::new()),
            115..160 => (Method::GET, format!("/airports/{code}/board"), String::new()),
            160..189 => (Method::GET, format!("/connections?from={code}&to={other}"), String::new()),
            189..199 => (Method::GET, "/busiest".to_owned(), String::new()),
            _ => (Method::POST, format!("/airports/{code}/name"), format!("{name} ({})", chance.random_range(1..100))),
        };
        let request = Request::builder().method(method).uri(format!("http://{}{path}", self.at));
        Ok(request.header("accept-encoding", "gzip").body(Full::from(body))?)
    }
}
