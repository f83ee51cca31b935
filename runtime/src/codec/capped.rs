//! A buffer that refuses to grow past its limit, so that a huge value never becomes a huge buffer first.

use std::io;

pub(super) struct Capped {
    bytes: Vec<u8>,
    limit: usize,
    over: bool,
}

impl Capped {
    pub(super) const fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit, over: false }
    }

    /// Was more written than fits?
    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn append(&mut self, more: &[u8]) -> bool {
        // Once over, always over: a format that carries on after an error must not leave a hole in the middle.
        if !self.over {
            let room = self.limit - self.bytes.len();
            self.over = more.len() > room;
            // What fits is kept: it is the beginning, which is all that some want.
            self.bytes.extend_from_slice(&more[..more.len().min(room)]);
        }
        !self.over
    }
}

impl io::Write for Capped {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.append(more) { Ok(more.len()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl postcard::ser_flavors::Flavor for &mut Capped {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, more: &[u8]) -> postcard::Result<()> {
        if self.append(more) { Ok(()) } else { Err(postcard::Error::SerializeBufferFull) }
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}
