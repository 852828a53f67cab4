//! The calls of the kernel that no library offers: all the `unsafe` of this program, one mechanism per file.
//!
//! Nothing here decides anything. Whatever comes from a program of the sandbox is numbers to these functions: they read
//! and write only memory of this process, and memory of others by calls that fail where there is none.
#![allow(unsafe_code)]

pub(crate) mod child;
pub(crate) mod epoll;
pub(crate) mod filter;
pub(crate) mod inherited;
pub(crate) mod interfaces;
mod landlock;
pub(crate) mod memory;
pub(crate) mod registers;
pub(crate) mod script;
pub(crate) mod sockets;
pub(crate) mod trace;
pub(crate) mod watchdog;

use rustix::io::Errno;

/// The result of a call of the C library.
fn check(result: impl Into<i64>) -> Result<i64, Errno> {
    match result.into() {
        -1 => Err(last_error()),
        result => Ok(result),
    }
}

/// The result of a call that waits for a moment only, whatever signal comes meanwhile: the watchdog sends them.
fn finish<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

fn last_error() -> Errno {
    let error = std::io::Error::last_os_error();
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}
