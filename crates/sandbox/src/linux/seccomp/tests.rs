//! The compiled program, run by an interpreter of its own for every number, and by the kernel for real calls.

use super::table::{Holder, Verdict, rules, rules_of_programs};
use super::*;
use std::collections::HashMap;

#[cfg(target_arch = "x86_64")]
const OWN: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const OWN: u32 = 0xc000_00b7;
const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;
const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
/// What somebody can review in one sitting.
const ALLOWED_MAX: usize = 250;

/// What the kernel would do with the program and a call.
fn run(program: &[libc::sock_filter], architecture: u32, number: u32, arguments: [u32; 4]) -> u32 {
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
    let [first, second, third] = arguments;
    run(
        &program(Holder::Other),
        OWN,
        number as u32,
        [first, second, third, 0],
    )
}

#[test]
fn every_number_has_the_table_s_verdict() {
    let table: HashMap<i64, Verdict> = rules(Holder::Other).into_iter().collect();
    let program = program(Holder::Other);
    for number in 0..700u32 {
        let got = run(&program, OWN, number, [0; 4]);
        match table.get(&i64::from(number)) {
            Some(Verdict::Allow) => assert_eq!(got, ALLOW, "{number}"),
            Some(Verdict::Refuse(errno)) => assert_eq!(got, refused(i32::from(*errno)), "{number}"),
            Some(Verdict::Check(_) | Verdict::Ask) => assert_ne!(got, KILL, "{number}"),
            None => assert_eq!(got, refused(libc::ENOSYS), "{number}"),
        }
    }
}

#[test]
fn the_table_names_each_call_once_and_stays_reviewable() {
    let rules = rules(Holder::Other);
    let mut numbers: Vec<i64> = rules.iter().map(|(number, _)| *number).collect();
    numbers.dedup();
    assert_eq!(numbers.len(), rules.len(), "a call is in two groups");
    let allowed = rules
        .iter()
        .filter(|(_, verdict)| !matches!(verdict, Verdict::Refuse(_)));
    assert!(
        allowed.clone().count() <= ALLOWED_MAX,
        "{} calls are allowed",
        allowed.count()
    );
}

#[test]
fn every_allowed_call_names_who_needs_it() {
    let mut all = super::allowed::ALL.into_iter().flatten();
    assert!(all.all(|(_, needed_by)| needed_by.len() > 2));
}

#[test]
fn other_architectures_are_killed() {
    let program = program(Holder::Other);
    assert_eq!(run(&program, 0x4000_0003, 0, [0; 4]), KILL);
    assert_eq!(run(&program, OWN, 0x4000_0000, [0; 4]), KILL);
    assert_eq!(run(&program, OWN, u32::MAX, [0; 4]), KILL);
}

#[test]
fn sockets_are_local_tcp_udp_or_routes() {
    let socket = |family: i32, kind: i32, protocol: i32| {
        let arguments = [family, kind, protocol].map(|argument| argument as u32);
        call(libc::SYS_socket, arguments)
    };
    assert_eq!(socket(libc::AF_UNIX, libc::SOCK_SEQPACKET, 0), ALLOW);
    for family in [libc::AF_INET, libc::AF_INET6] {
        let stream = |protocol| socket(family, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, protocol);
        let datagram = |protocol| socket(family, libc::SOCK_DGRAM | libc::SOCK_NONBLOCK, protocol);
        assert_eq!((stream(0), stream(libc::IPPROTO_TCP)), (ALLOW, ALLOW));
        assert_eq!((datagram(0), datagram(libc::IPPROTO_UDP)), (ALLOW, ALLOW));
        assert_eq!(socket(family, libc::SOCK_RAW, 1), refused(libc::EPERM));
        for protocol in [libc::IPPROTO_SCTP, libc::IPPROTO_MPTCP] {
            assert_eq!(stream(protocol), refused(libc::EPROTONOSUPPORT));
        }
        for protocol in [libc::IPPROTO_ICMP, libc::IPPROTO_UDPLITE] {
            assert_eq!(datagram(protocol), refused(libc::EPROTONOSUPPORT));
        }
    }
    let netlink = |protocol| socket(libc::AF_NETLINK, libc::SOCK_RAW, protocol);
    assert_eq!(netlink(libc::NETLINK_ROUTE), ALLOW);
    assert_eq!(netlink(libc::NETLINK_NETFILTER), refused(libc::EPERM));
    for family in [libc::AF_PACKET, libc::AF_VSOCK] {
        let answer = socket(family, libc::SOCK_STREAM, 0);
        assert_eq!(answer, refused(libc::EAFNOSUPPORT));
    }
    let pair = call(libc::SYS_socketpair, [libc::AF_INET as u32, 1, 0]);
    assert_eq!(pair, refused(libc::EAFNOSUPPORT));
}

