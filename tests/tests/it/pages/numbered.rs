//! Pages of a cached function, by number.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use cached_runtime::cache;
use cached_runtime::pages::{Page, Paged};

use super::{Table, numbers, page, renumber, some};
use crate::rig::{Down, soon};

#[tokio::test]
async fn each_page_is_an_entry_of_its_own() {
    let table = Table::of(50);
    for _ in 0..3 {
        assert_eq!(*numbers(&table, 7, page(1, 20)).await.unwrap(), (0..20).map(|n| n * 2).collect::<Vec<_>>());
        assert_eq!(numbers(&table, 7, page(3, 20)).await.unwrap().len(), 10);
        assert_eq!(numbers(&table, 7, page(3, 10)).await.unwrap().len(), 10, "the same rows, by another size");
    }
    assert_eq!(table.asked(), [0, 40, 20]);
    assert_eq!(numbers::key(&table, 7, page(3, 20)).as_str(), "numbers:7:(3,20)");
}

#[tokio::test]
async fn a_page_past_the_end_is_a_kept_answer() {
    let table = Table::of(50);
    for _ in 0..2 {
        let past = numbers(&table, 7, page(1_000, 20)).await.unwrap();
        assert!(past.is_empty() && !past.has_next());
        assert_eq!(past.pages(), Some(3), "it says where the end is");
    }
    assert_eq!(table.asked().len(), 1);
}

#[tokio::test]
async fn a_hit_copies_no_item() {
    let table = Table::of(50);
    let (one, two) = (numbers(&table, 7, page(1, 20)).await.unwrap(), numbers(&table, 7, page(1, 20)).await.unwrap());
    assert!(std::ptr::eq(one.as_ptr(), two.as_ptr()));
}

#[tokio::test]
async fn all_pages_of_a_list_go_together_and_no_others() {
    let table = Table::of(50);
    for owner in [7, 8] {
        for number in 1..=3 {
            numbers(&table, owner, page(number, 20)).await.unwrap();
        }
    }
    table.insert(1);
    renumber(&table, 7).await.unwrap();
    let before = table.asked().len();
    for (number, total) in [(1, 51), (2, 51), (3, 51)] {
        let paged = numbers(&table, 7, page(number, 20)).await.unwrap();
        assert_eq!(paged.total(), Some(total));
        assert_eq!(*paged, some(&table.rows(), paged.page().offset(), 20));
    }
    assert_eq!(table.asked().len() - before, 3, "each was loaded anew");
    assert_eq!(numbers(&table, 8, page(1, 20)).await.unwrap().total(), Some(50), "another list stays");
    table.cache().invalidator().pattern("numbers:8:*").unwrap().fire().await;
    assert_eq!(numbers(&table, 8, page(2, 20)).await.unwrap().total(), Some(51), "or by the key");
}

macro_rules! in_format {
    ($name:ident, $format:literal) => {
        #[cache(format = $format, skip(table), cache = table.cache())]
        async fn $name(table: &Table, page: Page) -> Result<Paged<(u64, String)>, Down> {
            let rows = table.ask(page.offset(), |rows| some(rows, page.offset(), page.limit_and_one())).await;
            Ok(page.of_and_one(rows.into_iter().map(|n| (n, n.to_string()))))
        }
    };
}

in_format!(by_position, "postcard");
in_format!(by_name, "msgpack");
in_format!(by_text, "json");

#[tokio::test]
async fn pages_come_back_from_a_tier_in_each_format() {
    let table = Table::of(30);
    let all = async || {
        let page = page(1, 20);
        [by_position(&table, page).await, by_name(&table, page).await, by_text(&table, page).await]
            .map(|paged| paged.unwrap())
    };
    let before = all().await;
    table.world.settle().await;
    table.cache().set_near_capacity(0);
    table.cache().set_near_capacity(1 << 20);
    assert_eq!(all().await, before);
    assert_eq!(table.asked().len(), 3, "none was loaded again");
    assert!(before.iter().all(|paged| paged.has_next() && paged.len() == 20));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_pagers_at_once_load_each_page_once() {
    let (table, walked) = (Table::of(1_000), Arc::new(AtomicU32::new(0)));
    table.gate.close();
    let pagers: Vec<_> = (0..20)
        .map(|_| {
            let (table, walked) = (table.clone(), Arc::clone(&walked));
            tokio::spawn(async move {
                let (mut next, mut rows) = (Some(page(1, 20)), Vec::new());
                while let Some(page) = next {
                    let paged = numbers(&table, 7, page).await.unwrap();
                    next = paged.next_page();
                    rows.extend(paged);
                }
                walked.fetch_add(1, SeqCst);
                assert_eq!(rows, table.rows());
            })
        })
        .collect();
    soon("the first page is asked for", table.gate.arrived(1)).await;
    assert_eq!(walked.load(SeqCst), 0);
    table.gate.open();
    for pager in pagers {
        soon("a pager comes to the end", pager).await.unwrap();
    }
    assert_eq!(table.counts(), (0..50).map(|n| (n * 20, 1)).collect());
}
