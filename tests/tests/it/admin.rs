//! The admin API: who may, what it answers, and what becomes of what nobody should send.

mod access;
mod changes;
mod crowd;
mod every;
mod explained;
mod questions;
mod served;
mod values;
mod watched;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use cached_runtime::admin::Admin;
use cached_runtime::clock::Clock;
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::{Cache, cache, invalidate};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::rig::{Down, World};

const READ: &str = "a token that reads";
const WRITE: &str = "a token that writes";

#[cache(key = "seen:{id}:page", ttl = "60s", stale = "60s", jitter = 0.0, tags = ["seen:{id}"], skip(world), cache = &world.cache)]
async fn page(world: &World, id: &str) -> Result<u64, Down> {
    world.source.read().await
}

#[invalidate(tags = ["seen:{id}"], cache = &world.cache)]
async fn rewrite(world: &World, id: &str) -> Result<(), Down> {
    Ok(())
}

/// One node, and its admin API with both tokens.
struct Desk {
    world: World,
    router: Router,
}

impl Desk {
    fn new() -> Self {
        let tier = Arc::new(MemoryTier::new());
        Self::over(World::built(tier, Clock::manual(), |builder| builder.miss_ratio_curves(true)))
    }

    fn over(world: World) -> Self {
        world.source.gate.open();
        let router = admin(&world.cache).router().unwrap();
        Self { world, router }
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        ask(&self.router, request("GET", path, Some(READ), "")).await
    }

    async fn post(&self, path: &str, body: &str) -> (StatusCode, Value) {
        ask(&self.router, request("POST", path, Some(WRITE), body)).await
    }

    /// What is known of a key.
    async fn explain(&self, key: &str) -> Value {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:(),".contains(&byte);
        let escape = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
        let path: String = key.bytes().map(escape).collect();
        let (status, body) = self.get(&format!("/api/v1/cache/keys/{path}")).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }
}

fn admin(cache: &Cache) -> Admin {
    Admin::new(cache).read_token(READ).write_token(WRITE).rate("100000/s".parse().unwrap())
}

fn request(method: &str, path: &str, token: Option<&str>, body: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if method == "POST" {
        request = request.header("content-type", "application/json");
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

/// The status, and the body as JSON; nothing where it is none.
async fn ask(router: &Router, request: Request<Body>) -> (StatusCode, Value) {
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}
