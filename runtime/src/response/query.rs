//! The part of a query that tells responses apart.

use std::borrow::Cow;

use super::settings::Query;

/// `?` stands before what is written of a query, so that an empty one differs from none.
pub(super) fn query_of(query: Option<&str>, which: &Query) -> String {
    let Some(query) = query else { return String::new() };
    if *which == Query::All {
        return format!("?{query}");
    }
    let pairs: Option<Vec<_>> = query.split('&').map(|pair| Some((name_of(pair)?, pair))).collect();
    // Where services may read other names than we do, the query counts as it stands.
    let Some(mut pairs) = pairs.filter(|_| !query.contains(';')) else { return format!("?{query}") };
    pairs.retain(|(name, pair)| match which {
        Query::All => true,
        Query::Only(names) => names.iter().any(|known| known.as_bytes() == bare(name)),
        Query::Without(names) => !pair.is_empty() && !names.iter().any(|known| known.as_bytes() == &**name),
    });
    // By name only: the order of several values of one parameter may mean something.
    pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
    let pairs: Vec<&str> = pairs.into_iter().map(|(_, pair)| pair).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

/// The name of a parameter as services read it; `None` if they may read it in different ways.
fn name_of(pair: &str) -> Option<Cow<'_, [u8]>> {
    let name = pair.split('=').next().unwrap_or_default().as_bytes();
    if !name.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return Some(Cow::Borrowed(name));
    }
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name.iter();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(*rest.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                digit()? << 4 | digit()?
            }
            other => *other,
        });
    }
    Some(Cow::Owned(out))
}

/// Without what some take for a place in a list or a map: `a[0]` is of `a`.
fn bare(name: &[u8]) -> &[u8] {
    name.split(|byte| *byte == b'[').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(query: &str) -> String {
        query_of(Some(query), &Query::Only(vec!["a".into(), "a b".into()]))
    }

    #[test]
    fn a_name_is_the_same_however_it_is_written() {
        assert_eq!(only("x=1&a=2"), only("a=2"));
        assert_ne!(only("%61=2"), only(""), "services read it as `a`");
        assert_ne!(only("a=1&%61=2"), only("%61=2&a=1"), "which of two is taken is for the service to say");
        assert_ne!(only("a+b=1"), only(""));
        assert_ne!(only("a%20b=1"), only(""));
        assert_ne!(only("a[0]=1"), only(""), "some take it for a list");
        assert_eq!(only("b[0]=1&%62=1"), "");
        let without = |query| query_of(Some(query), &Query::Without(vec!["utm".into()]));
        assert_eq!(without("%75tm=1&a=2"), without("a=2"));
    }

    #[test]
    fn what_may_be_read_in_several_ways_counts_as_it_stands() {
        for query in ["%=1", "a%6=1", "%zz=1&a=2", "x=1;a=2", "%6\u{20}=1"] {
            assert_eq!(only(query), format!("?{query}"));
        }
        assert_eq!(only("a=%&x=;"), "?a=%&x=;");
        assert_eq!(only("a=%zz&x=1"), "?a=%zz", "what stands in a value is not read");
    }
}