#[test]
fn flags_decide() {
    let clone = |flags: i32| call(libc::SYS_clone, [flags as u32, 0, 0]);
    assert_eq!(clone(libc::SIGCHLD), ALLOW);
    for flag in [
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWNS,
        0x80,
    ] {
        assert_eq!(clone(flag), refused(libc::EPERM));
    }
    let pages = |flags: i32| {
        let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | flags) as u32;
        run(
            &program(Holder::Other),
            OWN,
            libc::SYS_mmap as u32,
            [0, 0, 0, flags],
        )
    };
    assert_eq!(pages(0), ALLOW);
    assert_eq!(pages(libc::MAP_HUGETLB), refused(libc::ENOMEM));
    let file = |flags| call(libc::SYS_memfd_create, [0, flags, 0]);
    assert_eq!(file(libc::MFD_CLOEXEC), ALLOW);
    assert_eq!(file(libc::MFD_HUGETLB), refused(libc::ENOMEM));
    let shared = |flags: i32| call(libc::SYS_shmget, [0, 0, flags as u32]);
    assert_eq!(shared(libc::IPC_CREAT), ALLOW);
    let huge = libc::IPC_CREAT | libc::SHM_HUGETLB;
    assert_eq!(shared(huge), refused(libc::ENOMEM));
}

#[test]
fn options_decide() {
    let ioctl = |request: u32| call(libc::SYS_ioctl, [0, request, 0]);
    assert_eq!(ioctl(libc::TIOCSTI as u32), refused(libc::EPERM));
    assert_eq!(ioctl(libc::TIOCLINUX as u32), refused(libc::EPERM));
    assert_eq!(ioctl(0x5423), refused(libc::EPERM), "TIOCSETD");
    assert_eq!(ioctl(libc::FIONREAD as u32), ALLOW);
    let mknod = |kind: u32| call(libc::SYS_mknodat, [0, 0, kind | 0o644]);
    assert_eq!(mknod(libc::S_IFCHR), refused(libc::EPERM));
    assert_eq!(mknod(libc::S_IFBLK), refused(libc::EPERM));
    for kind in [0, libc::S_IFREG, libc::S_IFIFO, libc::S_IFSOCK] {
        assert_eq!(mknod(kind), ALLOW);
    }
    let fcntl = |command: i32| call(libc::SYS_fcntl, [0, command as u32, 0]);
    assert_eq!(fcntl(libc::F_SETLEASE), refused(libc::EPERM));
    assert_eq!(fcntl(libc::F_SETLK), ALLOW);
    let prctl = |option: i32| call(libc::SYS_prctl, [option as u32, 0, 0]);
    assert_eq!(prctl(libc::PR_SET_NAME), ALLOW);
    assert_eq!(prctl(libc::PR_SET_VMA), ALLOW);
    for option in [libc::PR_SET_MM, libc::PR_SET_PTRACER, libc::PR_SET_FPEMU] {
        assert_eq!(prctl(option), refused(libc::EINVAL));
    }
    let personality = |persona: u32| call(libc::SYS_personality, [persona, 0, 0]);
    assert_eq!(personality(u32::MAX), ALLOW);
    assert_eq!(personality(libc::ADDR_NO_RANDOMIZE as u32), ALLOW);
    assert_eq!(personality(0x0020_0000), refused(libc::EPERM));
}

/// Calls that end, stop or change the process that tests them.
const UNTRIED: &[i64] = &[
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_rt_sigreturn,
    libc::SYS_set_tid_address,
    libc::SYS_setsid,
    libc::SYS_umask,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_pause,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_alarm,
];

/// The error of a call whose arguments are all nonsense, 0 for none.
fn error_of(number: i64) -> i32 {
    // SAFETY: every pointer among the arguments is outside of user memory, so nothing is read or written; the
    // calls that need none and leave a mark are not tried.
    match unsafe { libc::syscall(number, -1, -1, -1, -1, -1, -1) } {
        -1 => io::Error::last_os_error().raw_os_error().unwrap(),
        _ => 0,
    }
}

/// In a thread of its own: a filter holds for the thread that installs it, and goes with it.
#[test]
fn the_kernel_obeys_for_every_call() {
    let errors = || -> Vec<(i64, Verdict, i32)> {
        rules(Holder::Other)
            .into_iter()
            .filter(|(number, verdict)| {
                let allowed = *verdict == Verdict::Allow && !UNTRIED.contains(number);
                allowed || matches!(verdict, Verdict::Refuse(_))
            })
            .map(|(number, verdict)| {
                // Without the filter, a refused call would really be made.
                let tried = verdict == Verdict::Allow || is_filtered();
                (number, verdict, if tried { error_of(number) } else { 0 })
            })
            .collect()
    };
    let free = std::thread::spawn(errors).join().unwrap();
    let filtered = std::thread::spawn(move || {
        rustix::thread::set_no_new_privs(true).unwrap();
        install(&program(Holder::Other)).unwrap();
        assert_eq!(error_of(700), libc::ENOSYS);
        errors()
    });
    for (with, without) in filtered.join().unwrap().into_iter().zip(free) {
        let (number, verdict, error) = with;
        match verdict {
            Verdict::Refuse(errno) => assert_eq!(error, i32::from(errno), "{number}"),
            _ => assert_eq!(error, without.2, "{number} is not answered by the kernel"),
        }
    }
}

