use cached_runtime::warmup;

#[warmup(interval = "30m")]
async fn misnamed() {}

#[warmup(every = "30m", cron = "0 6 * * *")]
async fn twice() {}

#[warmup(every = "0s", concurrency = 0, priority = "high", spread = "5m")]
async fn nonsense() {}

fn main() {}
