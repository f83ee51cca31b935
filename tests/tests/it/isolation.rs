//! Two different calls never share a result: functions, receivers, arguments, types, tenants.

use std::fmt;
use std::sync::Arc;

use cached_runtime::{Cache, KeyPart, cache};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::rig::World;

#[derive(Clone)]
struct Tenant {
    name: &'static str,
    cache: Cache,
}

impl Tenant {
    #[cache(key = "isolation-self:{self.name}:{id}", cache = self.cache)]
    async fn title(&self, id: u32) -> String {
        format!("{} {id}", self.name)
    }

    #[cache(key = "isolation-self-sync:{self.name}:{id}", cache = self.cache)]
    fn title_sync(&self, id: u32) -> String {
        format!("{} {id}", self.name)
    }
}

#[tokio::test]
async fn two_receivers_share_nothing() {
    let cache = World::new().cache;
    let (a, b) = (Tenant { name: "a", cache: cache.clone() }, Tenant { name: "b", cache });
    for _ in 0..2 {
        assert_eq!((a.title(1).await, b.title(1).await), ("a 1".to_owned(), "b 1".to_owned()));
        assert_eq!((a.title_sync(1), b.title_sync(1)), ("a 1".to_owned(), "b 1".to_owned()));
    }
}

mod one {
    #[cached_runtime::cache(skip(cache), cache = cache)]
    pub async fn get(cache: &cached_runtime::Cache, id: u32) -> String {
        let _ = cache;
        format!("one {id}")
    }
}

mod other {
    #[cached_runtime::cache(skip(cache), cache = cache)]
    pub async fn get(cache: &cached_runtime::Cache, id: u32) -> String {
        let _ = cache;
        format!("other {id}")
    }
}

#[tokio::test]
async fn two_modules_with_a_function_of_one_name_share_nothing() {
    let world = World::new();
    for _ in 0..2 {
        assert_eq!(one::get(&world.cache, 1).await, "one 1");
        assert_eq!(other::get(&world.cache, 1).await, "other 1");
    }
    assert_ne!(one::get::key(&world.cache, 1), other::get::key(&world.cache, 1));
}

/// Two templates can write one text. Each function still gets its own results, and never the other's.
mod twins_in_text {
    use cached_runtime::{Cache, cache};

    #[cache(key = "isolation-text:{a}:x", cache = cache)]
    pub async fn fixed(cache: &Cache, a: u32) -> String {
        let _ = cache;
        format!("fixed {a}")
    }

    #[cache(key = "isolation-text:{a}:{b}", cache = cache)]
    pub async fn open(cache: &Cache, a: u32, b: &str) -> String {
        let _ = cache;
        format!("open {a} {b}")
    }
}

#[tokio::test]
async fn two_functions_whose_keys_read_alike_share_nothing() {
    let world = World::new();
    assert_eq!(twins_in_text::fixed::key(&world.cache, 1), twins_in_text::open::key(&world.cache, 1, "x"));
    for _ in 0..3 {
        assert_eq!(twins_in_text::fixed(&world.cache, 1).await, "fixed 1");
        assert_eq!(twins_in_text::open(&world.cache, 1, "x").await, "open 1 x");
        world.settle().await;
        world.cache.set_near_capacity(1);
        world.cache.set_near_capacity(1 << 20);
    }
}

/// A user whose `Debug` and `Display` say nothing, as they should.
#[derive(Clone, KeyPart)]
struct User {
    token: String,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("User(..)")
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("user")
    }
}

#[tokio::test]
async fn an_argument_with_a_redacting_debug_is_told_apart() {
    #[cache(skip(cache), secret(user), cache = cache)]
    async fn balance(cache: &Cache, user: &User) -> usize {
        let _ = cache;
        user.token.len()
    }
    let world = World::new();
    let users = ["a", "bb", "ccc"].map(|token| User { token: token.repeat(40) });
    for _ in 0..2 {
        for user in &users {
            assert_eq!(balance(&world.cache, user).await, user.token.len());
        }
    }
    for user in &users {
        assert!(!balance::key(&world.cache, user).as_str().contains(&user.token), "a secret is not readable in a key");
    }
    assert_ne!(balance::key(&world.cache, &users[0]), balance::key(&world.cache, &users[1]));
}

type Hidden<T> = Result<T, Broken>;
type Perhaps = Option<u32>;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Broken;

