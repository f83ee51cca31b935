//! The SQL of the log, written once when the tier is made.

use std::sync::Arc;

use crate::tier::sql::server::dialect::Dialect;
use crate::tier::sql::server::statements::Sized;
use crate::tier::sql::tables::Tables;

/// The columns about the whole log.
const HEAD: [&str; 7] = ["epoch", "number", "trimmed", "grouped", "namer", "keyed", "keyed_before"];

/// All statements over the tables of one log.
#[derive(Debug)]
pub(super) struct LogStatements {
    /// → 1 if the server is a replica
    pub(super) repeats: Arc<str>,
    /// → version of the tables
    pub(super) version: Arc<str>,
    /// Begins a transaction that nobody else appends or stores beside.
    pub(super) alone: Arc<str>,
    /// Begins one that nobody appends beside.
    pub(super) beside: Arc<str>,
    pub(super) commit: Arc<str>,
    /// The same, and wakes who listens.
    pub(super) told: Arc<str>,
    /// → epoch, number, up to which number entries were trimmed, are there groups?; by whose names a key was invalidated
    /// last, where, and where last by other names
    pub(super) head: Arc<str>,
    /// the same as parameters
    pub(super) advance: Arc<str>,
    /// rows of number, nonce, node, name
    pub(super) enter: Sized,
    /// up to number
    pub(super) trim: Arc<str>,
    /// Empties entries and groups.
    pub(super) clear: [Arc<str>; 2],
    /// rows of name, number
    pub(super) raise: Sized,
    /// → name, number of all groups
    pub(super) groups: Arc<str>,
    /// → how many groups
    pub(super) count: Arc<str>,
    /// how many → name, number of the oldest groups that can become coarser
    pub(super) oldest: Arc<str>,
    /// names
    pub(super) forget: Sized,
    /// names of groups → name, number of the last entry
    pub(super) fences: Sized,
    /// number, how many → epoch; number, nonce, node, name of the entries from there on
    pub(super) read: Arc<str>,
    /// two numbers → the head; nonce of the last entry, the highest number, nonces of both, is there a group?
    pub(super) meet: Arc<str>,
    /// name, token, milliseconds → token if it was taken, where the server answers that
    pub(super) take: Arc<str>,
    /// name → token, where it does not
    pub(super) holder: Option<Arc<str>>,
    /// milliseconds, name, token
    pub(super) hold: Arc<str>,
    /// name, token
    pub(super) release: Arc<str>,
    /// Removes leases that have ended.
    pub(super) lapse: Arc<str>,
}

impl LogStatements {
    pub(super) fn new(dialect: Dialect, tables: &Tables) -> Self {
        let t = tables.prefix();
        let (head, entries, groups) = (format!("{t}_head"), format!("{t}_entries"), format!("{t}_groups"));
        let (leases, now) = (format!("{t}_leases"), dialect.now());
        let [p1, p2, p3] = [1, 2, 3].map(|n| dialect.parameter(n));
        let list = |n: usize| (1..=n).map(|n| dialect.parameter(n)).collect::<Vec<_>>().join(", ");
        let row = |n: usize, width: usize| {
            let values: Vec<String> = (1..=width).map(|i| dialect.parameter(width * n + i)).collect();
            format!("({})", values.join(", "))
        };
        let rows = |n: usize, width: usize| (0..n).map(|n| row(n, width)).collect::<Vec<_>>().join(", ");
        let (raise, succeed) = (dialect.or_raise(&groups, "name", "number"), dialect.or_succeed(&leases));
        let nonce_at = |number: &str| format!("(SELECT nonce FROM {entries} WHERE number = {number})");
        Self {
            repeats: dialect.repeats().into(),
            version: format!("SELECT version FROM {head} WHERE id = 1").into(),
            alone: dialect.begin(&head, true).into(),
            beside: dialect.begin(&head, false).into(),
            commit: dialect.commit().into(),
            told: dialect.told(&channel(tables)).into(),
            head: format!("SELECT {} FROM {head} WHERE id = 1", HEAD.join(", ")).into(),
            advance: {
                let set = |(n, column): (usize, &&str)| format!("{column} = {}", dialect.parameter(n + 1));
                let set: Vec<String> = HEAD.iter().enumerate().map(set).collect();
                format!("UPDATE {head} SET {} WHERE id = 1", set.join(", ")).into()
            },
            enter: Sized::new(7, |n| {
                format!("INSERT INTO {entries} (number, nonce, node, name) VALUES {}", rows(n, 4))
            }),
            trim: format!("DELETE FROM {entries} WHERE number <= {p1}").into(),
            clear: [&entries, &groups].map(|table| format!("DELETE FROM {table}").into()),
            raise: Sized::new(7, |n| format!("INSERT INTO {groups} (name, number) VALUES {} {raise}", rows(n, 2))),
            groups: format!("SELECT name, number FROM {groups}").into(),
            count: format!("SELECT count(*) FROM {groups}").into(),
            oldest: format!(
                "SELECT name, number FROM {groups} WHERE name <> 'T:' AND name <> '*:' ORDER BY number LIMIT {p1}"
            )
            .into(),
            forget: Sized::new(9, |n| format!("DELETE FROM {groups} WHERE name IN ({})", list(n))),
            fences: Sized::new(7, |n| {
                format!("SELECT name, max(number) FROM {entries} WHERE name IN ({}) GROUP BY name", list(n))
            }),
            read: format!(
                "SELECT h.epoch, e.number, e.nonce, e.node, e.name FROM {head} h \
                 LEFT JOIN {entries} e ON e.number >= {p1} WHERE h.id = 1 ORDER BY e.number LIMIT {p2}"
            )
            .into(),
            meet: format!(
                "SELECT {}, {}, (SELECT max(number) FROM {entries}), {}, {}, \
                 (SELECT count(*) FROM (SELECT 1 AS one FROM {groups} LIMIT 1) g) FROM {head} h WHERE h.id = 1",
                HEAD.map(|column| format!("h.{column}")).join(", "),
                nonce_at("h.number"),
                nonce_at(&p1),
                nonce_at(&p2)
            )
            .into(),
            take: format!("INSERT INTO {leases} (name, token, lasts) VALUES ({p1}, {p2}, {now} + {p3}) {succeed}")
                .into(),
            holder: (dialect == Dialect::MySql)
                .then(|| format!("SELECT token FROM {leases} WHERE name = {p1} AND lasts >= {now}").into()),
            hold: format!(
                "UPDATE {leases} SET lasts = {now} + {p1} WHERE name = {p2} AND token = {p3} AND lasts >= {now}"
            )
            .into(),
            release: format!("DELETE FROM {leases} WHERE name = {p1} AND token = {p2} AND lasts >= {now}").into(),
            lapse: format!("DELETE FROM {leases} WHERE lasts < {now}").into(),
        }
    }
}

/// Where PostgreSQL tells that there is something new.
pub(super) fn channel(tables: &Tables) -> String {
    format!("{}_told", tables.prefix())
}
