//! Fields of requests and responses as chance has them: no answer is of another address, none is cut, nothing panics.

use http::{HeaderValue, Method};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::rig::{World, answer, get};

const ANSWERED: &[&str] = &[
    "cache-control",
    "cdn-cache-control",
    "expires",
    "age",
    "date",
    "vary",
    "etag",
    "last-modified",
    "cache-tag",
    "content-type",
    "content-range",
    "connection",
    "set-cookie",
];
const ASKED: &[&str] = &[
    "cache-control",
    "pragma",
    "if-none-match",
    "if-modified-since",
    "if-range",
    "accept-encoding",
    "accept-language",
    "authorization",
    "x-kind",
];

/// Words that mean something here, and bytes that do not.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        "max-age=60",
        "s-maxage=9",
        "no-cache",
        "no-store",
        "private",
        "public",
        "must-revalidate",
        "max-stale",
        "\"a\"",
        "W/\"a\"",
        "*",
        "x-kind",
        "accept-language",
        "gzip",
        "br;q=0.5",
        "0",
        "7",
        "Sun, 09 Sep 2001 01:46:40 GMT",
        ",",
        "=",
        "\"",
        "\\",
        ";",
        " ",
        "stale-while-revalidate=9",
        "stale-if-error=9",
        "text/plain",
        "bytes 0-1/9",
        "bytes=0-1",
        "no-cache=\"x\"",
    ];
    let word = prop::sample::select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec());
    let bytes = vec(any::<u8>().prop_filter("a byte of a value", |b| *b >= 32 && *b != 127), 0..8);
    vec(prop_oneof![4 => word, 1 => bytes], 0..5).prop_map(|parts| parts.join(&b", "[..]))
}

fn fields(names: &'static [&'static str]) -> impl Strategy<Value = Vec<(&'static str, HeaderValue)>> {
    let one = (prop::sample::select(names), value());
    vec(one.prop_filter_map("a value", |(name, value)| Some((name, HeaderValue::from_bytes(&value).ok()?))), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn an_answer_is_of_its_address_and_whole(
        said in fields(ANSWERED),
        asks in vec((fields(ASKED), 0..3usize, any::<bool>(), 0..90u64), 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let long = |path: &str| format!("{path} ").repeat(400);
            let world = World::of(move |_, request| {
                let mut response = answer(long(request.uri().path()), &[])?;
                for (name, value) in &said {
                    response.headers_mut().append(*name, value.clone());
                }
                Ok(response)
            });
            for (fields, path, is_head, seconds) in asks {
                let path = ["/a", "/b", "/c"][path];
                let mut request = get(path, &[]);
                for (name, value) in fields {
                    request.headers_mut().append(name, value);
                }
                if is_head {
                    *request.method_mut() = Method::HEAD;
                }
                let read = world.ask(request).await;
                let is_plain = read.status == 200 && !read.headers.contains_key("content-encoding");
                if is_plain && !is_head {
                    prop_assert_eq!(read.text(), long(path));
                }
                world.clock.advance(std::time::Duration::from_secs(seconds));
            }
            Ok(())
        })?;
    }
}
