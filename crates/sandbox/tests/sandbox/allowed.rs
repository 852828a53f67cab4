//! Each call that the filter allows, made inside a sandbox: the kernel itself must answer it.
//!
//! A filter answers what it refuses with EPERM or ENOSYS, or with an error of its own where arguments decide. So a
//! call is made with arguments that are all nonsense, which the kernel answers with another error, or does nothing
//! for; where it would not, `SPECIAL` has the arguments and the one answer. Each is made in a child, since some end or
//! stop who makes them, and none may hang.
#![allow(unsafe_code)]

use std::io;
use std::process::ExitCode;

use lambkin_sandbox::{allowed_calls, decided_calls};

/// Seconds after which a child that waits is ended by the kernel.
const PATIENCE_S: u32 = 2;
/// Every argument that is not named: no descriptor, no process, and no address of a program.
const NONSENSE: i64 = -1;

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Done,
    Error(i32),
    /// The call ended its child with this status.
    Exited(i32),
    /// The child was killed by this signal.
    Killed(i32),
}

/// Calls whose answer to nonsense would be that of a filter, or which it decides by arguments: with arguments that it
/// lets through, and what the kernel answers then.
const SPECIAL: &[(i64, [i64; 6], Answer)] = &[
    with(libc::SYS_clone, &[libc::SIGCHLD, 0, 0, 0, 0], Answer::Done),
    with(
        libc::SYS_socket,
        &[libc::AF_UNIX, libc::SOCK_STREAM, 0],
        Answer::Done,
    ),
    with(
        libc::SYS_socketpair,
        &[libc::AF_UNIX, libc::SOCK_STREAM, 0],
        Answer::Error(libc::EFAULT),
    ),
    with(
        libc::SYS_ioctl,
        &[-1, libc::FIONREAD as i32],
        Answer::Error(libc::EBADF),
    ),
    with(
        libc::SYS_fcntl,
        &[-1, libc::F_GETFD],
        Answer::Error(libc::EBADF),
    ),
    with(
        libc::SYS_prctl,
        &[libc::PR_GET_NAME],
        Answer::Error(libc::EFAULT),
    ),
    with(
        libc::SYS_mknodat,
        &[-1, -1, libc::S_IFIFO as i32],
        Answer::Error(libc::EFAULT),
    ),
    #[cfg(target_arch = "x86_64")]
    with(
        libc::SYS_mknod,
        &[-1, libc::S_IFIFO as i32],
        Answer::Error(libc::EFAULT),
    ),
    with(
        libc::SYS_mmap,
        &[0, 4096, libc::PROT_READ, libc::MAP_PRIVATE, -1, 0],
        Answer::Error(libc::EBADF),
    ),
    with(
        libc::SYS_memfd_create,
        &[-1, 0],
        Answer::Error(libc::EFAULT),
    ),
    with(
        libc::SYS_shmget,
        &[-1, 4096, 0],
        Answer::Error(libc::ENOENT),
    ),
    // Asks what it is.
    with(libc::SYS_personality, &[], Answer::Done),
    with(
        libc::SYS_futex,
        &[-1, libc::FUTEX_WAKE],
        Answer::Error(libc::EINVAL),
    ),
    with(
        libc::SYS_sendto,
        &[-1, 0, 0, 0, 0, 0],
        Answer::Error(libc::EBADF),
    ),
    with(libc::SYS_sendmsg, &[-1, -1, 0], Answer::Error(libc::EBADF)),
    with(
        libc::SYS_sendmmsg,
        &[-1, -1, 1, 0],
        Answer::Error(libc::EBADF),
    ),
    with(
        libc::SYS_setsockopt,
        &[-1, libc::SOL_SOCKET, libc::SO_REUSEADDR, -1, 4],
        Answer::Error(libc::EBADF),
    ),
    // In a user name space whose groups are set for good the kernel has the same answer as a filter.
    with(libc::SYS_setgroups, &[], Answer::Error(libc::EPERM)),
    with(libc::SYS_exit, &[7], Answer::Exited(7)),
    with(libc::SYS_exit_group, &[7], Answer::Exited(7)),
    // There is no signal to return from.
    with(libc::SYS_rt_sigreturn, &[], Answer::Killed(libc::SIGSEGV)),
    #[cfg(target_arch = "x86_64")]
    with(libc::SYS_pause, &[], Answer::Killed(libc::SIGALRM)),
];

const fn with(number: i64, named: &[i32], answer: Answer) -> (i64, [i64; 6], Answer) {
    let (mut arguments, mut at) = ([NONSENSE; 6], 0);
    while at < named.len() {
        arguments[at] = named[at] as i64;
        at += 1;
    }
    (number, arguments, answer)
}

