//! The read end of a sandbox's stdout and stderr.

use rustix::io::Errno;
use std::io;
use std::time::Duration;
use tokio::net::unix::pipe;

/// Bytes of one read.
const READ_BYTES: usize = 16 << 10;
/// Most bytes of one drain: the largest pipe that an unprivileged process can make.
const DRAIN_BYTES_MAX: usize = 1 << 20;

/// Reads that empty a pipe of ordinary size.
const READS_MAX: usize = 4;

/// A flood takes one part of the server's time in so many and one; the function waits meanwhile.
const REST: u32 = 4;
/// At most: where the machine is busy, most of that time was not spent on the log.
const REST_MAX: Duration = Duration::from_millis(5);

/// What is left in the pipe after a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Supply {
    /// Nothing for now.
    Spent,
    /// More than a pipe holds as a rule: it is filled as fast as it is read.
    Flood,
    /// Nothing ever again.
    Ended,
}

impl Supply {
    /// Whether nothing comes after it.
    pub(crate) fn is_over(self) -> bool {
        self == Self::Ended
    }

    /// How long to leave the rest in the pipe after a read that took so long, and whoever writes with it.
    pub(crate) fn rest(self, took: Duration) -> Option<Duration> {
        (self == Self::Flood).then(|| (took * REST).min(REST_MAX))
    }
}

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

    /// Reads what a pipe holds as a rule, as the reactor sees it.
    pub(crate) fn read(&self, mut each: impl FnMut(&[u8])) -> Supply {
        let mut buffer = [0; READ_BYTES];
        for _ in 0..READS_MAX {
            match self.0.try_read(&mut buffer) {
                Ok(0) => return Supply::Ended,
                Ok(length) => each(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Supply::Spent,
                Err(_) => return Supply::Ended,
            }
        }
        Supply::Flood
    }
}
