//! Functions within functions, functions made by macros, raw names, bodies that return early or never.
#![deny(warnings)]

use cached_runtime::{cache, invalidate};

macro_rules! cached_getter {
    ($name:ident, $ty:ty, $argument:ident, $template:literal) => {
        #[cache(key = $template, ttl = "1m")]
        async fn $name($argument: &$ty) -> Option<String> {
            Some(format!("{}", $argument))
        }
    };
}

cached_getter!(by_number, u32, number, "by_number:{number}");
cached_getter!(by_text, str, text, "by_text:{text}");

#[cache]
async fn outer(n: u32) -> u32 {
    #[cache]
    async fn inner(n: u32) -> u32 {
        fn self_less(n: u32) -> u32 {
            n
        }
        self_less(n)
    }
    inner(n).await + 1
}

#[cache(key = "raw:{type}")]
async fn r#match(r#type: &str) -> usize {
    r#type.len()
}

#[cache]
async fn early(n: u32) -> Result<Box<str>, Box<dyn std::error::Error + Send + Sync>> {
    if n == 0 {
        return Err("nothing".into());
    }
    if n == 1 {
        return Ok(Box::from("one"));
    }
    let n: u32 = "2".parse()?;
    Ok(n.to_string().into())
}

#[cache]
async fn returns_at_the_end(n: u32) -> u32 {
    return n;
}

#[cache]
fn never_returns(n: u32) -> u32 {
    panic!("{n}")
}

#[cache]
async fn never_returns_later(n: u32) -> u32 {
    panic!("{n}")
}

#[cache]
async fn no_arguments() -> Vec<u32> {
    vec![1]
}

#[cache]
fn mutable(mut n: u32) -> u32 {
    n += 1;
    n
}

#[cache]
async fn mutable_reference_variable(mut text: &str) -> usize {
    while let Some(rest) = text.strip_prefix('a') {
        text = rest;
    }
    text.len()
}

#[cache(load = "inline")]
async fn coerced(n: u32) -> std::sync::Arc<[u32]> {
    std::sync::Arc::new([n])
}

#[cache(skip(by), load = "inline")]
async fn pushes(by: &mut Vec<u32>, n: u32) -> usize {
    by.push(n);
    by.len()
}

#[cache(secret(token), tags = ["token:{token}"])]
async fn secret(token: String) -> usize {
    token.len()
}

#[cache(key = "pair:{pair.0}:{pair.1.0}")]
async fn fields(pair: (u32, (u32,))) -> u32 {
    pair.0 + pair.1.0
}

#[cache(ttl = "1d", stale = "1h", refresh_ahead = "1m", jitter = 0, soft_timeout = "0s", timeout = "5s", idle = "5m",
    cache_none = "5s", cache_err = "1s", version = 3, format = json, name = "all.of.it", namespace = "all", load = task,
    cache_if = |text| !text.as_ref().is_ok_and(Option::is_none),
    ttl_with = |_| std::time::Duration::from_secs(1), weigh = |_| 1)]
async fn all_options(n: u32) -> Result<Option<String>, cached_runtime::Error> {
    Ok(Some(n.to_string()))
}

#[invalidate(key = "pair:1:2", keys = ["pair:{n}:2"], patterns = ["all:*"], namespace = "by_text", secret(token),
    tags = ["token:{token}"], by_text(token), when = both)]
fn forget(n: u32, token: &str) {
    let _ = (n, token);
}

#[invalidate(tags = ["a:{n}"])]
async fn never_done(n: u32) -> u32 {
    panic!("{n}")
}

pub(crate) fn main() {
    drop((by_number(&1), by_text("a"), outer(1), r#match("a"), early(1), returns_at_the_end(1)));
    let _ = (never_returns as fn(u32) -> u32, no_arguments::key(), mutable(1));
    drop((never_returns_later(1), no_arguments(), mutable_reference_variable("a"), coerced(1)));
    drop((pushes(&mut vec![], 1), secret(String::new()), fields((1, (2,))), all_options(1), never_done(1)));
    let _ = (by_text::refresh("a"), fields::key((1, (2,))), secret::entry(String::new()));
    assert_eq!(fields::key((1, (2,))).as_str(), "pair:1:2");
    forget(1, "");
}
