//! The name under which the responses for one address are kept.

use http::Uri;
use http::header::HeaderMap;
use http::request::Parts;

use super::address::{asked, host, hosts, rewritten};
use super::query::query_of;
use super::settings::Settings;
use crate::key::KeyWriter;
use crate::namespace::Name;

/// An address, as far as it tells responses apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Where the request says it.
    scheme: Option<String>,
    host: String,
    path: String,
    query: String,
    /// What the service sees instead.
    rewritten: Option<String>,
}

/// The same by which changes name it: whatever the scheme.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unschemed<'a>(pub(super) &'a Place);

/// The responses of an address that depend on fields of the request: one of them, by what these fields select.
#[derive(Debug, Clone)]
pub(super) struct Variant<'a> {
    pub(super) place: &'a Place,
    pub(super) selected: &'a str,
}

/// The same, by the hash of what is selected.
#[derive(Debug, Clone)]
pub(super) struct Hashed<'a> {
    pub(super) place: &'a Place,
    pub(super) hash: &'a str,
}

impl Place {
    /// Where this request goes. `None` if it names several hosts: who answers may go by another one than others do.
    pub(super) fn of(head: &Parts, settings: &Settings) -> Option<Self> {
        let uri = asked(head, settings);
        let mut hosts = hosts_of(&uri, head, settings);
        let host = hosts.pop().filter(|_| hosts.is_empty())?;
        Some(Self::at(host, &uri, head, settings))
    }

    /// Where this request may go: by each host that it names.
    pub(super) fn all_of(head: &Parts, settings: &Settings) -> Vec<Self> {
        let uri = asked(head, settings);
        let hosts = hosts_of(&uri, head, settings);
        hosts.into_iter().map(|host| Self::at(host, &uri, head, settings)).collect()
    }

    fn at(host: String, uri: &Uri, head: &Parts, settings: &Settings) -> Self {
        Self {
            scheme: uri.scheme_str().filter(|_| settings.host).map(str::to_ascii_lowercase),
            host,
            path: uri.path().to_owned(),
            query: query_of(uri.query(), &settings.query),
            rewritten: rewritten(head, uri, settings),
        }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Another address that a response to this one names, if it is one of the same host.
    pub(super) fn beside(&self, base: &Uri, headers: &HeaderMap, named: &[u8], settings: &Settings) -> Option<Self> {
        let named = std::str::from_utf8(named).ok()?;
        let named = named.split('#').next().unwrap_or_default();
        let uri: Uri = match named {
            "" => return None,
            _ if named.starts_with("//") => format!("http:{named}").parse().ok()?,
            _ if named.starts_with('/') || named.contains("://") => named.parse().ok()?,
            // Relative to the folder of this one.
            _ => {
                let folder = base.path().rfind('/').map_or("/", |end| &base.path()[..=end]);
                format!("{folder}{}", named.trim_start_matches("./")).parse().ok()?
            }
        };
        let is_here = match uri.authority() {
            Some(authority) => hosts(base, headers).contains(&host(authority.as_str().as_bytes())),
            None => true,
        };
        let query = query_of(uri.query(), &settings.query);
        is_here.then(|| Self { host: self.host.clone(), path: uri.path().to_owned(), query, ..Self::default() })
    }

    fn write_name(&self, host: &str, out: &mut KeyWriter) {
        out.literal("at:").part(host).literal(":").part(&self.path).literal(":").part(&self.query);
        if let Some(rewritten) = &self.rewritten {
            out.literal(":to:").part(rewritten);
        }
    }
}

fn hosts_of(uri: &Uri, head: &Parts, settings: &Settings) -> Vec<String> {
    if settings.host { hosts(uri, &head.headers) } else { vec![String::new()] }
}

impl Name for Place {
    fn write_name(&self, out: &mut KeyWriter) {
        match &self.scheme {
            Some(scheme) => self.write_name(&format!("{scheme}://{}", self.host), out),
            None => self.write_name(&self.host, out),
        }
    }
}

impl Name for Unschemed<'_> {
    fn write_name(&self, out: &mut KeyWriter) {
        self.0.write_name(&self.0.host, out);
    }
}

