//! Encodings of a body on its way to a client.

use crate::compress::Compression;

/// Brotli's level: from here on it takes several times as long for a few hundredths.
const BROTLI_LEVEL: i32 = 5;
/// Brotli's window, in bits: 4 MiB, as all that read it have room for.
const BROTLI_WINDOW: i32 = 22;

/// An encoding that stored bodies are sent in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// `br`: RFC 7932.
    Brotli,
    /// `zstd`: RFC 8878.
    #[cfg(feature = "zstd")]
    Zstd,
    /// `gzip`: RFC 1952.
    Gzip,
}

impl Encoding {
    /// Of equals the one that makes bodies smallest comes first: it is made once and sent often.
    pub(super) const USUAL: &'static [Self] = &[
        Self::Brotli,
        #[cfg(feature = "zstd")]
        Self::Zstd,
        Self::Gzip,
    ];

    /// How HTTP names it.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            #[cfg(feature = "zstd")]
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// The encoding that a client likes best of these, if it does not like the body better as it is.
    pub(super) fn best(accept: &str, ours: &[Self]) -> Option<Self> {
        let tokens: Vec<&str> = ours.iter().map(|encoding| encoding.token()).collect();
        crate::compress::best_of(accept, &tokens).map(|at| ours[at])
    }

    /// The body in this encoding; `None` if that is no smaller.
    pub(super) fn encode(self, body: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Brotli => brotli(body),
            #[cfg(feature = "zstd")]
            Self::Zstd => Compression::Zstd.compress(body, None),
            Self::Gzip => Compression::Gzip.compress(body, None),
        }
    }
}

fn brotli(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(body.len() / 4);
    let params = brotli::enc::BrotliEncoderParams {
        quality: BROTLI_LEVEL,
        lgwin: BROTLI_WINDOW,
        size_hint: body.len(),
        ..Default::default()
    };
    let len = body.len();
    // Reading from memory and writing to it does not fail.
    brotli::BrotliCompress(&mut body, &mut out, &params).ok()?;
    Some(out).filter(|out| out.len() < len)
}
