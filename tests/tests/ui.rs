//! What the attributes say to those who misuse them, one mistake a file.

/// The folders of `ui` whose files must not compile.
const TOPICS: &[&str] = &[
    "arguments",
    "batch",
    "durations",
    "functions",
    "invalidate",
    "key",
    "key_part",
    "lives",
    "options",
    "predict",
    "prefetch",
    "query",
    "rate",
    "receivers",
    "returns",
    "together",
    "warmup",
];

#[test]
fn one_mistake_is_one_error_on_the_users_word() {
    let tests = trybuild::TestCases::new();
    for topic in TOPICS {
        tests.compile_fail(format!("tests/ui/{topic}/*.rs"));
    }
}
