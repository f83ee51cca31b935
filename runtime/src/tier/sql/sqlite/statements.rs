//! The SQL of the SQLite tier.

use std::sync::Arc;

use crate::tier::sql::tables::Tables;

/// All statements over one set of tables, written once when the store opens.
#[derive(Debug)]
pub(super) struct Statements {
    /// key → frame
    pub(super) one: Arc<str>,
    /// JSON array of keys → key, frame
    pub(super) many: Arc<str>,
    /// key → bytes of what was removed
    pub(super) remove: Arc<str>,
    /// id → bytes of what was removed
    pub(super) remove_id: Arc<str>,
    /// bytes of the oldest entry, which is removed
    pub(super) remove_oldest: Arc<str>,
    /// how many → bytes of each of the oldest entries, which are removed
    pub(super) remove_first: Arc<str>,
    /// key, bytes, frame
    pub(super) insert: Arc<str>,
    /// change of entries, change of bytes → entries, bytes
    pub(super) count: Arc<str>,
    /// after id, up to id, how many → id, key, frame
    pub(super) walk: Arc<str>,
    /// highest id
    pub(super) last: Arc<str>,
    /// version, created, epoch, number
    pub(super) meta: Arc<str>,
    /// epoch, number
    pub(super) move_to: Arc<str>,
    /// epoch, number, name
    pub(super) note: Arc<str>,
    /// epoch, number, name of all records
    pub(super) records: Arc<str>,
    /// epoch, up to number
    pub(super) forget: Arc<str>,
    /// epoch: all others
    pub(super) forget_others: Arc<str>,
    /// name, value: instead of an older one
    pub(super) keep: Arc<str>,
    /// name, value of all notes
    pub(super) notes: Arc<str>,
    /// all that is owed
    pub(super) settle: Arc<str>,
}

impl Statements {
    pub(super) fn new(tables: &Tables) -> Self {
        let t = tables.prefix();
        let (frames, log, meta) = (format!("{t}_frames"), format!("{t}_log"), format!("{t}_meta"));
        let remove = |which: &str| Arc::from(format!("DELETE FROM {frames} WHERE {which} RETURNING bytes"));
        Self {
            one: format!("SELECT frame FROM {frames} WHERE key = ?1").into(),
            many: format!("SELECT key, frame FROM {frames} WHERE key IN (SELECT value FROM json_each(?1))").into(),
            remove: remove("key = ?1"),
            remove_id: remove("id = ?1"),
            remove_oldest: remove(&format!("id = (SELECT min(id) FROM {frames})")),
            remove_first: remove(&format!("id IN (SELECT id FROM {frames} ORDER BY id LIMIT ?1)")),
            insert: format!("INSERT INTO {frames} (key, bytes, frame) VALUES (?1, ?2, ?3)").into(),
            count: format!(
                "UPDATE {meta} SET entries = entries + ?1, bytes = bytes + ?2 WHERE id = 1 RETURNING entries, bytes"
            )
            .into(),
            walk: format!("SELECT id, key, frame FROM {frames} WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3").into(),
            last: format!("SELECT coalesce(max(id), 0) FROM {frames}").into(),
            meta: format!("SELECT version, created, epoch, number FROM {meta} WHERE id = 1").into(),
            move_to: format!("UPDATE {meta} SET epoch = ?1, number = ?2 WHERE id = 1").into(),
            note: format!("INSERT INTO {log} (epoch, number, name) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING").into(),
            records: format!("SELECT epoch, number, name FROM {log} ORDER BY id").into(),
            forget: format!("DELETE FROM {log} WHERE epoch = ?1 AND number <= ?2").into(),
            forget_others: format!("DELETE FROM {log} WHERE epoch <> ?1").into(),
            keep: format!(
                "INSERT INTO {t}_notes (name, value) VALUES (?1, ?2) \
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value"
            )
            .into(),
            notes: format!("SELECT name, value FROM {t}_notes").into(),
            settle: format!("DELETE FROM {t}_notes WHERE name <> 'c'").into(),
        }
    }
}
