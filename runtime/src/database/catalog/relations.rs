//! What hangs on a relation: what is written along with it, and where it is seen.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::facts::{self, Facts, Form, Source};
use super::keys::{self, KeyColumn};
use super::routine::{self, Writes};
use crate::statement::{Backend, Manner, Statement, Tables};

/// All of a name: relations of other schemas that share it are one.
#[derive(Debug, Default)]
pub(super) struct Relation {
    /// Written whenever it is: its parts, or what a view shows.
    along: BTreeSet<String>,
    /// Written when its rows are changed.
    cascades: BTreeSet<String>,
    /// Emptied when it is emptied with all that refers to it.
    references: BTreeSet<String>,
    triggers: Vec<Trigger>,
    /// Nobody knows what a write to it does.
    unknown: bool,
    /// A row that is added may take the place of another.
    replaces: bool,
    /// Is it a part of another?
    is_part: bool,
    /// Is what it shows of its rows a matter of others? So it is where a policy reads tables.
    shows_others: bool,
    /// Does what is written to it outlast a rollback?
    pub(super) lasts: bool,
    /// What shows its rows: views, and what it is a part of.
    pub(super) seen_in: BTreeSet<String>,
    pub(super) keys: Vec<KeyColumn>,
}

#[derive(Debug)]
struct Trigger {
    at_insert: bool,
    writes: Option<Writes>,
}

impl Relation {
    /// What a write to it goes on to. Nothing: nobody knows.
    pub(super) fn follow<'a>(
        &'a self,
        manner: Manner,
        backend: Backend,
        open: &mut Vec<(&'a str, Manner)>,
    ) -> Option<()> {
        if self.unknown {
            return None;
        }
        let manner = if self.replaces { manner.max(Manner::Changes) } else { manner };
        let mut also = |names: &'a BTreeSet<String>| open.extend(names.iter().map(|name| (name.as_str(), manner)));
        also(&self.along);
        if manner >= Manner::Changes {
            also(&self.cascades);
        }
        if manner >= Manner::Empties {
            also(&self.references);
        }
        for trigger in self.triggers.iter().filter(|trigger| trigger.at_insert || manner > Manner::Adds) {
            for (name, then) in trigger.writes.as_ref()? {
                // In SQLite what is to happen at a conflict is handed down.
                let then = if backend == Backend::Sqlite { manner.max(*then) } else { *then };
                open.push((name, then));
            }
        }
        Some(())
    }
}

/// Relations by name.
type Named = HashMap<String, Relation>;

/// All relations, and the views of which nobody knows what they show.
pub(super) fn of(facts: &Facts, backend: Backend) -> (Named, BTreeSet<String>) {
    let mut named = Named::new();
    let mut unclear = BTreeSet::new();
    let mut shown = Vec::new();
    for relation in &facts.relations {
        let name = relation.name.to_lowercase();
        let entry = named.entry(name.clone()).or_default();
        let text = relation.text.as_deref();
        match relation.form {
            Form::Table => entry.replaces |= text.is_some_and(|text| replaces(text, backend)),
            Form::Lasting => entry.lasts = true,
            Form::Ruled => entry.unknown = true,
            Form::ViewOfSources => {}
            Form::Virtual => {
                let (module_known, holds_its_rows) = module(text.unwrap_or_default());
                entry.unknown |= !module_known;
                if !holds_its_rows {
                    unclear.insert(name);
                }
            }
            Form::View => shown.extend(shown_by(&name, text, facts, backend)),
        }
    }
    let told = facts.sources.iter().map(|source| Source {
        view: source.view.to_lowercase(),
        of: source.of.as_deref().map(str::to_lowercase),
        written: source.written,
    });
    for source in told.chain(shown) {
        show(&mut named, &mut unclear, source);
    }
    virtual_parts(&mut named, facts);
    triggers(&mut named, facts, backend);
    parts_and_references(&mut named, facts);
    keys::find(&mut named, facts, backend);
    (named, unclear)
}

/// Seen in a view is what it shows, and what is written to it may be written there.
fn show(named: &mut Named, unclear: &mut BTreeSet<String>, Source { view, of, written }: Source) {
    let Some(entry) = named.get_mut(&view) else { return };
    entry.shows_others |= of.as_ref() != Some(&view);
    match of {
        None => {
            entry.unknown |= written;
            unclear.insert(view);
        }
        Some(of) if of == view => {}
        Some(of) => {
            if written {
                entry.along.insert(of.clone());
            }
            if let Some(source) = named.get_mut(&of) {
                source.seen_in.insert(view);
            }
        }
    }
}

