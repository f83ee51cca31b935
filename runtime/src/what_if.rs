//! What if a function had more memory, or less: its curve, by its name.

use crate::cache::Cache;
use crate::curve::Curve;

impl Cache {
    /// The miss-ratio curve of a function: how often it would miss with an eighth of the memory that it may have now,
    /// with eight times as much, and with what lies between. `None` unless
    /// [`Builder::miss_ratio_curves`](crate::Builder::miss_ratio_curves) says yes, before the first value was stored,
    /// for a name that nothing has, and under `Eviction::Lfu`, whose policy is not known well enough.
    ///
    /// `site` is a name as statistics have it, or the end of one from behind a dot. Of the instances of a generic
    /// function it is the curve of the one that is called most. Cost: a few microseconds.
    ///
    /// ```
    /// # use cached_runtime::Cache;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cached_runtime::Error> {
    /// let cache = Cache::builder().near_bytes(8 << 20).miss_ratio_curves(true).build()?;
    /// let titles = cache.namespace::<String>("curved-titles")?;
    /// for id in 0..1_000 {
    ///     titles.set(id, format!("The title of {id}"));
    ///     titles.get(id).await;
    /// }
    /// let curve = cache.curve("curved-titles").expect("it was called");
    /// if let Some(twice) = curve.at(2 * curve.capacity) {
    ///     println!("with twice the memory: {:.1} % of calls miss", twice * 100.0);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn curve(&self, site: &str) -> Option<Curve> {
        self.0.balance.curve(site, self.clock().now())
    }
}
