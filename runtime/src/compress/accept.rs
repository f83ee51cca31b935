//! Which encoding of a response a client takes: `Accept-Encoding`, as RFC 9110, section 12.5.3 has it.

use super::method::Compression;

/// A client that lists more than so many is not read to the end.
const MOST: usize = 32;

/// How HTTP names it.
pub(super) const fn token(method: Compression) -> Option<&'static str> {
    match method {
        Compression::Gzip => Some("gzip"),
        Compression::Zlib => Some("deflate"),
        #[cfg(feature = "zstd")]
        Compression::Zstd => Some("zstd"),
        _ => None,
    }
}

/// What the client takes, the best for it first, and of equals the one that stands first in `ours`.
///
/// `None` if it wants the body as it is, or names nothing that is here; that is then right by the RFC in any case but that
/// of a client that refuses everything.
pub(super) fn best(accept: &str, ours: &[Compression]) -> Option<Compression> {
    let tokens: Vec<&str> = ours.iter().map(|method| token(*method).unwrap_or_default()).collect();
    best_of(accept, &tokens).map(|at| ours[at])
}

/// The same among encodings by their names; which of them it is.
pub(crate) fn best_of(accept: &str, ours: &[&str]) -> Option<usize> {
    let asked = Asked::of(accept);
    // Nothing said: any encoding would be allowed, but who says nothing often cannot decode any.
    let mut best: Option<(usize, u16)> = None;
    for (at, token) in ours.iter().enumerate().filter(|(_, token)| !token.is_empty()) {
        let weight = asked.weight(token);
        if weight > best.map_or(0, |(_, weight)| weight) {
            best = Some((at, weight));
        }
    }
    let as_it_is = asked.identity.unwrap_or(0);
    best.filter(|(_, weight)| *weight >= as_it_is).map(|(at, _)| at)
}

struct Asked<'a> {
    /// Each with its weight in thousandths.
    codings: Vec<(&'a str, u16)>,
    any: Option<u16>,
    identity: Option<u16>,
}

impl<'a> Asked<'a> {
    fn of(accept: &'a str) -> Self {
        let mut asked = Self { codings: Vec::new(), any: None, identity: None };
        for item in accept.split(',').take(MOST) {
            let mut parts = item.split(';').map(str::trim);
            let (coding, weight) = (parts.next().unwrap_or_default(), weight(parts));
            match coding {
                "" => {}
                "*" => asked.any = Some(weight),
                _ if coding.eq_ignore_ascii_case("identity") => asked.identity = Some(weight),
                _ => asked.codings.push((coding, weight)),
            }
        }
        asked
    }

    fn weight(&self, token: &str) -> u16 {
        let is_it = |coding: &str| {
            // `x-gzip` is gzip (RFC 9110, section 8.4.1.3).
            coding.strip_prefix("x-").filter(|_| token == "gzip").unwrap_or(coding).eq_ignore_ascii_case(token)
        };
        let named = self.codings.iter().find(|(coding, _)| is_it(coding)).map(|(_, weight)| *weight);
        named.or(self.any).unwrap_or(0)
    }
}

/// `q=0.5` in thousandths; 1000 where nothing is said, and 0 for what is no weight: it was meant to be less than all.
fn weight<'a>(parameters: impl Iterator<Item = &'a str>) -> u16 {
    let mut parameters = parameters.filter_map(|parameter| parameter.split_once('='));
    let Some((_, text)) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("q")) else { return 1000 };
    match text.trim().parse::<f32>() {
        Ok(weight) if (0.0..=1.0).contains(&weight) => (weight * 1000.0).round() as u16,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &[Compression] = &[
        #[cfg(feature = "zstd")]
        Compression::Zstd,
        Compression::Gzip,
        Compression::Zlib,
    ];

    fn chosen(accept: &str) -> Option<&'static str> {
        best(accept, OURS).and_then(token)
    }

    #[test]
    fn the_client_gets_what_it_likes_best() {
        assert_eq!(chosen("gzip;q=0.5, deflate;q=0.8"), Some("deflate"));
        assert_eq!(chosen("GZIP"), Some("gzip"));
        assert_eq!(chosen("x-gzip"), Some("gzip"));
        assert_eq!(chosen(" gzip ; q=1.0 "), Some("gzip"));
        assert_eq!(chosen("br, gzip"), Some("gzip"), "the others are not here");
        assert_eq!(chosen("gzip;q=0.001"), Some("gzip"));
        #[cfg(feature = "zstd")]
        assert_eq!(chosen("gzip, deflate, br, zstd"), Some("zstd"), "of equals ours decides");
    }

    #[test]
    fn what_a_client_refuses_it_does_not_get() {
        for accept in
            ["", "identity", "gzip;q=0", "br", "*;q=0", "gzip;q=0, *;q=0", "gzip;q=oops", "gzip;q=-1", "gzip;q=NaN"]
        {
            assert_eq!(chosen(accept), None, "{accept}");
        }
        assert_eq!(chosen("identity, gzip;q=0.5"), None, "it likes the body better as it is");
        assert_eq!(chosen("identity;q=0, gzip;q=0.1"), Some("gzip"));
        #[cfg(feature = "zstd")]
        assert_eq!(chosen("zstd;q=0, *"), Some("gzip"), "any other");
    }

    #[test]
    fn a_header_without_end_is_not_read_to_the_end() {
        let long = "br, ".repeat(1 << 16) + "gzip";
        assert_eq!(chosen(&long), None);
    }
}
