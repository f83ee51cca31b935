//! Templates of keys, tags and patterns: literal text and placeholders, such as `video:{video_id}:frames`.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::Parser;
use syn::{Error, Ident, Index, LitStr, Member, Result};

use crate::errors::Errors;
use crate::input::Param;

/// A template that was read.
pub(crate) struct Template {
    pub(crate) pieces: Vec<Piece>,
    /// Where the literal stands.
    pub(crate) span: Span,
}

/// A stretch of a template.
#[derive(PartialEq, Eq)]
pub(crate) enum Piece {
    /// Text as it stands.
    Text(String),
    /// A value from the call.
    Hole(Hole),
}

/// A placeholder: an argument, or a field of one.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hole {
    pub(crate) root: String,
    pub(crate) fields: Vec<Member>,
}

/// What a template is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Key,
    Tag,
    /// Like a key, with `*` and `?`.
    Pattern,
}

impl Purpose {
    const fn noun(self) -> &'static str {
        match self {
            Self::Key => "a key",
            Self::Tag => "a tag",
            Self::Pattern => "a pattern",
        }
    }
}

impl Hole {
    /// A whole argument.
    pub(crate) fn of(param: &Param) -> Self {
        Self { root: param.name.unraw().to_string(), fields: Vec::new() }
    }

    /// As it is written: `user.id`.
    pub(crate) fn text(&self) -> String {
        let mut out = self.root.clone();
        for field in &self.fields {
            out.push('.');
            match field {
                Member::Named(name) => out.push_str(&name.to_string()),
                Member::Unnamed(Index { index, .. }) => out.push_str(&index.to_string()),
            }
        }
        out
    }

    /// Does a key with this placeholder tell apart whatever `other` tells apart?
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.root == other.root && other.fields.starts_with(&self.fields)
    }
}

impl Template {
    /// Reads a template; every mistake in it goes to `errors`.
    pub(crate) fn parse(lit: &LitStr, purpose: Purpose, errors: &mut Errors) -> Option<Self> {
        let text = lit.value();
        if text.is_empty() {
            errors.at(lit.span(), format!("{} needs text: write it like \"video:{{video_id}}\"", purpose.noun()));
            return None;
        }
        let template = errors.keep(pieces(&text, purpose).map_err(|why| Error::new(lit.span(), why)))?;
        let template = Self { pieces: template, span: lit.span() };
        errors.keep(template.check_segments(lit))?;
        errors.keep(template.check_stars(lit))?;
        Some(template)
    }

    pub(crate) fn holes(&self) -> impl Iterator<Item = &Hole> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Hole(hole) => Some(hole),
            Piece::Text(_) => None,
        })
    }

    /// The template with its arguments left out: `video:{}:frames`.
    pub(crate) fn shape(&self) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Hole(_) => "{}".to_owned(),
        };
        self.pieces.iter().map(piece).collect()
    }

    /// The text of the first segment, if it holds no placeholder.
    pub(crate) fn namespace(&self) -> Option<&str> {
        let Some(Piece::Text(first)) = self.pieces.first() else { return None };
        let namespace = match first.split_once(':') {
            Some((namespace, _)) => namespace,
            None if self.pieces.len() == 1 => first,
            None => return None,
        };
        (!namespace.is_empty()).then_some(namespace)
    }

    /// As many stars as the runtime takes: matching costs a walk over a key for each.
    fn check_stars(&self, lit: &LitStr) -> Result<()> {
        let of = |piece: &Piece| match piece {
            Piece::Text(text) => text.matches('*').count(),
            Piece::Hole(_) => 0,
        };
        let stars: usize = self.pieces.iter().map(of).sum();
        if stars > MAX_STARS {
            return Err(Error::new(lit.span(), "a pattern has four `*` at most: name a shorter part of the key"));
        }
        Ok(())
    }

    /// At most one placeholder in a segment: with two, `1` and `23` would read like `12` and `3`.
    fn check_segments(&self, lit: &LitStr) -> Result<()> {
        let mut before: Option<&Hole> = None;
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) if text.contains(':') => before = None,
                Piece::Text(_) => {}
                Piece::Hole(hole) => {
                    if let Some(first) = before.replace(hole) {
                        let (a, b) = (first.text(), hole.text());
                        let message = format!(
                            "`{{{a}}}` and `{{{b}}}` share a segment, so different values could read the same: separate them with `:`"
                        );
                        return Err(Error::new(lit.span(), message));
                    }
                }
            }
        }
        Ok(())
    }
}

const MAX_STARS: usize = 4;

/// Is this text one segment of a key?
pub(crate) fn check_segment(text: &str) -> std::result::Result<(), String> {
    match text.chars().find(|c| !is_plain(*c)) {
        _ if text.is_empty() => Err("needs text".to_owned()),
        Some(c) => Err(format!("cannot hold {}: {PLAIN}", shown(c))),
        None => Ok(()),
    }
}

/// The same characters as the runtime leaves as they are when it writes a value into a key.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '/' | '+' | '$' | '&' | '!')
}

const PLAIN: &str = "use letters, digits and `-_.@/+$&!`";

fn shown(c: char) -> String {
    if c == ' ' { "a space".to_owned() } else { format!("`{}`", c.escape_debug()) }
}

fn pieces(text: &str, purpose: Purpose) -> std::result::Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(['{', '}']).unwrap_or(rest.len());
        let (literal, tail) = rest.split_at(end);
        check_literal(literal, purpose)?;
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal.to_owned()));
        }
        if tail.starts_with("{{") || tail.starts_with("}}") {
            return Err(format!("{} cannot hold a brace of its own: {PLAIN}", purpose.noun()));
        }
        if tail.starts_with('}') {
            return Err("this `}` closes nothing".to_owned());
        }
        let Some(inside) = tail.strip_prefix('{') else { break };
        let Some((inside, behind)) = inside.split_once('}') else {
            return Err("this `{` is not closed: write `{argument}`".to_owned());
        };
        pieces.push(Piece::Hole(hole(inside)?));
        rest = behind;
    }
    Ok(pieces)
}