/// What a view shows, by its text. A view of SQLite is written by triggers only.
fn shown_by(view: &str, text: Option<&str>, facts: &Facts, backend: Backend) -> Vec<Source> {
    let written = backend != Backend::Sqlite;
    let source = |of| Source { view: view.to_owned(), of, written };
    match text.and_then(|text| read_by(text, facts, backend)) {
        Some(tables) => tables.into_iter().map(|of| source(Some(of))).collect(),
        None => vec![source(None)],
    }
}

fn read_by(text: &str, facts: &Facts, backend: Backend) -> Option<BTreeSet<String>> {
    let statement = Statement::read(text, backend).ok()?;
    let known = facts.knows(&statement) && !facts.calls_own(&statement);
    match statement.reads() {
        Tables::Named(names) if known => Some(names.clone()),
        Tables::Named(_) | Tables::Any => None,
    }
}

/// Words of a text in small letters, what is quoted among them.
fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

/// `ON CONFLICT REPLACE` may stand at a table of SQLite.
fn replaces(text: &str, backend: Backend) -> bool {
    // A comment may stand between the two.
    let words = words(text);
    let says = |word: &str| words.iter().any(|known| known == word);
    backend == Backend::Sqlite && says("conflict") && says("replace")
}

/// Is it known what the module of a virtual table writes; and does the table show nothing but rows of its own?
fn module(text: &str) -> (bool, bool) {
    const KEEPS: &[&str] = &["fts3", "fts4", "fts5", "rtree", "rtree_i32", "geopoly"];
    let words = words(text);
    let module = words.iter().position(|word| word == "using").and_then(|using| words.get(using + 1));
    let known = module.is_some_and(|module| KEEPS.contains(&module.as_str()));
    (known, known && !words.iter().any(|word| word == "content"))
}

/// A virtual table keeps its rows in tables that are named after it.
fn virtual_parts(named: &mut Named, facts: &Facts) {
    for relation in facts.relations.iter().filter(|relation| relation.form == Form::Virtual) {
        let name = relation.name.to_lowercase();
        let prefix = format!("{name}_");
        let parts: Vec<String> = named.keys().filter(|other| other.starts_with(&prefix)).cloned().collect();
        for part in parts {
            named.entry(part.clone()).or_default().seen_in.insert(name.clone());
            named.entry(name.clone()).or_default().along.insert(part);
        }
    }
}

fn triggers(named: &mut Named, facts: &Facts, backend: Backend) {
    // One function often serves many tables.
    let mut read: HashMap<&str, Option<Writes>> = HashMap::new();
    for facts::Trigger { table, at_insert, body } in &facts.triggers {
        let writes = body
            .as_deref()
            .and_then(|body| read.entry(body).or_insert_with(|| routine::read(body, facts, backend)).clone());
        if let Some(relation) = named.get_mut(&table.to_lowercase()) {
            relation.triggers.push(Trigger { at_insert: *at_insert, writes });
        }
    }
}

fn parts_and_references(named: &mut Named, facts: &Facts) {
    let mut parents: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for part in &facts.parts {
        let (child, parent) = (part.child.to_lowercase(), part.parent.to_lowercase());
        if let Some(above) = named.get_mut(&parent) {
            above.along.insert(child.clone());
        }
        if let Some(below) = named.get_mut(&child) {
            below.is_part = true;
            below.seen_in.insert(parent.clone());
        }
        parents.entry(child).or_default().insert(parent);
    }
    for reference in &facts.references {
        let child = reference.child.to_lowercase();
        let Some(parent) = named.get_mut(&reference.parent.to_lowercase()) else { continue };
        if reference.follows {
            parent.cascades.insert(child.clone());
        }
        parent.references.insert(child);
    }
    // Who refers to a table refers to its parts.
    for part in parents.keys() {
        for above in ancestors(&parents, part) {
            let Some(above) = named.get(above) else { continue };
            let (cascades, references) = (above.cascades.clone(), above.references.clone());
            let Some(part) = named.get_mut(part) else { continue };
            part.cascades.extend(cascades);
            part.references.extend(references);
        }
    }
}

fn ancestors<'a>(parents: &'a BTreeMap<String, BTreeSet<String>>, part: &'a str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open = vec![part];
    while let Some(name) = open.pop() {
        for parent in parents.get(name).into_iter().flatten() {
            if found.insert(parent.as_str()) {
                open.push(parent);
            }
        }
    }
    found
}

impl Relation {
    /// Does anything besides a statement change its rows, or stand between?
    pub(super) fn is_plain(&self) -> bool {
        let alone = !self.unknown && !self.replaces && !self.is_part && !self.shows_others;
        alone && self.triggers.is_empty() && self.along.is_empty()
    }
}
