//! Types of the user as parts of keys.
#![deny(warnings, clippy::pedantic)]

use cached_runtime::{KeyPart, cache};

#[derive(KeyPart, Clone)]
pub struct Unit;

#[derive(KeyPart, Clone)]
pub struct Id(pub u64);

#[derive(KeyPart, Clone)]
pub struct Page<'a, T: ?Sized, const N: usize>
where
    T: 'static,
{
    pub video: &'a str,
    pub of: &'a T,
    pub numbers: [u8; N],
    #[key(skip)]
    #[allow(dead_code)]
    pub hint: Option<fn(u32)>,
    pub r#type: Option<Id>,
}

#[derive(KeyPart, Clone)]
pub enum Only {
    One(u8),
}

#[derive(KeyPart, Clone)]
pub enum Sort<T> {
    Name,
    By {
        field: T,
        r#type: u8,
    },
    Of(
        Vec<T>,
        #[key(skip)]
        #[allow(dead_code)]
        f32,
    ),
    Empty(),
}

#[cache(key = "sorted:{id}:{sort}:{unit}:{only}:{nested}")]
fn sorted(id: Id, sort: &Sort<String>, unit: Unit, only: Only, nested: (Sort<u8>, Option<Id>)) -> usize {
    let _ = (id, sort, unit, only, nested);
    1
}

#[cache(key = "paged:{page}")]
fn paged(page: &Page<'_, str, 2>) -> usize {
    page.video.len()
}

pub(crate) fn main() {
    let key = |sort: Sort<String>| sorted::key(Id(7), &sort, Unit, Only::One(1), (Sort::Name, None)).to_string();
    assert_eq!(key(Sort::Name), "sorted:7:Name:():One(1):(Name,~)");
    assert_eq!(key(Sort::By { field: "a:b".to_owned(), r#type: 2 }), "sorted:7:By(a%3Ab,2):():One(1):(Name,~)");
    assert_eq!(key(Sort::Of(vec![String::new()], 1.0)), "sorted:7:Of((~e)):():One(1):(Name,~)");
    assert_eq!(key(Sort::Empty()), "sorted:7:Empty:():One(1):(Name,~)");
    let page = Page { video: "intro", of: "x", numbers: [1, 2], hint: None, r#type: Some(Id(3)) };
    assert_eq!(paged::key(&page).as_str(), "paged:(intro,x,(1,2),3)");
    assert_eq!(sorted(Id(7), &Sort::Empty(), Unit, Only::One(1), (Sort::Name, None)), paged(&page) - 4);
}
