//! How much of what is cached goes with a write.

use crate::queries;
use crate::schema::Db;

/// Keeps what `$function` answers for all these codes, writes, and counts what is still there.
macro_rules! left {
    ($db:expr, $codes:expr, $function:ident, $write:expr) => {{
        for code in $codes {
            $db.request(queries::$function($db, code)).await?;
        }
        $write.await?;
        let mut left = 0;
        for code in $codes {
            left += usize::from(queries::$function::peek($db, code).await.is_some());
        }
        left
    }};
}

/// The same entries before a write to one row, and before one to the table.
pub async fn rows_and_tables(db: &Db) -> anyhow::Result<()> {
    let airports = codes(db, "SELECT code FROM airports").await?;
    let origins = codes(db, "SELECT DISTINCT origin FROM routes").await?;
    let destinations = codes(db, "SELECT DISTINCT destination FROM routes").await?;
    let to_table = |sql: &'static str| db.execute(sql, ());
    let row = [
        left!(db, &airports, airport, queries::rename(db, "ATL", "Hartsfield-Jackson")),
        left!(db, &origins, departures, queries::add_flights(db, "ATL", "ORD", 1)),
        left!(db, &destinations, arrivals, queries::add_flights(db, "ATL", "ORD", 1)),
    ];
    let table = [
        left!(db, &airports, airport, to_table("UPDATE airports SET name = trim(name)")),
        left!(db, &origins, departures, to_table("UPDATE routes SET flights = flights + 1")),
        left!(db, &destinations, arrivals, to_table("UPDATE routes SET flights = flights + 1")),
    ];
    println!("\n{:<42} {:>16} {:>16}", "entries that a write leaves alone", "of one row", "of the table");
    let all = [("airport", airports.len()), ("departures", origins.len()), ("arrivals", destinations.len())];
    for (index, (name, of)) in all.into_iter().enumerate() {
        let cell = |left: usize| format!("{left} of {of}");
        println!("{name:<42} {:>16} {:>16}", cell(row[index]), cell(table[index]));
        anyhow::ensure!(row[index] == of - 1 && table[index] == 0, "{name}: one entry, or all of them");
    }
    Ok(())
}

async fn codes(db: &Db, sql: &'static str) -> anyhow::Result<Vec<String>> {
    let codes: Vec<(String,)> = db.fetch_all(sql, ()).await?;
    Ok(codes.into_iter().map(|code| code.0).collect())
}
