//! Batches wherever a function may stand.

use std::collections::{BTreeMap, HashMap};

use cached_runtime::cache;

use super::{Away, Names, named, pairs};

struct Service {
    table: Names,
}

impl Service {
    #[cache(batch = ids, key = "service:{ids}", skip(self), cache = self.table.cache())]
    pub(crate) async fn names(&self, ids: &[u32]) -> Result<Vec<(u32, String)>, Away> {
        let names = self.table.ask(ids).await?;
        Ok(pairs(ids, names).collect())
    }
}

impl Clone for Service {
    fn clone(&self) -> Self {
        Self { table: self.table.clone() }
    }
}

#[tokio::test]
async fn methods_have_batches_too() {
    let service = Service { table: Names::new() };
    assert_eq!(service.names(&[2, 1]).await.unwrap().len(), 2);
    assert_eq!(service.names_one(&1).await, Ok(Some("name 1".to_owned())));
    assert_eq!(service.names_entry(&2).key().as_str(), "service:2");
    assert_eq!(service.table.asked(), [vec![2, 1]]);
}

struct Hidden {
    table: Names,
}

impl Hidden {
    /// Without a visibility it has no companions, and its site is its own.
    #[cache(batch = ids, key = "hidden:{ids}", skip(self), cache = self.table.cache())]
    async fn hidden_names(&self, ids: &[u32]) -> Result<HashMap<u32, String>, Away> {
        let names = self.table.ask(ids).await?;
        Ok(pairs(ids, names).collect())
    }
}

impl Clone for Hidden {
    fn clone(&self) -> Self {
        Self { table: self.table.clone() }
    }
}

#[cache(batch = ids, companions = false, skip(table, lang), cache = table.cache())]
async fn alone(table: &Names, lang: Option<&str>, suffix: String, mut ids: Vec<u32>) -> BTreeMap<u32, String> {
    ids.sort_unstable();
    let names = table.ask(&ids).await.unwrap();
    pairs(&ids, names).map(|(id, name)| (id, format!("{name}{}{suffix}", lang.unwrap_or_default()))).collect()
}

#[tokio::test]
async fn private_methods_and_functions_without_companions_have_batches() {
    let hidden = Hidden { table: Names::new() };
    assert_eq!(hidden.hidden_names(&[1, 2]).await.unwrap(), named(&[1, 2]));
    let table = Names::new();
    let found = alone(&table, Some("!"), "?".to_owned(), vec![2, 1]).await;
    assert_eq!(found[&1], "name 1!?");
    assert_eq!(table.asked(), [vec![1, 2]]);
    cached_runtime::Cache::builder().build().unwrap();
}
