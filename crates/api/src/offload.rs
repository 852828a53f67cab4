//! Work on large bodies runs beside the event loop, so that it delays nobody else's request.

use crate::error::Error;

/// Hashing, parsing or checking this much takes about a millisecond; less is not worth a hand-over.
const INLINE_BYTES_MAX: usize = 512 * 1024;

/// Whether work on a body of this size is to be handed over.
pub(crate) fn is_large(bytes: usize) -> bool {
    bytes > INLINE_BYTES_MAX
}

/// Runs work on a thread that may be busy.
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::Internal(format!("work on a body: {error}")))
}
