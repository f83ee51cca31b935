use cached_runtime::cache;

#[cache(skip(value))]
async fn f(value: std::rc::Rc<u32>, id: u32) -> u32 {
    *value + id
}

fn main() {}
