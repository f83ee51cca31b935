//! Sites that come late, and are many: series stay bounded, and nothing that was counted goes back.

use std::collections::BTreeMap;

use cached_runtime::metrics::Prometheus;

use super::text::{self, Scraped, Series};
use super::{Down, World};

/// So many come in each round.
const EACH: usize = 60;

async fn asked(world: &World, name: &str, times: u64) {
    // The handle goes at the end of each round; what was counted stays.
    let names = world.cache.namespace::<u64>(name).unwrap();
    for n in 0..times {
        names.get_or_load(n, || async move { Ok::<_, Down>(n) }).await.unwrap();
    }
}

fn counters(scraped: &Scraped) -> BTreeMap<Series, f64> {
    let counts = scraped.series.iter().filter(|((name, _), _)| scraped.is_counter(name));
    counts.map(|(series, value)| (series.clone(), *value)).collect()
}

#[tokio::test]
async fn sites_that_come_late_are_counted_with_the_others() {
    let world = World::near_only();
    let prometheus = Prometheus::new(&world.cache);
    let (mut last, mut series) = (BTreeMap::new(), Vec::new());
    for round in 0..10 {
        for site in 0..EACH {
            asked(&world, &format!("late-{round}-{site}"), 1).await;
        }
        // One that comes after all places are taken, and is asked more than all others.
        asked(&world, &format!("late-{round}-busy"), 200).await;
        let scraped = text::read(&prometheus.render()).unwrap();
        let counted = counters(&scraped);
        for (series, before) in &last {
            let now = counted.get(series).unwrap_or_else(|| panic!("{series:?} is gone"));
            assert!(now >= before, "{series:?} went from {before} to {now}");
        }
        let loads: f64 = scraped.of("cached_loads_total").map(|(_, value)| value).sum();
        assert_eq!(loads, world.cache.stats().total().loads as f64, "nothing is lost");
        assert!(scraped.labels("site").len() <= 256);
        series.push(scraped.series.len());
        last = counted;
    }
    assert!(
        series[4..].windows(2).all(|two| two[0] == two[1]),
        "from the fifth round on there are no new ones: {series:?}"
    );
    let sites = text::read(&prometheus.render()).unwrap().labels("site");
    assert!(sites.contains("late-0-busy") && sites.contains("other") && !sites.contains("late-9-busy"));
}

/// A namespace that is called as the rest is: both are counted, as one.
#[tokio::test]
async fn a_site_of_the_name_of_all_others_is_counted_with_them() {
    let world = World::near_only();
    let prometheus = Prometheus::new(&world.cache);
    asked(&world, "other", 3).await;
    for site in 0..300 {
        asked(&world, &format!("among-{site}"), 1).await;
    }
    let scraped = text::read(&prometheus.render()).unwrap();
    let loads: f64 = scraped.of("cached_loads_total").map(|(_, value)| value).sum();
    assert_eq!((loads, scraped.labels("site").len()), (303.0, 255));
}

/// Names that are made to break a text are names in it.
#[tokio::test]
async fn hostile_names_of_namespaces_leave_the_text_valid() {
    let world = World::near_only();
    let mut taken = 0;
    for name in ["a\"b", "a\\", "a\nb 1", "a{b=\"c\"} 1", "# TYPE x counter", "\u{1b}[31m", "é", "}", ""] {
        // What is no name of a namespace is refused; what is one is shown.
        if let Ok(names) = world.cache.namespace::<u64>(name) {
            names.set("a", 1);
            taken += 1;
        }
    }
    let scraped = text::read(&Prometheus::new(&world.cache).render()).unwrap();
    assert_eq!(scraped.labels("site").len(), taken);
}