fn is_filtered() -> bool {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    status.contains("Seccomp:\t2")
}

/// What the second filter of programs does with a call.
fn of_a_program(number: libc::c_long, arguments: [u32; 4]) -> u32 {
    let program = compile::compile(&rules_of_programs(), Verdict::Allow);
    run(&program, OWN, number as u32, arguments)
}

const ASK: u32 = libc::SECCOMP_RET_USER_NOTIF;

#[test]
fn programs_ask_for_addresses_and_no_other_call() {
    for number in 0..700 {
        let asked = [libc::SYS_connect, libc::SYS_bind, libc::SYS_listen].contains(&number);
        let got = of_a_program(number, [0; 4]);
        assert_eq!(got == ASK, asked, "{number}");
        // The first filter lets through what the second one decides, or there would be nothing to decide.
        let first = run(&program(Holder::Helper), OWN, number as u32, [0; 4]);
        let second = rules_of_programs()
            .iter()
            .any(|(known, _)| *known == number);
        assert!(!second || first != refused(libc::ENOSYS), "{number}");
    }
    assert_eq!(
        of_a_program(libc::SYS_pidfd_getfd, [0; 4]),
        refused(libc::EPERM)
    );
    assert_eq!(call(libc::SYS_pidfd_getfd, [0; 3]), refused(libc::EPERM));
    let helper = program(Holder::Helper);
    assert_eq!(
        run(&helper, OWN, libc::SYS_pidfd_getfd as u32, [0; 4]),
        ALLOW
    );
    assert_eq!(
        run(&helper, OWN, libc::SYS_ptrace as u32, [0; 4]),
        refused(libc::EPERM)
    );
}

#[test]
fn no_data_begin_a_connection() {
    let fast = libc::MSG_FASTOPEN as u32;
    let plain = (libc::MSG_NOSIGNAL | libc::MSG_MORE | libc::MSG_ZEROCOPY) as u32;
    for (number, at) in [
        (libc::SYS_sendto, 3),
        (libc::SYS_sendmsg, 2),
        (libc::SYS_sendmmsg, 3),
    ] {
        let with = |flags| {
            let mut arguments = [0; 4];
            arguments[at] = flags;
            of_a_program(number, arguments)
        };
        assert_eq!(with(plain), ALLOW);
        assert_eq!(with(fast), refused(libc::EOPNOTSUPP));
        assert_eq!(with(fast | plain), refused(libc::EOPNOTSUPP));
    }
}

#[test]
fn only_listed_options_are_set() {
    let set = |level: i32, name: i32| {
        of_a_program(libc::SYS_setsockopt, [0, level as u32, name as u32, 0])
    };
    for level in -1..300 {
        let listed = options::SETTABLE.iter().find(|known| known.level == level);
        for name in -1..256 {
            let allowed = listed.is_some_and(|known| known.names.contains(&name));
            let expected = if allowed {
                ALLOW
            } else {
                refused(libc::ENOPROTOOPT)
            };
            assert_eq!(set(level, name), expected, "{level} {name}");
        }
    }
}

#[test]
fn interfaces_are_asked_of_pid_1() {
    let ioctl = |request: u32| of_a_program(libc::SYS_ioctl, [0, request, 0, 0]);
    for question in table::ABOUT_INTERFACES {
        assert_eq!(ioctl(*question as u32), ASK, "{question:#x}");
    }
    for about_itself in [0x8904, 0x8905, 0x8906, 0x8907] {
        assert_eq!(ioctl(about_itself), ALLOW);
    }
    // ARP, ethtool, wireless, devices' own, a network's own name space.
    for other in [
        0x8954, 0x8946, 0x8b01, 0x89f0, 0x89ff, 0x8900, 0x8908, 0x8bff, 0x894c,
    ] {
        assert_eq!(ioctl(other), refused(libc::EOPNOTSUPP), "{other:#x}");
    }
    for elsewhere in [
        libc::FIONREAD as u32,
        libc::TIOCGWINSZ as u32,
        0x88ff,
        0x8c00,
        0,
    ] {
        assert_eq!(ioctl(elsewhere), ALLOW, "{elsewhere:#x}");
    }
}

#[test]
fn programs_stay_as_open_as_pid_1_needs_them() {
    let prctl = |option: i32| of_a_program(libc::SYS_prctl, [option as u32, 0, 0, 0]);
    assert_eq!(prctl(libc::PR_SET_DUMPABLE), refused(0));
    assert_eq!(prctl(libc::PR_GET_DUMPABLE), ALLOW);
    assert_eq!(prctl(libc::PR_SET_NAME), ALLOW);
}
