//! What `Cache-Control` says, on a response and on a request: RFC 9111, section 5.2.

use std::borrow::Cow;

use http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, PRAGMA};

/// Longer times are as good as this one: 68 years (RFC 9111, section 1.2.2).
const LONGEST: u64 = 1 << 31;
/// A field that lists more than so many directives is not read to the end: what is left out is taken for `no-store`.
const MOST: usize = 64;

/// Whom a directive concerns that may name fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Fields {
    #[default]
    Unsaid,
    /// The response as a whole.
    Whole,
    /// These fields of it.
    Named(Vec<HeaderName>),
}

/// The directives of a response. Times are in seconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Control {
    pub(super) no_store: bool,
    pub(super) no_cache: Fields,
    pub(super) private: Fields,
    pub(super) public: bool,
    pub(super) must_revalidate: bool,
    pub(super) proxy_revalidate: bool,
    pub(super) must_understand: bool,
    pub(super) no_transform: bool,
    pub(super) max_age: Option<u64>,
    pub(super) s_maxage: Option<u64>,
    pub(super) stale_while_revalidate: Option<u64>,
    pub(super) stale_if_error: Option<u64>,
}

/// The directives of a request. Times are in seconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wishes {
    pub(super) no_cache: bool,
    pub(super) no_store: bool,
    pub(super) only_if_cached: bool,
    pub(super) max_age: Option<u64>,
    pub(super) min_fresh: Option<u64>,
    pub(super) max_stale: Option<u64>,
}

impl Control {
    /// What the response says to this cache: the first of these fields that is there and can be read (RFC 9213), else
    /// `Cache-Control`. True beside it if it was one of these fields: then `Expires` says nothing.
    pub(super) fn of(headers: &HeaderMap, targets: &[HeaderName]) -> (Self, bool) {
        for target in targets {
            if let Some(control) = Self::targeted(headers, target) {
                return (control, true);
            }
        }
        let mut control = Self::default();
        for (at, directive) in all(headers, &CACHE_CONTROL).enumerate() {
            control.read(&directive);
            // What comes after a quote without an end may have been meant as anything.
            control.no_store |= at >= MOST || directive.is_open;
        }
        (control, false)
    }

    /// A targeted field is a dictionary of structured fields, of which one mistake spoils all.
    fn targeted(headers: &HeaderMap, target: &HeaderName) -> Option<Self> {
        let mut control = Self::default();
        let mut is_said = false;
        for (at, directive) in all(headers, target).enumerate() {
            let directive = directive.without_parameters();
            let is_key = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'*');
            let is_name = !directive.name.is_empty() && directive.name.iter().all(is_key);
            if !is_name || directive.is_padded() || directive.is_open {
                return None;
            }
            control.read(&directive);
            control.no_store |= at >= MOST;
            is_said = true;
        }
        is_said.then_some(control)
    }

    fn read(&mut self, directive: &Directive<'_>) {
        let least = |known: &mut Option<u64>| {
            // Said twice, the shorter one counts; what is no time is none at all (section 4.2.1).
            let said = directive.seconds().unwrap_or(0);
            *known = Some(known.map_or(said, |before| before.min(said)));
        };
        match directive.name.to_ascii_lowercase().as_slice() {
            b"no-store" => self.no_store = true,
            b"no-cache" => self.no_cache.add(directive),
            b"private" => self.private.add(directive),
            b"public" => self.public = true,
            b"must-revalidate" => self.must_revalidate = true,
            b"proxy-revalidate" => self.proxy_revalidate = true,
            b"must-understand" => self.must_understand = true,
            b"no-transform" => self.no_transform = true,
            b"max-age" => least(&mut self.max_age),
            b"s-maxage" => least(&mut self.s_maxage),
            b"stale-while-revalidate" => least(&mut self.stale_while_revalidate),
            b"stale-if-error" => least(&mut self.stale_if_error),
            _ => {}
        }
    }

    /// How long it is fresh, if it says so.
    pub(super) fn lifetime(&self) -> Option<u64> {
        self.s_maxage.or(self.max_age)
    }

    /// Is it never to be served past its time?
    pub(super) fn must_be_validated(&self) -> bool {
        self.must_revalidate || self.proxy_revalidate || self.no_cache == Fields::Whole
    }

    /// The same, as far as nothing else is said: `s-maxage` says so, too (section 5.2.2.10).
    pub(super) fn is_strict(&self) -> bool {
        self.must_be_validated() || self.s_maxage.is_some()
    }

    /// The fields that are for nobody else, or not to be told again without being asked for.
    pub(super) fn named(&self) -> impl Iterator<Item = &HeaderName> {
        self.private.names().iter().chain(self.no_cache.names())
    }

    /// May all have what came in answer to a request with `Authorization` (section 3.5)?
    pub(super) fn is_for_all(&self) -> bool {
        self.public || self.must_revalidate || self.s_maxage.is_some()
    }
}

