//! Reading a request's body: within its limit, in time, and within the memory that all bodies share.
//!
//! Most clients sign a hash of the body, so much is read of callers that may be anybody. What is counted is what
//! came, not what was announced; and no body may be larger than what it leaves free, so that however many
//! large ones there are, small ones find room.
//!
//! A client writes its whole body before it reads the answer, so what is over the limit is read and
//! dropped for a while: else the client would see a broken connection instead of the reason.

use crate::config::Limits;
use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::{Instant, timeout_at};

/// Room that is made for a body by its announcement alone; more follows as it comes.
const AT_ONCE_BYTES: usize = 1 << 20;

/// Why there is no body.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// It has more bytes than the operation takes.
    #[error("the body has more than {limit} bytes")]
    TooLarge { limit: usize },
    /// It came too slowly.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The client went away or broke the protocol.
    #[error("the body broke off")]
    Broken,
    /// All bodies together have as many bytes as they may.
    #[error("too many bytes of request bodies are in memory")]
    Busy,
}

/// Memory that all bodies share.
pub(crate) struct Budget {
    used: AtomicUsize,
    bytes_max: usize,
}

/// A body's part of the budget, given back when dropped.
pub(crate) struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            used: AtomicUsize::new(0),
            bytes_max,
        })
    }

    fn share(self: &Arc<Self>) -> Share {
        Share {
            budget: Arc::clone(self),
            bytes: 0,
        }
    }
}

impl Share {
    /// Makes the share at least this large.
    fn grow_to(&mut self, bytes: usize) -> Result<(), Error> {
        let more = bytes.saturating_sub(self.bytes);
        if more == 0 {
            return Ok(());
        }
        let before = self.budget.used.fetch_add(more, Ordering::Relaxed);
        self.bytes += more;
        let free = self.budget.bytes_max.checked_sub(before + more);
        // What does not fit is given back with the share.
        if free.is_some_and(|free| self.bytes <= free) {
            Ok(())
        } else {
            Err(Error::Busy)
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Reads a body of at most `limit` bytes. The share must live as long as the body is in memory.
pub(crate) async fn read(
    body: Incoming,
    limit: usize,
    limits: &Limits,
    budget: &Arc<Budget>,
) -> Result<(Bytes, Share), Error> {
    let mut share = budget.share();
    if body.is_end_stream() {
        return Ok((Bytes::new(), share));
    }
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut pieces = Pieces::new(body, limits);
    if declared > limit {
        return Err(pieces.drop_excess(declared, limit, limits).await);
    }
    let Some(first) = pieces.next().await? else {
        return Ok((Bytes::new(), share));
    };
    share.grow_to(first.len())?;
    if first.len() == declared {
        // The whole body in one piece, as nearly all are: passed on without a copy.
        return Ok((first, share));
    }
    let mut whole = BytesMut::with_capacity(declared.min(AT_ONCE_BYTES).max(first.len()));
    let mut piece = Some(first);
    while let Some(bytes) = piece {
        let length = whole.len() + bytes.len();
        if length > limit {
            return Err(pieces.drop_excess(length, limit, limits).await);
        }
        share.grow_to(length)?;
        whole.extend_from_slice(&bytes);
        piece = pieces.next().await?;
    }
    Ok((whole.freeze(), share))
}

/// A body piece by piece, each and all of them in time.
struct Pieces<'l> {
    body: Incoming,
    limits: &'l Limits,
    end: Instant,
}

impl<'l> Pieces<'l> {
    fn new(body: Incoming, limits: &'l Limits) -> Self {
        Self {
            body,
            limits,
            end: Instant::now() + limits.body_timeout,
        }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let gap_end = Instant::now() + self.limits.body_gap_timeout;
            let frame = timeout_at(gap_end.min(self.end), self.body.frame());
            let frame = frame.await.map_err(|_| Error::TooSlow)?;
            let Some(frame) = frame else { return Ok(None) };
            // A frame that is not data is a trailer, which means nothing here.
            if let Ok(data) = frame.map_err(|_| Error::Broken)?.into_data() {
                return Ok(Some(data));
            }
        }
    }

    /// Reads on without keeping anything, if the end can be near.
    async fn drop_excess(&mut self, known: usize, limit: usize, limits: &Limits) -> Error {
        let mut left = limits.body_excess_bytes_max.saturating_add(limit);
        if known <= left {
            while let Ok(Some(piece)) = self.next().await {
                match left.checked_sub(piece.len()) {
                    Some(rest) => left = rest,
                    None => break,
                }
            }
        }
        Error::TooLarge { limit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_shared_and_given_back() {
        let budget = Budget::new(100);
        let mut one = budget.share();
        one.grow_to(40).unwrap();
        one.grow_to(10).unwrap();
        let mut other = budget.share();
        assert_eq!(other.grow_to(31), Err(Error::Busy), "it would leave 29");
        drop(other);
        let mut third = budget.share();
        assert_eq!(third.grow_to(30), Ok(()));
        let mut small = budget.share();
        assert_eq!(
            small.grow_to(15),
            Ok(()),
            "there is always room for small ones"
        );
        drop((one, third, small));
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
    }
}
