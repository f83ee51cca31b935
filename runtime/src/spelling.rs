//! How the keys and tags of a site are written: the way from the parts of a key to its text, and back where that is told.

use crate::key::{Key, KeyWriter, Secret, parts_of};
use crate::site::Site;

/// How the keys and tags of one site are written.
#[derive(Debug, Clone)]
pub(crate) enum Spelling {
    /// The name is the key: a namespace's.
    Whole,
    /// By the template of an attribute, or by the function's name.
    Parts(Template),
}

/// What an attribute says of its keys and tags.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    /// `video:{}:frames`.
    shape: String,
    /// The tags, each with its arguments left out.
    tags: &'static [&'static str],
    /// What fills the key, in order.
    keyed: Vec<&'static str>,
    /// What fills the tags, in order.
    tagged: Vec<&'static str>,
}

impl Spelling {
    pub(crate) fn of(site: &Site) -> Self {
        let declared = site.declared();
        let mut holes = declared.holes.split(|hole| *hole == "|");
        let mut next = || holes.next().map(<[&str]>::to_vec).unwrap_or_default();
        let (keyed, tagged) = (next(), next());
        let shape = declared
            .template
            .map_or_else(|| keyed.iter().fold(site.prefix().to_owned(), |shape, _| shape + ":{}"), ToOwned::to_owned);
        Self::Parts(Template { shape, tags: declared.tags, keyed, tagged })
    }

    /// The key whose parts are written like this (`(a,b)`, or the name as it is escaped); none if the template does not
    /// tell.
    pub(crate) fn key(&self, written: &str, secret: Secret) -> Option<Key> {
        let text = match self {
            Self::Whole => return crate::key::unescape(written).map(Key::from),
            Self::Parts(template) => template.filled(&parts_of(written)?)?,
        };
        let mut out = KeyWriter::new(secret);
        out.literal(&text);
        Some(out.finish())
    }

    /// The tags of the entry of this key, as far as they can be told from it: those that cannot are left out.
    pub(crate) fn tags(&self, key: &str) -> Vec<String> {
        match self {
            Self::Whole => Vec::new(),
            Self::Parts(template) => template.parts_in(key).map_or_else(Vec::new, |parts| template.tags(&parts)),
        }
    }

    /// May this be one of the site's keys?
    pub(crate) fn fits(&self, key: &str) -> bool {
        match self {
            Self::Whole => true,
            Self::Parts(template) => template.parts_in(key).is_some() || key.len() + 4 > crate::key::MAX_KEY,
        }
    }
}

impl Template {
    /// The shape with these parts in it. An argument that stands in several places is one part.
    fn filled(&self, parts: &[&str]) -> Option<String> {
        let holes = self.shape.matches("{}").count();
        let part = |at: usize| match parts {
            [one] => Some(*one),
            _ if parts.len() == holes => parts.get(at).copied(),
            _ => None,
        };
        fill(&self.shape, part)
    }

    /// The parts of a key of this shape, each from one literal to the next.
    fn parts_in<'a>(&self, key: &'a str) -> Option<Vec<&'a str>> {
        let mut literals = self.shape.split("{}");
        let mut rest = key.strip_prefix(literals.next()?)?;
        let mut parts = Vec::new();
        let mut literals = literals.peekable();
        while let Some(literal) = literals.next() {
            let last = literals.peek().is_none();
            let end = match literal {
                "" if last => rest.len(),
                _ if last => rest.len().checked_sub(literal.len()).filter(|end| rest.get(*end..) == Some(literal))?,
                _ => rest.find(literal)?,
            };
            parts.push(&rest[..end]);
            rest = &rest[end + literal.len()..];
        }
        rest.is_empty().then_some(parts)
    }

    /// The tags that these parts fill.
    fn tags(&self, parts: &[&str]) -> Vec<String> {
        if parts.len() != self.keyed.len() {
            return Vec::new();
        }
        let mut holes = self.tagged.iter();
        let mut tags = Vec::new();
        for tag in self.tags {
            // Each tag takes its holes, also one that cannot be filled.
            let taken: Vec<Option<&str>> = tag
                .matches("{}")
                .map(|_| holes.next().and_then(|hole| self.keyed.iter().position(|keyed| keyed == hole)))
                .map(|at| at.and_then(|at| parts.get(at).copied()))
                .collect();
            tags.extend(fill(tag, |at| taken.get(at).copied().flatten()));
        }
        tags
    }
}

fn fill<'a>(shape: &str, part: impl Fn(usize) -> Option<&'a str>) -> Option<String> {
    let mut literals = shape.split("{}");
    let mut out = literals.next()?.to_owned();
    for (at, literal) in literals.enumerate() {
        out.push_str(part(at)?);
        out.push_str(literal);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(
        shape: &str,
        tags: &'static [&'static str],
        keyed: &[&'static str],
        tagged: &[&'static str],
    ) -> Template {
        Template { shape: shape.to_owned(), tags, keyed: keyed.to_vec(), tagged: tagged.to_vec() }
    }

    #[test]
    fn a_key_is_written_from_its_parts_and_its_parts_are_found_in_it() {
        let of =
            template("video:{}:frames:{}", &["video:{}", "all", "by:{}:{}"], &["id", "size"], &["id", "size", "id"]);
        let spelling = Spelling::Parts(of);
        let key = spelling.key("(intro%3A1,(1,2))", Secret::default()).expect("a key");
        assert_eq!(key.as_str(), "video:intro%3A1:frames:(1,2)");
        assert_eq!(spelling.tags(key.as_str()), ["video:intro%3A1", "all", "by:(1,2):intro%3A1"]);
        assert!(spelling.fits(key.as_str()) && !spelling.fits("video:intro") && !spelling.fits("audio:a:frames:b"));
    }

    #[test]
    fn what_cannot_be_told_is_left_out() {
        let of = template("v:{}", &["t:{}", "sql:{}:rows", "all"], &["id"], &["other"]);
        assert_eq!(Spelling::Parts(of).tags("v:1"), ["all"]);
        let twice = template("v:{}:{}:{}", &[], &["a", "b"], &[]);
        assert!(Spelling::Parts(twice).key("(1,2)", Secret::default()).is_none());
        let one = template("v:{}:{}", &[], &["a"], &[]);
        assert_eq!(Spelling::Parts(one).key("(1)", Secret::default()).expect("a key").as_str(), "v:1:1");
    }

    #[test]
    fn a_name_is_its_own_key() {
        let key = Spelling::Whole.key(&crate::key::escape("door:a%3Ab"), Secret::default());
        assert_eq!(key.expect("a key").as_str(), "door:a%3Ab");
    }

    #[test]
    fn no_text_is_a_panic() {
        let of = template("é{}é{}", &["{}"], &["a", "b"], &["b"]);
        let spelling = Spelling::Parts(of);
        for text in ["", "é", "éé", "é1é", "1é2", "é1é2", "(", "é\u{1F600}é\u{1F600}"] {
            let _told = (spelling.tags(text), spelling.fits(text), spelling.key(text, Secret::default()));
        }
    }
}
