//! The kernel: calls, sockets and name spaces that lead out, or into code of it that functions have no use for.

use super::{Aims, Found, last_error};
use crate::linux::seccomp;

/// Every call that the filter knows and refuses. Arguments are such that one that is let through fails, or does
/// nothing.
pub(super) fn calls(_: &Aims) -> Found {
    let let_through: Vec<String> = seccomp::refused()
        .filter_map(|(name, number)| {
            // SAFETY: every pointer among the arguments lies outside of user memory, so nothing is read.
            let result = unsafe { libc::syscall(*number, -1, -1, -1, -1, -1) };
            let error = if result < 0 { last_error() } else { 0 };
            (error != libc::EPERM).then(|| format!("{name} (error {error})"))
        })
        .collect();
    let count = seccomp::refused().count();
    match let_through.is_empty() {
        true => Ok(format!("{count} of {count} are refused")),
        false => Err(format!(
            "the kernel is reached by {}",
            let_through.join(", ")
        )),
    }
}

/// A call by the 32-bit door, in a child that the filter must kill.
pub(super) fn other_architecture(_: &Aims) -> Found {
    // SAFETY: this program has one thread; the child makes one call and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        foreign_call();
        // SAFETY: ends the child, without what is registered for the end of its parent.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: the kernel writes the status, which lives until the call returns.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    match libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGSYS {
        true => Ok("whoever makes one is killed".into()),
        false => Err(format!(
            "a call of another architecture was answered (status {status})"
        )),
    }
}

/// `getpid` of the x32 interface, which shares the instruction but not the table.
#[cfg(target_arch = "x86_64")]
fn foreign_call() {
    const X32: libc::c_long = 0x4000_0000;
    // SAFETY: asks for a number.
    unsafe { libc::syscall(X32 + libc::SYS_getpid) };
}

/// There is no such door: a number beyond all tables stands for it.
#[cfg(not(target_arch = "x86_64"))]
fn foreign_call() {
    // SAFETY: a number that no kernel has takes no memory.
    unsafe { libc::syscall(0x4000_0000) };
}

pub(super) fn sockets(_: &Aims) -> Found {
    const KINDS: [(&str, i32, i32, i32); 6] = [
        ("raw", libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP),
        ("ping", libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_ICMP),
        ("packet", libc::AF_PACKET, libc::SOCK_RAW, 0),
        ("vsock", libc::AF_VSOCK, libc::SOCK_STREAM, 0),
        ("alg", libc::AF_ALG, libc::SOCK_SEQPACKET, 0),
        (
            "netfilter",
            libc::AF_NETLINK,
            libc::SOCK_RAW,
            libc::NETLINK_NETFILTER,
        ),
    ];
    let opened = KINDS.iter().filter(|(_, family, kind, protocol)| {
        // SAFETY: takes numbers only; a descriptor stays open until this program ends.
        unsafe { libc::socket(*family, *kind, *protocol) >= 0 }
    });
    let opened: Vec<&str> = opened.map(|(name, ..)| *name).collect();
    match opened.is_empty() {
        true => Ok("refused".into()),
        false => Err(format!("opened: {}", opened.join(", "))),
    }
}

pub(super) fn name_spaces(_: &Aims) -> Found {
    for (name, flag) in [
        ("user", libc::CLONE_NEWUSER),
        ("mount", libc::CLONE_NEWNS),
        ("network", libc::CLONE_NEWNET),
        ("process", libc::CLONE_NEWPID),
    ] {
        // SAFETY: this program has one thread; what it would leave is its own alone.
        if unsafe { libc::unshare(flag) } == 0 {
            return Err(format!("a {name} name space was made"));
        }
    }
    Ok("none can be made".into())
}
