//! What a language model is asked, and what names it.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use super::retrieval::Retrieved;
use crate::error::{Error, Result};
use crate::log::Birth;

/// What a language model is asked: a model, messages and parameters.
///
/// Two requests are the same if and only if model, messages, parameters, tags and documents are. The order of keys in an
/// object makes no difference, neither does the form of a number (`1`, `1.0`, `1e0`), nor the order of tags and of
/// documents. All else does: what is absent is not the same as a default that is said, and text is taken as it stands,
/// byte by byte, for what looks alike need not be alike to the model. What is only about the cache, [`ttl`](Self::ttl),
/// [`cache_sampled`](Self::cache_sampled) and [`built_on`](Self::built_on), is no part of that, but for the documents.
///
/// ```
/// use cached_runtime::answers::Request;
///
/// let request = Request::new("gpt-4o-mini")
///     .system("Answer in one sentence.")
///     .user("What is a cache?")
///     .parameter("temperature", 0)
///     .tag("support");
/// assert!(!request.is_sampled());
/// ```
#[derive(Clone, PartialEq)]
pub struct Request {
    pub(super) model: String,
    pub(super) messages: Vec<Message>,
    pub(super) parameters: Map<String, Value>,
    pub(super) tags: Vec<String>,
    pub(super) documents: Vec<String>,
    pub(super) ttl: Option<Duration>,
    pub(super) sampled: Option<bool>,
    /// What was known of the log before the oldest of the documents was read.
    pub(super) born: Option<Birth>,
}

/// One message of a conversation: a role, a content, and what else providers put beside them (`name`, `tool_calls`, ..).
///
/// ```
/// use cached_runtime::answers::Message;
/// use serde_json::json;
///
/// let picture = json!([{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "…"}}]);
/// let message = Message::new("user", picture).with("name", "anna");
/// assert_eq!(message.role(), "user");
/// assert_eq!(message.text(), None); // parts, not plain text
/// ```
#[derive(Clone, PartialEq)]
pub struct Message(pub(super) Map<String, Value>);

impl Message {
    /// A message of this role: a text, or parts as JSON.
    #[must_use]
    pub fn new(role: &str, content: impl Into<Value>) -> Self {
        let fields = [("role".to_owned(), Value::from(role)), ("content".to_owned(), content.into())];
        Self(fields.into_iter().collect())
    }

    /// The same message with one more field.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// Who says it: `system`, `user`, `assistant`, `tool`, ..
    #[must_use]
    pub fn role(&self) -> &str {
        self.0.get("role").and_then(Value::as_str).unwrap_or_default()
    }

    /// Its content, if that is plain text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.0.get("content").and_then(Value::as_str)
    }
}

