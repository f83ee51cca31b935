//! Globs, matched by the runtime and by a slow table that nobody can get wrong.

use cached_runtime::key::Pattern;

use crate::key::halves;

/// Keys over this many bytes may be cut ones, which match by their head.
const WHOLE: usize = 600;

/// A glob and a key, split at the first zero byte.
pub(crate) fn run(bytes: &[u8]) {
    let (glob, key) = halves(bytes);
    let (Ok(glob), Ok(key)) = (std::str::from_utf8(glob), std::str::from_utf8(key)) else { return };
    let Ok(pattern) = Pattern::new(glob) else { return };
    assert_eq!(pattern.as_str(), glob);
    assert!(glob.starts_with(pattern.prefix()));
    let found = pattern.matches(key);
    if key.len() > WHOLE {
        return;
    }
    assert_eq!(found, slow(glob, key), "`{glob}` on `{key}`");
    assert!(!found || key.starts_with(pattern.prefix()), "a key that matches begins with the prefix");
}

/// One row for each character of the glob: up to which characters of the key it matches so far.
fn slow(glob: &str, key: &str) -> bool {
    let key: Vec<char> = key.chars().collect();
    let mut reach = vec![false; key.len() + 1];
    reach[0] = true;
    for g in glob.chars() {
        let before = std::mem::replace(&mut reach, vec![false; key.len() + 1]);
        for at in 0..=key.len() {
            reach[at] = match g {
                '*' => before[..=at].contains(&true),
                '?' => at > 0 && before[at - 1],
                c => at > 0 && before[at - 1] && key[at - 1] == c,
            };
        }
    }
    reach[key.len()]
}
