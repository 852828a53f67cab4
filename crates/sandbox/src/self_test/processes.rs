//! Processes: tracing, reading and signalling those of others.

use std::fs;

use super::{Aims, Found, last_error};

pub(super) fn ptrace(_: &Aims) -> Found {
    // SAFETY: attaching to pid 1 and being traced take numbers only.
    let attempts = unsafe {
        [
            libc::ptrace(libc::PTRACE_ATTACH, 1, 0, 0),
            libc::ptrace(libc::PTRACE_SEIZE, 1, 0, 0),
            libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0),
        ]
    };
    if attempts.contains(&0) {
        return Err("a process can be traced".into());
    }
    refused("ptrace")
}

pub(super) fn memory(_: &Aims) -> Found {
    for file in ["mem", "environ", "maps", "exe", "stack"] {
        if fs::read(format!("/proc/1/{file}")).is_ok_and(|bytes| !bytes.is_empty()) {
            return Err(format!("/proc/1/{file} was read"));
        }
    }
    // SAFETY: without a vector of memory the call moves nothing.
    let read = unsafe { libc::process_vm_readv(1, std::ptr::null(), 0, std::ptr::null(), 0, 0) };
    if read >= 0 {
        return Err("process_vm_readv is answered".into());
    }
    refused("process_vm_readv")
}

/// The filter's answer, and not the kernel's own to wrong arguments.
fn refused(call: &str) -> Found {
    match last_error() {
        libc::EPERM => Ok(format!("{call} is refused")),
        other => Err(format!(
            "{call} reaches the kernel, which answers error {other}"
        )),
    }
}

pub(super) fn of_the_machine(_: &Aims) -> Found {
    let own = std::process::id().to_string();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let others: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|pid| *pid != "1" && *pid != own)
        .collect();
    match others.len() {
        0 => Ok("only pid 1 and the program itself are to be seen".into()),
        count => Err(format!("{count} others are to be seen")),
    }
}

pub(super) fn signals(aims: &Aims) -> Found {
    // SAFETY: signal 0 only asks whether a signal could be sent.
    let sent = unsafe { libc::kill(aims.process, 0) };
    match sent {
        0 => Err(format!("process {} can be signalled", aims.process)),
        _ => Ok(format!("process {} does not exist inside", aims.process)),
    }
}