/// Prints a line for each call that is not answered by the kernel, and how many were made.
pub(crate) fn try_all() -> ExitCode {
    let named = allowed_calls().copied();
    let calls: Vec<_> = named
        .chain(decided_calls().map(|number| ("decided by its arguments", number)))
        .collect();
    for (name, number) in &calls {
        if let Err(answer) = try_one(*number) {
            println!("{name} ({number}): {answer:?}");
        }
    }
    println!("{} were made", calls.len());
    ExitCode::SUCCESS
}

fn try_one(number: i64) -> Result<(), Answer> {
    let special = SPECIAL.iter().find(|(special, ..)| *special == number);
    match special {
        Some((_, arguments, expected)) => match answer(number, *arguments) {
            Answer::Error(libc::EPERM) if !is_let_through(number) => {
                Err(Answer::Error(libc::EPERM))
            }
            answer if answer == *expected => Ok(()),
            other => Err(other),
        },
        None => match answer(number, [NONSENSE; 6]) {
            refused @ Answer::Error(libc::EPERM | libc::ENOSYS) => Err(refused),
            Answer::Done | Answer::Error(_) => Ok(()),
            ended => Err(ended),
        },
    }
}

/// Makes the call in a child, whose end tells the answer.
fn answer(number: i64, arguments: [i64; 6]) -> Answer {
    const TOLD: i32 = 100;
    // SAFETY: this program has one thread.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: ends this child alone.
        unsafe { libc::alarm(PATIENCE_S) };
        let told = match call(number, arguments) {
            Ok(()) => 0,
            Err(error) => error.raw_os_error().unwrap_or(0),
        };
        // SAFETY: ends the child, without what is registered for the end of its parent.
        unsafe { libc::_exit(TOLD + told) };
    }
    let mut status = 0;
    // SAFETY: the kernel writes the status, which outlives the call.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    match (libc::WIFSIGNALED(status), libc::WEXITSTATUS(status)) {
        (true, _) => Answer::Killed(libc::WTERMSIG(status)),
        (false, TOLD) => Answer::Done,
        (false, told) if told > TOLD => Answer::Error(told - TOLD),
        (false, code) => Answer::Exited(code),
    }
}

fn call(number: i64, [a, b, c, d, e, f]: [i64; 6]) -> io::Result<()> {
    #[cfg(target_arch = "x86_64")]
    if number == libc::SYS_vfork {
        return vfork();
    }
    // SAFETY: no argument is an address that the kernel could write to, and the child that calls does nothing else.
    match unsafe { libc::syscall(number, a, b, c, d, e, f) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// The copy shares this stack, so it ends within the same instructions.
#[cfg(target_arch = "x86_64")]
fn vfork() -> io::Result<()> {
    let result: i64;
    // SAFETY: the parent goes on once the copy has ended, which has touched no memory.
    unsafe {
        std::arch::asm!(
            "syscall", "test rax, rax", "jnz 2f", "mov eax, 60", "xor edi, edi", "syscall", "2:",
            inlateout("rax") libc::SYS_vfork => result, out("rcx") _, out("r11") _, out("rdi") _,
        );
    }
    match i32::try_from(-result) {
        Ok(error @ 1..) => Err(io::Error::from_raw_os_error(error)),
        _ => Ok(()),
    }
}

/// Asks the filters what they say, without making the call: on top of them comes one that hands it to a tracer, of
/// which there is none, and the kernel takes the strictest answer.
fn is_let_through(number: i64) -> bool {
    // SAFETY: this program has one thread; the child has the filter and ends with it.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let untraced = trace(number).and_then(|()| call(number, [NONSENSE; 6]));
        let told = untraced.is_err_and(|error| error.raw_os_error() == Some(libc::ENOSYS));
        // SAFETY: ends the child.
        unsafe { libc::_exit(i32::from(told)) };
    }
    let mut status = 0;
    // SAFETY: the kernel writes the status, which outlives the call.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 1
}

/// Puts a filter on this process that hands one call to its tracer.
fn trace(number: i64) -> io::Result<()> {
    let statement = |code, k| libc::sock_filter {
        code,
        jt: 0,
        jf: 0,
        k,
    };
    let is_it = libc::sock_filter {
        code: 0x15,
        jt: 0,
        jf: 1,
        k: u32::try_from(number).map_err(io::Error::other)?,
    };
    let mut filter = [
        statement(0x20, 0),
        is_it,
        statement(0x06, libc::SECCOMP_RET_TRACE),
        statement(0x06, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: 4,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: the kernel copies four instructions, which outlive the call.
    let installed = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            0,
            &raw const program,
        )
    };
    match installed {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
