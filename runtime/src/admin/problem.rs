//! Errors as `application/problem+json` (RFC 9457).

use axum::Json;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::error::{Error, ErrorKind};

/// What went wrong with a request.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
    /// The field of the body, or the parameter, that is wrong.
    field: Option<String>,
    /// What the client is told beside: `Retry-After`, `WWW-Authenticate`.
    beside: Option<(HeaderName, &'static str)>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), field: None, beside: None }
    }

    /// The same of this field.
    pub(super) fn about(self, field: &str) -> Self {
        Self { field: Some(field.to_owned()), ..self }
    }

    /// With this field of the answer beside it.
    pub(super) fn beside(self, name: HeaderName, value: &'static str) -> Self {
        Self { beside: Some((name, value)), ..self }
    }

    /// A field that is wrong.
    pub(super) fn field(field: &str, detail: impl Into<String>) -> Self {
        Self { field: Some(field.to_owned()), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail) }
    }

    /// What the cache says of a setting.
    pub(super) fn of(error: &Error, field: &str) -> Self {
        match error.kind() {
            ErrorKind::Config => Self::field(field, error.to_string()),
            ErrorKind::Denied => Self::new(StatusCode::FORBIDDEN, error.to_string()),
            _ => Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some(field) = self.field {
            body["field"] = field.into();
        }
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some((name, value)) = self.beside {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
