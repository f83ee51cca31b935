//! All profiles of a program, by name.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::accept;
use super::method::Compression;
use super::packer::Packer;
use super::profile::Profile;
use super::whole;
use crate::error::{Error, ErrorKind, Result};
use crate::stats::CompressStats;

/// The encodings of a response, of equals the first.
const ORDER: &[Compression] = &[
    #[cfg(feature = "zstd")]
    Compression::Zstd,
    Compression::Gzip,
    Compression::Zlib,
];

/// Compresses JSON documents, responses and any other bytes, each by its [`Profile`]; for what is stored or sent outside
/// of a cache. Entries of a cache are compressed by themselves.
///
/// Clones are the same one. What comes out is what the tools of the method read and write: a zlib, gzip, zstd or LZ4 stream,
/// and no container of our own.
///
/// ```
/// use cached_runtime::compress::Compressor;
///
/// # fn main() -> cached_runtime::Result<()> {
/// let compressor = Compressor::new();
/// let captions: Vec<String> = (0..200).map(|n| format!("a scene with {n} people in it")).collect();
///
/// let small = compressor.compress_json(&captions)?;
/// assert_eq!(compressor.decompress_json::<Vec<String>>(&small)?, captions);
///
/// let body = captions.join("\n");
/// let response = compressor.compress_response(body.as_bytes(), "gzip, deflate, br");
/// assert_eq!(response.encoding(), Some("gzip"));
/// assert!(response.body().len() < body.len() / 4);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Compressor(Arc<Set>);

#[derive(Debug)]
struct Set {
    packers: Vec<Packer>,
    json: Packer,
    response: Packer,
    /// For clients that take something else than the profile's own method.
    others: Vec<Packer>,
}

/// The parts of a [`Compressor`].
#[derive(Debug, Clone)]
#[must_use]
pub struct CompressorBuilder {
    profiles: Vec<Profile>,
}

impl CompressorBuilder {
    /// One more profile; of two with one name the later. Default: `json`, `response`, `text` and `binary`.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profiles.retain(|known| known.name() != profile.name());
        self.profiles.push(profile);
        self
    }

    /// The compressor.
    ///
    /// # Errors
    /// A `Config` error that names the profile and what of it is not possible.
    pub fn build(self) -> Result<Compressor> {
        self.profiles.iter().try_for_each(Profile::check)?;
        if let Some(response) = self.profiles.iter().find(|profile| profile.name() == "response") {
            response.check_for_clients()?;
        }
        let packers: Vec<Packer> = self.profiles.into_iter().map(Packer::new).collect();
        Ok(Compressor::of(packers))
    }
}

impl Default for Compressor {
    fn default() -> Self {
        Self::new()
    }
}