impl Name for Variant<'_> {
    fn write_name(&self, out: &mut KeyWriter) {
        Name::write_name(self.place, out);
        // Fields of a request may be secret, and long: their hash tells them apart.
        out.literal(":").secret(self.selected);
    }
}

impl Name for Hashed<'_> {
    fn write_name(&self, out: &mut KeyWriter) {
        Name::write_name(self.place, out);
        out.literal(":").literal(self.hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::settings::Query;

    fn head(uri: &str, hosts: &[&str]) -> Parts {
        let request = http::Request::builder().uri(uri);
        let request = hosts.iter().fold(request, |request, host| request.header("host", *host));
        request.body(()).expect("a request").into_parts().0
    }

    fn place(uri: &str, settings: &Settings) -> Place {
        Place::of(&head(uri, &[]), settings).expect("one host")
    }

    #[test]
    fn two_addresses_are_one_only_where_that_was_asked_for() {
        let plain = Settings::default();
        assert_ne!(place("http://a/x?b=1&a=2", &plain), place("http://a/x?a=2&b=1", &plain));
        assert_ne!(place("http://a/x", &plain), place("http://b/x", &plain));
        assert_ne!(place("http://a/x", &plain), place("https://a/x", &plain));
        assert_ne!(place("http://a/x", &plain), place("http://a/x?", &plain));
        assert_eq!(place("http://A/x", &plain), place("http://a/x", &plain));
        assert_ne!(place("http://a/X", &plain), place("http://a/x", &plain));
        let only = Settings { query: Query::Only(vec!["a".into()]), host: false, ..Settings::default() };
        assert_eq!(place("http://a/x?utm=1&a=2", &only), place("https://b/x?a=2&b", &only));
        assert_ne!(place("http://a/x?a=1&a=2", &only), place("http://a/x?a=2&a=1", &only));
        let without = Settings { query: Query::Without(vec!["utm".into()]), ..Settings::default() };
        assert_eq!(place("http://a/x?utm=1&b&a", &without), place("http://a/x?a&b", &without));
        assert_eq!(place("http://a/x?utm=1", &without), place("http://a/x", &without));
    }

    #[test]
    fn who_names_several_hosts_is_at_no_place() {
        let settings = Settings::default();
        let of = |uri: &str, hosts: &[&str]| Place::of(&head(uri, hosts), &settings);
        assert!(of("http://a/x", &["A"]).is_some());
        assert!(of("/x", &["a", "A"]).is_some());
        assert!(of("/x", &[]).is_some());
        for (uri, hosts) in
            [("http://a/x", &["b"][..]), ("/x", &["a", "b"]), ("http://a:80/x", &["a"]), ("/x", &["a", ""])]
        {
            assert_eq!(of(uri, hosts), None, "{uri} {hosts:?}");
        }
        assert_eq!(Place::all_of(&head("http://a/x", &["b"]), &settings).len(), 2, "a change may be one of either");
    }

    #[test]
    fn only_addresses_of_the_same_host_are_beside_it() {
        let settings = Settings::default();
        let head = head("http://a/x/y?q", &[]);
        let here = Place::of(&head, &settings).expect("one host");
        let beside = |named: &str| here.beside(&head.uri, &head.headers, named.as_bytes(), &settings);
        let other = Place { scheme: None, ..place("http://a/x/z", &settings) };
        for named in ["/x/z", "z", "./z", "http://a/x/z", "//A/x/z#part"] {
            assert_eq!(beside(named).as_ref(), Some(&other), "{named}");
        }
        for named in ["http://b/x/z", "//b/x/z", "", "http://a:81/x/z", "\u{1}"] {
            assert_eq!(beside(named), None, "{named}");
        }
    }
}
