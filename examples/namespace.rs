//! The imperative door: values under names of your own, for what is not a function.
//!
//! `cargo run --example namespace`

use std::time::Duration;

use cached_runtime::{Cache, SetOptions};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Rate {
    currency: String,
    cents: u32,
}

async fn ask_the_bank(currency: &str) -> Result<Rate, std::io::Error> {
    Ok(Rate { currency: currency.to_owned(), cents: 108 })
}

#[tokio::main]
async fn main() -> cached_runtime::Result<()> {
    let cache = Cache::builder().ttl(Duration::from_secs(60)).ttl_for("rate:*", Duration::from_secs(300)).build()?;
    let rates = cache.namespace::<Rate>("rate")?;

    // Loaded once, however many ask at the same time.
    let rate = rates.get_or_load("usd", || ask_the_bank("usd")).await;
    assert_eq!(rate.map(|r| r.cents).ok(), Some(108));
    assert_eq!(rates.get("usd").await.map(|r| r.cents), Some(108));

    // Set by hand, with a life and a tag of its own. A tuple keeps text from outside in its segment.
    let chf = Rate { currency: "chf".into(), cents: 95 };
    let options = SetOptions::new().ttl(Duration::from_secs(30)).stale(Duration::from_secs(600)).tag("country:ch");
    rates.set_with(("spot", "chf"), chf.clone(), options);
    assert_eq!(rates.key(("spot", "c:hf")).as_str().matches(':').count(), 2);

    // Several at once: one read per tier for all that memory does not have.
    let found = rates.get_many(&["usd", "eur", "spot:chf"]).await;
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);

    // Loading ahead of demand.
    let warmed = rates
        .warm(["usd", "eur", "gbp"], |name| {
            let name = (*name).to_owned();
            async move { ask_the_bank(&name).await }
        })
        .await;
    assert_eq!((warmed.loaded, warmed.present, warmed.failed), (2, 1, 0));

    rates.remove("usd").await;
    rates.invalidate_tags(["country:ch"]).await;
    assert_eq!((rates.get("usd").await, rates.get(("spot", "chf")).await), (None, None));
    rates.clear().await;
    assert_eq!(rates.get("eur").await, None);
    println!("{}", cache.stats());
    Ok(())
}
