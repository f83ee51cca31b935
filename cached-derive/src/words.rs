//! Every word an attribute knows, with an example of its use, and the nearest of them to a word it does not know.

/// A word and how it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word {
    pub(crate) name: &'static str,
    pub(crate) example: &'static str,
}

const fn word(name: &'static str, example: &'static str) -> Word {
    Word { name, example }
}

/// The options of `#[cache]`.
pub(crate) const CACHE: &[Word] = &[
    word("key", "key = \"video:{video_id}\""),
    word("ttl", "ttl = \"10m\""),
    word("profile", "profile = \"query\""),
    word("stale", "stale = \"1h\""),
    word("refresh_ahead", "refresh_ahead = \"30s\""),
    word("jitter", "jitter = 0.1"),
    word("tags", "tags = [\"video:{video_id}\"]"),
    word("skip", "skip(db)"),
    word("secret", "secret(token)"),
    word("namespace", "namespace = \"video\""),
    word("name", "name = \"frames\""),
    word("version", "version = 2"),
    word("local", "local"),
    word("strict", "strict"),
    word("lock", "lock = \"cluster\""),
    word("format", "format = \"json\""),
    word("compress", "compress = \"text\""),
    word("load", "load = \"inline\""),
    word("batch", "batch = ids"),
    word("max_batch", "max_batch = 500"),
    word("coalesce", "coalesce = \"2ms\""),
    word("prefetch", "prefetch(captions(db, video_id))"),
    word("predict", "predict(by = user_id)"),
    word("cache_none", "cache_none = \"30s\""),
    word("cache_err", "cache_err = \"5s\""),
    word("cache_if", "cache_if = |value| !value.is_empty()"),
    word("ttl_with", "ttl_with = |value| value.max_age"),
    word("weigh", "weigh = |value| value.len()"),
    word("soft_timeout", "soft_timeout = \"200ms\""),
    word("timeout", "timeout = \"10s\""),
    word("rate", "rate = \"100/s\""),
    word("idle", "idle = \"5m\""),
    word("companions", "companions = false"),
    word("cache", "cache = &self.cache"),
    word("crate", "crate = my_framework::cached"),
];

/// The options that `#[cache_query]` has besides.
const QUERY_ALONE: [Word; 3] = [
    word("sql", "sql = \"SELECT title FROM video WHERE id = ?\""),
    word("tables", "tables = [\"video\", \"caption\"]"),
    word("database", "database = \"orders\""),
];

/// The options of `#[cache_query]`.
pub(crate) const QUERY: &[Word] = &{
    let mut all = [QUERY_ALONE[0]; CACHE.len() + QUERY_ALONE.len()];
    let mut at = 0;
    while at < CACHE.len() {
        all[at + QUERY_ALONE.len()] = CACHE[at];
        at += 1;
    }
    at = 0;
    while at < QUERY_ALONE.len() {
        all[at] = QUERY_ALONE[at];
        at += 1;
    }
    all
};

/// The options of `#[invalidate]`.
pub(crate) const INVALIDATE: &[Word] = &[
    word("key", "key = \"video:{video_id}\""),
    word("keys", "keys = [\"video:{video_id}\", \"video:{video_id}:frames\"]"),
    word("tags", "tags = [\"video:{video_id}\"]"),
    word("pattern", "pattern = \"video:{video_id}:*\""),
    word("patterns", "patterns = [\"video:{video_id}:*\"]"),
    word("namespace", "namespace = \"video\""),
    word("sql", "sql = \"UPDATE video SET title = ? WHERE id = ?\""),
    word("tables", "tables = [\"video\"]"),
    word("database", "database = \"orders\""),
    word("secret", "secret(token)"),
    word("when", "when = \"after\""),
    word("cache", "cache = &self.cache"),
    word("crate", "crate = my_framework::cached"),
];

/// What `predict` takes.
pub(crate) const PREDICT: &[Word] = &[
    word("by", "by = user_id"),
    word("precision", "precision = 0.9"),
    word("gain", "gain = 0.05"),
    word("ahead", "ahead = 8"),
];

/// The options of `#[warmup]`.
pub(crate) const WARMUP: &[Word] = &[
    word("args", "args = [\"intro\", \"outro\"]"),
    word("args_from", "args_from = popular(db).await?"),
    word("hot", "hot = 1000"),
    word("on_start", "on_start"),
    word("every", "every = \"30m\""),
    word("cron", "cron = \"0 6 * * MON-FRI\""),
    word("priority", "priority = 10"),
    word("concurrency", "concurrency = 8"),
    word("retries", "retries = 2"),
    word("spread", "spread = \"5m\""),
    word("deadline", "deadline = \"2m\""),
    word("lock", "lock = \"cluster\""),
    word("skip", "skip(db)"),
    word("name", "name = \"frames\""),
    word("crate", "crate = my_framework::cached"),
];