#[tokio::test]
async fn an_alias_of_result_or_option_keeps_no_failure() {
    #[cache(key = "isolation-alias:{id}", skip(works), cache = cache)]
    async fn alias(cache: &Cache, works: bool, id: u32) -> Hidden<u32> {
        let _ = cache;
        if works { Ok(id) } else { Err(Broken) }
    }
    #[cache(key = "isolation-perhaps:{id}", skip(works), cache = cache)]
    async fn perhaps(cache: &Cache, works: bool, id: u32) -> Perhaps {
        let _ = cache;
        works.then_some(id)
    }
    /// A `Result` of the user's own making is a value like any other.
    mod own {
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub(super) enum Result {
            Good,
            Bad,
        }
        #[cached_runtime::cache(key = "isolation-own:{id}", skip(works), cache = cache)]
        pub(super) async fn own(cache: &cached_runtime::Cache, works: bool, id: u32) -> Result {
            let _ = (cache, id);
            if works { Result::Good } else { Result::Bad }
        }
    }
    let cache = World::new().cache;
    assert_eq!(alias(&cache, false, 1).await, Err(Broken));
    assert_eq!(alias(&cache, true, 1).await, Ok(1));
    assert_eq!(alias(&cache, false, 1).await, Ok(1));
    assert_eq!(perhaps(&cache, false, 1).await, None);
    assert_eq!(perhaps(&cache, true, 1).await, Some(1));
    assert_eq!(perhaps(&cache, false, 1).await, Some(1));
    assert_eq!(own::own(&cache, false, 1).await, own::Result::Bad);
    assert_eq!(own::own(&cache, true, 1).await, own::Result::Bad);
}

#[tokio::test]
async fn instances_of_a_generic_function_share_nothing() {
    #[cache(skip(cache), cache = cache)]
    async fn parsed<T>(cache: &Cache, text: &str) -> Option<T>
    where
        T: std::str::FromStr + Clone + Send + Sync + Serialize + DeserializeOwned + 'static,
    {
        let _ = cache;
        text.parse().ok()
    }
    let world = World::new();
    for _ in 0..2 {
        assert_eq!(parsed::<u8>(&world.cache, "7").await, Some(7_u8));
        assert_eq!(parsed::<u64>(&world.cache, "7").await, Some(7_u64));
        assert_eq!(parsed::<String>(&world.cache, "7").await, Some("7".to_owned()));
        assert_eq!(parsed::<f64>(&world.cache, "7").await, Some(7.0));
    }
}

#[tokio::test]
async fn arguments_that_read_alike_in_bad_keys_are_told_apart() {
    #[cache(skip(cache), cache = cache)]
    async fn joined(cache: &Cache, a: &str, b: &str) -> String {
        let _ = cache;
        format!("{}|{}", a.len(), b.len())
    }
    #[cache(skip(cache), cache = cache)]
    async fn listed(cache: &Cache, all: Vec<String>, last: Option<&str>) -> String {
        let _ = cache;
        format!("{}{last:?}", all.len())
    }
    let cache = World::new().cache;
    let pairs = [("a:b", ""), ("a", "b:"), ("", "a:b"), ("a", "b"), ("ab", ""), ("", "ab"), ("a%3Ab", "")];
    let lists: [&[&str]; 6] = [&[], &[""], &["", ""], &["a,b"], &["a", "b"], &["(a", "b)"]];
    for _ in 0..2 {
        for (a, b) in pairs {
            assert_eq!(joined(&cache, a, b).await, format!("{}|{}", a.len(), b.len()));
        }
        for list in lists {
            let owned: Vec<String> = list.iter().map(ToString::to_string).collect();
            for last in [None, Some(""), Some("~"), Some("a")] {
                assert_eq!(listed(&cache, owned.clone(), last).await, format!("{}{last:?}", list.len()));
            }
        }
    }
    let keys: std::collections::HashSet<_> = pairs.iter().map(|(a, b)| joined::key(&cache, a, b)).collect();
    assert_eq!(keys.len(), pairs.len());
}

/// The control: keys as they are often made by hand do collide.
#[test]
fn keys_made_by_format_collide() {
    let by_hand = |a: &str, b: &str| format!("user:{a}:{b}");
    assert_eq!(by_hand("a:b", "c"), by_hand("a", "b:c"));
    let user = |token: &str| format!("{:?}", User { token: token.to_owned() });
    assert_eq!(user("mine"), user("yours"));
}

/// Values that only differ behind an `Arc` or a reference are told apart as themselves.
#[tokio::test]
async fn pointers_are_what_they_point_to() {
    #[cache(key = "isolation-arc:{name}", cache = cache)]
    async fn by_arc(cache: &Cache, name: Arc<str>) -> String {
        let _ = cache;
        name.to_string()
    }
    let cache = World::new().cache;
    assert_eq!(by_arc(&cache, "a".into()).await, "a");
    assert_eq!(by_arc(&cache, "b".into()).await, "b");
    assert_eq!(by_arc(&cache, "a".into()).await, "a");
    assert_eq!(cache.stats().site("by_arc").unwrap().loads, 2);
}
