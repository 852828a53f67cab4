//! A machine that cannot hear the calls of programs: somebody above does already.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use lambkin_sandbox::{Network, Part};

use super::python;
use crate::place;

pub(in crate::cases) fn it_is_missing_and_named() {
    let _listener = listen_above().expect("a filter with a listener");
    place::with(|place| async move {
        let isolation = place.spawner.isolation();
        assert_eq!(isolation.network, Network::None);
        let missing = isolation.missing.iter();
        let missing: Vec<_> = missing
            .filter(|one| one.part == Part::Network)
            .map(|one| (one.remedy.contains("container"), one.fatal))
            .collect();
        assert_eq!(missing, [(true, false)]);
        let mut inside = place.sandbox().await.shared();
        let told = python(
            &mut inside,
            &[],
            r"
print(errno.errorcode[socket.socket().connect_ex(('203.0.113.1', 80))])
l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen()
c = socket.create_connection(l.getsockname()); l.accept()[0].send(b'x'); print(c.recv(1))
try: socket.gethostbyname('name.example')
except OSError as e: print(type(e).__name__)
import ctypes
print(ctypes.CDLL(None, use_errno=True).syscall(438, 0, 0, 0), errno.errorcode[ctypes.get_errno()])",
        )
        .await;
        assert_eq!(told, "ENETUNREACH\nb'x'\ngaierror\n-1 EPERM");
    });
}

/// As a container engine does for its containers: a filter that lets everything through, and hears what it asks for.
fn listen_above() -> io::Result<OwnedFd> {
    let allow = libc::sock_filter {
        code: (libc::BPF_RET | libc::BPF_K) as u16,
        jt: 0,
        jf: 0,
        k: libc::SECCOMP_RET_ALLOW,
    };
    let filter = libc::sock_fprog {
        len: 1,
        filter: (&raw const allow).cast_mut(),
    };
    rustix::thread::set_no_new_privs(true)?;
    // SAFETY: the kernel copies one instruction, which lives until the call returns, and writes nothing.
    let listener = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &raw const filter,
        )
    };
    match RawFd::try_from(listener) {
        // SAFETY: the kernel has made this descriptor, and nothing else owns it.
        Ok(listener @ 0..) => Ok(unsafe { OwnedFd::from_raw_fd(listener) }),
        _ => Err(io::Error::last_os_error()),
    }
}
