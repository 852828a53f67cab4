//! From the table to the kernel's program: a binary search over ranges of calls with the same verdict.

use super::options::SETTABLE;
use super::table::{
    ABOUT_INTERFACES, Check, OF_THE_SOCKET, PRCTL_OPTIONS, Rule, SOCKET_REQUESTS, Verdict,
};
use libc::sock_filter;

/// Where the kernel puts the number, the architecture and the arguments of a call.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const ANY_BIT: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
const JUMP: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;
const MASK: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

#[cfg(target_arch = "x86_64")]
const OWN_ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const OWN_ARCHITECTURE: u32 = 0xc000_00b7;

/// What `setarch` sets for 32-bit tools.
const PER_LINUX32: i32 = 8;

/// Of asm-generic/ioctls.h; libc does not have it.
const TIOCSETD: libc::Ioctl = 0x5423;

/// Calls of the x32 interface have this bit; other numbers stay far below.
const FOREIGN: u32 = 0x4000_0000;

/// A range of calls, from its first number to the next range's.
#[derive(Clone, Copy)]
struct Range {
    first: u32,
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Verdict(Verdict),
    Kill,
}

/// Compiles rules that are sorted by number. `unknown` is the verdict on all other calls.
pub(super) fn compile(rules: &[Rule], unknown: Verdict) -> Vec<sock_filter> {
    let mut program = vec![
        instruction(LOAD, ARCHITECTURE),
        branch(EQUAL, OWN_ARCHITECTURE, 1, 0),
        instruction(RETURN, libc::SECCOMP_RET_KILL_PROCESS),
        instruction(LOAD, NUMBER),
    ];
    program.extend(search(&ranges(rules, unknown)));
    program
}

fn ranges(rules: &[Rule], unknown: Verdict) -> Vec<Range> {
    let mut ranges = Vec::new();
    let mut next = 0;
    for (number, verdict) in rules {
        let number = *number as u32;
        if number > next {
            add(&mut ranges, next, End::Verdict(unknown));
        }
        add(&mut ranges, number, End::Verdict(*verdict));
        next = number + 1;
    }
    add(&mut ranges, next, End::Verdict(unknown));
    add(&mut ranges, FOREIGN, End::Kill);
    ranges
}

fn add(ranges: &mut Vec<Range>, first: u32, end: End) {
    if ranges.last().is_none_or(|last| last.end != end) {
        ranges.push(Range { first, end });
    }
}

fn search(ranges: &[Range]) -> Vec<sock_filter> {
    match ranges {
        [] => Vec::new(),
        [range] => leaf(range.end),
        _ => {
            let (low, high) = ranges.split_at(ranges.len() / 2);
            let below = search(low);
            let mut code = match u8::try_from(below.len()) {
                Ok(skip) => vec![branch(AT_LEAST, high[0].first, skip, 0)],
                // Conditional jumps reach 255 instructions, unconditional ones all.
                Err(_) => vec![
                    branch(AT_LEAST, high[0].first, 0, 1),
                    instruction(JUMP, below.len() as u32),
                ],
            };
            code.extend(below);
            code.extend(search(high));
            code
        }
    }
}

fn leaf(end: End) -> Vec<sock_filter> {
    match end {
        End::Kill => vec![instruction(RETURN, libc::SECCOMP_RET_KILL_PROCESS)],
        End::Verdict(Verdict::Allow) => vec![instruction(RETURN, libc::SECCOMP_RET_ALLOW)],
        End::Verdict(Verdict::Refuse(errno)) => refuse(i32::from(errno)),
        End::Verdict(Verdict::Ask) => ask(),
        End::Verdict(Verdict::Check(check)) => check_code(check),
    }
}

