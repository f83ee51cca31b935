//! Which functions make the entries of which others untrue, as their attributes say.

use crate::cache::Cache;
use crate::plain::plain;
use crate::site::{self, Invalidates, Site};

plain! {
    /// A function that makes something untrue.
    #[derive(Debug, Clone, Default, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Writer {
        /// Its name: `crate.module.function`.
        pub function: String,
        /// Where it stands.
        pub at: String,
        /// What it names, each with its kind: `tag video:{}`, `table videos`, `key video:{}:frames`, `pattern video:*`,
        /// `namespace video`, `entry frames`.
        pub names: Vec<String>,
    }
}

plain! {
    /// An invalidation that reaches a site.
    #[derive(Debug, Clone, Default, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Edge {
        /// The function that invalidates.
        pub from: String,
        /// The site whose entries it may name.
        pub to: String,
        /// By what: `tag video:{}`.
        pub by: String,
    }
}

plain! {
    /// Which functions make the entries of which others untrue, as their attributes say. What programs invalidate by hand is
    /// not in it.
    #[derive(Debug, Clone, Default, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Graph {
        /// The functions with `#[invalidate]`.
        pub writers: Vec<Writer>,
        /// What they reach.
        pub edges: Vec<Edge>,
        /// Sites with tags that no function here invalidates: they change when their lives end, or when a program says so
        /// by hand.
        pub unreached: Vec<String>,
    }
}

impl Cache {
    /// Which functions make the entries of which others untrue, as their attributes say. Needs feature `http`, `metrics` or
    /// `opentelemetry`.
    #[must_use]
    pub fn invalidation_graph() -> Graph {
        let mut graph = Graph::default();
        for declared in site::invalidating() {
            let (from, names) = (name_of(declared), named(declared));
            for site in site::linked() {
                let by = names.iter().filter(|name| name.reaches(site));
                let edge = |by: &Name| Edge { from: from.clone(), to: site.name().to_owned(), by: by.text() };
                graph.edges.extend(by.map(edge));
            }
            let at = format!("{}:{}", declared.file, declared.line);
            graph.writers.push(Writer { function: from, at, names: names.iter().map(Name::text).collect() });
        }
        graph.writers.sort_by(|a, b| a.function.cmp(&b.function));
        graph.edges.sort_by(|a, b| (&a.from, &a.to, &a.by).cmp(&(&b.from, &b.to, &b.by)));
        graph.edges.dedup();
        let reached = |site: &Site| graph.edges.iter().any(|edge| edge.to == site.name());
        let unreached = site::linked().filter(|site| !site.declared().tags.is_empty() && !reached(site));
        graph.unreached = unreached.map(|site| site.name().to_owned()).collect();
        graph.unreached.sort();
        graph
    }
}

fn name_of(declared: &Invalidates) -> String {
    format!("{}.{}", declared.module.replace("::", "."), declared.function)
}

/// What an invalidation names.
enum Name {
    Key(&'static str),
    Tag(&'static str),
    Pattern(&'static str),
    Namespace(&'static str),
    Table(&'static str),
    Entry(&'static str),
}

fn named(declared: &Invalidates) -> Vec<Name> {
    let keys = declared.keys.iter().map(|key| Name::Key(key));
    let tags = declared.tags.iter().map(|tag| Name::Tag(tag));
    let patterns = declared.patterns.iter().map(|pattern| Name::Pattern(pattern));
    let tables = declared.tables.iter().map(|table| Name::Table(table));
    let entries = declared.entries.iter().map(|entry| Name::Entry(entry));
    keys.chain(tags)
        .chain(patterns)
        .chain(tables)
        .chain(entries)
        .chain(declared.namespace.map(Name::Namespace))
        .collect()
}

impl Name {
    fn text(&self) -> String {
        match self {
            Self::Key(key) => format!("key {key}"),
            Self::Tag(tag) => format!("tag {tag}"),
            Self::Pattern(pattern) => format!("pattern {pattern}"),
            Self::Namespace(namespace) => format!("namespace {namespace}"),
            Self::Table(table) => format!("table {table}"),
            Self::Entry(entry) => format!("entry {entry}"),
        }
    }

    /// May it name an entry of this site? Rather too often than too seldom: what fills the templates is not known.
    fn reaches(&self, site: &Site) -> bool {
        let declared = site.declared();
        let key = || declared.template.map_or_else(|| format!("{}:", site.prefix()), ToOwned::to_owned);
        match self {
            Self::Key(named) => alike(named, &key()),
            Self::Tag(named) => declared.tags.iter().any(|tag| alike(named, tag)),
            Self::Pattern(pattern) => {
                let fixed = pattern.split(['*', '?', '{']).next().unwrap_or_default();
                let key = key();
                let own = key.split('{').next().unwrap_or_default();
                fixed.starts_with(own) || own.starts_with(fixed)
            }
            Self::Namespace(namespace) => *namespace == site.namespace(),
            Self::Table(table) => declared.tags.iter().any(|tag| {
                let of = tag.strip_prefix("sql:").and_then(|tag| tag.split_once(':'));
                of.is_some_and(|(_, of)| of == *table || of == "*")
            }),
            Self::Entry(function) => declared.function == *function,
        }
    }
}

/// May two templates be filled to the same text?
fn alike(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (a.split(':'), b.split(':'));
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (Some(x), Some(y)) if x == y || x.contains("{}") || y.contains("{}") => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::alike;

    #[test]
    fn templates_are_alike_where_they_may_become_the_same_text() {
        assert!(alike("video:{}", "video:{}") && alike("video:{}", "video:all") && alike("v{}:1", "v2:{}"));
        assert!(!alike("video:{}", "user:{}") && !alike("video:{}", "video:{}:frames") && !alike("a", "b"));
    }
}
