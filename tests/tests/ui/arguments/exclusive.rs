use cached_runtime::cache;

#[cache(skip(buffer))]
async fn f(buffer: &mut Vec<u8>, id: u32) -> u32 {
    buffer.push(1);
    id
}

fn main() {}
