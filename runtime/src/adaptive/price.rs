//! The rule: how long a key is to be fresh, given how often it changes and how often it is read.
//!
//! A key that changes `c` times a second and is read `r` times a second is loaded once in `t + 1/r`, when it is fresh for `t`:
//! its first read after `t` loads. Meanwhile its hits miss `r c t²/2` changes between them. Fewest loads for what is missed
//! over all keys together means that one load more spares the same at every key (Lagrange): at every key
//!
//! ```text
//! c t + r c t²/2  =  worth        t  =  (√(1 + 2 worth r/c) - 1) / r
//! ```
//!
//! so that a key that is read much and changes four times as often lives half as long. A life in proportion to the time
//! between changes would be no better than one life for all, as Cho & Garcia-Molina found for crawlers ("Effective page
//! refresh policies", 2003). Missed changes are counted, not stale reads: by those, what changes fastest would not be worth
//! a load at all and had to live longest.
//!
//! The worth of a load follows from `most` alone, and from how often a usual key of the site is read: a usual key that
//! changes once in `most` lives a fifth of it; about one in ten of its reads is stale.

/// Of `most`, for a usual key that changes once in it.
const PART: f64 = 0.2;

/// How many missed changes a load is worth, at a site whose usual key is read so often a second.
pub(super) fn worth(most: f64, usual_reads: f64) -> f64 {
    PART + usual_reads * most * PART * PART / 2.0
}

/// How often a usual key changes that is to be fresh for so many seconds, where reads are many.
pub(super) fn rate(most: f64, life: f64) -> f64 {
    PART * PART * most / (life * life)
}

/// How many seconds a key is to be fresh.
pub(super) fn life(worth: f64, changes: f64, reads: f64) -> f64 {
    // Instead of the root less one, which is nothing where reads are rare.
    let x = 2.0 * worth * reads / changes;
    2.0 * worth / changes / (1.0 + (1.0 + x).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: f64 = 3_600.0;

    #[test]
    fn a_usual_key_that_changes_once_in_most_lives_a_fifth_of_it() {
        for reads in [1e-6, 1e-3, 1.0, 1e3] {
            let life = life(worth(HOUR, reads), 1.0 / HOUR, reads);
            assert!((life / HOUR - PART).abs() < 1e-6, "{life}");
        }
    }

    #[test]
    fn what_changes_four_times_as_often_lives_half_as_long_and_what_is_read_so_too() {
        let worth = worth(HOUR, 10.0);
        let usual = life(worth, 1.0 / HOUR, 10.0);
        assert!((life(worth, 4.0 / HOUR, 10.0) / usual - 0.5).abs() < 0.01);
        assert!((life(worth, 1.0 / HOUR, 40.0) / usual - 0.5).abs() < 0.01);
    }

    /// Of two keys, any other division of the same loads misses more.
    #[test]
    fn no_other_division_of_the_loads_misses_less() {
        let keys = [(1.0 / 600.0, 0.5), (1.0 / HOUR, 0.1)];
        let loads = |life: f64, (_, reads): (f64, f64)| 1.0 / (life + 1.0 / reads);
        let missed = |life: f64, (changes, reads): (f64, f64)| {
            reads * changes * life * life / 2.0 * loads(life, (changes, reads))
        };
        let worth = worth(HOUR, 0.2);
        let [first, second] = keys.map(|(changes, reads)| life(worth, changes, reads));
        let all = loads(first, keys[0]) + loads(second, keys[1]);
        let best = missed(first, keys[0]) + missed(second, keys[1]);
        for part in [0.9, 0.98, 1.02, 1.1, 1.5] {
            let other = first * part;
            let rest = 1.0 / (all - loads(other, keys[0])) - 1.0 / keys[1].1;
            assert!(rest > 0.0 && missed(other, keys[0]) + missed(rest, keys[1]) > best, "{other} and {rest}");
        }
    }
}
