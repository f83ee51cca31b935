//! Frames: as they come, and with a checksum that was made to fit.

use bytes::Bytes;
use cached_runtime::codec::Frame;
use xxhash_rust::xxh3::xxh3_64;

const CHECKSUM: usize = 8;

pub(crate) fn run(bytes: &[u8]) {
    round_trip(bytes);
    round_trip(&forged(bytes));
}

/// The same bytes under a checksum that is right: an attacker can compute one.
pub(crate) fn forged(bytes: &[u8]) -> Vec<u8> {
    let body = &bytes[..bytes.len().saturating_sub(CHECKSUM)];
    [body, &xxh3_64(body).to_le_bytes()].concat()
}

fn round_trip(bytes: &[u8]) {
    let Ok(frame) = Frame::read(Bytes::copy_from_slice(bytes)) else { return };
    assert!(!Frame::is_newer(bytes), "a frame that can be read is of no newer version");
    assert_eq!(&frame.bytes()[..], bytes, "a frame keeps its bytes");
    assert!(frame.payload().len() + frame.key().as_str().len() < bytes.len());
    if !frame.is_encrypted() {
        let again = Frame::seal(frame.head().clone(), frame.payload()).expect("what was read can be written");
        assert_eq!(&again.bytes()[..], bytes, "read and written it is the same");
    }
}
