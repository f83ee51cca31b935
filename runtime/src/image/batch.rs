//! Many pictures, a few at a time, each on a thread for what blocks.

use std::fmt;
use std::future::IntoFuture;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Instant;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::convert::{Converted, Kept};
use super::fault::Fault;
use super::file::ConvertedFile;
use super::halt::Halt;
use super::options::WebP;
use super::report::{BatchProgress, BatchReport, Size};
use crate::error::{Error, Result};
use crate::flight::message_of;

/// Pictures to be converted; made by [`WebP::batch`] and [`WebP::batch_files`], begins when it is awaited.
#[must_use = "nothing is converted before it is awaited"]
pub struct Batch<'b, T> {
    webp: Arc<WebP>,
    jobs: Box<dyn Iterator<Item = Job<T>> + Send + 'b>,
    at_once: usize,
    progress: Option<Box<dyn FnMut(BatchProgress) + Send + 'b>>,
}

/// One picture's work, and what it comes to.
type Job<T> = Box<dyn FnOnce(&WebP, &Halt) -> Result<(T, Size)> + Send>;

impl WebP {
    /// Converts many pictures, as many at a time as the machine has cores. One that fails is told in its place, with
    /// its number as `item`, and the others go on.
    ///
    /// They are taken as they are needed: an iterator that reads them keeps no more of them in memory than are being
    /// converted. The results are kept until all are done; for more of them than fit, use
    /// [`batch_files`](Self::batch_files).
    ///
    /// Whoever drops the future ends it: what is being converted ends with its present step, and nothing further
    /// begins. It has to be awaited in a tokio runtime, on whose threads for what blocks it computes.
    ///
    /// ```
    /// # mod indicatif {
    /// #     pub struct ProgressBar;
    /// #     impl ProgressBar {
    /// #         pub fn new(_: u64) -> Self { Self }
    /// #         pub fn set_position(&self, _: u64) {}
    /// #     }
    /// # }
    /// # async fn example(frames: Vec<Vec<u8>>) -> cached_runtime::Result<()> {
    /// use cached_runtime::image::WebP;
    ///
    /// let bar = indicatif::ProgressBar::new(frames.len() as u64);
    /// let report = WebP::new()
    ///     .batch(frames)
    ///     .progress(|progress| bar.set_position(progress.done as u64))
    ///     .await?;
    /// println!("{} pictures, {:.1} % smaller", report.done(), report.saving() * 100.0);
    /// for (item, error) in report.failures() {
    ///     println!("picture {item}: {error}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Config` if the options are impossible: nothing was converted then.
    pub fn batch<'b, I>(&self, pictures: I) -> Batch<'b, Converted>
    where
        I: IntoIterator<IntoIter: Send + 'b>,
        I::Item: Into<Bytes>,
    {
        Batch::new(
            self,
            pictures.into_iter().map(|picture| -> Job<Converted> {
                let picture = picture.into();
                Box::new(move |webp, halt| {
                    let turned = webp.turn(&picture, halt)?;
                    let done = turned.into_converted(picture.len(), || picture);
                    let size = Size { from: done.original_len, to: done.bytes.len(), kept: done.kept };
                    Ok((done, size))
                })
            }),
        )
    }

    /// Converts many files, each as [`convert_file`](Self::convert_file) does, as many at a time as the machine has
    /// cores. One that fails is told in its place, with its number as `item` and its `path`, and the others go on.
    ///
    /// After a batch that ended early, by whatever, every file is there as a whole or not at all. Two items must not
    /// have the same second path: which of them stays is open.
    ///
    /// ```no_run
    /// # async fn example() -> cached_runtime::Result<()> {
    /// use cached_runtime::image::WebP;
    ///
    /// let frames = (1..=900).map(|frame| (format!("{frame:04}.png"), format!("{frame:04}.webp")));
    /// let report = WebP::new().batch_files(frames).at_once(2).await?;
    /// println!("{} of {} bytes are left", report.bytes_out, report.bytes_in);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Config` if the options are impossible: nothing was converted then.
    pub fn batch_files<'b, I, F, T>(&self, files: I) -> Batch<'b, ConvertedFile>
    where
        I: IntoIterator<Item = (F, T), IntoIter: Send + 'b>,
        F: Into<PathBuf>,
        T: Into<PathBuf>,
    {
        Batch::new(
            self,
            files.into_iter().map(|(from, to)| -> Job<ConvertedFile> {
                let (from, to) = (from.into(), to.into());
                Box::new(move |webp, halt| {
                    let done = webp.turn_file(&from, &to, halt)?;
                    let size = Size { from: done.original_len, to: done.len, kept: done.kept };
                    Ok((done, size))
                })
            }),
        )
    }
}

/// As many as this machine has cores.
pub(super) fn cores() -> usize {
    available_parallelism().map_or(1, NonZeroUsize::get)
}

impl<'b, T: Send + 'static> Batch<'b, T> {
    fn new(webp: &WebP, jobs: impl Iterator<Item = Job<T>> + Send + 'b) -> Self {
        Self { webp: Arc::new(webp.clone()), jobs: Box::new(jobs), at_once: cores(), progress: None }
    }

    /// How many are converted at a time, at least one. Default: as many as the machine has cores.
    ///
    /// Each takes the memory that [`Limits`](super::Limits) speaks of; more than there are cores makes nothing faster,
    /// but where files are slow.
    pub fn at_once(mut self, many: usize) -> Self {
        self.at_once = many.max(1);
        self
    }

    /// Is called after each picture, to show how far it is. Default: nobody is told. A panic in it ends the batch.
    pub fn progress(mut self, call: impl FnMut(BatchProgress) + Send + 'b) -> Self {
        self.progress = Some(Box::new(call));
        self
    }

    async fn run(self) -> Result<BatchReport<T>> {
        let Self { webp, mut jobs, at_once, mut progress } = self;
        webp.check()?;
        let start = Instant::now();
        let mut report = BatchReport::of(jobs.size_hint());
        let mut running = JoinSet::new();
        // Dropped with this future, it tells what runs that nobody waits.
        let (_watch, halt) = Halt::watched();
        loop {
            while running.len() < at_once
                && let Some(job) = jobs.next()
            {
                let (item, webp, halt) = (report.begin(), Arc::clone(&webp), halt.clone());
                running.spawn_blocking(move || (item, done(item, job, &webp, &halt)));
            }
            let Some(ended) = running.join_next().await else { break };
            // Not told: the runtime ends, and takes the item's number with it.
            let Ok((item, result)) = ended else { continue };
            report.end(item, result);
            if let Some(call) = &mut progress {
                call(report.progress());
            }
        }
        report.elapsed = start.elapsed();
        Ok(report)
    }
}

fn done<T>(item: usize, job: Job<T>, webp: &WebP, halt: &Halt) -> Result<(T, Size)> {
    let work = || {
        halt.go_on()?;
        job(webp, halt)
    };
    let panicked = |message: String| Err(Fault::Broken.said("the conversion panicked", message));
    let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| panicked(message_of(&*panic).to_owned()));
    result.map_err(|error: Error| error.with("item", item))
}

impl<'b, T: Send + 'static> IntoFuture for Batch<'b, T> {
    type Output = Result<BatchReport<T>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'b>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<T> fmt::Debug for Batch<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("webp", &self.webp).field("at_once", &self.at_once).finish_non_exhaustive()
    }
}

impl Size {
    /// Was the new picture kept?
    pub(super) fn is_new(self) -> bool {
        self.kept == Kept::WebP
    }
}