impl Request {
    /// A request to this model, without messages yet.
    pub fn new(model: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            messages: Vec::new(),
            parameters: Map::new(),
            tags: Vec::new(),
            documents: Vec::new(),
            ttl: None,
            sampled: None,
            born: None,
        }
    }

    /// A request from the JSON that providers take: `model`, `messages`, and parameters beside them, such as
    /// `temperature`, `tools`, or `system` where that is no message.
    ///
    /// ```
    /// use cached_runtime::answers::Request;
    /// use serde_json::json;
    ///
    /// let one = Request::from_json(json!({
    ///     "model": "claude-sonnet", "temperature": 0.0, "max_tokens": 100,
    ///     "messages": [{"role": "user", "content": "Hello"}],
    /// }))?;
    /// let other = Request::new("claude-sonnet").user("Hello").parameter("max_tokens", 100).parameter("temperature", 0);
    /// assert_eq!(one.user_text(), other.user_text());
    /// # Ok::<(), cached_runtime::Error>(())
    /// ```
    ///
    /// # Errors
    /// A `Config` error if it is no object, `model` is no text, `messages` is no array, or a message has no role.
    pub fn from_json(body: Value) -> Result<Self> {
        let refuse = |what: &str| Error::config("request", format!("a request as JSON needs {what}"));
        let Value::Object(mut fields) = body else { return Err(refuse("an object")) };
        let Some(Value::String(model)) = fields.remove("model") else { return Err(refuse("`model`, a text")) };
        let Some(Value::Array(messages)) = fields.remove("messages") else {
            return Err(refuse("`messages`, an array"));
        };
        let message = |message: Value| match message {
            Value::Object(fields) if fields.get("role").is_some_and(Value::is_string) => Ok(Message(fields)),
            _ => Err(refuse("messages that are objects with a `role`")),
        };
        let messages = messages.into_iter().map(message).collect::<Result<_>>()?;
        Ok(Self { messages, parameters: fields, ..Self::new(model) })
    }

    /// With one more message.
    #[must_use]
    pub fn message(mut self, message: Message) -> Self {
        self.messages.push(message);
        self
    }

    /// With one more message of the system.
    #[must_use]
    pub fn system(self, text: impl Into<String>) -> Self {
        self.message(Message::new("system", text.into()))
    }

    /// With one more message of the user.
    #[must_use]
    pub fn user(self, text: impl Into<String>) -> Self {
        self.message(Message::new("user", text.into()))
    }

    /// With one more message of the assistant.
    #[must_use]
    pub fn assistant(self, text: impl Into<String>) -> Self {
        self.message(Message::new("assistant", text.into()))
    }

    /// With this parameter.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }

    /// With one more tag, by which its answer can be invalidated. `#[invalidate]` escapes the values in its tags: escape
    /// them here, too, with [`escape`](crate::key::escape). A request with other tags is another request.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Answered from these documents: when one of them changes, `document:{id}` invalidates the answer. A request with
    /// other documents is another request.
    ///
    /// Where the documents were retrieved, use [`built_on`](Self::built_on): an answer that took its documents from
    /// before an invalidation must not be kept, and only that tells it.
    #[must_use]
    pub fn documents(mut self, ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.documents.extend(ids.into_iter().map(Into::into));
        self
    }

    /// Answered from what was retrieved: its documents, as they were then. If one of them is invalidated after the
    /// retrieval began, the answer is given to its caller and not kept.
    #[must_use]
    pub fn built_on<D>(mut self, retrieved: &Retrieved<D>) -> Self {
        // The oldest counts: positions of one process only grow.
        self.born =
            Some(self.born.map_or(retrieved.born, |b| if b.seq < retrieved.born.seq { b } else { retrieved.born }));
        self.documents(retrieved.ids())
    }

    /// How long its answer is kept. Default: as [`Answers::ttl`](super::Answers::ttl) says. Zero: not at all.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Is it kept though it is [sampled](Self::is_sampled)? Default: as
    /// [`Answers::cache_sampled`](super::Answers::cache_sampled) says.
    #[must_use]
    pub fn cache_sampled(mut self, cached: bool) -> Self {
        self.sampled = Some(cached);
        self
    }

    /// May the model answer this differently each time?
    ///
    /// Not if `temperature` is zero; else yes, also if no temperature is said, for then the provider chooses one, and most
    /// choose 1. What is sampled is asked for its variety: it goes by the cache unless told otherwise. A `seed` tells
    /// nothing otherwise, for providers promise little about it: where yours does, say
    /// [`cache_sampled`](Self::cache_sampled).
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        let temperature = self.parameters.get("temperature").and_then(Value::as_f64);
        temperature.is_none_or(|temperature| temperature != 0.0)
    }

    /// The model's name.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The last message, if it is the user's and plain text: what is compared with other questions.
    #[must_use]
    pub fn user_text(&self) -> Option<&str> {
        self.messages.last().filter(|message| message.role() == "user").and_then(Message::text)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, messages, parameters, tags, documents, ttl, sampled, born: _ } = self;
        f.debug_struct("Request")
            .field("model", model)
            .field("messages", &messages.len())
            .field("parameters", &parameters.len())
            .field("tags", &tags.len())
            .field("documents", &documents.len())
            .field("ttl", ttl)
            .field("sampled", sampled)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("role", &self.role()).finish_non_exhaustive()
    }
}
