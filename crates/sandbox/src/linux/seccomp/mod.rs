//! The system-call filter of every sandbox: what is not in the reviewed table does not exist inside.
//!
//! `allowed` says which calls may be made and for whom, `table` what becomes of all others, `options` what may be set
//! on sockets, `compile` makes the kernel's program of it. A call of another architecture kills the process; an
//! unknown call is answered ENOSYS, so that programs take their fallback; one that is known and refused is answered
//! EPERM.
//!
//! ```text
//! pid 1 ── first filter ──▶ fork ── first and second filter ──▶ exec of a program
//!   ◀── connect, bind, listen of the program: asked, and made by pid 1 ──┘
//! ```

mod allowed;
mod compile;
mod options;
mod table;

pub(crate) use table::Holder;
use table::Verdict;

use std::io;

/// The filter of whoever that is, as the kernel takes it; made once.
pub(crate) fn program(holder: Holder) -> Vec<libc::sock_filter> {
    compile::compile(&table::rules(holder), Verdict::Refuse(libc::ENOSYS as u16))
}

/// The second filter of programs that have a network, as pid 1 reads it; made once.
pub(crate) fn program_of_programs() -> Vec<u8> {
    to_read(&table::rules_of_programs())
}

/// The same of programs that become templates.
pub(crate) fn program_of_templates() -> Vec<u8> {
    to_read(&table::rules_of_templates())
}

fn to_read(rules: &[table::Rule]) -> Vec<u8> {
    let instructions = compile::compile(rules, Verdict::Allow);
    let bytes = instructions.iter().flat_map(|instruction| {
        let libc::sock_filter { code, jt, jf, k } = *instruction;
        let ([a, b], [c, d, e, f]) = (code.to_ne_bytes(), k.to_ne_bytes());
        [a, b, jt, jf, c, d, e, f]
    });
    bytes.collect()
}

/// Names and numbers of the calls that are answered EPERM in a program, for who tries them.
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
