//! The tables, and how they are filled.

use cached_runtime::database::Database;
use sqlx::Sqlite;

pub type Db = Database<Sqlite>;

/// Keys alone. That there are states and destinations to be asked for, nobody has told the database.
const TABLES: [&str; 2] = [
    "CREATE TABLE airports (code TEXT PRIMARY KEY, name TEXT NOT NULL, city TEXT NOT NULL, state TEXT NOT NULL,
        lat REAL NOT NULL, lon REAL NOT NULL)",
    "CREATE TABLE routes (origin TEXT NOT NULL, destination TEXT NOT NULL, flights INTEGER NOT NULL,
        PRIMARY KEY (origin, destination))",
];

/// Makes the tables and fills them from `examples/data`, 500 rows to a transaction.
pub async fn create(db: &Db) -> anyhow::Result<()> {
    for table in TABLES {
        db.execute(table, ()).await?;
    }
    let airports: Vec<(String, String, String, String, f64, f64)> =
        serde_json::from_str(include_str!("../data/airports.json"))?;
    let routes: Vec<(String, String, i64)> = serde_json::from_str(include_str!("../data/routes.json"))?;
    let insert = "INSERT INTO airports (code, name, city, state, lat, lon) VALUES (?, ?, ?, ?, ?, ?)";
    let airports = db.execute_batch(insert, airports).batch_size(500).await?;
    let insert = "INSERT INTO routes (origin, destination, flights) VALUES (?, ?, ?)";
    let routes = db.execute_batch(insert, routes).batch_size(500).await?;
    let (took, many) = (airports.elapsed + routes.elapsed, airports.batches + routes.batches);
    println!(
        "{} airports and {} routes in SQLite: {:.0} ms, {many} transactions\n",
        airports.complete()?,
        routes.complete()?,
        took.as_secs_f64() * 1e3
    );
    Ok(())
}
