//! The name that was probably meant.

use super::rows;

/// A name that needs more changes than that is another one.
const MOST: usize = 3;
/// Longer names are not compared.
const LONGEST: usize = 64;

/// The known name that is nearest to this one, if one is near.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let all = rows::all().flat_map(|row| std::iter::once(row.name).chain(row.described.iter().map(|other| other.name)));
    among(name, all)
}

/// The nearest of these.
pub(super) fn among<'a>(name: &str, all: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = MOST.min(name.len() / 2).max(1);
    let far = |known: &&str| distance(&name.to_ascii_lowercase(), &known.to_ascii_lowercase());
    let near = all.filter(|known| known.len().abs_diff(name.len()) <= most && known.len() <= LONGEST);
    near.map(|known| (far(&known), known)).filter(|(far, _)| *far <= most).min().map(|(_, known)| known)
}

/// How many letters have to be changed, added or left out (V. Levenshtein 1966), where two that changed places count as one.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut least = (above[j] + usize::from(x != y)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognized_and_a_stranger_is_not() {
        assert_eq!(nearest("tll"), Some("ttl"));
        assert_eq!(nearest("near.byte"), Some("near.bytes"));
        assert_eq!(nearest("redis.ulr"), Some("redis.url"));
        assert_eq!(nearest("REDIS_ENABLE"), Some("REDIS_ENABLED"));
        assert_eq!(nearest("compresion_threshold"), Some("compression_threshold"));
        assert_eq!(nearest("entirely.other"), None);
        assert_eq!(nearest(&"x".repeat(100_000)), None);
    }
}
