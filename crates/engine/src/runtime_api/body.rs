//! Reads a runtime's body up to the limit of a response.

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
pub(crate) async fn read(body: &mut Incoming) -> Result<Whole, Broken> {
    let limit = Limits::RESPONSE_PAYLOAD_BYTES;
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(Broken::TooLarge);
    }
    let (mut first, mut rest, mut trailers) = (Bytes::new(), BytesMut::new(), None);
    while let Some(frame) = body.frame().await {
        match frame.map_err(|_| Broken::Truncated)?.into_data() {
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

/// Reads the rest of a body and forgets it.
pub(crate) async fn discard(body: &mut Incoming) {
    let mut left = DISCARDED_BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        left = left.saturating_sub(length);
        if left == 0 {
            return;
        }
    }
}
