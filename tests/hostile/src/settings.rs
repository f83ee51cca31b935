//! Settings as an operator, a file or an attribute writes them.

use std::time::Duration;

use cached_runtime::codec::{Compression, Format};
use cached_runtime::error::ErrorKind;
use cached_runtime::tier::redis::RedisOptions;
use cached_runtime::tier::sql::SqlOptions;
use cached_runtime::{Cache, Error, Eviction};
use proc_macro2::Span;
use syn::LitStr;

use crate::duration;

/// Stands for a password wherever one is tried.
const MARK: &str = "hunter2";

/// What is set, as a byte, and the text it is set to.
pub(crate) fn run(bytes: &[u8]) {
    let Some((kind, text)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    match kind {
        b'r' => silent(RedisOptions::new(text)),
        b'u' => silent(SqlOptions::url(text)),
        b'p' => silent(SqlOptions::postgres(text)),
        b'm' => silent(SqlOptions::mysql(text)),
        b'x' => prefixes(text),
        b'w' => words(text),
        b'd' => duration(text),
        _ => built(text),
    }
}

/// What is wrong with an address is told without the address: there may be a password in it.
fn silent<T>(parsed: Result<T, Error>) {
    if let Err(error) = parsed {
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(!format!("{error} {error:?}").contains(MARK), "an error quotes an address");
    }
}

fn prefixes(text: &str) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    let redis = RedisOptions::new("redis://localhost").and_then(|options| options.prefix(text));
    assert_eq!(redis.is_ok(), !text.is_empty() && text.len() <= 64 && text.chars().all(plain));
    let sql = SqlOptions::sqlite("file.db").and_then(|options| options.table_prefix(text));
    let bare = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    assert!(sql.is_err() || text.chars().all(bare), "a table's name that has to be quoted");
}

/// A word is read back as it is shown.
fn words(text: &str) {
    if let Ok(format) = text.parse::<Format>() {
        assert_eq!(format.to_string(), text);
    }
    if let Ok(compression) = text.parse::<Compression>() {
        assert_eq!(compression.word(), text);
    }
    if let Ok(eviction) = text.parse::<Eviction>() {
        assert_eq!(format!("{eviction:?}").to_lowercase(), text);
    }
}

/// A duration of an attribute against the sum of its parts, taken one by one; and two of them, between which lives are.
fn duration(text: &str) {
    if let Ok((least, most)) = duration::range(&LitStr::new(text, Span::call_site())) {
        assert!(0 < least && least < most, "{text:?}: {least} to {most}");
    }
    let Ok(millis) = duration::parse(&LitStr::new(text, Span::call_site())) else { return };
    let (mut sum, mut number) = (0_u128, 0_u128);
    for unit in text.split_inclusive(char::is_alphabetic).collect::<String>().replace("ms", "x").chars() {
        let scale = match unit {
            'd' => 86_400_000,
            'h' => 3_600_000,
            'm' => 60_000,
            's' => 1_000,
            'x' => 1,
            digit => {
                number = number * 10 + u128::from(digit.to_digit(10).expect("a digit or a unit"));
                continue;
            }
        };
        sum += std::mem::take(&mut number) * scale;
    }
    assert_eq!(u128::from(millis), sum, "`{text}`");
}

/// A cache by numbers and a glob: made or refused, and nothing is reserved for a limit that is only a limit.
fn built(text: &str) {
    let (numbers, glob) = text.split_once(' ').unwrap_or((text, "video:*"));
    let numbers: Vec<u64> = numbers.split(',').map(|n| n.parse().unwrap_or(0)).collect();
    let at = |n: usize| numbers.get(n).copied().unwrap_or(1);
    let ttl = Duration::from_millis(at(1));
    let builder = Cache::builder()
        .near_bytes(at(0))
        .ttl(ttl)
        .ttl_for(glob, Duration::from_secs(at(2)))
        .remembered_groups(usize::try_from(at(3)).unwrap_or(usize::MAX))
        .namespace_limit(glob, at(4))
        .max_value(usize::try_from(at(5)).unwrap_or(usize::MAX));
    match builder.build() {
        Ok(cache) => drop(cache),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Config, "{error}"),
    }
}
