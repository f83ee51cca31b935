//! `cached-top`: the live numbers of a cache in a terminal, and single questions and changes, by its admin API.
//!
//! ```text
//! cached-top                                   the live view
//! cached-top stats | health                    the figures, or whether all is well
//! cached-top explain video:intro:frames        one key
//! cached-top clear --tag video:intro           invalidates
//! cached-top warm [JOB]                        begins a job of the warm-up, or all
//! ```
//!
//! Install it with `cargo install cached-runtime --features cli`.

#![forbid(unsafe_code)]

mod api;
mod arguments;
mod live;
mod once;
mod view;

use std::io::Write as _;
use std::process::ExitCode;

use api::Api;
use arguments::{Command, Given};

fn main() -> ExitCode {
    let given = match Given::parse(lexopt::Parser::from_env(), |name| std::env::var(name).ok()) {
        Ok(given) => given,
        Err(wrong) => return told(&format!("{wrong}\n\n{}", arguments::HELP)),
    };
    let api = Api::new(&given.url, given.token.as_deref());
    let done = match &given.command {
        Command::Help => {
            say(arguments::HELP);
            Ok(())
        }
        Command::Live => live::run(&api, given.every),
        command => once::run(&api, command, given.json),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => told(&wrong),
    }
}

fn say(text: &str) {
    // Who reads may have enough.
    let _gone = writeln!(std::io::stdout(), "{text}");
}

#[allow(clippy::print_stderr, reason = "why a program could not answer")]
fn told(wrong: &str) -> ExitCode {
    eprintln!("cached-top: {wrong}");
    ExitCode::FAILURE
}
