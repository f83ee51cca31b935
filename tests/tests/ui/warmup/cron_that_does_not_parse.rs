use cached_runtime::warmup;

#[warmup(cron = "61 * * * *")]
async fn reports() {}

#[warmup(cron = "each morning")]
async fn mornings() {}

fn main() {}
