//! Rules of access: what a handle may read, write and invalidate, by namespace.

use std::fmt;

use crate::error::{Error, ErrorKind, Result};
use crate::group::Group;
use crate::key::Pattern;

/// What a handle may do; see [`Cache::restricted`](crate::Cache::restricted). Nothing that no rule allows.
///
/// A rule is a glob over namespaces, with or without `:*` behind: `user`, `user:*` and `us*` all allow the namespace
/// `user`, and `*` allows all. A namespace is allowed as a whole, so a rule like `user:42:*` is refused.
///
/// ```
/// # use cached_runtime::{Access, Cache, ErrorKind};
/// # async fn example(cache: &Cache) -> cached_runtime::Result<()> {
/// let support = cache.restricted(Access::new().read("user:*").read("order:*").invalidate("user:*"))?;
/// support.invalidate_namespace("user").await?;
/// assert_eq!(support.invalidate_namespace("order").await.unwrap_err().kind(), ErrorKind::Denied);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Access {
    read: Vec<String>,
    write: Vec<String>,
    invalidate: Vec<String>,
    tags: Vec<String>,
}

impl Access {
    /// Nothing is allowed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Values of these namespaces may be read. A cached function of any other runs its body each time.
    pub fn read(mut self, rule: &str) -> Self {
        self.read.push(rule.to_owned());
        self
    }

    /// Values may be stored in these namespaces. A cached function that may be read and not written is answered by what
    /// is there, and else runs its body each time, also when several ask at once.
    pub fn write(mut self, rule: &str) -> Self {
        self.write.push(rule.to_owned());
        self
    }

    /// Keys of these namespaces may be invalidated, one by one, by globs that name their namespace in full, or all. What
    /// may reach any key, such as [`Cache::clear`](crate::Cache::clear) or the glob `*:1`, needs the rule `*`.
    pub fn invalidate(mut self, rule: &str) -> Self {
        self.invalidate.push(rule.to_owned());
        self
    }

    /// Tags that match this glob may be invalidated, whatever namespaces their entries are in: `user:*` allows the tag
    /// `user:42`.
    pub fn invalidate_tags(mut self, glob: &str) -> Self {
        self.tags.push(glob.to_owned());
        self
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { read, write, invalidate, tags } = self;
        let mut out = f.debug_struct("Access");
        out.field("read", read).field("write", write).field("invalidate", invalidate).field("tags", tags).finish()
    }
}

/// What may be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    Read,
    Write,
    Invalidate,
    InvalidateTags,
}

/// Rules that were checked.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    read: List,
    write: List,
    invalidate: List,
    tags: List,
}

/// Of these any may allow.
#[derive(Debug, Clone)]
struct List(Vec<Pattern>);

impl Rules {
    /// # Errors
    /// A `Config` error for a rule that is none, naming it.
    pub(crate) fn of(access: Access) -> Result<Self> {
        let Access { read, write, invalidate, tags } = access;
        let [read, write, invalidate] = [read, write, invalidate].map(|rules| List::of(&rules, namespaces));
        let tags = List::of(&tags, Pattern::new);
        Ok(Self { read: read?, write: write?, invalidate: invalidate?, tags: tags? })
    }

    pub(crate) fn allow(&self, right: Right, name: &str) -> bool {
        self.list(right).0.iter().any(|rule| rule.matches(name))
    }

    /// Are these groups all allowed to be invalidated?
    ///
    /// # Errors
    /// [`ErrorKind::Denied`], naming the first namespace that is not, and the rules.
    pub(crate) fn permit(&self, groups: &[Group]) -> Result<()> {
        groups.iter().try_for_each(|group| match group {
            Group::Key(key) => self.demand(Right::Invalidate, Some(key.namespace())),
            Group::Namespace(name) => self.demand(Right::Invalidate, Some(name)),
            Group::Pattern(pattern) => {
                self.demand(Right::Invalidate, pattern.prefix().split_once(':').map(|(namespace, _)| namespace))
            }
            Group::Everything => self.demand(Right::Invalidate, None),
            Group::Tag(tag) if self.allow(Right::InvalidateTags, tag) => Ok(()),
            // Not named: a tag holds what users typed.
            Group::Tag(_) => Err(self.denied(Right::InvalidateTags, "any")),
            Group::Tagged if self.tags.allows_all() => Ok(()),
            Group::Tagged => Err(self.denied(Right::InvalidateTags, "any")),
        })
    }

    /// Without a namespace any may be meant, so all must be allowed.
    fn demand(&self, right: Right, namespace: Option<&str>) -> Result<()> {
        let allowed = match namespace {
            Some(namespace) => self.allow(right, namespace),
            None => self.list(right).allows_all(),
        };
        if allowed { Ok(()) } else { Err(self.denied(right, namespace.unwrap_or("any"))) }
    }

    /// Why it is refused.
    #[cold]
    pub(crate) fn denied(&self, right: Right, namespace: &str) -> Error {
        Error::new(ErrorKind::Denied, "this handle of the cache may not do that")
            .with("right", right.word())
            .with("namespace", crate::key::escape(namespace))
            .with("rules", self.list(right))
    }

    const fn list(&self, right: Right) -> &List {
        match right {
            Right::Read => &self.read,
            Right::Write => &self.write,
            Right::Invalidate => &self.invalidate,
            Right::InvalidateTags => &self.tags,
        }
    }
}

impl Right {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Invalidate => "invalidate",
            Self::InvalidateTags => "invalidate_tags",
        }
    }
}

impl List {
    fn of(rules: &[String], checked: fn(&str) -> Result<Pattern>) -> Result<Self> {
        let wrong = |error: &Error, rule: &str| Error::config("access", error.message()).with("rule", rule);
        let all = rules.iter().map(|rule| checked(rule).map_err(|error| wrong(&error, rule)));
        all.collect::<Result<_>>().map(Self)
    }

    fn allows_all(&self) -> bool {
        self.0.iter().any(|rule| rule.as_str().bytes().all(|byte| byte == b'*'))
    }
}

/// The glob over namespaces that a rule is.
fn namespaces(rule: &str) -> Result<Pattern> {
    let glob = rule.strip_suffix(":*").unwrap_or(rule);
    if glob.contains(':') {
        return Err(Error::config("access", "a rule is of whole namespaces, as in `user:*`"));
    }
    Pattern::new(glob)
}

/// As they stand in an error.
impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        self.0.iter().enumerate().try_for_each(|(i, rule)| {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{rule}")
        })
    }
}
