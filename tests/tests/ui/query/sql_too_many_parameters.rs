use cached_runtime::cache_query;
use cached_runtime::database::Database;
use sqlx::Sqlite;

#[cache_query(sql = "SELECT id FROM video WHERE id IN (:p1, :p2, :p3, :p4, :p5, :p6, :p7, :p8, :p9, :p10, :p11, :p12, :p13, :p14, :p15, :p16, :p17)")]
async fn f(
    db: &Database<Sqlite>,
    p1: i64,
    p2: i64,
    p3: i64,
    p4: i64,
    p5: i64,
    p6: i64,
    p7: i64,
    p8: i64,
    p9: i64,
    p10: i64,
    p11: i64,
    p12: i64,
    p13: i64,
    p14: i64,
    p15: i64,
    p16: i64,
    p17: i64,
) -> cached_runtime::Result<Vec<i64>>;

fn main() {}