impl Wishes {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut wishes = Self::default();
        if !headers.contains_key(CACHE_CONTROL) {
            let pragma = all(headers, &PRAGMA).take(MOST);
            wishes.no_cache = pragma.into_iter().any(|directive| directive.name.eq_ignore_ascii_case(b"no-cache"));
            return wishes;
        }
        for directive in all(headers, &CACHE_CONTROL).take(MOST) {
            match directive.name.to_ascii_lowercase().as_slice() {
                b"no-cache" => wishes.no_cache = true,
                b"no-store" => wishes.no_store = true,
                b"only-if-cached" => wishes.only_if_cached = true,
                b"max-age" => wishes.max_age = Some(directive.seconds().unwrap_or(0)),
                b"min-fresh" => wishes.min_fresh = directive.seconds(),
                // Without a value any age will do.
                b"max-stale" if directive.value.is_none() => wishes.max_stale = Some(LONGEST),
                b"max-stale" => wishes.max_stale = directive.seconds(),
                _ => {}
            }
        }
        wishes
    }
}

impl Fields {
    fn names(&self) -> &[HeaderName] {
        match self {
            Self::Named(names) => names,
            Self::Unsaid | Self::Whole => &[],
        }
    }

    fn add(&mut self, directive: &Directive<'_>) {
        let names = directive.value.as_deref().and_then(|list| {
            let names = list.split(|b| *b == b',').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty());
            names.map(HeaderName::from_bytes).collect::<Result<Vec<_>, _>>().ok()
        });
        match (names, &mut *self) {
            // A name that is none may be meant for any field.
            (None, _) => *self = Self::Whole,
            (Some(names), Self::Unsaid) => *self = Self::Named(names),
            (Some(names), Self::Named(before)) => before.extend(names),
            (Some(_), Self::Whole) => {}
        }
    }
}

/// One directive: `name` or `name=value`, the value without its quotes.
struct Directive<'a> {
    name: &'a [u8],
    value: Option<Cow<'a, [u8]>>,
    /// Does a quote in it not end?
    is_open: bool,
}

impl<'a> Directive<'a> {
    fn of(item: &'a [u8]) -> Self {
        let is_open = scan(item, |_| false).1;
        let Some(at) = item.iter().position(|b| *b == b'=') else { return Self { name: item, value: None, is_open } };
        let (name, value) = (&item[..at], &item[at + 1..]);
        let quoted = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
        let value = quoted.map_or(Cow::Borrowed(value), unescaped);
        Self { name, value: Some(value), is_open }
    }

    fn seconds(&self) -> Option<u64> {
        seconds(self.value.as_deref()?)
    }

    fn without_parameters(self) -> Self {
        let cut = |bytes: &[u8]| bytes.iter().position(|b| *b == b';').unwrap_or(bytes.len());
        let Self { name, value, is_open } = self;
        let name = &name[..cut(name)];
        let value = value.map(|value| Cow::Owned(value[..cut(&value)].to_vec()));
        Self { name, value, is_open }
    }

    fn is_padded(&self) -> bool {
        self.value.as_deref().is_some_and(|value| value.first().is_some_and(u8::is_ascii_whitespace))
    }
}

/// A number of seconds: digits and nothing else.
pub(super) fn seconds(text: &[u8]) -> Option<u64> {
    let are_digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let add = |sum: u64, b: &u8| sum.saturating_mul(10).saturating_add(u64::from(b - b'0'));
    are_digits.then(|| text.iter().fold(0, add).min(LONGEST))
}

fn unescaped(quoted: &[u8]) -> Cow<'_, [u8]> {
    if !quoted.contains(&b'\\') {
        return Cow::Borrowed(quoted);
    }
    let mut out = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.iter();
    while let Some(b) = bytes.next() {
        out.push(if *b == b'\\' { *bytes.next().unwrap_or(b) } else { *b });
    }
    Cow::Owned(out)
}

