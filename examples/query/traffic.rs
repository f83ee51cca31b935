//! What is asked for: a few airports are in great demand (Zipf's law), and one request of a hundred writes.

use std::sync::Arc;

use cached_runtime::Result;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Zipf};

use crate::rows::{Airport, Connection, Line, Route};
use crate::schema::Db;
use crate::{plain, queries};

/// What requests are called in the report, in the order of [`Request::kind`].
pub const KINDS: [&str; 7] = ["airport", "in_state", "departures", "arrivals", "connections", "board", "(writes)"];

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Request {
    Airport(String),
    InState(String),
    Departures(String),
    Arrivals(String),
    Connections(String, String),
    Board(String),
    Rename(String, String),
    AddFlights(String, String),
}

#[derive(Debug, PartialEq)]
pub enum Answer {
    Airport(Option<Airport>),
    Airports(Arc<Vec<Airport>>),
    Routes(Arc<Vec<Route>>),
    Connections(Arc<Vec<Connection>>),
    Board(Arc<Vec<Line>>),
    Changed(u64),
}

/// So many requests, the same ones in every run.
pub async fn requests(db: &Db, many: usize) -> anyhow::Result<Vec<Request>> {
    // By the pool itself: these are preparations, and no traffic that the adviser should judge.
    let airports: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT code, state, name FROM airports LEFT JOIN routes ON origin = code
            GROUP BY code ORDER BY sum(flights) DESC NULLS LAST, code",
    )
    .fetch_all(db.pool())
    .await?;
    let routes: Vec<(String, String)> =
        sqlx::query_as("SELECT origin, destination FROM routes").fetch_all(db.pool()).await?;
    let mut rng = StdRng::seed_from_u64(2008);
    let zipf = Zipf::new(airports.len() as f64, 1.0)?;
    let mut next = || {
        let rank = |rng: &mut StdRng| airports[zipf.sample(rng) as usize - 1].clone();
        let (code, state, name) = rank(&mut rng);
        match rng.random_range(0..200) {
            0..80 => Request::Airport(code),
            80..88 => Request::Airport(format!("{code}?")),
            88..108 => Request::InState(state),
            108..138 => Request::Departures(code),
            138..158 => Request::Arrivals(code),
            158..178 => Request::Connections(code, rank(&mut rng).0),
            178..198 => Request::Board(code),
            198 => Request::Rename(code, format!("{name} ({})", rng.random_range(1..100))),
            _ => {
                let (from, to) = routes[rng.random_range(0..routes.len())].clone();
                Request::AddFlights(from, to)
            }
        }
    };
    Ok((0..many).map(|_| next()).collect())
}

impl Request {
    /// Its place among [`KINDS`].
    pub fn kind(&self) -> usize {
        match self {
            Self::Airport(_) => 0,
            Self::InState(_) => 1,
            Self::Departures(_) => 2,
            Self::Arrivals(_) => 3,
            Self::Connections(..) => 4,
            Self::Board(_) => 5,
            Self::Rename(..) | Self::AddFlights(..) => 6,
        }
    }

    pub fn writes(&self) -> bool {
        self.kind() == 6
    }

    pub async fn ask_plain(&self, db: &Db) -> Result<Answer> {
        Ok(match self {
            Self::Airport(code) => Answer::Airport(plain::airport(db, code).await?),
            Self::InState(state) => Answer::Airports(plain::in_state(db, state).await?.into()),
            Self::Departures(from) => Answer::Routes(plain::departures(db, from).await?.into()),
            Self::Arrivals(to) => Answer::Routes(plain::arrivals(db, to).await?.into()),
            Self::Connections(from, to) => Answer::Connections(plain::connections(db, from, to).await?.into()),
            Self::Board(from) => Answer::Board(plain::board(db, from).await?.into()),
            Self::Rename(..) | Self::AddFlights(..) => self.write(db).await?,
        })
    }

    pub async fn ask_cached(&self, db: &Db) -> Result<Answer> {
        Ok(match self {
            Self::Airport(code) => Answer::Airport(queries::airport(db, code).await?),
            Self::InState(state) => Answer::Airports(queries::in_state(db, state).await?),
            Self::Departures(from) => Answer::Routes(queries::departures(db, from).await?),
            Self::Arrivals(to) => Answer::Routes(queries::arrivals(db, to).await?),
            Self::Connections(from, to) => Answer::Connections(queries::connections(db, from, to).await?),
            Self::Board(from) => Answer::Board(queries::board(db, from).await?),
            Self::Rename(..) | Self::AddFlights(..) => self.write(db).await?,
        })
    }

    async fn write(&self, db: &Db) -> Result<Answer> {
        Ok(Answer::Changed(match self {
            Self::Rename(code, name) => queries::rename(db, code, name).await?,
            Self::AddFlights(from, to) => queries::add_flights(db, from, to, 1).await?,
            _ => 0,
        }))
    }
}
