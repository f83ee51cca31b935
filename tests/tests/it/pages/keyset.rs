//! Windows of a cached function, by key.

use cached_runtime::pages::{self, After, Page, Window};

use super::{Table, behind, numbers};

fn start(size: u32) -> After<u64> {
    After::start(size).unwrap()
}

#[tokio::test]
async fn each_window_is_an_entry_of_its_own() {
    let table = Table::of(50);
    let first = behind(&table, start(20)).await.unwrap();
    let second = behind(&table, *first.next().unwrap()).await.unwrap();
    let third = behind(&table, *second.next().unwrap()).await.unwrap();
    assert_eq!((first.len(), second[0], third.len()), (20, 40, 10));
    assert!(!third.has_next() && third.next().is_none());
    assert_eq!(behind(&table, start(20).after(38)).await.unwrap(), second, "whoever names it");
    assert_eq!(table.asked(), [-1, 38, 78]);
    assert_eq!(behind::key(&table, start(20).after(38)).as_str(), "numbers-behind:(38,20)");
    assert_eq!(behind::key(&table, start(20)).as_str(), "numbers-behind:(~,20)");
}

#[tokio::test]
async fn behind_the_last_row_there_is_nothing() {
    let table = Table::of(40);
    let last = behind(&table, start(20).after(38)).await.unwrap();
    assert_eq!((last.len(), last.has_next()), (20, false), "exactly full");
    let past = behind(&table, start(20).after(1_000)).await.unwrap();
    assert!(past.is_empty() && !past.has_next());
}

#[test]
fn a_source_may_say_itself_where_it_goes_on() {
    let token = After::<String>::start(2).unwrap();
    let window: Window<u8, String> = token.of([1, 2, 3], Some("xyz".to_owned()));
    assert_eq!((&window[..], window.next().unwrap().cursor().map(String::as_str)), (&[1, 2][..], Some("xyz")));
    assert_eq!(window.next().unwrap().size(), 2);
    assert!(!token.of([1], None).has_next());
}

/// Reads a chunk and a half, and then a row is inserted before everything and one where the stream has not been.
macro_rules! read_while_rows_come {
    ($table:expr, $rows:expr) => {{
        let (table, mut rows, mut read) = ($table, $rows, Vec::new());
        while let Some(row) = rows.next().await {
            read.push(row.unwrap());
            if read.len() == 15 {
                table.insert(1);
                table.insert(71);
            }
        }
        read
    }};
}

#[tokio::test]
async fn rows_that_come_meanwhile_repeat_no_row_and_hide_none() {
    let table = Table::of(50);
    let rows = pages::stream(start(10), |after| behind(&table, after));
    let read = read_while_rows_come!(&table, rows);
    let expected: Vec<u64> = table.rows().into_iter().filter(|row| *row != 1).collect();
    assert_eq!(read, expected, "each that was there once, and what came behind");
}

/// The control.
#[tokio::test]
async fn by_number_they_do_repeat_one() {
    let table = Table::of(50);
    let rows = pages::stream(Page::first(10).unwrap(), |page| numbers(&table, 7, page));
    let read = read_while_rows_come!(&table, rows);
    let twice: Vec<u64> = read.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    assert_eq!(twice, [38], "the last of the second page was the first of the third as well");
}
