//! The matrix of races over Redis.

use kit::RedisServer;

use crate::race::Race;
use crate::rig::figure;

async fn race(redis: &RedisServer) -> Race {
    Race::over(redis.port(), Box::new(|builder, port| builder.redis(&format!("redis://127.0.0.1:{port}/")))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_of_54_races_leaves_an_invalidated_value_readable_anywhere() {
    let redis = RedisServer::start();
    let played = race(&redis).await.play_all().await;
    figure("matrix", format!("{played} races, 0 old values"));
    assert_eq!(played, 54);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_without_the_invalidation_the_old_value_is_read() {
    let redis = RedisServer::start();
    race(&redis).await.play_without().await;
}