/// The options of `#[key(..)]`, the helper of `#[derive(KeyPart)]` and `#[derive(ReadPart)]`.
pub(crate) const KEY: &[Word] = &[word("skip", "skip"), word("crate", "crate = my_framework::cached")];

/// Words that other caches use for what is here called something else.
const ELSEWHERE: &[(&str, &str)] = &[
    ("query", "sql"),
    ("statement", "sql"),
    ("expire", "ttl"),
    ("expires", "ttl"),
    ("expiry", "ttl"),
    ("time", "ttl"),
    ("time_to_live", "ttl"),
    ("max_age", "ttl"),
    ("time_to_idle", "idle"),
    ("tti", "idle"),
    ("throttle", "rate"),
    ("rate_limit", "rate"),
    ("grace", "stale"),
    ("swr", "stale"),
    ("stale_while_revalidate", "stale"),
    ("stale_if_error", "stale"),
    ("convert", "key"),
    ("result", "cache_err"),
    ("condition", "cache_if"),
    ("unless", "cache_if"),
    ("ignore", "skip"),
    ("exclude", "skip"),
    ("group", "tags"),
    ("prefix", "pattern"),
    ("prefixes", "patterns"),
    ("glob", "pattern"),
    ("interval", "every"),
    ("schedule", "cron"),
    ("timeout", "deadline"),
    ("parallel", "concurrency"),
    ("at_once", "concurrency"),
    ("startup", "on_start"),
    ("on_startup", "on_start"),
    ("keys", "args"),
];

/// How the option is written.
pub(crate) fn example(words: &[Word], name: &str) -> &'static str {
    words.iter().find(|w| w.name == name).map_or("", |w| w.example)
}

/// The message for an option that does not exist.
pub(crate) fn unknown(words: &[Word], name: &str) -> String {
    match near(words, name) {
        Some(near) => format!("unknown option `{name}`: did you mean `{near}`?"),
        None => format!("unknown option `{name}`; the options are {}", list(words.iter().map(|w| w.name))),
    }
}

/// The option that was meant, by the words of other caches or by the letters.
pub(crate) fn near(words: &[Word], name: &str) -> Option<&'static str> {
    let names = || words.iter().map(|w| w.name);
    let meant = ELSEWHERE.iter().find(|(theirs, ours)| *theirs == name && names().any(|n| n == *ours));
    meant.map(|(_, ours)| *ours).or_else(|| nearest(name, names()))
}

/// The message for a word that is none of a few.
pub(crate) fn none_of(what: &str, name: &str, choices: &[&'static str]) -> String {
    match nearest(name, choices.iter().copied()) {
        Some(near) => format!("unknown {what} `{name}`: did you mean `{near}`?"),
        None => format!("unknown {what} `{name}`: write {}", list_or(choices)),
    }
}

fn list(names: impl Iterator<Item = &'static str>) -> String {
    names.map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
}

fn list_or(choices: &[&'static str]) -> String {
    choices.iter().map(|c| format!("\"{c}\"")).collect::<Vec<_>>().join(" or ")
}

/// Would a type of this name stand in the way of the language's own types and crates?
pub(crate) fn is_type_of_the_language(name: &str) -> bool {
    const TAKEN: &[&str] = &[
        "bool", "char", "str", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize",
        "f16", "f32", "f64", "f128", "std", "core", "alloc",
    ];
    TAKEN.contains(&name)
}

/// The nearest word, if one is near enough to be what was meant.
pub(crate) fn nearest<'a>(name: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = (name.chars().count() / 3).max(1);
    words.map(|word| (distance(name, word), word)).filter(|(d, _)| *d <= most).min_by_key(|(d, _)| *d).map(|(_, w)| w)
}

/// Edits between two words, where swapping two neighbours is one edit (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j - 1] + change).min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_word() {
        for (slip, meant) in [("tll", "ttl"), ("skp", "skip"), ("tag", "tags"), ("tmieout", "timeout"), ("Key", "key")]
        {
            assert_eq!(nearest(slip, CACHE.iter().map(|w| w.name)), Some(meant));
        }
    }

    #[test]
    fn a_word_of_another_cache_finds_ours() {
        assert_eq!(unknown(CACHE, "expires"), "unknown option `expires`: did you mean `ttl`?");
        assert_eq!(unknown(INVALIDATE, "glob"), "unknown option `glob`: did you mean `pattern`?");
    }

    #[test]
    fn a_word_from_nowhere_gets_the_list() {
        assert!(unknown(KEY, "bananas").ends_with("the options are `skip`, `crate`"));
    }

    #[test]
    fn every_example_begins_with_its_word() {
        for word in CACHE.iter().chain(INVALIDATE).chain(WARMUP).chain(PREDICT).chain(KEY) {
            assert!(word.example.starts_with(word.name), "{word:?}");
        }
    }
}
