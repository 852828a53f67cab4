//! The read end of a sandbox's stdout and stderr.

use rustix::io::Errno;
use std::io;
use tokio::net::unix::pipe;

/// Bytes of one read.
const READ_BYTES: usize = 16 << 10;
/// Most bytes of one drain: the largest pipe that an unprivileged process can make.
const DRAIN_BYTES_MAX: usize = 1 << 20;

/// A pipe that is read by whoever needs its lines now.
#[derive(Debug)]
pub(crate) struct Output(pipe::Receiver);

impl Output {
    pub(crate) fn new(pipe: pipe::Receiver) -> Self {
        Self(pipe)
    }

    /// Hands over what is in the pipe at this moment. Asks the kernel, not the reactor: what was written
    /// before the call is seen even if its readiness has not been delivered yet.
    pub(crate) fn drain(&self, mut each: impl FnMut(&[u8])) {
        let mut buffer = [0; READ_BYTES];
        let mut left = DRAIN_BYTES_MAX;
        while left > 0 {
            match rustix::io::read(&self.0, &mut buffer) {
                Ok(0) => return,
                Ok(length) => {
                    each(&buffer[..length]);
                    left = left.saturating_sub(length);
                }
                Err(Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }

    /// Resolves when there may be something to read; an error when there never will be.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.0.readable().await
    }

    /// Reads once, as the reactor sees it. False at the end of the pipe.
    pub(crate) fn read(&self, each: impl FnOnce(&[u8])) -> bool {
        let mut buffer = [0; READ_BYTES];
        match self.0.try_read(&mut buffer) {
            Ok(0) => false,
            Ok(length) => {
                each(&buffer[..length]);
                true
            }
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }
}
