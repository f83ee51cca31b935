//! What was found for a query, and what it was made from.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::canonical::name_of_query;
use super::failure::Failure;
use super::kept::{Content, Kept};
use super::{Answers, MOST_TAGS};
use crate::applied::Applied;
use crate::error::Result;
use crate::group::Group;
use crate::key::KeyWriter;
use crate::log::Birth;
use crate::namespace::Namespace;
use crate::stats::count;

/// A document under the name by which its change is told.
///
/// ```
/// # use cached_runtime::Cache;
/// use cached_runtime::answers::Document;
///
/// let passage = Document::new("terms/returns", "Parcels can be returned for 30 days.".to_owned());
/// # async fn example(cache: &Cache) {
/// // When it changes, wherever that is noticed:
/// cache.invalidate_tags(["document:terms/returns"]).await;
/// # }
/// # let _ = passage;
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document<D> {
    /// What `document:{id}` names.
    pub id: String,
    /// What is kept of it: a text, a passage, a score beside it.
    pub content: D,
}

impl<D> Document<D> {
    /// A document of this name.
    pub fn new(id: impl Into<String>, content: D) -> Self {
        Self { id: id.into(), content }
    }
}

/// A query for documents.
///
/// ```
/// use cached_runtime::answers::Query;
///
/// let query = Query::new("how do I return a parcel?").parameter("top", 5).parameter("language", "en");
/// # let _ = query;
/// ```
#[derive(Clone, PartialEq)]
pub struct Query {
    text: String,
    parameters: Map<String, Value>,
    tags: Vec<String>,
    ttl: Option<Duration>,
}

impl Query {
    /// A query of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), parameters: Map::new(), tags: Vec::new(), ttl: None }
    }

    /// With this parameter: what else decides what is found, such as the number of documents or a filter.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }

    /// With one more tag, escaped as [`Request::tag`](super::Request::tag) says.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// How long what is found is kept. Default: as [`Answers::retrieval_ttl`] says. Zero: not at all.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }
}

