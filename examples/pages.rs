//! Pages of a list, of which the next is on its way while one is read; and all of it as a stream that can be gone on with.
//!
//! `cargo run --example pages`

use std::time::{Duration, Instant};

use cached_runtime::pages::{self, After, Page, Paged, Position, Window};
use cached_runtime::{Cache, cache, invalidate};

/// A table of 1,050 orders, each question to which takes 10 ms.
#[derive(Clone)]
struct Table;

impl Table {
    async fn ask(&self, from: i64, most: i64) -> Vec<u64> {
        tokio::time::sleep(Duration::from_millis(10)).await;
        (from..(from + most).min(1_050)).filter_map(|n| u64::try_from(n).ok()).collect()
    }
}

/// By number: with a total, for a list with page numbers below it.
#[cache(key = "orders:{page}", tags = ["orders"], skip(table), prefetch(orders(table, page.next())))]
async fn orders(table: &Table, page: Page) -> Paged<u64> {
    page.of(table.ask(page.offset(), page.limit()).await, 1_050_u64)
}

/// By key: what comes and goes meanwhile repeats no row and hides none.
#[cache(key = "orders-after:{after}", tags = ["orders"], skip(table))]
async fn orders_after(table: &Table, after: After<u64>) -> Result<Window<u64, u64>, String> {
    let from = after.cursor().map_or(0, |last| last + 1);
    let rows = table.ask(i64::try_from(from).unwrap_or(i64::MAX), after.limit_and_one()).await;
    Ok(after.of_and_one(rows, |row| *row))
}

#[invalidate(tags = ["orders"])]
async fn order() {}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (cache, table) = (Cache::builder().install()?, Table);

    println!("turning pages of 20:");
    let mut page = Some(Page::first(20)?);
    while let Some(at) = page.filter(|at| at.number() <= 4) {
        let begin = Instant::now();
        let found = orders(&table, at).await;
        let (number, pages, waited) = (at.number(), found.pages().unwrap_or_default(), begin.elapsed());
        println!(
            "  page {number} of {pages}: {} rows, more to come: {}, waited {waited:.1?}",
            found.len(),
            found.has_next()
        );
        tokio::time::sleep(Duration::from_millis(15)).await; // somebody reads it
        page = found.next_page();
    }
    let past = orders(&table, Page::new(100, 20)?).await;
    println!(
        "  page 100: {} rows, and that is no error; a page of 0 rows is: {}",
        past.len(),
        Page::first(0).unwrap_err()
    );

    println!("all of it, a hundred at a time:");
    let begin = Instant::now();
    let mut rows = pages::stream(After::chunks(), |after| orders_after(&table, after));
    let mut sum = 0;
    for _ in 0..505 {
        sum += rows.next().await.ok_or("there are more")??;
    }
    let position: Position<After<u64>> = rows.position();
    println!("  505 rows in {:.1?}, then it is given up", begin.elapsed());
    let mut rest = pages::resume(position, |after| orders_after(&table, after));
    while let Some(row) = rest.next().await {
        sum += row?;
    }
    println!("  gone on with where it was: the sum of all is {sum}");
    assert_eq!(sum, (0..1_050).sum::<u64>());

    order().await;
    println!(
        "a new order: {} pages are kept that may be read",
        usize::from(orders::peek(Page::first(20)?).await.is_some())
    );
    println!("{}", cache.stats());
    Ok(())
}
