//! The system-call filter of every sandbox: what is not in the reviewed table does not exist inside.
//!
//! `allowed` says which calls may be made and for whom, `table` what becomes of all others, `compile` makes the
//! kernel's program of it. A call of another architecture kills the process; an unknown call is answered ENOSYS, so
//! that programs take their fallback; one that is known and refused is answered EPERM.

mod allowed;
mod compile;
mod table;

use std::io;

/// The filter as the kernel takes it; made once.
pub(crate) fn program() -> Vec<libc::sock_filter> {
    compile::compile(&table::rules())
}

/// Names and numbers of the calls that are answered EPERM, for who tries them.
pub(crate) fn refused() -> impl Iterator<Item = &'static (&'static str, i64)> {
    table::refused()
}

/// Names and numbers of the calls that the filter of every sandbox lets through whatever their arguments are, for
/// who tries them.
pub fn allowed_calls() -> impl Iterator<Item = &'static (&'static str, i64)> {
    table::allowed()
}

/// Numbers of the calls that it lets through or not by their arguments.
pub fn decided_calls() -> impl Iterator<Item = i64> {
    table::decided()
}

/// Puts this process and all it will start under the filter. It needs no_new_privs.
pub(crate) fn install(program: &[libc::sock_filter]) -> io::Result<()> {
    let length = u16::try_from(program.len()).map_err(io::Error::other)?;
    let filter = libc::sock_fprog {
        len: length,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: the kernel copies `length` instructions from a slice of that length and writes nothing.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            0,
            &raw const filter,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests;
