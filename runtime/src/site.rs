//! One annotated function.

use std::any::Any;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::policy::Policy;

/// One annotated function: its name, its policy and its place in every cache.
///
/// A site is a `static` made by the attribute. Its values and counters live in the cache that serves the call, found
/// by the site's index, so that one function can be served by several caches.
pub struct Site {
    declared: Declared,
    /// What the attribute asked for.
    policy: Policy,
    /// The function's name, or what `name = ".."` says; put together when first asked for.
    name: OnceLock<String>,
    /// What its default keys begin with: put together once, for every miss writes it.
    prefix: OnceLock<String>,
    index: OnceLock<usize>,
    shortcut: OnceLock<Shortcut>,
}

/// The way to a site's shelf in the first installed cache that served it: as good as all calls go there.
#[derive(Clone, Copy)]
struct Shortcut {
    /// Which of the installed caches it is. An installed cache stays where it is until the process ends.
    generation: usize,
    shelf: &'static (dyn Any + Send + Sync),
}

/// What the attribute knows about a function, as the compiler gives it.
#[derive(Debug, Clone, Copy)]
pub struct Declared {
    /// `module_path!()` of the function.
    pub module: &'static str,
    /// Its name.
    pub function: &'static str,
    /// `name = ".."`.
    pub name: Option<&'static str>,
    /// `namespace = ".."`, or the first segment of the key template.
    pub namespace: Option<&'static str>,
    /// The key template with its arguments left out (`video:{}:frames`), or `None` for the default key.
    pub template: Option<&'static str>,
    /// The tag templates with their arguments left out.
    pub tags: &'static [&'static str],
    /// What fills the key, in order, and behind `|` the tags: arguments, or fields of them.
    pub holes: &'static [&'static str],
    /// The argument that holds several, if it is asked for several at once. Such a one may have the name of a function that
    /// is asked for one.
    pub batch: Option<&'static str>,
    /// Does it block its thread?
    pub blocking: bool,
    /// Does it say itself which cache serves it?
    pub apart: bool,
    /// Where it stands, for messages.
    pub file: &'static str,
    /// The line in that file.
    pub line: u32,
}

impl Site {
    /// A site; called by generated code in a `static`.
    #[must_use]
    pub const fn new(declared: Declared, policy: Policy) -> Self {
        Self {
            declared,
            policy,
            name: OnceLock::new(),
            prefix: OnceLock::new(),
            index: OnceLock::new(),
            shortcut: OnceLock::new(),
        }
    }

    /// The name of the site: `crate.module.function`, or what `name = ".."` says.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.get_or_init(|| match self.declared.name {
            Some(name) => name.to_owned(),
            None => format!("{}.{}", self.declared.module.replace("::", "."), self.declared.function),
        })
    }

    /// The namespace of its keys: what the attribute says, or the first segment of the key template, or the crate.
    #[must_use]
    pub fn namespace(&self) -> &'static str {
        let of_crate = || self.declared.module.split("::").next().unwrap_or(self.declared.module);
        self.declared.namespace.unwrap_or_else(of_crate)
    }

    /// The beginning of its default keys: `namespace:crate.module.function`.
    pub(crate) fn prefix(&self) -> &str {
        self.prefix.get_or_init(|| format!("{}:{}", self.namespace(), crate::key::escape(self.name())))
    }

    /// What the attribute asked for, before configuration.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What the attribute knows about the function.
    #[must_use]
    pub const fn declared(&self) -> &Declared {
        &self.declared
    }

    /// Its place in every cache; given out at the first call. A batch and the function for one element have one.
    #[inline]
    #[must_use]
    pub fn index(&self) -> usize {
        *self.index.get_or_init(|| self.find_place())
    }

    /// Out of line: a hit asks for its place, and finds it given out.
    #[cold]
    fn find_place(&self) -> usize {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let of_one = self.declared.batch.and_then(|_| linked().find(|other| self.is_batch_of(other)));
        of_one.map_or_else(|| NEXT.fetch_add(1, Ordering::Relaxed), Site::index)
    }

    /// Is this the batch of that function, so that both have the same entries? Both say one name, and agree in all that
    /// makes an entry.
    #[must_use]
    pub fn is_batch_of(&self, other: &Self) -> bool {
        let (mine, theirs) = (&self.declared, &other.declared);
        let policy = Policy { max_batch: other.policy.max_batch, coalesce: other.policy.coalesce, ..self.policy };
        theirs.batch.is_none()
            && mine.batch.is_some_and(|batch| agree(batch, mine.holes, theirs.holes))
            && !theirs.blocking
            && mine.name.is_some()
            && mine.name == theirs.name
            && mine.template == theirs.template
            && mine.tags == theirs.tags
            && self.namespace() == other.namespace()
            && policy == other.policy
    }

    /// The site's shelf in the installed cache of this generation, if it is the one remembered.
    #[inline]
    pub(crate) fn shortcut(&self, generation: usize) -> Option<&'static (dyn Any + Send + Sync)> {
        self.shortcut.get().filter(|shortcut| shortcut.generation == generation).map(|shortcut| shortcut.shelf)
    }

    /// Remembers the site's shelf in an installed cache; the first one counts.
    pub(crate) fn remember(&self, generation: usize, shelf: &'static (dyn Any + Send + Sync)) {
        self.shortcut.get_or_init(|| Shortcut { generation, shelf });
    }
}

