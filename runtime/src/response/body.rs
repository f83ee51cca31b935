//! The body of a response that came through the layer.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};

use super::tape::Reader;

/// The body of a response that came through a [`ResponseCache`](super::ResponseCache): kept bytes, or the service's own
/// body.
pub struct ResponseBody<B: Body>(Kind<B>);

enum Kind<B: Body> {
    Kept(Option<Bytes>),
    /// Boxed, so that it can be polled where it lies.
    Passed(Pin<Box<B>>),
    /// Recorded while it is read; so long, if it is known.
    Live(Reader<B>, SizeHint),
}

impl<B: Body> ResponseBody<B> {
    pub(super) fn kept(bytes: Bytes) -> Self {
        Self(Kind::Kept(Some(bytes).filter(|bytes| !bytes.is_empty())))
    }

    pub(super) fn passed(body: B) -> Self {
        Self(Kind::Passed(Box::pin(body)))
    }

    pub(super) fn live(reader: Reader<B>, size: SizeHint) -> Self {
        Self(Kind::Live(reader, size))
    }
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match &mut self.0 {
            Kind::Kept(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Passed(body) => {
                let frame = std::task::ready!(body.as_mut().poll_frame(cx));
                let whole = |frame: Frame<B::Data>| frame.map_data(|mut data| data.copy_to_bytes(data.remaining()));
                Poll::Ready(frame.map(|frame| frame.map(whole)))
            }
            Kind::Live(reader, size) => {
                let frame = std::task::ready!(reader.poll_frame(cx));
                if let Some(Ok(piece)) = &frame
                    && let Some(piece) = piece.data_ref()
                {
                    shorten(size, piece.len() as u64);
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Kept(bytes) => bytes.is_none(),
            Kind::Passed(body) => body.is_end_stream(),
            Kind::Live(..) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Kept(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Kind::Passed(body) => body.size_hint(),
            Kind::Live(_, size) => *size,
        }
    }
}

fn shorten(size: &mut SizeHint, by: u64) {
    let (lower, upper) = (size.lower().saturating_sub(by), size.upper().map(|upper| upper.saturating_sub(by)));
    let mut left = SizeHint::new();
    left.set_lower(lower);
    if let Some(upper) = upper {
        left.set_upper(upper);
    }
    *size = left;
}

/// A service without a body to give back has none.
impl<B: Body> Default for ResponseBody<B> {
    fn default() -> Self {
        Self(Kind::Kept(None))
    }
}

impl<B: Body> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Kept(_) => "ResponseBody::Kept",
            Kind::Passed(_) => "ResponseBody::Passed",
            Kind::Live(..) => "ResponseBody::Live",
        })
    }
}
