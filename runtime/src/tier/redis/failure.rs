//! What an error of the driver or the server means for us.

use redis::{RedisError, Value};

use crate::error::{Error, ErrorKind, Result};

/// Another server has the key, from now on.
pub(super) const MOVED: &str = "MOVED";
/// Another server has the key if it is new; the slot is being moved.
pub(super) const ASK: &str = "ASK";
/// Which server that is.
pub(super) const PLACE: &str = "server";

/// What servers say, and what it asks of the operator.
const SAYINGS: &[(&str, &str)] = &[
    ("OOM", "Redis is out of memory and refuses writes; raise `maxmemory` or set a `volatile-*` policy"),
    ("READONLY", "this Redis is a replica and refuses writes; name the primary, or its sentinels"),
    ("LOADING", "Redis is reading its data; it answers when it is done"),
    ("MISCONF", "Redis cannot save its data and refuses writes; see its disk, or `stop-writes-on-bgsave-error`"),
    ("NOPERM", "the user may not do this; see the rights that `RedisOptions` lists"),
    ("NOAUTH", "Redis asks for a password; put it into the address"),
    ("WRONGPASS", "Redis does not know this user and password"),
    ("WRONGTYPE", "the key holds something that is not ours"),
    ("MASTERDOWN", "this replica has lost its primary"),
    ("CLUSTERDOWN", "the cluster does not serve all slots"),
    ("TRYAGAIN", "the slot of the key is being moved"),
    ("NOCLUSTER", "this Redis is no member of a cluster: name it as `redis://host:port`"),
    ("CROSSSLOT", "the keys are on several servers"),
    ("BUSY", "Redis is busy with a script"),
    ("NOSCRIPT", "Redis has forgotten our scripts; they are loaded again"),
    ("EPOCH", "the shared log has begun a new epoch"),
    ("UNKILLABLE", "Redis is busy with a script that cannot be ended"),
];

/// What some errors say that have no word of their own, and the word that fits.
const DETAILS: &[(&str, &str)] = &[
    ("can't run this command", "NOPERM"),
    ("can't access at least one of the keys", "NOPERM"),
    ("ACL failure", "NOPERM"),
    ("cluster support disabled", "NOCLUSTER"),
];

/// One answer of several, unless the server refused.
pub(super) fn accepted(answer: Value) -> Result<Value> {
    match answer {
        Value::ServerError(error) => Err(failure(&error.into())),
        answer => Ok(answer),
    }
}

/// The driver's error as ours, with the server's word for it as `code`. What the server says beyond that word is left
/// out: it may repeat a key.
pub(super) fn failure(error: &RedisError) -> Error {
    if let Some((place, _)) = error.redirect_node() {
        let code = if error.code() == Some("ASK") { ASK } else { MOVED };
        let text = "the key is on another server: name the cluster, as `redis+cluster://host:port`";
        return Error::new(ErrorKind::Tier, text).with("code", code).with(PLACE, place);
    }
    if let Some(code) = word(error)
        && let Some((word, text)) = SAYINGS.iter().find(|(word, _)| *word == code)
    {
        return Error::new(ErrorKind::Tier, *text).with("code", word);
    }
    if error.is_timeout() {
        return Error::new(ErrorKind::Deadline, "Redis did not answer in time");
    }
    // The driver hands on what the certificate's reader says as text only.
    if error.to_string().contains("certificate") {
        let text = "the certificate of Redis is expired, or not for this host, or of nobody who is trusted; see \
                    `RedisOptions::trusted_certificates`";
        return Error::new(ErrorKind::Tier, text).with("code", "CERTIFICATE");
    }
    let (text, code) = if error.is_io_error() || error.is_connection_dropped() {
        ("the connection to Redis is broken; it is made again", "CONNECTION")
    } else if matches!(error.kind(), redis::ErrorKind::AuthenticationFailed) {
        ("Redis does not know this user and password", "WRONGPASS")
    } else {
        ("Redis answered with an error", "OTHER")
    };
    Error::new(ErrorKind::Tier, text).with("code", code)
}

/// The same for a connection that could not be opened. The driver does not tell us what a server without room says.
pub(super) fn unopened(error: &RedisError) -> Error {
    let error = failure(error);
    if error.context("code") != Some("CONNECTION") {
        return error;
    }
    Error::new(
        ErrorKind::Tier,
        "Redis takes no connection: see whether it runs, is reached, and has room (`maxclients`)",
    )
    .with("code", "CONNECT")
}

/// The server's word for an error.
fn word(error: &RedisError) -> Option<&str> {
    let code = error.code()?;
    let detail = error.detail().unwrap_or_default();
    let fits = || DETAILS.iter().find(|(text, _)| detail.contains(text)).map(|(_, word)| *word);
    if code == "ERR" { fits() } else { Some(code) }
}

/// Does this error mean that the connections are of no use any more?
pub(super) fn breaks(error: &Error) -> bool {
    matches!(error.context("code"), Some("CONNECTION" | "READONLY" | "NOAUTH" | "MASTERDOWN" | "CERTIFICATE"))
}
