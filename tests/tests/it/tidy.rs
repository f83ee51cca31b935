//! The house in order: imports go one way, and no room is too large.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The floors of `runtime/src`, from the ground up: a file may import from its own floor and from those before it.
const FLOORS: &[(&str, &[&str])] = &[
    (
        "words",
        &[
            "error",
            "clock",
            "chance",
            "key",
            "group",
            "slots",
            "seldom",
            "join",
            "ticker",
            "histogram",
            "plain",
            "facts",
            "applied",
            "access",
            "sync",
            "statement",
            "session",
        ],
    ),
    (
        "shapes",
        &[
            "predict", "adaptive", "accesses", "profile", "compress", "codec", "rate", "policy", "outcome", "batched",
            "site", "slow", "audit", "spelling", "names", "depth", "stats", "curve", "intent", "ahead", "pages",
            "picture",
        ],
    ),
    ("shelves", &["tier"]),
    (
        "order",
        &[
            "log",
            "budget",
            "budget_absent",
            "dials",
            "settings",
            "flight",
            "near",
            "strangers",
            "frames",
            "gatherings",
            "foresight",
            "shelf",
            "front",
            "follow",
            "stack",
            "stack_absent",
        ],
    ),
    (
        "engine",
        &[
            "cache",
            "tally",
            "telling",
            "restricted",
            "which",
            "what_if",
            "call",
            "load",
            "each",
            "warmup",
            "entry",
            "invalidator",
            "namespace",
            "builder",
            "database",
            "upkeep",
            "seen",
            "adviser",
        ],
    ),
    ("uses", &["answers", "dedup", "embed", "image", "config", "response"]),
    ("eyes", &["metrics", "admin"]),
    ("doors", &["own", "probe", "probe_macros", "testing", "__private", "lib"]),
];

const MOST_LINES: usize = 450;

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/src")
}

fn files(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        // A program stands on no floor.
        if path.is_dir() && !path.ends_with("bin") {
            files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

fn floor_of(module: &str) -> usize {
    let floor = FLOORS.iter().position(|(_, modules)| modules.contains(&module));
    floor.unwrap_or_else(|| panic!("`{module}` stands on no floor: find its place in tidy.rs"))
}

fn module_of(path: &Path) -> String {
    let relative = path.strip_prefix(source()).unwrap();
    let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

#[test]
fn imports_go_one_way() {
    let mut all = Vec::new();
    files(&source(), &mut all);
    let mut wrong = Vec::new();
    for path in &all {
        let from = module_of(path);
        // What tests are made with stands above what they test.
        let is_test = path.file_name().is_some_and(|name| name == "tests.rs");
        for line in fs::read_to_string(path).unwrap().lines() {
            let Some(rest) =
                line.trim().strip_prefix("use crate::").or_else(|| line.trim().strip_prefix("pub use crate::"))
            else {
                continue;
            };
            let to: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let allowed = to.is_empty() || to == from || to.starts_with("__cached") || is_test && to == "testing";
            if !allowed && floor_of(&to) > floor_of(&from) {
                wrong.push(format!("{} imports {to}, which stands above it", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[allow(clippy::print_stdout, reason = "the sizes are there to be read")]
fn rooms_are_small() {
    let mut all = Vec::new();
    files(&source(), &mut all);
    let mut sizes = BTreeMap::new();
    for path in &all {
        let lines = fs::read_to_string(path).unwrap().lines().count();
        sizes.insert(lines, path.strip_prefix(source()).unwrap().display().to_string());
    }
    for (lines, path) in sizes.iter().rev().take(8) {
        println!("{lines:5} {path}");
    }
    let large: Vec<_> = sizes.iter().filter(|(lines, _)| **lines > MOST_LINES).collect();
    assert!(large.is_empty(), "larger than {MOST_LINES} lines: {large:?}");
}
