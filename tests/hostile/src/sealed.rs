//! Encrypted frames: nothing that was not sealed with a key here is ever opened.

use bytes::Bytes;
use cached_runtime::Keys;
use cached_runtime::codec::Frame;

use crate::frame::forged;

/// The key that `examples/seeds.rs` seals its frames with.
const KEY: [u8; 32] = [7; 32];
/// What is in each of those frames, and so in each that can be opened.
const PAYLOAD: &[u8] = b"what only this node may read";

pub(crate) fn run(bytes: &[u8]) {
    let keys = Keys::new(1, KEY).also(2, [8; 32]);
    for bytes in [bytes.to_vec(), forged(bytes)] {
        let Ok(frame) = Frame::read(Bytes::from(bytes)) else { continue };
        match keys.open(&frame) {
            Ok(payload) => {
                assert!(frame.is_encrypted(), "a plain frame was opened where only encrypted ones are accepted");
                assert_eq!(&*payload, PAYLOAD, "a payload that nobody sealed");
            }
            Err(error) => assert!(!format!("{error:?}").contains("only this node"), "an error quotes a payload"),
        }
    }
}