fn check_code(check: Check) -> Vec<sock_filter> {
    const NAMESPACES: i32 = libc::CLONE_NEWNS
        | libc::CLONE_NEWCGROUP
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET
        | 0x80; // CLONE_NEWTIME
    const ANY_PERSONALITY: u32 = u32::MAX;
    let allow = || vec![instruction(RETURN, libc::SECCOMP_RET_ALLOW)];
    match check {
        Check::NoNamespaces => {
            let clear = branch(ANY_BIT, NAMESPACES as u32, 0, 1);
            chain([vec![argument(0), clear], refuse(libc::EPERM), allow()])
        }
        Check::SocketKinds => socket_code(),
        Check::LocalSockets => {
            let local = [libc::AF_UNIX as u32];
            on(0, either(&local, allow(), refuse(libc::EAFNOSUPPORT)))
        }
        Check::PlainTerminals => {
            let other = [libc::TIOCSTI, libc::TIOCLINUX, TIOCSETD].map(|request| request as u32);
            on(1, either(&other, refuse(libc::EPERM), allow()))
        }
        Check::NoLeases => {
            let leases = [libc::F_SETLEASE as u32];
            on(1, either(&leases, refuse(libc::EPERM), allow()))
        }
        Check::NoDevices { argument } => {
            let devices = [libc::S_IFCHR, libc::S_IFBLK];
            let kind = vec![instruction(MASK, libc::S_IFMT)];
            let decide = either(&devices, refuse(libc::EPERM), allow());
            on(argument, chain([kind, decide]))
        }
        Check::HarmlessPrctl => {
            let options: Vec<u32> = PRCTL_OPTIONS.iter().map(|option| *option as u32).collect();
            on(0, either(&options, allow(), refuse(libc::EINVAL)))
        }
        Check::HarmlessPersonality => {
            let harmful = instruction(MASK, !((libc::ADDR_NO_RANDOMIZE | PER_LINUX32) as u32));
            let harmless = either(&[0], allow(), refuse(libc::EPERM));
            let other = chain([vec![harmful], harmless]);
            on(0, either(&[ANY_PERSONALITY], allow(), other))
        }
        Check::NoFastOpen { argument } => {
            let clear = vec![branch(ANY_BIT, libc::MSG_FASTOPEN as u32, 0, 1)];
            on(argument, chain([clear, refuse(libc::EOPNOTSUPP), allow()]))
        }
        Check::PlainSocketOptions => socket_option_code(),
        Check::NoInterfaces => interface_code(ask()),
        Check::OwnInterfaces => interface_code(allow()),
        Check::AlwaysDumpable => {
            let dumpable = [libc::PR_SET_DUMPABLE as u32];
            on(0, either(&dumpable, refuse(0), allow()))
        }
        Check::Fixed { resource } => on(1, either(&[resource], allow_if_null(2), allow())),
        Check::NoLimit { resource } => on(0, either(&[resource], refuse(libc::EPERM), allow())),
        Check::OrdinaryPages { argument, flag } => {
            let clear = vec![branch(ANY_BIT, flag as u32, 0, 1)];
            // As on a machine that has none.
            on(argument, chain([clear, refuse(libc::ENOMEM), allow()]))
        }
    }
}

