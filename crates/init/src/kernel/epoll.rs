//! Registrations of a program's epoll, changed for it. The kernel knows a registration by a file and the number that it
//! had: so the file is put at that number here, for as long as the change takes.

use super::check;
use rustix::io::Errno;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

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
    let elsewhere = moved_from(number, epoll)?;
    let epoll = elsewhere.as_ref().map_or(epoll, AsFd::as_fd);
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

/// The epoll at another number, if it is at the one that is wanted for the file.
fn moved_from(number: RawFd, epoll: BorrowedFd<'_>) -> Result<Option<OwnedFd>, Errno> {
    match epoll.as_raw_fd() == number {
        true => rustix::io::fcntl_dupfd_cloexec(epoll, 0).map(Some),
        false => Ok(None),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::epoll::{self, EventData, EventFlags};

    #[test]
    fn an_epoll_that_stands_at_the_number_of_the_file_is_changed_too() {
        let (old, new) = (socket(), socket());
        let epoll_fd = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        let there = epoll_fd.as_raw_fd();
        // The file is registered by a number at which the epoll then stands.
        let aside = rustix::io::fcntl_dupfd_cloexec(&epoll_fd, 500).unwrap();
        let data = EventData::new_u64(7);
        at(there, old.as_fd(), || {
            // SAFETY: for this moment the file is at that number.
            let registered = unsafe { BorrowedFd::borrow_raw(there) };
            epoll::add(&aside, registered, data, EventFlags::OUT)
        })
        .unwrap()
        .unwrap();
        let interest = Interest {
            events: EventFlags::OUT.bits(),
            data: 8,
        };
        exchange(epoll_fd.as_fd(), there, interest, old.as_fd(), new.as_fd()).unwrap();
        let mut told = [epoll::Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(0),
        }; 2];
        let count = epoll::wait(&epoll_fd, &mut told, None).unwrap();
        let data = told[0].data;
        assert_eq!((count, data.u64()), (1, 8));
    }

    /// One that may be written to at once.
    fn socket() -> OwnedFd {
        crate::trial::own_socket().unwrap()
    }
}
