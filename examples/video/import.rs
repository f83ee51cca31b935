//! Films on their way into the library: each frame is looked at once, and what is new becomes WebP.

use std::time::{Duration, Instant};

use cached_runtime::dedup::{Checked, Dedup};
use cached_runtime::image::Images;

use crate::film::{Film, SHOTS};
use crate::library::{Library, Stored, store};

/// What came in, and what is left of it.
#[derive(Default)]
pub struct Sum {
    pub frames: usize,
    pub new: usize,
    /// Said to be like a frame of another scene.
    pub wrong: usize,
    pub raw: usize,
    /// Bytes of the frames that are like none before.
    pub kept: usize,
    /// The same as WebP.
    pub stored: usize,
    pub took: Duration,
}

pub async fn import(films: &[Film], dedup: &Dedup, images: &Images, library: &Library) -> anyhow::Result<Sum> {
    let (mut sum, began) = (Sum::default(), Instant::now());
    for film in films {
        library.titled(&film.name, &film.titles);
        let mut stored = Vec::with_capacity(film.shots.len());
        for shot in &film.shots {
            sum.frames += 1;
            sum.raw += shot.jpeg.len();
            let checked = dedup.check_frame(&film.name, shot.at, shot.jpeg.clone()).await?;
            let bytes = match checked {
                Checked::New => {
                    let small = images.convert(shot.jpeg.clone()).await?;
                    sum.new += 1;
                    sum.kept += shot.jpeg.len();
                    sum.stored += small.bytes.len();
                    small.bytes.len()
                }
                Checked::DuplicateOf(original) => {
                    let scene = original.as_millis() as usize / 500 / SHOTS;
                    sum.wrong += usize::from(scene != shot.scene);
                    0
                }
            };
            stored.push(Stored { at: shot.at, original: checked.original(), bytes });
        }
        store(library, &film.name, stored).await;
    }
    sum.took = began.elapsed();
    Ok(sum)
}