fn check_literal(text: &str, purpose: Purpose) -> std::result::Result<(), String> {
    let wild = |c| matches!(c, '*' | '?');
    let allowed = |c| c == ':' || is_plain(c) || (purpose == Purpose::Pattern && wild(c));
    match text.chars().find(|c| !allowed(*c)) {
        None => Ok(()),
        Some(c) if wild(c) && purpose == Purpose::Key => {
            Err(format!("a key cannot hold {}: for a glob use `pattern` of `#[invalidate]`", shown(c)))
        }
        Some(c) => Err(format!("{} cannot hold {}: {PLAIN}, and `:` between segments", purpose.noun(), shown(c))),
    }
}

/// `video_id`, `user.id`, `pair.0`.
fn hole(inside: &str) -> std::result::Result<Hole, String> {
    let refuse = || match inside {
        "" => "`{}` names nothing: write `{argument}` or `{argument.field}`".to_owned(),
        _ if inside.contains(':') => {
            format!("`{{{inside}}}` has a format, but a key has only one: write `{{argument}}` or `{{argument.field}}`")
        }
        _ => format!("`{{{inside}}}` is not a placeholder: write `{{argument}}` or `{{argument.field}}`"),
    };
    let mut parts = inside.split('.');
    let root = parts.next().and_then(name).ok_or_else(refuse)?;
    let field = |text: &str| match text.parse::<u32>() {
        Ok(index) if text.bytes().all(|b| b.is_ascii_digit()) => {
            Some(Member::Unnamed(Index { index, span: Span::call_site() }))
        }
        _ => name(text).map(Member::Named),
    };
    let fields = parts.map(field).collect::<Option<_>>().ok_or_else(refuse)?;
    Ok(Hole { root: root.unraw().to_string(), fields })
}

/// A name; a keyword is meant raw, as in `{type}` for the argument `r#type`.
fn name(text: &str) -> Option<Ident> {
    let word = Ident::parse_any.parse_str(text).ok().filter(|word| word != "_")?;
    let is_keyword = syn::parse_str::<Ident>(text).is_err();
    let is_path = matches!(text, "self" | "super" | "crate" | "Self");
    Some(if is_keyword && !is_path { Ident::new_raw(text, word.span()) } else { word })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, purpose: Purpose) -> (Option<Template>, String) {
        let mut errors = Errors::default();
        let template = Template::parse(&LitStr::new(text, Span::call_site()), purpose, &mut errors);
        (template, errors.finish().err().map_or(String::new(), |error| error.to_string()))
    }

    fn good(text: &str) -> Template {
        read(text, Purpose::Key).0.expect(text)
    }

    #[test]
    fn text_and_placeholders_come_apart() {
        let template = good("video:{video_id}:frames:{user.id}:{pair.0}");
        assert_eq!(template.shape(), "video:{}:frames:{}:{}");
        let holes: Vec<_> = template.holes().map(Hole::text).collect();
        assert_eq!(holes, ["video_id", "user.id", "pair.0"]);
        assert_eq!(template.namespace(), Some("video"));
    }

    #[test]
    fn a_namespace_is_fixed_text() {
        assert_eq!(good("all").namespace(), Some("all"));
        assert_eq!(good("{id}:x").namespace(), None);
        assert_eq!(good("v{id}:x").namespace(), None);
        assert_eq!(good(":x").namespace(), None);
    }

    #[test]
    fn a_mistake_says_what_to_do() {
        for (text, says) in [
            ("", "a key needs text"),
            ("video {id}", "cannot hold a space"),
            ("video*", "use `pattern`"),
            ("a%20", "cannot hold `%`"),
            ("a#b", "cannot hold `#`"),
            ("a\nb", "cannot hold `\\n`"),
            ("video:{id", "is not closed"),
            ("video:id}", "closes nothing"),
            ("{{id}}", "brace of its own"),
            ("a:{}", "names nothing"),
            ("a:{id:?}", "has a format"),
            ("a:{user.id()}", "not a placeholder"),
            ("a:{user..id}", "not a placeholder"),
            ("a:{+1}", "not a placeholder"),
            ("a:{x.+1}", "not a placeholder"),
            ("a:{_}", "not a placeholder"),
            ("a:{x}{y}", "share a segment"),
            ("a:{x}-{y}", "share a segment"),
        ] {
            let (template, said) = read(text, Purpose::Key);
            assert!(template.is_none() && said.contains(says), "{text}: {said}");
        }
    }

    #[test]
    fn only_patterns_have_wildcards() {
        assert!(read("video:{id}:*", Purpose::Pattern).0.is_some());
        assert!(read("video:?", Purpose::Pattern).0.is_some());
        assert!(read("video:*", Purpose::Tag).0.is_none());
        assert!(read("*a*b*c*", Purpose::Pattern).0.is_some());
        assert!(read("*a*b*c*d*", Purpose::Pattern).1.contains("four `*` at most"));
    }

    #[test]
    fn a_whole_argument_covers_its_fields() {
        let hole = |text: &str| super::hole(text).unwrap_or_else(|why| panic!("{why}"));
        assert!(hole("user").covers(&hole("user.id")));
        assert!(hole("user.id").covers(&hole("user.id")));
        assert!(!hole("user.id").covers(&hole("user")));
        assert!(!hole("user.id").covers(&hole("user.name")));
    }
}
