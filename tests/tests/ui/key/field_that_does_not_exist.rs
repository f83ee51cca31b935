use cached_runtime::cache;

#[derive(Clone)]
struct User {
    id: u32,
}

#[cache(key = "user:{user.idd}")]
async fn f(user: User) -> u32 {
    user.id
}

fn main() {}
