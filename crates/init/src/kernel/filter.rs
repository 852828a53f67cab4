//! The second filter of a program, and the listener by which pid 1 hears of the calls that it may not make itself.

use super::{check, finish};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Pid;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

pub(crate) use libc::sock_filter;

/// The answer comes at once: both sides take turns on one CPU. Kernels before 6.6 do not know it.
const SYNC_WAKE_UP: u64 = 1;

/// A call that waits for an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) id: u64,
    /// Who makes it. The number may be another's by now: see [`Listener::is_waiting`].
    pub(crate) thread: Pid,
    pub(crate) number: i64,
    pub(crate) arguments: [u64; 6],
}

/// Hears the calls of one program and all that it starts.
pub(crate) struct Listener(OwnedFd);

/// What the kernel tells, and room for what a later kernel may tell beyond it.
#[repr(C)]
struct Told {
    known: libc::seccomp_notif,
    later: [u8; 176],
}

/// All instructions of a file.
pub(crate) fn read(file: &OwnedFd) -> std::io::Result<Vec<sock_filter>> {
    let length =
        usize::try_from(rustix::fs::fstat(file)?.st_size).map_err(std::io::Error::other)?;
    let mut bytes = vec![0; length];
    // Its position is shared with every other sandbox.
    let read = rustix::io::pread(file, &mut bytes, 0)?;
    if read < length {
        return Err(Errno::IO.into());
    }
    Ok(program(&bytes))
}

/// Instructions as the spawner has written them: code, two jumps and a value each.
fn program(bytes: &[u8]) -> Vec<sock_filter> {
    let (instructions, _) = bytes.as_chunks::<8>();
    let read = |&[a, b, jt, jf, c, d, e, f]: &[u8; 8]| sock_filter {
        code: u16::from_ne_bytes([a, b]),
        jt,
        jf,
        k: u32::from_ne_bytes([c, d, e, f]),
    };
    instructions.iter().map(read).collect()
}

/// Puts this process and all it will start under the filter. It needs no_new_privs. Makes no memory and takes no lock.
pub(super) fn install(program: &[sock_filter]) -> Result<OwnedFd, Errno> {
    let listener = set(program, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER)?;
    // SAFETY: the kernel has made this descriptor, close-on-exec, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(listener as RawFd) })
}

/// The same, of a filter that asks nobody.
pub(super) fn install_alone(program: &[sock_filter]) -> Result<(), Errno> {
    set(program, 0).map(drop)
}

fn set(program: &[sock_filter], flags: libc::c_ulong) -> Result<i64, Errno> {
    let filter = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| Errno::INVAL)?,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: the kernel copies `len` instructions from a slice of that length and writes nothing.
    check(unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            &raw const filter,
        )
    })
}

/// Whether a descriptor is a filter's listener: only of one does nobody wait with a number that it never gives.
pub(crate) fn is_listener(descriptor: &OwnedFd) -> bool {
    let id = 0_u64;
    // SAFETY: the kernel reads a number that lives until the call returns.
    let valid = finish(|| unsafe {
        check(libc::ioctl(
            descriptor.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_ID_VALID,
            &raw const id,
        ))
    });
    valid == Err(Errno::NOENT)
}

impl Listener {
    pub(crate) fn new(listener: OwnedFd) -> Self {
        // SAFETY: the call takes a number. A kernel that does not know it is only slower.
        unsafe {
            libc::ioctl(
                listener.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS,
                SYNC_WAKE_UP,
            )
        };
        Self(listener)
    }

    /// The next call; `None` if who made it has gone meanwhile. To be asked when it is readable: then it never waits.
    pub(crate) fn receive(&self) -> Result<Option<Call>, Errno> {
        // SAFETY: all fields are integers, for which zero is valid, and the kernel wants zeros.
        let mut told: Told = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel writes no more than its own version of the structure, which `Told` has room for: the
        // number of this request holds the size of the version of this program, and others are refused.
        let received = check(unsafe {
            libc::ioctl(
                self.0.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_RECV,
                &raw mut told,
            )
        });
        match received {
            Ok(_) => Ok(told.call()),
            Err(Errno::NOENT | Errno::INTR) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether nobody is left, nor will be, who could make a call.
    pub(crate) fn is_over(&self) -> bool {
        let mut listener = [PollFd::new(&self.0, PollFlags::IN)];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let ready = finish(|| poll(&mut listener, Some(&now)));
        ready.is_ok() && listener[0].revents().contains(PollFlags::HUP)
    }

    /// Whether the call still waits. Only then were a look at its thread and a copy of its files a look at the right
    /// process: the number of one that is gone may be given to another.
    pub(crate) fn is_waiting(&self, id: u64) -> bool {
        // SAFETY: the kernel reads a number that lives until the call returns.
        let valid = finish(|| unsafe {
            check(libc::ioctl(
                self.0.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_ID_VALID,
                &raw const id,
            ))
        });
        valid.is_ok()
    }

    /// Ends the call with a result or an error number. Of a call that has ended by itself nobody hears.
    pub(crate) fn answer(&self, id: u64, result: Result<i64, Errno>) {
        let response = libc::seccomp_notif_resp {
            id,
            val: result.unwrap_or(0),
            error: result.err().map_or(0, |error| -error.raw_os_error()),
            flags: 0,
        };
        // SAFETY: the kernel reads a structure that lives until the call returns.
        let _ = finish(|| unsafe {
            check(libc::ioctl(
                self.0.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_SEND,
                &raw const response,
            ))
        });
    }

    /// Puts a file in the place of the one that the caller has at `number`.
    pub(crate) fn put(
        &self,
        id: u64,
        number: RawFd,
        file: BorrowedFd<'_>,
        close_on_exec: bool,
    ) -> Result<(), Errno> {
        let order = libc::seccomp_notif_addfd {
            id,
            flags: libc::SECCOMP_ADDFD_FLAG_SETFD as u32,
            srcfd: file.as_raw_fd() as u32,
            newfd: number as u32,
            newfd_flags: if close_on_exec {
                libc::O_CLOEXEC as u32
            } else {
                0
            },
        };
        // SAFETY: the kernel reads a structure that lives until the call returns. Interrupted, it has done nothing.
        finish(|| unsafe {
            check(libc::ioctl(
                self.0.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_ADDFD,
                &raw const order,
            ))
        })
        .map(drop)
    }
}

impl Told {
    fn call(&self) -> Option<Call> {
        let told = &self.known;
        Some(Call {
            id: told.id,
            thread: Pid::from_raw(told.pid as i32)?,
            number: i64::from(told.data.nr),
            arguments: told.data.args,
        })
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
