//! Parts of a stored response: RFC 9110, section 14.

use std::ops::Range;

use http::header::{HeaderMap, RANGE};

/// Which part a request wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// The whole, or what is not understood here: several parts, other units. That is always allowed.
    Whole,
    /// These bytes.
    Some(Range<usize>),
    /// None that there is.
    Beyond,
}

/// The part of so many bytes.
pub(super) fn part_of(request: &HeaderMap, len: usize) -> Part {
    let mut all = request.get_all(RANGE).iter();
    let (Some(value), None) = (all.next(), all.next()) else { return Part::Whole };
    let text = value.to_str().ok().and_then(|text| text.trim().strip_prefix("bytes="));
    let Some((first, last)) = text.and_then(|text| text.split_once('-')) else { return Part::Whole };
    let number = |text: &str| {
        let text = text.trim();
        let are_digits = text.bytes().all(|b| b.is_ascii_digit());
        // What is larger than any number is beyond every end.
        if are_digits && !text.is_empty() { Some(text.parse::<usize>().unwrap_or(usize::MAX)) } else { None }
    };
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first > last => Part::Whole,
        (Some(first), _) if first >= len => Part::Beyond,
        (Some(first), Some(last)) => Part::Some(first..last.saturating_add(1).min(len)),
        (Some(first), None) if last.trim().is_empty() => Part::Some(first..len),
        (None, Some(0)) => Part::Beyond,
        (None, Some(_)) if len == 0 => Part::Beyond,
        (None, Some(last)) if first.trim().is_empty() => Part::Some(len.saturating_sub(last)..len),
        _ => Part::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn part(text: &str) -> Part {
        let mut request = HeaderMap::new();
        request.insert(RANGE, HeaderValue::from_str(text).expect("a header's value"));
        part_of(&request, 10)
    }

    #[test]
    fn a_part_is_cut_to_what_there_is() {
        assert_eq!(part("bytes=0-1"), Part::Some(0..2));
        assert_eq!(part("bytes=8-"), Part::Some(8..10));
        assert_eq!(part("bytes=-3"), Part::Some(7..10));
        assert_eq!(part("bytes=-30"), Part::Some(0..10));
        assert_eq!(part("bytes=9-99999999999999999999999"), Part::Some(9..10));
        for text in ["bytes=10-", "bytes=10-11", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(part(text), Part::Beyond, "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_the_whole() {
        for text in ["bytes=2-1", "bytes=a-1", "bytes=-", "bytes=0-1,3-4", "lines=0-1", "bytes=+1-2", "bytes 0-1", ""] {
            assert_eq!(part(text), Part::Whole, "{text}");
        }
    }
}
