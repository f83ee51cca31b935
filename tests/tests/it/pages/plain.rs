//! Pages alone: what a page is, and that no wrong one is made, also of text that comes from outside.

use cached_runtime::ErrorKind;
use cached_runtime::codec::Schema;
use cached_runtime::pages::{After, LARGEST, Page, Paged, Position, Window};

use super::page;

#[test]
fn a_size_or_number_that_cannot_be_is_refused_and_named() {
    for (number, size, setting) in [(1, 0, "size"), (1, LARGEST + 1, "size"), (0, 20, "number"), (0, 0, "number")] {
        let error = Page::new(number, size).unwrap_err();
        assert_eq!((error.kind(), error.context("setting")), (ErrorKind::Config, Some(setting)), "{number} {size}");
    }
    assert_eq!(Page::first(0).unwrap_err().to_string(), "a page has one item at least (setting: size)");
    assert_eq!(After::<u64>::start(0).unwrap_err().context("setting"), Some("size"));
    assert_eq!(page(1, LARGEST).limit(), i64::from(LARGEST));
}

#[test]
fn text_from_outside_is_checked_as_code_is() {
    let read = |text: &str| serde_json::from_str::<Page>(text).map_err(|error| error.to_string());
    assert_eq!(read(r#"{"size": 20, "number": 3, "sort": ["by", {"name": 1}]}"#), Ok(page(3, 20)));
    assert_eq!(read("[3, 20]"), Ok(page(3, 20)));
    for (text, says) in [
        (r#"{"number": 1, "size": 0}"#, "one item at least"),
        (r#"{"number": 0, "size": 20}"#, "counted from 1 on"),
        (r#"{"number": 1, "size": 4000000000}"#, "10,000 items at most"),
        (r#"{"number": -1, "size": 20}"#, "invalid value"),
        (r#"{"number": 1}"#, "missing field `size`"),
        ("[1]", "missing field `size`"),
        (r#""1""#, "expected a Page"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(says), "{text}: {error}");
    }
    let after = serde_json::from_str::<After<u64>>(r#"{"size": 20}"#).unwrap();
    assert_eq!(after, After::start(20).unwrap(), "a key that is left out is the start");
    assert!(serde_json::from_str::<After<u64>>(r#"{"after": 7, "size": 0}"#).is_err());
}

#[test]
fn a_page_knows_its_rows_and_its_neighbours() {
    let third = page(3, 20);
    assert_eq!((third.offset(), third.limit(), third.limit_and_one()), (40, 20, 21));
    assert_eq!((third.next(), third.previous()), (page(4, 20), Some(page(2, 20))));
    assert_eq!(Page::first(20).unwrap().previous(), None);
    assert_eq!((Page::chunks().size(), After::<u64>::chunks().size()), (100, 100));
    let last = page(u32::MAX, LARGEST);
    assert_eq!((last.next(), last.offset()), (last, (i64::from(u32::MAX) - 1) * i64::from(LARGEST)));
    assert_eq!(last.of(0..10_000, u64::MAX).next_page(), None, "there is no number for it");
}

#[test]
fn there_is_a_next_page_if_the_total_or_one_more_row_says_so() {
    for (number, rows, total, pages, has_next) in
        [(1, 20, 41, 3, true), (2, 20, 41, 3, true), (3, 1, 41, 3, false), (2, 20, 40, 2, false), (1, 0, 0, 0, false)]
    {
        let paged = page(number, 20).of(0..rows, total);
        assert_eq!((paged.total(), paged.pages(), paged.has_next()), (Some(total as u64), Some(pages), has_next));
        assert_eq!(paged.next_page(), has_next.then(|| page(number + 1, 20)));
    }
    for (rows, items, has_next) in [(0, 0, false), (19, 19, false), (20, 20, false), (21, 20, true), (50, 20, true)] {
        let paged = page(1, 20).of_and_one(0..rows);
        assert_eq!((paged.len(), paged.has_next(), paged.total(), paged.pages()), (items, has_next, None, None));
    }
}

#[test]
fn a_page_past_the_end_is_empty_and_the_last() {
    let past = page(9, 20).of(Vec::<u64>::new(), 41_u64);
    assert!(past.is_empty() && !past.has_next());
    assert_eq!((past.pages(), past.previous_page()), (Some(3), Some(page(8, 20))));
    let counted_before = page(2, 20).of(Vec::<u64>::new(), 1_000);
    assert!(!counted_before.has_next(), "what is empty is the end, whatever an older count says");
    assert_eq!(page(1, 20).of([1, 2], -1).total(), Some(0));
}

#[test]
fn a_page_is_read_as_a_slice_and_taken_apart() {
    let paged = page(1, 3).of(["a", "b", "c", "d"], 4);
    assert_eq!((paged.first(), &paged[1..]), (Some(&"a"), &["b", "c"][..]), "no more than it has room for");
    assert_eq!((&paged).into_iter().count(), 3);
    let upper = paged.map(|text| text.to_uppercase());
    assert_eq!((upper.page(), upper.total(), upper.has_next()), (page(1, 3), Some(4), true));
    let mut items = upper.into_iter();
    assert_eq!((items.len(), items.next().as_deref(), items.len()), (3, Some("A"), 2));
    assert_eq!(items.collect::<Vec<_>>(), ["B", "C"]);
}

#[test]
fn pages_are_written_as_people_read_them_and_read_again() {
    let paged = page(2, 2).of([3, 4], 5);
    let text = serde_json::to_string(&paged).unwrap();
    assert_eq!(text, r#"{"items":[3,4],"page":{"number":2,"size":2},"total":5,"has_next":true}"#);
    assert_eq!(serde_json::from_str::<Paged<i32>>(&text).unwrap(), paged);
    let window = After::start(2).unwrap().of_and_one([3, 4, 5], |n| *n);
    let text = serde_json::to_string(&window).unwrap();
    assert_eq!(text, r#"{"items":[3,4],"next":{"after":4,"size":2}}"#);
    assert_eq!(serde_json::from_str::<Window<i32, i32>>(&text).unwrap(), window);
}

#[test]
fn what_is_stored_of_them_has_a_schema() {
    assert!(Schema::of::<Paged<(u64, String)>>().traced);
    assert!(Schema::of::<Window<(u64, String), (u64, String)>>().traced);
    assert!(Schema::of::<Position<Page>>().traced);
    assert_ne!(Schema::of::<Paged<u64>>().fingerprint, Schema::of::<Paged<i64>>().fingerprint);
}