/// Are these filled by the same arguments, but for one in the place of the batch?
fn agree(batch: &str, mine: &[&str], theirs: &[&str]) -> bool {
    let mut element = None;
    mine.len() == theirs.len()
        && mine.iter().zip(theirs).all(|(mine, theirs)| {
            let ((mine, fields), (theirs, others)) = (root_of(mine), root_of(theirs));
            let same = if mine == batch {
                *element.get_or_insert(theirs) == theirs
            } else {
                mine == theirs && element != Some(theirs)
            };
            same && fields == others
        })
}

fn root_of(hole: &str) -> (&str, &str) {
    hole.split_once('.').unwrap_or((hole, ""))
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("name", &self.name()).field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// A site that is linked into the program; registers itself from inside its function.
#[derive(Debug, Clone, Copy)]
pub struct Linked(pub &'static Site);

inventory::collect!(Linked);

/// A site whose calls are noted, so that it can be warmed for what is asked most. Made by `#[warmup(hot = ..)]`.
#[derive(Debug, Clone, Copy)]
pub struct Watched {
    /// `module_path!()` of the function.
    pub module: &'static str,
    /// Its name.
    pub function: &'static str,
    /// `line!()` of the attribute.
    pub line: u32,
    /// For how many keys it is warmed at most.
    pub most: u32,
}

inventory::collect!(Watched);

/// What one function makes untrue when it succeeds. Made by `#[invalidate]`; templates have their arguments left out.
#[derive(Debug, Clone, Copy)]
pub struct Invalidates {
    /// `module_path!()` of the function.
    pub module: &'static str,
    /// Its name.
    pub function: &'static str,
    /// Keys.
    pub keys: &'static [&'static str],
    /// Tags.
    pub tags: &'static [&'static str],
    /// Globs.
    pub patterns: &'static [&'static str],
    /// A whole namespace.
    pub namespace: Option<&'static str>,
    /// Tables that it writes.
    pub tables: &'static [&'static str],
    /// Functions of which it invalidates one entry.
    pub entries: &'static [&'static str],
    /// Where it stands.
    pub file: &'static str,
    /// The line in that file.
    pub line: u32,
}

inventory::collect!(Invalidates);

/// All functions linked into the program that make something untrue, called or not.
pub fn invalidating() -> impl Iterator<Item = &'static Invalidates> {
    inventory::iter::<Invalidates>.into_iter()
}

impl Watched {
    /// The site itself.
    pub(crate) fn site(&self) -> Option<&'static Site> {
        of_function(self.module, self.function, self.line)
    }
}

/// The site of the function whose attribute stands in this line or next below it: a module may have methods of the name.
pub(crate) fn of_function(module: &str, function: &str, line: u32) -> Option<&'static Site> {
    let named = linked().filter(|site| site.declared.module == module && site.declared.function == function);
    named.min_by_key(|site| (site.declared.line < line, site.declared.line.abs_diff(line)))
}

/// For how many keys the site of this name is warmed at most, if its calls are noted: its own, or those of its batch.
pub(crate) fn watched(name: &str) -> Option<usize> {
    let watches = inventory::iter::<Watched>.into_iter();
    let named = watches.filter(|watch| watch.site().is_some_and(|site| site.name() == name));
    named.map(|watch| watch.most as usize).max()
}

/// All sites linked into the program, called or not.
pub fn linked() -> impl Iterator<Item = &'static Site> {
    inventory::iter::<Linked>.into_iter().map(|linked| linked.0)
}
