//! A program's first moments, between fork and exec: it puts itself under its restrictions and hands out the
//! listener.

use super::filter::{self, sock_filter};
use super::landlock;
use crate::descriptors;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Has the command's process restrict itself before it becomes the program, and send its listener to `to`.
pub(crate) fn confine(
    command: &mut Command,
    program: Vec<sock_filter>,
    has_landlock: bool,
    to: OwnedFd,
) {
    let restrict = move || -> io::Result<()> {
        if has_landlock {
            landlock::take_tcp()?;
        }
        // The program must never hold it: with it, it could answer its own calls. It is closed when it is executed.
        let listener = filter::install(&program)?;
        hand_out(to.as_fd(), listener.as_fd())?;
        // Last: whoever sends descriptors must not have less than others have on their way.
        limit_descriptors()
    };
    // SAFETY: the closure makes system calls on what it owns and on its stack; nothing is allocated, and this process
    // has one thread, so no lock is held.
    unsafe { command.pre_exec(restrict) };
}

/// The same under a filter that asks nobody.
pub(crate) fn confine_alone(command: &mut Command, program: Vec<sock_filter>) {
    let restrict = move || -> io::Result<()> {
        filter::install_alone(&program)?;
        limit_descriptors()
    };
    // SAFETY: as above.
    unsafe { command.pre_exec(restrict) };
}

fn limit_descriptors() -> io::Result<()> {
    let few = Some(descriptors::OF_A_PROGRAM);
    let limit = Rlimit {
        current: few,
        maximum: few,
    };
    Ok(setrlimit(Resource::Nofile, limit)?)
}

fn hand_out(to: BorrowedFd<'_>, listener: BorrowedFd<'_>) -> io::Result<()> {
    let descriptors = [listener];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    sendmsg(to, &[IoSlice::new(b"l")], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}