/// Where nothing is to be read: both halves of the address are zero.
fn allow_if_null(index: u32) -> Vec<sock_filter> {
    vec![
        argument(index),
        branch(EQUAL, 0, 0, 2),
        instruction(LOAD, ARGUMENTS + 8 * index + 4),
        branch(EQUAL, 0, 1, 0),
        instruction(RETURN, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        instruction(RETURN, libc::SECCOMP_RET_ALLOW),
    ]
}

/// Local sockets of every type; IPv4 and IPv6 for TCP and UDP; netlink for the routing tables, which is how the
/// C library lists addresses.
fn socket_code() -> Vec<sock_filter> {
    const TYPE_BITS: u32 = 0xf;
    let allow = || vec![instruction(RETURN, libc::SECCOMP_RET_ALLOW)];
    let only = |protocols: &[i32], refusal| {
        let protocols: Vec<u32> = protocols.iter().map(|protocol| *protocol as u32).collect();
        on(2, either(&protocols, allow(), refuse(refusal)))
    };
    let tcp = only(&[0, libc::IPPROTO_TCP], libc::EPROTONOSUPPORT);
    let udp = only(&[0, libc::IPPROTO_UDP], libc::EPROTONOSUPPORT);
    let routes = only(&[libc::NETLINK_ROUTE], libc::EPERM);
    let datagram = either(&[libc::SOCK_DGRAM as u32], udp, refuse(libc::EPERM));
    let kind = either(&[libc::SOCK_STREAM as u32], tcp, datagram);
    let internet = on(1, chain([vec![instruction(MASK, TYPE_BITS)], kind]));
    let families = [libc::AF_INET as u32, libc::AF_INET6 as u32];
    let netlink = either(
        &[libc::AF_NETLINK as u32],
        routes,
        refuse(libc::EAFNOSUPPORT),
    );
    let other = either(&families, internet, netlink);
    on(0, either(&[libc::AF_UNIX as u32], allow(), other))
}

/// Requests for sockets alone; all others are terminals' and files'.
fn interface_code(answer: Vec<sock_filter>) -> Vec<sock_filter> {
    let allow = || vec![instruction(RETURN, libc::SECCOMP_RET_ALLOW)];
    let questions: Vec<u32> = ABOUT_INTERFACES
        .iter()
        .map(|request| *request as u32)
        .collect();
    let others = either(&questions, answer, refuse(libc::EOPNOTSUPP));
    let for_sockets = within(&OF_THE_SOCKET, allow(), others);
    on(1, within(&SOCKET_REQUESTS, for_sockets, allow()))
}

/// One way for a range of values, another way for all others. Each way ends the program.
fn within(
    values: &std::ops::Range<u32>,
    then: Vec<sock_filter>,
    otherwise: Vec<sock_filter>,
) -> Vec<sock_filter> {
    let left = then.len() as u8;
    let tests = vec![
        branch(AT_LEAST, values.start, 0, left + 1),
        branch(AT_LEAST, values.end, left, 0),
    ];
    chain([tests, then, otherwise])
}

/// One level after the other, and within it one name after the other.
fn socket_option_code() -> Vec<sock_filter> {
    let allow = || vec![instruction(RETURN, libc::SECCOMP_RET_ALLOW)];
    let refused = || refuse(libc::ENOPROTOOPT);
    let levels = SETTABLE.iter().rev().fold(refused(), |others, level| {
        let names: Vec<u32> = level.names.iter().map(|name| *name as u32).collect();
        let names = on(2, either(&names, allow(), refused()));
        either(&[level.level as u32], names, others)
    });
    on(1, levels)
}

/// What to do with an argument.
fn on(index: u32, then: Vec<sock_filter>) -> Vec<sock_filter> {
    chain([vec![argument(index)], then])
}

/// One way for a few values, another way for all others. Each way ends the program, and the first is short.
fn either(values: &[u32], then: Vec<sock_filter>, otherwise: Vec<sock_filter>) -> Vec<sock_filter> {
    let tests = values.iter().enumerate().map(|(index, value)| {
        let left = values.len() - 1 - index;
        let skipped = if left == 0 { then.len() } else { 0 };
        branch(EQUAL, *value, left as u8, skipped as u8)
    });
    chain([tests.collect(), then, otherwise])
}

fn chain<const N: usize>(parts: [Vec<sock_filter>; N]) -> Vec<sock_filter> {
    parts.into_iter().flatten().collect()
}

fn argument(index: u32) -> sock_filter {
    instruction(LOAD, ARGUMENTS + 8 * index)
}

fn ask() -> Vec<sock_filter> {
    vec![instruction(RETURN, libc::SECCOMP_RET_USER_NOTIF)]
}

fn refuse(errno: i32) -> Vec<sock_filter> {
    vec![instruction(RETURN, libc::SECCOMP_RET_ERRNO | errno as u32)]
}

fn instruction(code: u16, k: u32) -> sock_filter {
    branch(code, k, 0, 0)
}

fn branch(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}
