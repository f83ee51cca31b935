use cached_runtime::KeyPart;

#[derive(KeyPart)]
struct Many(u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8);

fn main() {}