impl From<&str> for Query {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Query {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// What was found for a query. Give it to [`Request::built_on`](super::Request::built_on).
#[derive(Clone)]
pub struct Retrieved<D> {
    /// The documents, in the order in which they were found.
    pub documents: Vec<Document<D>>,
    /// Were they in the cache, or found by a retrieval that was under way?
    pub cached: bool,
    /// What was known of the log before anything was read.
    pub(super) born: Birth,
}

impl<D> Retrieved<D> {
    /// The documents' names.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.documents.iter().map(|document| document.id.as_str())
    }
}

type Found<D> = Vec<Document<D>>;

impl<T: Content> Answers<T> {
    /// The documents for a query, found once, however many ask, and kept for [`retrieval_ttl`](Self::retrieval_ttl).
    ///
    /// When one of the documents changes, say so ([`invalidate_documents`](Self::invalidate_documents), or
    /// `#[invalidate(tags = ["document:{id}"])]` on what writes it): lists that hold it, and answers built on them, go. A
    /// document that is new stands in no list yet: then call [`invalidate_retrievals`](Self::invalidate_retrievals), or
    /// wait. A list without documents, or with more than 1,000, is not kept.
    ///
    /// ```
    /// # use cached_runtime::answers::{Answers, Document, Request};
    /// # async fn search(_: &str) -> Result<Vec<Document<String>>, std::io::Error> { Ok(Vec::new()) }
    /// # async fn ask(_: Request) -> Result<String, std::io::Error> { Ok(String::new()) }
    /// # async fn example(answers: &Answers<String>, question: String) -> Result<String, Box<dyn std::error::Error>> {
    /// let found = answers.retrieve(question.as_str(), || { let q = question.clone(); async move { search(&q).await } }).await?;
    /// let passages: Vec<&str> = found.documents.iter().map(|document| document.content.as_str()).collect();
    /// let request = Request::new("gpt-4o-mini")
    ///     .system(passages.join("\n"))
    ///     .user(question)
    ///     .parameter("temperature", 0)
    ///     .built_on(&found);
    /// let answer = answers.generate(&request, || ask(request.clone())).await?;
    /// # Ok(answer.value)
    /// # }
    /// ```
    ///
    /// # Errors
    /// The search's own, shared by all who waited for it. It is not kept.
    pub async fn retrieve<D, E, F>(
        &self,
        query: impl Into<Query>,
        search: impl FnOnce() -> F,
    ) -> Result<Retrieved<D>, Arc<E>>
    where
        D: Content,
        F: Future<Output = Result<Vec<Document<D>>, E>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        let query = query.into();
        count(&self.counters.retrievals);
        // Before anything is read, also before the list is looked for.
        let born = self.cache.0.log.birth();
        let site = format!("{}.retrieval", self.name());
        let lists: Result<Namespace<Kept<Found<D>>>> =
            Namespace::living_tagged(&self.cache, self.name(), &site, Kept::life, Kept::tags);
        let Ok(lists) = lists else {
            // The namespace was checked when this was made.
            return search().await.map(|documents| Retrieved { documents, cached: false, born }).map_err(Arc::new);
        };
        let name = name_of_query(&query.text, &query.parameters, &query.tags, self.secret());
        let mut tags = query.tags;
        tags.push(self.retrievals_tag());
        let searched = Arc::new(AtomicBool::new(false));
        let load = || {
            let (searched, this, search) = (Arc::clone(&searched), self.clone(), search());
            let ttl = query.ttl.unwrap_or(self.settings.retrieval_ttl);
            async move {
                searched.store(true, Ordering::Relaxed);
                let found = search.await.map_err(|error| Failure::Source(Arc::new(error)))?;
                let keeps = !found.is_empty() && found.len() <= MOST_TAGS;
                let tags =
                    if keeps { this.document_tags(found.iter().map(|document| &document.id)) } else { Vec::new() };
                Ok::<_, Failure<(), E>>(Kept::new(found, if keeps { ttl } else { Duration::ZERO }).tagged(tags))
            }
        };
        let kept = lists.get_or_load_with(&name, tags, load).await;
        let cached = !searched.load(Ordering::Relaxed);
        match kept.map_err(|failure| failure.source()) {
            Ok(kept) => {
                if cached {
                    count(&self.counters.retrieval_hits);
                }
                Ok(Retrieved { documents: kept.value, cached, born })
            }
            Err(Some(error)) => Err(error),
            Err(None) => std::future::pending().await,
        }
    }

    /// Invalidates what was retrieved and answered with any of these documents, here and in every other `Answers` over
    /// this cache: `document:{id}` is the tag of all.
    pub async fn invalidate_documents(&self, ids: impl IntoIterator<Item = impl AsRef<str>>) -> Applied {
        let tags = self.document_tags(ids);
        self.cache.invalidate_tags(tags).await
    }

    /// Invalidates all that this retrieved, and nothing that was answered: for when documents were added.
    pub async fn invalidate_retrievals(&self) -> Applied {
        self.cache.invalidate(vec![Group::Tag(self.retrievals_tag().into())]).await
    }

    /// The tags of these documents, as `#[invalidate]` writes them.
    pub(super) fn document_tags(&self, ids: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<String> {
        let tag = |id: &str| {
            let mut tag = KeyWriter::new(self.secret());
            tag.literal("document:").part(id);
            tag.finish_text()
        };
        let mut tags: Vec<String> = ids.into_iter().map(|id| tag(id.as_ref())).collect();
        tags.sort_unstable();
        tags.dedup();
        tags
    }

    fn retrievals_tag(&self) -> String {
        format!("retrievals:{}", self.name())
    }
}

impl<D> fmt::Debug for Document<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text: _, parameters, tags, ttl } = self;
        f.debug_struct("Query")
            .field("parameters", &parameters.len())
            .field("tags", &tags.len())
            .field("ttl", ttl)
            .finish_non_exhaustive()
    }
}

impl<D> fmt::Debug for Retrieved<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { documents, cached, born: _ } = self;
        f.debug_struct("Retrieved").field("documents", &documents.len()).field("cached", cached).finish_non_exhaustive()
    }
}
