use cached_runtime::cache;

#[derive(Clone)]
struct Db;

#[derive(Clone)]
struct User {
    id: u32,
    db: Db,
}

#[cache(key = "user:{user.db}")]
async fn f(user: User) -> u32 {
    user.id
}

fn main() {}
