//! Types of the user that are read back out of keys.
#![deny(warnings, clippy::pedantic)]

use std::borrow::Cow;

use cached_runtime::key::{KeyWriter, Secret};
use cached_runtime::{KeyPart, ReadPart};

#[derive(KeyPart, ReadPart, Debug, Clone, PartialEq)]
pub struct Unit;

#[derive(KeyPart, ReadPart, Debug, Clone, PartialEq)]
pub struct Empty {}

#[derive(KeyPart, ReadPart, Debug, Clone, PartialEq)]
pub struct Id(pub u64);

#[derive(KeyPart, ReadPart, Debug, Clone, PartialEq)]
pub struct Pair((u8, Option<String>));

#[derive(KeyPart, ReadPart, Debug, Clone, PartialEq)]
pub struct Page<'a, T, const N: usize>
where
    T: Clone + 'static,
{
    pub video: Cow<'a, str>,
    pub of: T,
    pub numbers: [u8; N],
    pub r#type: Option<Id>,
}

#[derive(KeyPart, ReadPart, Debug, Clone, PartialEq)]
pub enum Only {
    One(u8),
}

// A field that looks like the tuple of another variant's, and names that begin alike.
#[derive(KeyPart, ReadPart, Debug, Clone, PartialEq)]
pub enum Sort<T> {
    Name,
    NameOf((u8, u8)),
    By { field: T, r#type: u8 },
    Of(Vec<T>, bool),
    Empty(),
    r#Else {},
}

fn returns<P: KeyPart + ReadPart + std::fmt::Debug + PartialEq>(part: &P, text: &str) {
    let mut out = KeyWriter::new(Secret::default());
    out.part(part);
    assert_eq!(out.as_str(), text);
    assert_eq!(P::read_part(text).as_ref(), Some(part));
}

pub(crate) fn main() {
    returns(&Unit, "()");
    returns(&Empty {}, "()");
    returns(&Id(7), "7");
    returns(&Pair((1, Some(String::new()))), "(1,~~e)");
    returns(&Only::One(1), "One(1)");
    returns(&Sort::<String>::Name, "Name");
    returns(&Sort::<String>::NameOf((1, 2)), "NameOf((1,2))");
    returns(&Sort::By { field: "a:b".to_owned(), r#type: 2 }, "By(a%3Ab,2)");
    returns(&Sort::Of(vec![String::new()], true), "Of((~e),true)");
    returns(&Sort::<u8>::Empty(), "Empty");
    returns(&Sort::<u8>::Else {}, "Else");
    returns(&(Sort::Of(vec![Some(Id(3))], false), Some(Sort::<Unit>::Name)), "(Of((3),false),Name)");
    let page = Page { video: "intro".into(), of: Sort::By { field: Unit, r#type: 0 }, numbers: [1, 2], r#type: None };
    returns(&page, "(intro,By((),0),(1,2),~)");
    for text in ["", "(intro,By((),0),(1,2))", "(intro,By((),0),(1,2),~,~)", "(intro,By((),0),(1,2,3),~)"] {
        assert_eq!(Page::<Sort<Unit>, 2>::read_part(text), None, "{text}");
    }
}
