//! What is asked for: a mix of pages, whose keys follow Zipf's law. A few airports are in great demand.

use std::sync::Arc;

use cached_runtime::Cache;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Zipf};

use crate::db::{Db, Result};
use crate::desk::Desk;
use crate::pages;
use crate::rows::{Airport, Connection, Network, Route};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Request {
    Airport(String),
    InState(String, u32),
    Departures(String),
    Connections(String, String),
    Nearest(&'static str, String),
    Network,
}

/// Where the answers come from: the queries themselves, or the cached functions.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    Database,
    Cache(&'a Cache),
}

#[derive(Debug, PartialEq)]
pub enum Answer {
    Airport(Option<Airport>),
    Airports(Arc<Vec<Airport>>),
    Routes(Arc<Vec<Route>>),
    Connections(Arc<Vec<Connection>>),
    Codes(Arc<Vec<String>>),
    Network(Network),
}

const TENANTS: [(&str, u32); 3] = [("acme", 3), ("globex", 5), ("initech", 8)];

/// So many requests, the same ones in every run.
pub async fn requests(db: &Db, many: usize) -> anyhow::Result<Vec<Request>> {
    let airports = db.by_traffic().await?;
    let mut rng = StdRng::seed_from_u64(2008);
    let zipf = Zipf::new(airports.len() as f64, 1.0)?;
    let mut next = || {
        let rank = |rng: &mut StdRng| &airports[zipf.sample(rng) as usize - 1];
        let (code, state) = rank(&mut rng).clone();
        match rng.random_range(0..100) {
            0..45 => Request::Airport(code),
            45..50 => Request::Airport(format!("{code}?")),
            50..65 => Request::Departures(code),
            65..80 => Request::InState(state, zipf.sample(&mut rng).log2() as u32 / 4),
            80..90 => Request::Connections(code, rank(&mut rng).0.clone()),
            90..97 => Request::Nearest(TENANTS[rng.random_range(0..TENANTS.len())].0, code),
            _ => Request::Network,
        }
    };
    Ok((0..many).map(|_| next()).collect())
}

impl Request {
    /// Answers with the un-annotated queries.
    pub async fn ask_database(&self, db: &Db) -> Result<Answer> {
        Ok(match self {
            Self::Airport(code) => Answer::Airport(db.airport(code).await?),
            Self::InState(state, page) => Answer::Airports(db.in_state(state, *page).await?.into()),
            Self::Departures(code) => Answer::Routes(db.departures(code).await?.into()),
            Self::Connections(from, to) => Answer::Connections(db.connections(from, to).await?.into()),
            Self::Nearest(tenant, code) => Answer::Codes(db.nearest(code, desk(tenant, db).alternatives).await?.into()),
            Self::Network => Answer::Network(db.network().await?),
        })
    }

    /// Answers with the cached functions.
    pub async fn ask_cached(&self, db: &Db) -> Result<Answer> {
        Ok(match self {
            Self::Airport(code) => Answer::Airport(pages::airport(db, code).await?),
            Self::InState(state, page) => Answer::Airports(pages::in_state(db, state, *page).await?),
            Self::Departures(code) => Answer::Routes(pages::departures(db, code).await?),
            Self::Connections(from, to) => Answer::Connections(pages::connections(db, from, to).await?),
            Self::Nearest(tenant, code) => Answer::Codes(desk(tenant, db).nearest(code).await?),
            Self::Network => Answer::Network(pages::network(db).await?),
        })
    }
}

fn desk(tenant: &str, db: &Db) -> Desk {
    let alternatives = TENANTS.iter().find(|(name, _)| *name == tenant).map_or(1, |(_, many)| *many);
    Desk { tenant: tenant.to_owned(), alternatives, db: db.clone() }
}