fn all<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = Directive<'a>> {
    headers.get_all(name).iter().flat_map(|value: &'a HeaderValue| items(value.as_bytes())).map(Directive::of)
}

/// The members of a list, which commas separate but not within quotes; without the space around them, and none that is
/// empty.
pub(super) fn items(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(list);
    std::iter::from_fn(move || {
        let list = rest?;
        let end = end_of_item(list);
        rest = list.get(end + 1..);
        Some(list[..end].trim_ascii())
    })
    .filter(|item| !item.is_empty())
}

fn end_of_item(list: &[u8]) -> usize {
    scan(list, |b| b == b',').0
}

/// Where the first byte of this kind stands outside of quotes, or the end; and is a quote open there?
fn scan(list: &[u8], is_wanted: impl Fn(u8) -> bool) -> (usize, bool) {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, b) in list.iter().enumerate() {
        match *b {
            b if is_wanted(b) && !is_quoted => return (at, false),
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_quoted,
            b'"' => is_quoted = !is_quoted,
            _ => {}
        }
    }
    (list.len(), is_quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(lines: &[&str]) -> Control {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CACHE_CONTROL, HeaderValue::from_bytes(line.as_bytes()).expect("a header's value"));
        }
        Control::of(&headers, &[]).0
    }

    #[test]
    fn what_is_quoted_is_no_directive() {
        assert_eq!(control(&["extension=\"max-age=3600, no-store\", max-age=1"]).max_age, Some(1));
        assert_eq!(control(&["a=\"\\\", no-store\", max-age=\"7\""]).max_age, Some(7));
        assert!(!control(&["a=\"\\\", no-store\", max-age=\"7\""]).no_store);
    }

    #[test]
    fn behind_a_quote_without_an_end_anything_may_stand() {
        assert!(control(&["a=\"no end, no-store, max-age=5"]).no_store);
        assert!(control(&["max-age=5, a=\"no end, private"]).no_store);
        assert!(control(&["max-age=5, a=\"\\\""]).no_store, "what is escaped ends nothing");
        assert!(!control(&["max-age=5, a=\"an end\""]).no_store);
    }

    #[test]
    fn of_two_times_the_shorter_counts_and_what_is_no_time_is_none() {
        assert_eq!(control(&["max-age=1800, max-age=1"]).max_age, Some(1));
        assert_eq!(control(&["max-age=1", "MAX-AGE=1800"]).max_age, Some(1));
        for text in ["max-age=-1", "max-age='1'", "max-age=1.5", "max-age= 1", "max-age=1s", "max-age=", "max-age"] {
            assert_eq!(control(&[text]).max_age, Some(0), "{text}");
        }
        assert_eq!(control(&["max-age =100"]).max_age, None, "another name");
        assert_eq!(control(&["max-age=99999999999999999999999999"]).max_age, Some(LONGEST));
    }

    #[test]
    fn fields_that_are_named_are_not_the_whole() {
        let Fields::Named(names) = control(&["private=\"Set-Cookie, x-user\""]).private else { panic!("named") };
        assert_eq!(names, ["set-cookie", "x-user"]);
        assert_eq!(control(&["private=\"a b\""]).private, Fields::Whole, "no name: rather too much");
        assert_eq!(control(&["no-cache=a, no-cache"]).no_cache, Fields::Whole);
    }

    #[test]
    fn a_targeted_field_goes_before_unless_it_is_spoilt() {
        let name = HeaderName::from_static("cdn-cache-control");
        let said = |target: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=1"));
            headers.insert(&name, HeaderValue::from_static(target));
            let (control, targeted) = Control::of(&headers, std::slice::from_ref(&name));
            (control.max_age, targeted)
        };
        assert_eq!(said("max-age=60;anything, no-cache=?0"), (Some(60), true));
        assert_eq!(said("max-age= 60"), (Some(1), false));
        assert_eq!(said("max-age =60"), (Some(1), false));
        assert_eq!(said(""), (Some(1), false));
        assert_eq!(said("max-age=60, a=\"no end"), (Some(1), false));
    }

    #[test]
    fn a_field_without_end_is_not_stored_by() {
        let long = "a,".repeat(1 << 15);
        assert!(control(&[long.as_str()]).no_store);
        let mut headers = HeaderMap::new();
        let name = HeaderName::from_static("cdn-cache-control");
        headers.insert(&name, HeaderValue::from_str(&format!("max-age=60, {long}no-store")).expect("a header's value"));
        assert!(Control::of(&headers, &[name]).0.no_store);
    }
}
