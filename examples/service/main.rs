//! An HTTP service over real data with everything on: annotated queries, cached responses, a warm-up, an audit, metrics, the
//! admin API with its dashboard, and a load generator to have something to look at.
//!
//! `cargo run --release --example service`, then open the address that it prints. It needs no server; with `REDIS_URL` set,
//! what it keeps is in that Redis, too. `CACHED_*` and `cached.toml` configure it as they would any service.
//!
//! - `pages.rs`: the handlers, and what invalidates what; **read this one**.
//! - `load.rs`: the clients.
//! - `../query`: the tables and the statements, as example `query` has them.

mod load;
mod pages;
#[path = "../query/plain.rs"]
#[allow(dead_code, reason = "example `query` uses all of it")]
mod plain;
#[path = "../query/queries.rs"]
mod queries;
#[path = "../query/rows.rs"]
mod rows;
#[path = "../query/schema.rs"]
mod schema;

use std::io::BufRead as _;
use std::sync::Arc;
use std::time::Duration;

use cached_runtime::Cache;
use cached_runtime::admin::Admin;
use cached_runtime::audit::AuditOptions;
use cached_runtime::config::Config;
use cached_runtime::database::Database;
use cached_runtime::response::ResponseCache;
use tokio::net::TcpListener;

use crate::schema::Db;

/// For so long the clients ask before the first report.
const FIRST: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    // Defaults, then `cached.toml`, then the environment, then what is said here.
    let config = Config::load()?;
    let cache = config.builder()?.audit(AuditOptions::new().each(500)).miss_ratio_curves(true).install()?;
    let url = format!("sqlite://{}?mode=rwc", dir.path().join("airports.db").display());
    // Each has a database of its own, so none may find what another has read from its: the name is in the keys.
    let db: Db = Database::open(&url, config.database_options().name(&format!("airports-{}", std::process::id())))?;
    schema::create(&db).await?;
    let warmer = Arc::new(cache.warmup().with(db.clone()).start()?);
    warmer.ready().await;

    let responses = config.response(&cache).ignore_query(["utm_source"]).build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let service = pages::router(db.clone()).layer(responses.clone());
    let serving = tokio::spawn(async move { axum::serve(listener, service).await });

    let token = format!("{:032x}", rand::random::<u128>());
    let admin = Admin::new(&cache).write_token(&token).open_reads(true).database(&db).warmer(&warmer);
    let admin = admin.serve("127.0.0.1:0").await?;
    println!("service    http://{address}/airports/ORD/board");
    println!("dashboard  http://{}/admin/cache", admin.address());
    println!("           to change something: {token}");
    println!("metrics    http://{}/metrics\n", admin.address());

    let clients = load::Clients::start(address, &db).await?;
    tokio::time::sleep(FIRST).await;
    clients.report();
    report(&cache, &responses);
    println!("\nEnter ends it.");
    // Where nobody types it ends now.
    tokio::task::spawn_blocking(|| std::io::stdin().lock().read_line(&mut String::new())).await??;
    clients.stop();
    serving.abort();
    admin.stop().await;
    cache.shutdown(Duration::from_secs(2)).await;
    Ok(())
}

fn report(cache: &Cache, responses: &ResponseCache) {
    println!("\n{}", cache.stats());
    println!("responses: {:?}", responses.stats());
    if let Some(audit) = cache.audit_report() {
        println!("audited: {} answers, {} stale", audit.checked, audit.stale);
    }
    for warning in cache.health().warnings {
        println!("warning: {}", warning.text);
    }
}
