//! What frame faults do to the replies of one connection.

use std::mem::take;

use super::faults::{FrameFaults, Frames};
use super::frames::{frame_length, is_push};
use super::shared::Shared;

/// The replies that are not through yet.
#[derive(Debug, Default)]
pub(super) struct Framer {
    /// The beginning of a frame.
    begun: Vec<u8>,
    /// A frame that goes out after the next one.
    held: Option<Vec<u8>>,
}

/// What happens to a frame.
enum Fate {
    Pass,
    Drop,
    Duplicate,
    Hold,
}

impl Framer {
    pub(super) fn holds(&self) -> bool {
        self.held.is_some()
    }

    /// What goes out when these bytes come in. Bytes that are not of the protocol pass as they are.
    pub(super) fn pass(&mut self, shared: &Shared, bytes: &[u8]) -> Vec<u8> {
        self.begun.extend_from_slice(bytes);
        let Some(faults) = shared.faults().frames else { return self.finish() };
        let mut out = Vec::new();
        loop {
            match frame_length(&self.begun) {
                Ok(Some(length)) => {
                    let frame = self.begun.drain(..length).collect();
                    self.treat(shared, &faults, frame, &mut out);
                }
                Ok(None) => return out,
                Err(_) => return [out, self.finish()].concat(),
            }
        }
    }

    /// The frame that was held back.
    pub(super) fn release(&mut self) -> Vec<u8> {
        self.held.take().unwrap_or_default()
    }

    /// All that is left.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let mut out = self.release();
        out.append(&mut take(&mut self.begun));
        out
    }

    fn treat(&mut self, shared: &Shared, faults: &FrameFaults, frame: Vec<u8>, out: &mut Vec<u8>) {
        match self.fate(shared, faults, &frame) {
            Fate::Drop => Shared::count(&shared.dropped, 1),
            Fate::Hold => {
                Shared::count(&shared.reordered, 1);
                self.held = Some(frame);
            }
            Fate::Duplicate => {
                Shared::count(&shared.duplicated, 1);
                out.extend([frame.as_slice(), &frame, &self.release()].concat());
            }
            Fate::Pass => out.extend([frame, self.release()].concat()),
        }
    }

    fn fate(&self, shared: &Shared, faults: &FrameFaults, frame: &[u8]) -> Fate {
        if faults.which == Frames::Pushes && !is_push(frame) {
            return Fate::Pass;
        }
        let draw = shared.chance().fraction();
        let (duplicated, held) = (faults.drop + faults.duplicate, faults.drop + faults.duplicate + faults.reorder);
        match draw {
            d if d < faults.drop => Fate::Drop,
            d if d < duplicated => Fate::Duplicate,
            d if d < held && !self.holds() => Fate::Hold,
            _ => Fate::Pass,
        }
    }
}
