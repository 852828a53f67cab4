//! Reads a runtime's body up to the limit of a response.
//!
//! No clock: the function's timeout is the one that ends a body without end. Many small pieces are paced.

use super::pace::Pace;
use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::Incoming;
use lambkin_model::Limits;

/// What is still read of a body that nobody wants, so that a client which sends before it listens hears why.
const DISCARDED_BYTES_MAX: usize = 64 << 20;

/// A whole body.
pub(crate) struct Whole {
    pub(crate) bytes: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
}

/// Why there is none.
pub(crate) enum Broken {
    /// Over the limit.
    TooLarge,
    /// The connection ended within it.
    Truncated,
}

/// Reads all of it. A body of one piece is not copied.
pub(crate) async fn read(body: &mut Incoming, pace: &Pace) -> Result<Whole, Broken> {
    let limit = Limits::RESPONSE_PAYLOAD_BYTES;
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(Broken::TooLarge);
    }
    let (mut first, mut rest, mut trailers) = (Bytes::new(), BytesMut::new(), None);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Broken::Truncated)?;
        pace.piece(frame.data_ref().map_or(0, Bytes::len)).await;
        match frame.into_data() {
            Ok(data) if first.is_empty() => first = data,
            Ok(data) => {
                if rest.is_empty() {
                    // In one piece from the start: growing would copy it again and again.
                    rest.reserve(announced);
                    rest.extend_from_slice(&first);
                }
                rest.extend_from_slice(&data);
            }
            Err(frame) => trailers = frame.into_trailers().ok().or(trailers),
        }
        if first.len().max(rest.len()) > limit {
            return Err(Broken::TooLarge);
        }
    }
    let bytes = if rest.is_empty() {
        first
    } else {
        rest.freeze()
    };
    Ok(Whole { bytes, trailers })
}

/// Reads the rest of a body and forgets it, unless it is announced to be larger than what is ever read: that
/// client hears why at once.
pub(crate) async fn discard(body: &mut Incoming, pace: &Pace) {
    let mut left = DISCARDED_BYTES_MAX;
    if usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX) > left {
        return;
    }
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        pace.waste(length).await;
        left = left.saturating_sub(length);
        if left == 0 {
            return;
        }
    }
}
