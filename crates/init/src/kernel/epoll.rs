//! Registrations of a program's epoll, changed for it. The kernel knows a registration by a file and the number that it
//! had: so the file is put at that number here, for as long as the change takes.

use super::check;
use rustix::io::Errno;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

/// What an epoll tells of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interest {
    pub(crate) events: u32,
    pub(crate) data: u64,
}

/// Has the epoll tell of `new` what it told of `old`, which a program has registered by `number`.
pub(crate) fn exchange(
    epoll: BorrowedFd<'_>,
    number: RawFd,
    interest: Interest,
    old: BorrowedFd<'_>,
    new: BorrowedFd<'_>,
) -> Result<(), Errno> {
    at(number, old, || {
        // SAFETY: takes numbers; a removal reads no event.
        check(unsafe {
            libc::epoll_ctl(
                epoll.as_raw_fd(),
                libc::EPOLL_CTL_DEL,
                number,
                std::ptr::null_mut(),
            )
        })
    })??;
    at(number, new, || {
        let mut event = libc::epoll_event {
            events: interest.events,
            u64: interest.data,
        };
        // SAFETY: the kernel reads a structure that lives until the call returns.
        check(unsafe {
            libc::epoll_ctl(
                epoll.as_raw_fd(),
                libc::EPOLL_CTL_ADD,
                number,
                &raw mut event,
            )
        })
    })??;
    Ok(())
}

/// Acts while `file` is at `number`, whatever this process has there.
fn at<T>(number: RawFd, file: BorrowedFd<'_>, act: impl FnOnce() -> T) -> Result<T, Errno> {
    if number == file.as_raw_fd() {
        return Ok(act());
    }
    let aside = Aside::put(number)?;
    // SAFETY: what was at the number is kept aside, and back before anything else runs: this process has one thread.
    check(unsafe { libc::dup2(file.as_raw_fd(), number) })?;
    let result = act();
    aside.back()?;
    Ok(result)
}

/// What this process has at a number, if anything.
struct Aside {
    number: RawFd,
    kept: Option<(RawFd, i32)>,
}

impl Aside {
    fn put(number: RawFd) -> Result<Self, Errno> {
        // SAFETY: takes numbers.
        let flags = match check(unsafe { libc::fcntl(number, libc::F_GETFD) }) {
            Err(Errno::BADF) => return Ok(Self { number, kept: None }),
            flags => flags? as i32,
        };
        // SAFETY: duplicates an open descriptor to a number that is free.
        let kept = check(unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 0) })?;
        let kept = Some((kept as RawFd, flags));
        Ok(Self { number, kept })
    }

    fn back(self) -> Result<(), Errno> {
        let Some((kept, flags)) = self.kept else {
            // SAFETY: the number was free before, and what is there was put there by `at`.
            return check(unsafe { libc::close(self.number) }).map(drop);
        };
        // SAFETY: puts back what was there, as it was; the number aside is nobody's but this function's.
        unsafe {
            check(libc::dup2(kept, self.number))?;
            check(libc::fcntl(self.number, libc::F_SETFD, flags))?;
            check(libc::close(kept))?;
        }
        Ok(())
    }
}