impl Compressor {
    /// With the profiles that are there without being given.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Profile::all_builtin().into_iter().map(Packer::new).collect())
    }

    /// With profiles of your own beside them.
    pub fn builder() -> CompressorBuilder {
        CompressorBuilder { profiles: Profile::all_builtin().into() }
    }

    fn of(packers: Vec<Packer>) -> Self {
        let named = |name: &str| packers.iter().find(|packer| packer.profile().name() == name).cloned();
        let json = named("json").unwrap_or_else(|| Packer::new(Profile::json()));
        let response = named("response").unwrap_or_else(|| Packer::new(Profile::response()));
        let own = response.now().0;
        let others = ORDER.iter().filter(|method| **method != own);
        let others = others.map(|method| Packer::new(response.profile().clone().instead(*method))).collect();
        Self(Arc::new(Set { packers, json, response, others }))
    }

    /// The profile of this name, at work.
    ///
    /// # Errors
    /// A `Config` error that names those there are.
    pub fn profile(&self, name: &str) -> Result<&Packer> {
        self.0.packers.iter().find(|packer| packer.profile().name() == name).ok_or_else(|| {
            let known: Vec<&str> = self.0.packers.iter().map(|packer| packer.profile().name()).collect();
            let message =
                format!("is unknown; give it with `CompressorBuilder::profile`, or take one of {}", known.join(", "));
            Error::config("profile", message).with("name", name)
        })
    }

    /// Would JSON of these bytes be compressed? See [`Packer::should_compress`].
    #[must_use]
    pub fn should_compress(&self, json: &[u8]) -> bool {
        self.0.json.should_compress(json)
    }

    /// A value as JSON, compressed by the profile `json`; JSON that is short, or would not become smaller, is left as it is.
    /// Other programs read it with their own zlib: `json.loads(zlib.decompress(bytes))`.
    ///
    /// # Errors
    /// [`ErrorKind::Codec`] if the value cannot be JSON.
    pub fn compress_json<T: Serialize + ?Sized>(&self, value: &T) -> Result<Vec<u8>> {
        let json = serde_json::to_vec(value).map_err(|error| unwritable(&error))?;
        Ok(match self.0.json.compress(&json).into_bytes() {
            Cow::Owned(small) => small,
            Cow::Borrowed(_) => json,
        })
    }

    /// The value of such JSON, compressed or not, by whatever method its beginning names: no JSON begins like any of them.
    ///
    /// # Errors
    /// As [`Packer::decompress`], and [`ErrorKind::Codec`] if what it stands for is not JSON of this type, or nests deeper
    /// than 128 levels.
    pub fn decompress_json<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T> {
        let json = match whole::kind_of(bytes) {
            Some(method) => Cow::Owned(self.0.json.decompress(method, bytes)?),
            None => Cow::Borrowed(bytes),
        };
        serde_json::from_slice(&json).map_err(|error| unreadable(&json, &error))
    }

    /// A response's body in the encoding that the client takes: the value of its `Accept-Encoding`, empty if it sent none.
    ///
    /// The profile `response` says from which length on, and at which level for its own method; others have their usual
    /// levels. Of encodings that the client likes equally, zstd
    /// comes before gzip and gzip before deflate.
    #[must_use]
    pub fn compress_response<'a>(&self, body: &'a [u8], accept_encoding: &str) -> Response<'a> {
        let packed = self.for_client(accept_encoding).map(|packer| packer.compress(body));
        match packed {
            Some(packed) => Response { encoding: accept::token(packed.method()), body: packed.into_bytes() },
            None => Response { encoding: None, body: Cow::Borrowed(body) },
        }
    }

    /// The same for a body that is not all there yet: give it to [`Packer::writer`] of what this returns, or to
    /// [`Packer::stream`], and send the name as `Content-Encoding`. `None` if the client takes none.
    #[must_use]
    pub fn response_stream(&self, accept_encoding: &str) -> Option<(&'static str, &Packer)> {
        let packer = self.for_client(accept_encoding)?;
        Some((accept::token(packer.now().0)?, packer))
    }

    fn for_client(&self, accept_encoding: &str) -> Option<&Packer> {
        let own = self.0.response.now().0;
        let chosen = accept::best(accept_encoding, ORDER)?;
        if chosen == own {
            return Some(&self.0.response);
        }
        self.0.others.iter().find(|packer| packer.now().0 == chosen)
    }

    /// What each profile did so far; one line for each encoding that clients took beside the profile's own.
    #[must_use]
    pub fn stats(&self) -> Vec<CompressStats> {
        let taken = self.0.others.iter().map(Packer::stats).filter(|stats| stats.values > 0);
        self.0.packers.iter().map(Packer::stats).chain(taken).collect()
    }
}

/// A response's body, as the client takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response<'a> {
    encoding: Option<&'static str>,
    body: Cow<'a, [u8]>,
}

impl<'a> Response<'a> {
    /// The value of `Content-Encoding`; `None` if the body is as it was. Send `Vary: Accept-Encoding` in both cases.
    #[must_use]
    pub const fn encoding(&self) -> Option<&'static str> {
        self.encoding
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body, without a copy if it was compressed.
    #[must_use]
    pub fn into_body(self) -> Cow<'a, [u8]> {
        self.body
    }
}

fn unreadable(json: &[u8], error: &serde_json::Error) -> Error {
    let message = match error.classify() {
        _ if json.is_empty() => "there are no bytes to read JSON from",
        Category::Data => "the JSON is of another type than what is asked for",
        Category::Eof => "the JSON ends too early",
        Category::Syntax | Category::Io => "the bytes are no JSON, or it nests too deep",
    };
    // Where it stands, not what stands there.
    Error::new(ErrorKind::Codec, message).with("line", error.line()).with("column", error.column())
}

/// What the value's own `Serialize` says stays with it: it may name what is in it.
fn unwritable(error: &serde_json::Error) -> Error {
    let message = match error.to_string().as_str() {
        "key must be a string" => "a map of this value has keys that are no texts or numbers, which JSON needs",
        _ => "the value cannot be written as JSON",
    };
    Error::new(ErrorKind::Codec, message)
}
