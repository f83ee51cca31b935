//! The body of a change, field by field: what is wrong is named.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::problem::Problem;

/// A change is at most so large.
const MOST: usize = 16 << 10;
/// And is sent within this time.
const PATIENCE: Duration = Duration::from_secs(10);

/// The fields of a JSON object that were not looked at yet.
#[derive(Debug)]
pub(super) struct Fields {
    all: Map<String, Value>,
    known: Vec<&'static str>,
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        read(request).await.map_err(IntoResponse::into_response)
    }
}

async fn read(request: Request) -> Result<Fields, Problem> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a change is sent as `application/json`"));
    }
    let bytes = tokio::time::timeout(PATIENCE, axum::body::to_bytes(Body::new(request.into_body()), MOST));
    let bytes = bytes.await.map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the body took longer than 10 s"))?;
    let bytes = bytes.map_err(|error| match error.into_inner().downcast_ref::<http_body_util::LengthLimitError>() {
        Some(_) => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "a change has at most 16 KiB"),
        None => Problem::new(StatusCode::BAD_REQUEST, "the body ended before it was whole"),
    })?;
    let bytes = if bytes.is_empty() { b"{}" as &[u8] } else { &bytes };
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(all)) => Ok(Fields { all, known: Vec::new() }),
        Ok(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "a change is a JSON object")),
        Err(error) => Err(Problem::new(StatusCode::BAD_REQUEST, format!("this is no JSON: {error}"))),
    }
}

impl Fields {
    /// What was said in this field; `null` is as if it were not there.
    fn take(&mut self, field: &'static str) -> Option<Value> {
        self.known.push(field);
        self.all.remove(field).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, field: &'static str) -> Result<Option<String>, Problem> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Problem::field(field, "is a text")),
        }
    }

    /// One text or several.
    pub(super) fn texts(&mut self, field: &'static str) -> Result<Option<Vec<String>>, Problem> {
        let wrong = || Problem::field(field, "is a text, or a list of texts");
        match self.take(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(vec![text])),
            Some(Value::Array(all)) => {
                let text = |value: Value| value.as_str().map(ToOwned::to_owned).ok_or_else(wrong);
                all.into_iter().map(text).collect::<Result<_, _>>().map(Some)
            }
            Some(_) => Err(wrong()),
        }
    }

    pub(super) fn yes(&mut self, field: &'static str) -> Result<Option<bool>, Problem> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Bool(yes)) => Ok(Some(yes)),
            Some(_) => Err(Problem::field(field, "is true or false")),
        }
    }

    /// Seconds, or a text such as `"10m"`.
    pub(super) fn time(&mut self, field: &'static str) -> Result<Option<Duration>, Problem> {
        let wrong = || Problem::field(field, "is a number of seconds, or a time such as \"10m\", and not negative");
        match self.take(field) {
            None => Ok(None),
            Some(Value::Number(seconds)) => {
                let seconds = seconds.as_f64().ok_or_else(wrong)?;
                Duration::try_from_secs_f64(seconds).map(Some).map_err(|_| wrong())
            }
            Some(Value::String(text)) => humantime::parse_duration(&text).map(Some).map_err(|_| wrong()),
            Some(_) => Err(wrong()),
        }
    }

    pub(super) fn bytes(&mut self, field: &'static str) -> Result<Option<u64>, Problem> {
        match self.take(field) {
            None => Ok(None),
            Some(value) => {
                value.as_u64().map(Some).ok_or_else(|| Problem::field(field, "is a number of bytes, and not negative"))
            }
        }
    }

    /// Nothing else was said.
    pub(super) fn end(self) -> Result<(), Problem> {
        match self.all.keys().next() {
            None => Ok(()),
            Some(field) => {
                let shown: String = field.chars().take(64).flat_map(char::escape_default).collect();
                let known = self.known.join("`, `");
                let known = if known.is_empty() { "there are none".to_owned() } else { format!("there are `{known}`") };
                Err(Problem::field(&shown, format!("nobody knows this field; {known}")))
            }
        }
    }
}
