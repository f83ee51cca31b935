//! The admin API, asked over HTTP.

use std::time::Duration;

use serde_json::Value;

/// What does not answer in this time is away.
const PATIENCE: Duration = Duration::from_secs(10);
/// An answer is at most so large, in bytes.
const MOST: u64 = 64 << 20;

pub(crate) struct Api {
    agent: ureq::Agent,
    pub(crate) url: String,
    token: Option<String>,
}

impl Api {
    pub(crate) fn new(url: &str, token: Option<&str>) -> Self {
        let agent = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).build();
        Self { agent: agent.into(), url: url.trim_end_matches('/').to_owned(), token: token.map(ToOwned::to_owned) }
    }

    /// A question, such as `stats`.
    pub(crate) fn get(&self, path: &str) -> Result<Value, String> {
        let mut request = self.agent.get(self.path(path));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.answer(request.call())
    }

    /// A change.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let mut request = self.agent.post(self.path(path)).header("content-type", "application/json");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.answer(request.send(body.to_string()))
    }

    fn path(&self, path: &str) -> String {
        format!("{}/api/v1/cache/{path}", self.url)
    }

    fn answer(&self, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value, String> {
        let mut answer =
            answer.map_err(|error| format!("{} does not answer: {}", self.url, shown(&error.to_string())))?;
        let status = answer.status();
        let text = answer.body_mut().with_config().limit(MOST).read_to_string();
        let text = text.map_err(|error| format!("{} broke off: {}", self.url, shown(&error.to_string())))?;
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        if status.is_success() {
            return Ok(body);
        }
        let detail = body["detail"].as_str().unwrap_or("this is no admin API of a cache");
        let field = body["field"].as_str().map_or_else(String::new, |field| format!(" (`{}`)", shown(field)));
        let token = if status.as_u16() == 401 { "; say it in CACHED_ADMIN_TOKEN" } else { "" };
        Err(format!("{}: {}{field}{token}", status.as_u16(), shown(detail)))
    }
}

/// A part of a path, with all that means something in one escaped.
pub(crate) fn escaped(part: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    part.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Text that somebody else wrote, on a terminal: what would move its cursor or change its colours is shown as an escape.
pub(crate) fn shown(text: &str) -> String {
    text.chars().map(|c| if hides(c) { c.escape_default().to_string() } else { c.to_string() }).collect()
}

/// Letters that control a terminal, or turn or hide what stands around them.
pub(crate) fn hides(c: char) -> bool {
    let turns = matches!(c, '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns || c == '\u{FEFF}'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_parts_of_paths() {
        assert_eq!(escaped("a:b/c%20#?ü"), "a%3Ab%2Fc%2520%23%3F%C3%BC");
    }

    #[test]
    fn terminals_are_not_told_what_to_do() {
        assert_eq!(shown("\u{1b}[31mred\r\n\u{202e}x"), "\\u{1b}[31mred\\r\\n\\u{202e}x");
        assert_eq!(shown("\u{9b}31m\u{61c}\u{feff}\u{2028}"), "\\u{9b}31m\\u{61c}\\u{feff}\\u{2028}");
    }
}
