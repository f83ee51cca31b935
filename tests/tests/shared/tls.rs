//! Redis over TLS: an authority of one's own, a certificate that clients show, and one that has expired (R21).

use std::sync::Arc;
use std::time::{Duration, Instant};

use cached_runtime::error::ErrorKind;
use cached_runtime::tier::redis::RedisOptions;
use cached_runtime::{Applied, Cache, cache};
use kit::RedisServer;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

use crate::ear::Ear;
use crate::rig::{LONG, Node, Source, eventually, figure};

#[cache(key = "tls:{id}", tags = ["tls"], ttl = "1h", cache = node.cache, skip(node))]
async fn row(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    node.source.read().await
}

/// Signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "an authority of the tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate and its key, valid for so long.
    fn sign(&self, host: &str, until: i32) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, host);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

fn trusting(port: u16, authority: &Authority) -> RedisOptions {
    let options = RedisOptions::new(&format!("rediss://localhost:{port}/")).unwrap();
    options.trusted_certificates(authority.pem.as_bytes()).unwrap()
}

fn node(options: RedisOptions) -> Node {
    Node { cache: Cache::builder().redis_with(options).build().unwrap(), source: Arc::new(Source::default()) }
}

/// For a Redis that is well.
fn patient(options: RedisOptions) -> Node {
    let builder = Cache::builder().read_deadline(LONG).write_deadline(LONG);
    Node::of(builder.redis_with(options), &Arc::new(Source::default()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_and_the_log_go_over_tls_and_a_client_shows_its_certificate() {
    let authority = Authority::new();
    let (certificate, key) = authority.sign("localhost", 2_100);
    let (redis, port) = RedisServer::secure(&certificate, &key, &authority.pem, true);
    let (own, own_key) = authority.sign("app", 2_100);
    let shown = trusting(port, &authority).client_certificate(own, own_key).unwrap();
    let (a, b) = (patient(shown.clone()), patient(shown));
    a.proven().await;
    b.proven().await;
    assert_eq!(row(&a, 1).await, Ok(0));
    a.settled().await;
    assert!(redis.has("cached:v:{tls:1}"));
    assert_eq!(row(&b, 1).await, Ok(0));
    assert_eq!(b.source.reads(), 0, "the other node finds it");
    b.source.write(1);
    a.taken(a.cache.invalidate_tags(["tls"]).await).await;
    eventually("the other node hears", || b.cache.shared().unwrap().heard == 1).await;
    assert_eq!(row(&b, 1).await, Ok(1));
    // Who shows none is not let in, and calls work.
    let stranger = node(trusting(port, &authority));
    assert_eq!(row(&stranger, 1).await, Ok(0));
    assert!(!stranger.cache.shared().unwrap().proven);
}

/// R21: an expired certificate is said clearly, costs no call, and a valid one is noticed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r21_an_expired_certificate_is_said_and_a_new_one_is_enough() {
    let ear = Ear::open();
    let authority = Authority::new();
    let (expired, key) = authority.sign("localhost", 2_021);
    let (redis, port) = RedisServer::secure(&expired, &key, &authority.pem, false);
    let node = node(trusting(port, &authority));
    assert_eq!(row(&node, 1).await, Ok(0), "the cache starts and calls work");
    assert_eq!(node.cache.invalidate_tags(["tls"]).await, Applied::Queued);
    eventually("it is said", || !ear.heard(&["CERTIFICATE", "expired"]).is_empty()).await;
    let (valid, key) = authority.sign("localhost", 2_100);
    redis.renew(&valid, &key);
    let start = Instant::now();
    node.proven().await;
    node.settled().await;
    figure("R21", format!("followed {:?} after the certificate was renewed", start.elapsed()));
    assert!(start.elapsed() < Duration::from_secs(10));
}

/// A certificate of another host, or of another authority, is no Redis of ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_trusted_gets_neither_password_nor_frames() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (elsewhere, key) = authority.sign("elsewhere.example", 2_100);
    let (redis, port) = RedisServer::secure(&elsewhere, &key, &authority.pem, false);
    for options in [trusting(port, &authority), trusting(port, &other)] {
        let ear = Ear::open();
        let node = node(options);
        assert_eq!(row(&node, 1).await, Ok(0));
        eventually("it is said", || !ear.heard(&["CERTIFICATE"]).is_empty()).await;
        assert!(!node.cache.shared().unwrap().proven);
    }
    assert!(!redis.has("cached:{log}:meta"), "nobody began a log there");
}

#[test]
fn what_is_no_certificate_is_an_error_at_once() {
    let options = || RedisOptions::new("rediss://localhost/").unwrap();
    let (certificate, _) = Authority::new().sign("app", 2_100);
    let (_, key_of_another) = Authority::new().sign("app", 2_100);
    for wrong in ["", "canary", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let error = options().trusted_certificates(wrong).unwrap_err();
        assert_eq!((error.kind(), error.context("setting")), (ErrorKind::Config, Some("trusted_certificates")));
        let error = options().client_certificate(wrong, key_of_another.as_str()).err();
        let named = error.as_ref().and_then(|error| error.context("setting"));
        assert!(wrong.contains("BEGIN") || named == Some("client_certificate"), "{wrong:?}");
    }
    let error = options().client_certificate(certificate, "canary").unwrap_err();
    assert!(!format!("{error:?}").contains("canary"));
}
