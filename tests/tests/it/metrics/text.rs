//! A reader of what Prometheus scrapes, as strict as the format's description: what it takes, every scraper takes.

use std::collections::{BTreeMap, BTreeSet};

/// A name, and labels in the order of their names.
pub(super) type Series = (String, Vec<(String, String)>);

/// What was scraped.
#[derive(Debug, Default)]
pub(super) struct Scraped {
    /// Of each metric: its kind, and what is said of it.
    pub(super) metrics: BTreeMap<String, (String, String)>,
    pub(super) series: BTreeMap<Series, f64>,
}

impl Scraped {
    /// The labels of this name that series have.
    pub(super) fn labels(&self, label: &str) -> BTreeSet<String> {
        let of = |series: &Series| series.1.iter().find(|(name, _)| name == label).map(|(_, value)| value.clone());
        self.series.keys().filter_map(of).collect()
    }

    /// Those of this metric.
    pub(super) fn of(&self, metric: &str) -> impl Iterator<Item = (&Series, f64)> {
        self.series.iter().filter(move |((name, _), _)| name == metric).map(|(series, value)| (series, *value))
    }

    pub(super) fn is_counter(&self, metric: &str) -> bool {
        self.metrics.get(metric).is_some_and(|(kind, _)| kind == "counter")
    }
}

/// Reads a text; what is wrong with it otherwise.
pub(super) fn read(text: &str) -> Result<Scraped, String> {
    let mut scraped = Scraped::default();
    let (mut helps, mut kinds) = (BTreeMap::new(), BTreeMap::new());
    // Lines of one metric stand together.
    let (mut now, mut over): (String, BTreeSet<String>) = Default::default();
    if !text.ends_with('\n') {
        return Err("the last line does not end".to_owned());
    }
    for line in text.lines().filter(|line| !line.is_empty()) {
        let wrong = |what: &str| Err(format!("{what}: {line}"));
        let told = line.strip_prefix("# HELP ").map(|rest| (true, rest));
        let told = told.or_else(|| line.strip_prefix("# TYPE ").map(|rest| (false, rest)));
        let name = match told {
            Some((_, rest)) => rest.split(' ').next().unwrap_or_default(),
            None if line.starts_with('#') => return wrong("a comment that is none of ours"),
            None => line.split(['{', ' ']).next().unwrap_or_default(),
        };
        if !is_name(name, true) {
            return wrong("no name");
        }
        if name != now {
            if !over.insert(name.to_owned()) {
                return wrong("its metric was over");
            }
            name.clone_into(&mut now);
        }
        match told {
            Some((is_help, rest)) => {
                let Some((_, said)) = rest.split_once(' ') else { return wrong("it says nothing") };
                let place = if is_help { &mut helps } else { &mut kinds };
                if place.insert(name.to_owned(), said.to_owned()).is_some() {
                    return wrong("said twice");
                }
                if !is_help && !matches!(said, "counter" | "gauge" | "histogram" | "summary" | "untyped") {
                    return wrong("no kind");
                }
                if scraped.of(name).next().is_some() {
                    return wrong("said after its series");
                }
            }
            None => {
                let (labels, value) = sample(&line[name.len()..]).ok_or_else(|| format!("no sample: {line}"))?;
                let Some(kind) = kinds.get(name) else { return wrong("a series without a kind") };
                if kind == "counter" && (value < 0.0 || value.fract() != 0.0) {
                    return wrong("no count");
                }
                if scraped.series.insert((name.to_owned(), labels), value).is_some() {
                    return wrong("a series twice");
                }
            }
        }
    }
    for (name, kind) in kinds {
        let help = helps.remove(&name).ok_or_else(|| format!("nothing is said of {name}"))?;
        scraped.metrics.insert(name, (kind, help));
    }
    Ok(scraped)
}

fn is_name(name: &str, colons: bool) -> bool {
    let may = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
    name.starts_with(|c: char| may(c) && !c.is_ascii_digit()) && name.chars().all(may)
}

/// What stands behind a name: `{label="value"} 1`.
fn sample(mut rest: &str) -> Option<(Vec<(String, String)>, f64)> {
    let mut labels = Vec::new();
    if let Some(mut inside) = rest.strip_prefix('{') {
        loop {
            if let Some(after) = inside.strip_prefix('}') {
                rest = after;
                break;
            }
            let (name, after) = inside.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            if !is_name(name, false) || labels.iter().any(|(known, _)| known == name) {
                return None;
            }
            labels.push((name.to_owned(), value));
            inside = match after.strip_prefix(',') {
                Some(more) => more,
                None => after.starts_with('}').then_some(after)?,
            };
        }
    }
    labels.sort();
    let value = rest.strip_prefix(' ')?;
    (!value.is_empty() && !value.contains(' ')).then_some(())?;
    Some((labels, value.parse().ok()?))
}

/// A label's value up to its closing quote, and what stands behind that.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                c @ ('"' | '\\') => value.push(c),
                _ => return None,
            },
            c => value.push(c),
        }
    }
    None
}

/// The control: it takes what is right, and nothing of this.
#[test]
fn the_reader_takes_what_is_valid_and_nothing_else() {
    let head = "# HELP a_total so\n# TYPE a_total counter\n";
    let read = |rest: &str| read(&format!("{head}{rest}"));
    let good = read("a_total{b=\"x\\\"y\\\\\\n,}\",c=\"\"} 1\na_total 2\n").unwrap();
    let label = ("b".to_owned(), "x\"y\\\n,}".to_owned());
    assert_eq!(good.series[&("a_total".to_owned(), vec![label, ("c".to_owned(), String::new())])], 1.0);
    assert!(good.is_counter("a_total"));
    for wrong in [
        "a_total 1",
        "a_total 1\na_total 1\n",
        "a_total{b=\"1\"} 1\na_total{b=\"1\"} 2\n",
        "a_total -1\n",
        "a_total 1.5\n",
        "a_total\n",
        "a_total 1 2\n",
        "a_total{b=\"1\" 1\n",
        "a_total{b=1} 1\n",
        "a_total{b=\"1\",b=\"2\"} 1\n",
        "a_total{1b=\"1\"} 1\n",
        "a_total{b=\"\n\"} 1\n",
        "a_total{b=\"\\x\"} 1\n",
        "b_total 1\n",
        "# TYPE a_total counter\na_total 1\n",
        "# HELP a_total so\na_total 1\n",
        "a_total 1\n# TYPE b gauge\nb 1\n",
        "a_total 1\n# HELP b so\n# TYPE b gauge\nb 1\na_total{c=\"1\"} 1\n",
        "a_total 1\n# HELP b so\n# TYPE b kind\nb 1\n",
        "a_total 1\n# HELP b so\nb 1\n",
        "a-total 1\n",
        "# something else\n",
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}
