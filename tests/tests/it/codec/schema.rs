use std::collections::{BTreeMap, HashSet};

use cached_runtime::codec::{Compression, Format, Schema};
use serde::{Deserialize, Serialize};

use super::{Kind, Video, carried, codec};

/// The same names at the root of each, and one change each inside.
macro_rules! worlds {
    ($($world:ident { $($body:tt)* })*) => {$(
        mod $world {
            use serde::Deserialize;
            $($body)*

            #[derive(Deserialize)]
            #[allow(dead_code)]
            pub(super) struct Root {
                head: u8,
                list: Vec<Option<Outer>>,
            }

            #[derive(Deserialize)]
            #[allow(dead_code)]
            enum Outer {
                First,
                Second(String, Inner),
                Again(Box<Outer>, Option<Box<Root>>),
            }
        }
    )*

        fn worlds() -> Vec<(&'static str, Schema)> {
            vec![$((stringify!($world), Schema::of::<$world::Root>())),*]
        }
    };
}

worlds! {
    plain { #[derive(Deserialize)] #[allow(dead_code)] enum Inner { A(u8), B { x: u32, y: bool } } }
    field_renamed { #[derive(Deserialize)] #[allow(dead_code)] enum Inner { A(u8), B { x: u32, z: bool } } }
    fields_swapped { #[derive(Deserialize)] #[allow(dead_code)] enum Inner { A(u8), B { y: bool, x: u32 } } }
    field_added { #[derive(Deserialize)] #[allow(dead_code)] enum Inner { A(u8), B { x: u32, y: bool, z: () } } }
    field_gone { #[derive(Deserialize)] #[allow(dead_code)] enum Inner { A(u8), B { x: u32 } } }
    field_retyped { #[derive(Deserialize)] #[allow(dead_code)] enum Inner { A(u8), B { x: u64, y: bool } } }
    sign_changed { #[derive(Deserialize)] #[allow(dead_code)] enum Inner { A(i8), B { x: u32, y: bool } } }
    made_optional { #[derive(Deserialize)] #[allow(dead_code)] enum Inner { A(u8), B { x: Option<u32>, y: bool } } }
    made_list { #[derive(Deserialize)] #[allow(dead_code)] enum Inner { A(Vec<u8>), B { x: u32, y: bool } } }
    made_array { #[derive(Deserialize)] #[allow(dead_code)] enum Inner { A([u8; 2]), B { x: u32, y: bool } } }
    array_longer { #[derive(Deserialize)] #[allow(dead_code)] enum Inner { A([u8; 3]), B { x: u32, y: bool } } }
    variant_renamed { #[derive(Deserialize)] #[allow(dead_code)] enum Inner { Z(u8), B { x: u32, y: bool } } }
    variants_swapped { #[derive(Deserialize)] #[allow(dead_code)] enum Inner { B { x: u32, y: bool }, A(u8) } }
    variant_added { #[derive(Deserialize)] #[allow(dead_code)] enum Inner { A(u8), B { x: u32, y: bool }, C } }
    variant_emptied { #[derive(Deserialize)] #[allow(dead_code)] enum Inner { A, B { x: u32, y: bool } } }
    variant_tuple { #[derive(Deserialize)] #[allow(dead_code)] enum Inner { A(u8), B(u32, bool) } }
    became_map {
        #[derive(Deserialize)] #[allow(dead_code)]
        enum Inner { A(std::collections::BTreeMap<u8, u8>), B { x: u32, y: bool } }
    }
    map_value_changed {
        #[derive(Deserialize)] #[allow(dead_code)]
        enum Inner { A(std::collections::BTreeMap<u8, u16>), B { x: u32, y: bool } }
    }
    wrapped {
        #[derive(Deserialize)] #[allow(dead_code)] struct Wrap(u8);
        #[derive(Deserialize)] #[allow(dead_code)] enum Inner { A(Wrap), B { x: u32, y: bool } }
    }
    same_name_inside {
        mod other { #[derive(serde::Deserialize)] #[allow(dead_code)] pub(super) struct Inner { x: u32 } }
        #[derive(Deserialize)] #[allow(dead_code)] enum Inner { A(other::Inner), B { x: u32, y: bool } }
    }
    same_name_inside_changed {
        mod other { #[derive(serde::Deserialize)] #[allow(dead_code)] pub(super) struct Inner { x: u16 } }
        #[derive(Deserialize)] #[allow(dead_code)] enum Inner { A(other::Inner), B { x: u32, y: bool } }
    }
    generic_inside {
        #[derive(Deserialize)] #[allow(dead_code)] struct Page<T> { items: Vec<T> }
        #[derive(Deserialize)] #[allow(dead_code)] enum Inner { A(Page<Page<u8>>), B { x: u32, y: bool } }
    }
    generic_inside_changed {
        #[derive(Deserialize)] #[allow(dead_code)] struct Page<T> { items: Vec<T> }
        #[derive(Deserialize)] #[allow(dead_code)] enum Inner { A(Page<Page<u16>>), B { x: u32, y: bool } }
    }
}

mod elsewhere {
    use super::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    pub(super) enum Kind {
        Live,
        Clip(u8),
        Pair(i64, bool),
        Film { year: i32, chapters: Vec<Option<u8>> },
    }
}

#[test]
fn every_change_at_any_depth_changes_the_fingerprint() {
    let worlds = worlds();
    for (i, (name, schema)) in worlds.iter().enumerate() {
        assert!(schema.traced, "{name} is traced");
        for (other, changed) in &worlds[..i] {
            assert_ne!(schema.fingerprint, changed.fingerprint, "{other} and {name}");
        }
    }
}

#[test]
fn equal_types_have_equal_fingerprints() {
    assert_eq!(Schema::of::<Kind>().fingerprint, Schema::of::<elsewhere::Kind>().fingerprint);
    assert_eq!(Schema::of::<Video>().fingerprint, Schema::of::<Video>().fingerprint);
    let other_thread = std::thread::spawn(|| Schema::of::<Video>().fingerprint).join().unwrap();
    assert_eq!(Schema::of::<Video>().fingerprint, other_thread);
}

/// Frames outlive processes and builds: a change here makes every stored entry a miss.
#[test]
fn fingerprints_are_the_same_in_every_process_and_build() {
    let seen = [
        Schema::of::<(u8, Option<String>)>().fingerprint,
        Schema::of::<Video>().fingerprint,
        Schema::of::<Expr>().fingerprint,
    ];
    assert_eq!(seen, [0xae78_eccf_0562_d30f, 0xace6_3e41_050b_c00e, 0xf9a6_ef03_4822_75bb]);
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Expr {
    Add(Box<Expr>, Box<Expr>),
    Call { name: String, args: Vec<Expr> },
    Let(Vec<(String, Stmt)>, Box<Expr>),
    Neg(Box<Expr>),
    Num(f64),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Stmt {
    Block(Box<Stmt>, Box<Expr>),
    If { cond: Expr, then: Box<Stmt>, or: Option<Box<Stmt>> },
    Eval(Expr),
}

/// The way out leads through the other type, and only its last variant.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Ping {
    A(Box<Ping>),
    B(Box<Pong>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Pong {
    X(Box<Ping>),
    Z(Box<Ping>, Box<Ping>),
    Y,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Nest(Vec<Nest>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Chain(Option<Box<Chain>>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Tree {
    value: u8,
    children: BTreeMap<String, Tree>,
}

#[test]
fn recursive_types_are_traced_to_their_end() {
    assert!(Schema::of::<Expr>().traced);
    assert!(Schema::of::<Stmt>().traced);
    assert!(Schema::of::<Ping>().traced);
    assert!(Schema::of::<Pong>().traced);
    assert!(Schema::of::<Nest>().traced);
    assert!(Schema::of::<Chain>().traced);
    assert!(Schema::of::<Tree>().traced);
    let all = [
        Schema::of::<Expr>().fingerprint,
        Schema::of::<Stmt>().fingerprint,
        Schema::of::<Ping>().fingerprint,
        Schema::of::<Pong>().fingerprint,
        Schema::of::<Nest>().fingerprint,
        Schema::of::<Chain>().fingerprint,
        Schema::of::<Tree>().fingerprint,
    ];
    assert_eq!(HashSet::from(all).len(), all.len());
}

#[test]
fn recursive_values_come_back_without_names() {
    fn small<T: Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(value: T) {
        let codec = codec(Format::Postcard, Compression::None);
        let format = codec.encode(&value, &Schema::of::<T>()).unwrap().format;
        assert_eq!(format, Format::Postcard.number(), "{value:?}");
        assert_eq!(carried(&codec, &value).unwrap(), value);
    }
    let num = Box::new(Expr::Num(1.0));
    let call = Expr::Call { name: "f".into(), args: vec![Expr::Neg(num.clone()), Expr::Num(2.0)] };
    let eval = Box::new(Stmt::Eval(call.clone()));
    let stmt = Stmt::If { cond: call, then: eval.clone(), or: Some(eval) };
    small(Expr::Add(Box::new(Expr::Let(vec![("x".into(), stmt)], num.clone())), num));
    small(Ping::B(Box::new(Pong::Z(Box::new(Ping::B(Box::new(Pong::Y))), Box::new(Ping::B(Box::new(Pong::Y)))))));
    small(Nest(vec![Nest(vec![]), Nest(vec![Nest(vec![])])]));
    small(Chain(Some(Box::new(Chain(None)))));
    small(Tree { value: 1, children: BTreeMap::from([("a".into(), Tree { value: 2, children: BTreeMap::new() })]) });
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Text(String),
    Both { n: i64, t: String },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    One { n: u8 },
    Two { t: String },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "is")]
enum Adjacent {
    One(u8),
    Two { t: String },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Flat {
    a: u8,
    #[serde(flatten)]
    rest: Rest,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Rest {
    b: u8,
    c: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Refusing(String);

impl TryFrom<String> for Refusing {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        if text.starts_with("very special ") { Ok(Self(text)) } else { Err("not special") }
    }
}

impl From<Refusing> for String {
    fn from(refusing: Refusing) -> Self {
        refusing.0
    }
}

/// Panics on what it does not expect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
struct Panicking(u64);

impl From<u64> for Panicking {
    fn from(n: u64) -> Self {
        assert!(n > 1, "only large numbers");
        Self(n)
    }
}

impl From<Panicking> for u64 {
    fn from(panicking: Panicking) -> Self {
        panicking.0
    }
}

#[test]
fn types_that_cannot_be_traced_still_come_back() {
    fn named<T: Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(value: T) {
        let (codec, schema) = (codec(Format::Postcard, Compression::None), Schema::of::<T>());
        assert!(!schema.traced, "{value:?}");
        assert_eq!(schema.fingerprint, Schema::untraced().fingerprint);
        assert_eq!(codec.encode(&value, &schema).unwrap().format, Format::Msgpack.number(), "{value:?}");
        assert_eq!(carried(&codec, &value).unwrap(), value);
        assert!(codec.verify(&value, &schema));
    }
    named(vec![Untagged::Number(-1), Untagged::Text("x".into()), Untagged::Both { n: 1, t: "y".into() }]);
    named(vec![Tagged::One { n: 1 }, Tagged::Two { t: "x".into() }]);
    named(vec![Adjacent::One(1), Adjacent::Two { t: "x".into() }]);
    named(Flat { a: 1, rest: Rest { b: 2, c: None } });
    named(Refusing("very special text".into()));
    named(Panicking(7));
    named(serde_json::json!({ "a": [1, null, "x", { "b": 1.5 }] }));
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
struct Date(String);

impl TryFrom<String> for Date {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        if text.len() == 10 && text.as_bytes()[4] == b'-' { Ok(Self(text)) } else { Err("not a date") }
    }
}

#[test]
fn types_that_parse_usual_text_are_traced() {
    assert!(Schema::of::<Vec<(Date, String, Option<Date>)>>().traced);
}

#[test]
fn types_beyond_any_size_are_left_untraced_in_good_time() {
    macro_rules! wide {
        ($name:ident of $inner:ty) => {
            #[derive(Deserialize)]
            #[allow(dead_code)]
            struct $name([Box<($inner, $inner, $inner, $inner)>; 32]);
        };
    }
    wide!(A of u8);
    wide!(B of A);
    wide!(C of B);
    assert!(Schema::of::<B>().traced);
    assert!(!Schema::of::<C>().traced);
}
