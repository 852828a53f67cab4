//! A program that came as a clone: it is no child of this pid 1, which hears of its end from the one that made it.

use crate::descriptors::{DOORS, DOORS_MAX, INPUT, RULES};
use crate::end;
use crate::kernel::inherited;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Of one that has been killed: the server waits twice as long before it gives the sandbox up.
const END_TIMEOUT: Timespec = Timespec {
    tv_sec: 5,
    tv_nsec: 0,
};

/// What clones find here, and the one that came.
pub(crate) struct Adoption {
    /// Where what it reads will be.
    input: OwnedFd,
    /// Held for clones to take. No program inherits them.
    _held: Vec<OwnedFd>,
    /// Tells its end.
    ended: Option<OwnedFd>,
}

impl Adoption {
    pub(crate) fn open(landlock: bool, doors: usize) -> io::Result<Self> {
        let doors = (DOORS..).take(doors.min(DOORS_MAX));
        let rules = landlock.then_some(RULES);
        let held = rules.into_iter().chain(doors).map(inherited::take);
        Ok(Self {
            input: inherited::take(INPUT)?,
            _held: held.collect::<Result<_, _>>()?,
            ended: None,
        })
    }

    /// Makes ready what the next clone reads, and then its end.
    pub(crate) fn expect(&mut self, input: &[u8]) -> io::Result<()> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let written = rustix::io::write(&writer, input)?;
        if written < input.len() {
            return Err(Errno::MSGSIZE.into());
        }
        rustix::io::ioctl_fionbio(&reader, false)?;
        rustix::io::dup3(&reader, &mut self.input, rustix::io::DupFlags::CLOEXEC)?;
        Ok(())
    }

    /// Takes for the program what `ended` tells the end of.
    pub(crate) fn adopt(&mut self, ended: OwnedFd) {
        self.ended = Some(ended);
    }

    /// Ready when it has ended.
    pub(crate) fn ended(&self) -> Option<BorrowedFd<'_>> {
        self.ended.as_ref().map(AsFd::as_fd)
    }

    /// Waits for its end, which must be near: its status as `wait` tells it. If it does not end, the caller does, and
    /// the kernel ends all.
    pub(crate) fn end(&mut self) -> io::Result<Option<i32>> {
        let Some(ended) = self.ended.take() else {
            return Ok(None);
        };
        let mut wanted = [PollFd::new(&ended, PollFlags::IN)];
        loop {
            match poll(&mut wanted, Some(&END_TIMEOUT)) {
                Ok(0) => return Err(Errno::TIMEDOUT.into()),
                // By the last moment of a watch that is over.
                Err(Errno::INTR) => {}
                _ => break,
            }
        }
        Ok(Some(end::read(&ended)?))
    }
}
