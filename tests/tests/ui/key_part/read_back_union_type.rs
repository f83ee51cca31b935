use cached_runtime::ReadPart;

#[derive(ReadPart)]
union U {
    a: u32,
    b: f32,
}

fn main() {}
