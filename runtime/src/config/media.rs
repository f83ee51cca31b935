//! What a configuration says of pictures.

use super::Config;
#[cfg(feature = "dedup")]
use crate::dedup::DedupOptions;
#[cfg(feature = "image")]
use crate::image::WebP;

impl Config {
    /// How pictures become WebP: `images.quality`, `images.lossless`, `images.effort`.
    #[cfg(feature = "image")]
    pub fn webp(&self) -> WebP {
        let small = |name| self.number(name).map(|number| u8::try_from(number).unwrap_or(u8::MAX));
        let mut webp = WebP::new();
        webp = small("images.quality").into_iter().fold(webp, WebP::quality);
        webp = small("images.effort").into_iter().fold(webp, WebP::effort);
        self.switch("images.lossless").into_iter().fold(webp, WebP::lossless)
    }

    /// How pictures are compared: `dedup.similarity`, `dedup.max_frames`, `dedup.ttl`, `dedup.memory`.
    #[cfg(feature = "dedup")]
    #[must_use]
    pub fn dedup(&self) -> DedupOptions {
        let mut options = DedupOptions::new();
        for said in self.settled.values().filter(|said| said.setting.section() == "dedup") {
            let given = said.given();
            options = match said.setting.name {
                "dedup.similarity" => options.similarity(given.share()),
                "dedup.max_frames" => options.max_frames(given.size()),
                "dedup.ttl" => options.ttl(given.time()),
                _ => options.memory(given.size()),
            };
        }
        options
    }
}
