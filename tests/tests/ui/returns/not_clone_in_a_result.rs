use cached_runtime::cache;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Frame(u32);

#[cache]
async fn f(id: u32) -> Result<Vec<Frame>, String> {
    Ok(vec![Frame(id)])
}

fn main() {}
