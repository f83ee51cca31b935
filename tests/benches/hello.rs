//! The clean release build of a hello-world with one cached function: ours with default features, and `cached`'s.

#![allow(clippy::print_stdout, clippy::expect_used, missing_docs)]

mod kit;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use kit::{reach, summary};

const TOKIO: &str = r#"tokio = { version = "1", features = ["macros", "rt-multi-thread"] }"#;

const OURS: &str = r#"
#[cached_runtime::cache(ttl = "1m")]
async fn hello(name: &str) -> String {
    format!("hello {name}")
}

#[tokio::main]
async fn main() {
    println!("{}", hello("world").await);
}
"#;

const CACHED: &str = r#"
#[cached::macros::cached(ttl_secs = 60)]
async fn hello(name: String) -> String {
    format!("hello {name}")
}

#[tokio::main]
async fn main() {
    println!("{}", hello("world".to_owned()).await);
}
"#;

/// A package outside the workspace, with the workspace's versions.
struct Package {
    folder: PathBuf,
    seconds: f64,
    crates: usize,
}

impl Package {
    fn new(name: &str, dependency: &str, main: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(folder.join("src")).expect("a folder");
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
             [dependencies]\n{dependency}\n{TOKIO}\n\n[workspace]\n"
        );
        fs::write(folder.join("Cargo.toml"), manifest).expect("a manifest");
        fs::write(folder.join("src/main.rs"), main).expect("a program");
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
        fs::copy(lock, folder.join("Cargo.lock")).expect("the lock file");
        let package = Self { folder, seconds: f64::INFINITY, crates: 0 };
        package.cargo(&["fetch"]);
        package
    }

    fn cargo(&self, arguments: &[&str]) -> String {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(arguments).current_dir(&self.folder).env("CARGO_TARGET_DIR", self.folder.join("target"));
        let output = cargo.output().expect("cargo runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "cargo {arguments:?}: {text}");
        text
    }

    /// Builds from nothing; the better of all builds counts.
    fn build(&mut self) {
        let _ = fs::remove_dir_all(self.folder.join("target"));
        let start = Instant::now();
        let said = self.cargo(&["build", "--release", "--offline"]);
        self.seconds = self.seconds.min(start.elapsed().as_secs_f64());
        self.crates = said.lines().filter(|line| line.trim_start().starts_with("Compiling")).count();
    }
}

fn main() {
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime");
    let ours = format!("cached-runtime = {{ path = {runtime:?} }}");
    let mut ours = Package::new("hello-ours", &ours, OURS);
    let mut cached = Package::new("hello-cached", r#"cached = { version = "4.1", features = ["async"] }"#, CACHED);
    for _ in 0..3 {
        ours.build();
        cached.build();
    }
    println!("\nA hello-world, clean release build (wall time)");
    for (name, package) in [("#[cache], default features", &ours), ("cached, async", &cached)] {
        println!("{name:<58} {:>6.1} s  {:>3} crates", package.seconds, package.crates);
    }
    summary();
    let case = "hello-world with default features, clean build";
    reach(case, "x `cached` async + tokio, time", ours.seconds / cached.seconds, 1.0);
    reach(case, "x `cached` async + tokio, crates", ours.crates as f64 / cached.crates as f64, 1.0);
    reach(case, "goal: x `cached` async + tokio, time", ours.seconds / cached.seconds, 0.5);
}
