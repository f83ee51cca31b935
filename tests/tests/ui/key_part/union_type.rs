use cached_runtime::KeyPart;

#[derive(KeyPart)]
union U {
    a: u32,
    b: f32,
}

fn main() {}
