//! What was asked for on the command line.

use std::time::Duration;

use lexopt::prelude::*;

pub(crate) const HELP: &str = "\
cached-top [OPTIONS] [COMMAND]

Without a command: the live view. q ends it, s sorts, arrows choose a site, p pauses it.

  stats                 what was counted
  health                is all well? The exit code says so, too
  explain KEY           where a key is, and why it is a hit or a miss
  clear WHAT            invalidates: --key, --pattern, --tag, --namespace, --tier with a value, or --all
  warm [JOB]            begins a job of the warm-up, or all

  --url URL             the admin API; else $CACHED_ADMIN_URL, else http://127.0.0.1:9090
  --every SECONDS       how often the live view asks; 2
  --json                answers as JSON
  --yes                 clears without asking first
  -h, --help

The token is taken from $CACHED_ADMIN_TOKEN: what stands on a command line, others can see.";

const URL: &str = "http://127.0.0.1:9090";

/// What was asked for.
#[derive(Debug, PartialEq)]
pub(crate) struct Given {
    pub(crate) url: String,
    pub(crate) token: Option<String>,
    pub(crate) every: Duration,
    pub(crate) json: bool,
    pub(crate) command: Command,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Help,
    Live,
    Stats,
    Health,
    Explain(String),
    /// A field of the change, and its value.
    Clear {
        field: &'static str,
        value: Option<String>,
        yes: bool,
    },
    Warm(Option<String>),
}

impl Given {
    /// `variable` reads one of the environment.
    pub(crate) fn parse(mut parser: lexopt::Parser, variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let (mut url, mut every, mut json, mut yes, mut help) = (None, 2.0, false, false, false);
        let (mut words, mut what): (Vec<String>, Vec<(&'static str, Option<String>)>) = (Vec::new(), Vec::new());
        while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
            let text = |parser: &mut lexopt::Parser| -> Result<String, String> {
                let value = parser.value().map_err(|error| error.to_string())?;
                value.into_string().map_err(|_| "an argument is no text".to_owned())
            };
            match argument {
                Short('h') | Long("help") => help = true,
                Long("url") => url = Some(text(&mut parser)?),
                Long("every") => every = text(&mut parser)?.parse().map_err(|_| "`--every` is a number of seconds")?,
                Long("json") => json = true,
                Long("yes") => yes = true,
                Long("all") => what.push(("all", None)),
                Long("key") => what.push(("key", Some(text(&mut parser)?))),
                Long("pattern") => what.push(("pattern", Some(text(&mut parser)?))),
                Long("tag") => what.push(("tag", Some(text(&mut parser)?))),
                Long("namespace") => what.push(("namespace", Some(text(&mut parser)?))),
                Long("tier") => what.push(("tier", Some(text(&mut parser)?))),
                Value(word) => words.push(word.into_string().map_err(|_| "an argument is no text")?),
                other => return Err(other.unexpected().to_string()),
            }
        }
        let every = Duration::try_from_secs_f64(every).ok().filter(|every| *every >= Duration::from_millis(100));
        Ok(Self {
            url: url.or_else(|| variable("CACHED_ADMIN_URL")).unwrap_or_else(|| URL.to_owned()),
            token: variable("CACHED_ADMIN_TOKEN").filter(|token| !token.is_empty()),
            every: every.ok_or("`--every` is at least 0.1 seconds")?,
            json,
            command: if help { Command::Help } else { command(&words, &mut what, yes)? },
        })
    }
}

fn command(words: &[String], what: &mut Vec<(&'static str, Option<String>)>, yes: bool) -> Result<Command, String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let command = match words[..] {
        [] => Command::Live,
        ["stats"] => Command::Stats,
        ["health"] => Command::Health,
        ["explain", key] => Command::Explain(key.to_owned()),
        ["explain", ..] => return Err("`explain` takes one key".to_owned()),
        ["warm"] => Command::Warm(None),
        ["warm", job] => Command::Warm(Some(job.to_owned())),
        ["clear"] => match (what.pop(), what.is_empty()) {
            (Some((field, value)), true) => Command::Clear { field, value, yes },
            (None, _) => {
                return Err(
                    "`clear` wants to know what: --key, --pattern, --tag, --namespace, --tier, --all".to_owned()
                );
            }
            (Some(_), false) => return Err("`clear` takes one thing at a time".to_owned()),
        },
        _ => return Err(format!("there is no command `{}`", words.join(" "))),
    };
    if let Some((field, _)) = what.first() {
        return Err(format!("`--{field}` belongs to `clear`"));
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Given, String> {
        Given::parse(lexopt::Parser::from_args(words), |name| (name == "CACHED_ADMIN_TOKEN").then(|| "t".to_owned()))
    }

    #[test]
    fn commands_are_what_they_say() {
        assert_eq!(parsed(&[]).expect("the live view").command, Command::Live);
        let given = parsed(&["--json", "explain", "a:b", "--url", "http://x"]).expect("a key");
        assert_eq!(
            (given.command, given.json, given.url.as_str()),
            (Command::Explain("a:b".to_owned()), true, "http://x")
        );
        assert_eq!(given.token.as_deref(), Some("t"));
        let clear = parsed(&["clear", "--tag", "a", "--yes"]).expect("a tag").command;
        assert_eq!(clear, Command::Clear { field: "tag", value: Some("a".to_owned()), yes: true });
        assert_eq!(parsed(&["warm", "x"]).expect("a job").command, Command::Warm(Some("x".to_owned())));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (words, named) in [
            (&["clear"][..], "--key"),
            (&["clear", "--all", "--key", "a"], "one thing"),
            (&["stats", "--all"], "--all"),
            (&["explain"], "one key"),
            (&["nothing"], "nothing"),
            (&["--every", "0"], "0.1"),
            (&["--every", "-1"], "0.1"),
            (&["--url"], "url"),
            (&["--never"], "never"),
        ] {
            let wrong = parsed(words).expect_err("it is wrong");
            assert!(wrong.contains(named), "{words:?}: {wrong}");
        }
    }
}
