use std::collections::HashMap;

use cached_runtime::cache;

#[derive(Clone, PartialEq, Eq, Hash, cached_runtime::KeyPart)]
struct VideoId(u32);

#[cache(batch = ids, key = "caption:{lang}")]
async fn captions(lang: &str, ids: &[VideoId]) -> HashMap<VideoId, String> {
    ids.iter().map(|id| (id.clone(), lang.to_owned())).collect()
}

fn main() {}
