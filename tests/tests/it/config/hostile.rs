//! Files that nobody wrote for us: told, and nothing else happens.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use cached_runtime::ErrorKind;
use cached_runtime::config::Config;
use proptest::prelude::*;

use super::rig::{Document, of_text, of_variables};

#[test]
fn what_is_no_file_of_text_is_told() {
    let document = Document::new("");
    let dir = document.dir.path();
    fs::write(dir.join("binary"), [0xff, 0xfe, 0, 1]).unwrap();
    fs::write(dir.join("huge"), vec![b'#'; (1 << 20) + 1]).unwrap();
    symlink(dir.join("loop"), dir.join("loop")).unwrap();
    for (name, message) in [
        ("binary", "is no text in UTF-8"),
        ("huge", "is larger than 1 MiB"),
        ("", "is a directory"),
        ("loop", "cannot be read"),
        ("absent", "there is no such file"),
        ("cached.toml/below", "cannot be read"),
    ] {
        let error = Config::from_file(dir.join(name)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(message), "{name}: {error}");
        assert!(error.context("file").is_some());
    }
    let error = Config::from_file("/dev/zero").unwrap_err();
    assert!(error.to_string().contains("is no ordinary file"), "{error}");
}

#[test]
fn a_file_that_may_not_be_read_is_told() {
    let document = Document::new("ttl = \"5m\"");
    fs::set_permissions(document.path(), fs::Permissions::from_mode(0o000)).unwrap();
    // Who may read everything reads this, too.
    if fs::read(document.path()).is_err() {
        assert!(document.read().unwrap_err().to_string().contains("cannot be read"));
    }
}

#[test]
fn nesting_without_end_is_told() {
    for text in [
        format!("ttl = {}", "[".repeat(100_000)),
        format!("a{} = 1", ".a".repeat(100_000)),
        format!("x = {}1{}", "{a=".repeat(10_000), "}".repeat(10_000)),
        format!("[{}a]", "a.".repeat(100_000)),
    ] {
        let error = of_text(&text).unwrap_err().to_string();
        assert!(error.len() < 2_000, "{} bytes", error.len());
    }
}

#[test]
fn many_keys_and_long_names_are_told_shortly() {
    let many: String = (0..40_000).map(|n| format!("key{n} = 1\n")).collect();
    assert!(of_text(&many).is_err());
    let error = of_text(&format!("{} = 1", "x".repeat(500_000))).unwrap_err().to_string();
    assert!(error.len() < 2_000, "{} bytes", error.len());
    let error = of_text("\"a\\nb\\u001b[31m\" = 1").unwrap_err().to_string();
    assert!(!error.contains('\n') && !error.contains('\u{1b}'), "{error:?}");
}

#[test]
fn a_variable_that_is_no_text_is_told_if_it_is_ours() {
    let odd = || OsString::from_vec(vec![0xff, 0xfe]);
    let error = Config::sources().variables([(OsString::from("REDIS_URL"), odd())]).read().unwrap_err();
    assert_eq!(error.context("from"), Some("the variable REDIS_URL"));
    Config::sources().variables([(OsString::from("OTHER"), odd()), (odd(), odd())]).read().unwrap();
}

/// Texts that look like configuration, more or less.
fn documents() -> impl Strategy<Value = String> {
    let table = Config::table();
    let names: Vec<String> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .map(|name| name.replace('*', "\"app.x\""))
        .chain(["CACHE_TTL_SECONDS", "l1_config.max_size", "ttl_patterns", "cache.ttl", "sites"].map(str::to_owned))
        .collect();
    let value = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|n| format!("{n:?}").replace("NaN", "nan")),
        any::<bool>().prop_map(|on| on.to_string()),
        "[0-9a-zA-Z:/.*% -]{0,24}".prop_map(|text| format!("\"{text}\"")),
        "[0-9]{1,24}(ms|s|m|h|d|MiB|y| )".prop_map(|text| format!("\"{text}\"")),
        Just("[1, \"a\", []]".to_owned()),
        Just("{a = {b = 1}}".to_owned()),
        Just("1979-05-27T07:32:00Z".to_owned()),
    ];
    let line = (prop::sample::select(names), value).prop_map(|(name, value)| format!("{name} = {value}"));
    prop::collection::vec(line, 0..6).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_file_holds_it_is_read_or_told(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let document = Document::new("");
        fs::write(document.path(), bytes).unwrap();
        if let Err(error) = document.read() {
            prop_assert_eq!(error.kind(), ErrorKind::Config);
        }
    }

    #[test]
    fn whatever_settings_are_set_to_they_are_taken_or_told(text in documents()) {
        match of_text(&text) {
            Ok(config) => drop(config.builder().map(drop)),
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::Config),
        }
    }

    #[test]
    fn whatever_variables_hold_they_are_taken_or_told(name in "(CACHED_|CACHE_|REDIS_)[A-Z_]{0,20}", text in ".{0,40}") {
        if let Err(error) = of_variables(&[(&name, &text), ("CACHED_TTL", &text), ("CACHED_NEAR__LIMITS", &text)]) {
            prop_assert_eq!(error.kind(), ErrorKind::Config);
            prop_assert!(error.context("from").is_some());
        }
    }
}
