//! The compiled program, run by an interpreter of its own for every number, and by the kernel for real calls.

use super::table::{Check, Verdict, rules};
use super::*;
use std::collections::HashMap;

#[cfg(target_arch = "x86_64")]
const OWN: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const OWN: u32 = 0xc000_00b7;
const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;
const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;

/// What the kernel would do with the program and a call.
fn run(program: &[libc::sock_filter], architecture: u32, number: u32, arguments: [u32; 3]) -> u32 {
    let (mut at, mut accumulator) = (0, 0u32);
    loop {
        let libc::sock_filter { code, jt, jf, k } = program[at];
        at += 1;
        let skip = |taken: bool| usize::from(if taken { jt } else { jf });
        match code {
            0x20 => {
                accumulator = match k {
                    0 => number,
                    4 => architecture,
                    _ => arguments[(k as usize - 16) / 8],
                }
            }
            0x15 => at += skip(accumulator == k),
            0x35 => at += skip(accumulator >= k),
            0x45 => at += skip(accumulator & k != 0),
            0x05 => at += k as usize,
            0x54 => accumulator &= k,
            0x06 => return k,
            other => panic!("unknown instruction {other:#x}"),
        }
    }
}

fn refused(errno: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | errno as u32
}

fn call(number: libc::c_long, arguments: [u32; 3]) -> u32 {
    run(&program(), OWN, number as u32, arguments)
}

#[test]
fn every_number_has_the_table_s_verdict() {
    let table: HashMap<i64, Verdict> = rules().into_iter().collect();
    let program = program();
    for number in 0..700u32 {
        let got = run(&program, OWN, number, [0; 3]);
        match table.get(&i64::from(number)) {
            Some(Verdict::Allow) => assert_eq!(got, ALLOW, "{number}"),
            Some(Verdict::Refuse(errno)) => assert_eq!(got, refused(i32::from(*errno)), "{number}"),
            Some(Verdict::Check(_)) => assert_ne!(got, KILL, "{number}"),
            None => assert_eq!(got, refused(libc::ENOSYS), "{number}"),
        }
    }
}

#[test]
fn the_table_names_each_call_once_and_stays_reviewable() {
    let rules = rules();
    let mut numbers: Vec<i64> = rules.iter().map(|(number, _)| *number).collect();
    numbers.dedup();
    assert_eq!(numbers.len(), rules.len(), "a call is in two groups");
    let allowed = rules
        .iter()
        .filter(|(_, verdict)| !matches!(verdict, Verdict::Refuse(_)));
    assert!(
        allowed.clone().count() <= 300,
        "{} calls are allowed",
        allowed.count()
    );
}

#[test]
fn other_architectures_are_killed() {
    let program = program();
    assert_eq!(run(&program, 0x4000_0003, 0, [0; 3]), KILL);
    assert_eq!(run(&program, OWN, 0x4000_0000, [0; 3]), KILL);
    assert_eq!(run(&program, OWN, u32::MAX, [0; 3]), KILL);
}

#[test]
fn arguments_decide() {
    let socket = |family: i32, kind: i32, protocol: i32| {
        call(
            libc::SYS_socket,
            [family as u32, kind as u32, protocol as u32],
        )
    };
    assert_eq!(socket(libc::AF_UNIX, libc::SOCK_SEQPACKET, 0), ALLOW);
    for family in [libc::AF_INET, libc::AF_INET6] {
        assert_eq!(
            socket(family, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0),
            ALLOW
        );
        assert_eq!(
            socket(family, libc::SOCK_DGRAM | libc::SOCK_NONBLOCK, 0),
            ALLOW
        );
        assert_eq!(socket(family, libc::SOCK_RAW, 1), refused(libc::EPERM));
    }
    assert_eq!(
        socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE),
        ALLOW
    );
    assert_eq!(
        socket(libc::AF_NETLINK, libc::SOCK_RAW, 12),
        refused(libc::EPERM)
    );
    assert_eq!(
        socket(libc::AF_PACKET, libc::SOCK_RAW, 0),
        refused(libc::EAFNOSUPPORT)
    );
    assert_eq!(
        socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0),
        refused(libc::EAFNOSUPPORT)
    );
    assert_eq!(
        call(libc::SYS_socketpair, [libc::AF_INET as u32, 1, 0]),
        refused(libc::EAFNOSUPPORT)
    );
    assert_eq!(call(libc::SYS_clone, [libc::SIGCHLD as u32, 0, 0]), ALLOW);
    for flag in [
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWNS,
        0x80,
    ] {
        assert_eq!(
            call(libc::SYS_clone, [flag as u32, 0, 0]),
            refused(libc::EPERM)
        );
    }
    assert_eq!(
        call(libc::SYS_ioctl, [0, libc::TIOCSTI as u32, 0]),
        refused(libc::EPERM)
    );
    assert_eq!(call(libc::SYS_ioctl, [0, libc::FIONREAD as u32, 0]), ALLOW);
    assert_eq!(
        call(libc::SYS_prctl, [libc::PR_SET_MM as u32, 0, 0]),
        refused(libc::EPERM)
    );
    assert_eq!(
        call(libc::SYS_prctl, [libc::PR_SET_NAME as u32, 0, 0]),
        ALLOW
    );
    assert_eq!(call(libc::SYS_personality, [u32::MAX, 0, 0]), ALLOW);
    assert_eq!(
        call(
            libc::SYS_personality,
            [libc::ADDR_NO_RANDOMIZE as u32, 0, 0]
        ),
        ALLOW
    );
    assert_eq!(
        call(libc::SYS_personality, [0x0020_0000, 0, 0]),
        refused(libc::EPERM)
    );
    assert!(
        rules()
            .iter()
            .any(|(_, verdict)| *verdict == Verdict::Check(Check::NoTyping))
    );
}

#[test]
fn the_kernel_takes_the_program_and_obeys() {
    // In a thread of its own: a filter holds for the thread that installs it, and goes with it.
    let answers = std::thread::spawn(|| {
        rustix::thread::set_no_new_privs(true).unwrap();
        install(&program()).unwrap();
        // SAFETY: neither call reads or writes memory.
        let unshared = unsafe { libc::unshare(libc::CLONE_NEWUTS) };
        let error = io::Error::last_os_error().raw_os_error();
        let unknown = unsafe { libc::syscall(600) };
        (
            unshared,
            error,
            unknown,
            io::Error::last_os_error().raw_os_error(),
        )
    });
    let expected = (-1, Some(libc::EPERM), -1, Some(libc::ENOSYS));
    assert_eq!(answers.join().unwrap(), expected);
}
