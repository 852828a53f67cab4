//! Hostile code: this half of the `attacks` case runs inside a sandbox, tries what a way out would need, and
//! prints the names of what succeeded.
#![allow(unsafe_code)]

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Where the test outside waits for a sandbox that reaches it.
struct Outside<'a> {
    port: u16,
    abstract_name: &'a str,
}

/// Calls that would reach beyond the sandbox, or into code of the kernel that sandboxes have no use for.
const CALLS: &[(&str, libc::c_long, [libc::c_long; 3])] = &[
    ("ptrace", libc::SYS_ptrace, [0, 0, 0]),
    ("ptrace pid 1", libc::SYS_ptrace, [16, 1, 0]),
    ("process_vm_readv", libc::SYS_process_vm_readv, [1, 0, 0]),
    ("pidfd_getfd", libc::SYS_pidfd_getfd, [0, 0, 0]),
    ("kcmp", libc::SYS_kcmp, [1, 1, 0]),
    ("io_uring_setup", libc::SYS_io_uring_setup, [1, 0, 0]),
    ("bpf", libc::SYS_bpf, [0, 0, 0]),
    ("keyctl", libc::SYS_keyctl, [0, -3, 1]),
    (
        "unshare user",
        libc::SYS_unshare,
        [libc::CLONE_NEWUSER as libc::c_long, 0, 0],
    ),
    (
        "unshare files",
        libc::SYS_unshare,
        [libc::CLONE_FILES as libc::c_long, 0, 0],
    ),
    (
        "clone user",
        libc::SYS_clone,
        [(libc::CLONE_NEWUSER | libc::SIGCHLD) as libc::c_long, 0, 0],
    ),
    ("clone3", libc::SYS_clone3, [0, 0, 0]),
    ("setns", libc::SYS_setns, [0, 0, 0]),
    ("syslog", libc::SYS_syslog, [10, 0, 0]),
    ("setuid", libc::SYS_setuid, [0, 0, 0]),
    ("setgid", libc::SYS_setgid, [0, 0, 0]),
    ("setgroups", libc::SYS_setgroups, [0, 0, 0]),
    ("real-time disk", libc::SYS_ioprio_set, [1, 0, 1 << 13]),
    ("nice -1", libc::SYS_setpriority, [0, 0, -1]),
    ("personality", libc::SYS_personality, [0x40_0000, 0, 0]),
    ("mlockall", libc::SYS_mlockall, [1, 0, 0]),
    ("prctl memory map", libc::SYS_prctl, [35, 1, 0]),
    ("prctl core scheduling", libc::SYS_prctl, [62, 1, 0]),
    ("fchmodat2", 452, [0, 0, 0]),
    ("memfd_secret", 447, [0, 0, 0]),
    ("message queue", libc::SYS_msgget, [0, 0o1600, 0]),
    ("huge shared memory", libc::SYS_shmget, [0, 2 << 20, 0o5600]),
];

/// Kinds of sockets that lead to hardware, to the host, or to code that nobody needs.
const SOCKETS: &[(&str, i32, i32, i32)] = &[
    ("raw", libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP),
    ("ping", libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_ICMP),
    ("sctp", libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_SCTP),
    ("packet", libc::AF_PACKET, libc::SOCK_RAW, 0),
    ("vsock", libc::AF_VSOCK, libc::SOCK_STREAM, 0),
    ("alg", libc::AF_ALG, libc::SOCK_SEQPACKET, 0),
    ("key", libc::AF_KEY, libc::SOCK_RAW, 2),
    ("xdp", libc::AF_XDP, libc::SOCK_RAW, 0),
    ("bluetooth", libc::AF_BLUETOOTH, libc::SOCK_RAW, 0),
    (
        "audit",
        libc::AF_NETLINK,
        libc::SOCK_RAW,
        libc::NETLINK_AUDIT,
    ),
    (
        "netfilter",
        libc::AF_NETLINK,
        libc::SOCK_RAW,
        libc::NETLINK_NETFILTER,
    ),
    (
        "uevents",
        libc::AF_NETLINK,
        libc::SOCK_RAW,
        libc::NETLINK_KOBJECT_UEVENT,
    ),
];

/// Files of others, of the kernel, and of the machine.
const READ: &[&str] = &[
    "/proc/1/environ",
    "/proc/1/mem",
    "/proc/1/maps",
    "/proc/1/fd/0",
    "/proc/1/root/etc/passwd",
    "/proc/1/cwd/hello.txt",
    "/proc/1/exe",
    "/proc/1/stack",
    "/proc/kmsg",
    "/proc/vmallocinfo",
    "/proc/slabinfo",
    "/proc/kpagecount",
    "/proc/self/stack",
    "/sys/kernel/security",
    "/dev/mem",
    "/dev/kvm",
    "/dev/fuse",
    "/dev/net/tun",
    "/dev/loop0",
    "/dev/loop-control",
    "/dev/vda",
    "/etc/shadow",
];

const WRITE: &[&str] = &[
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/hostname",
    "/proc/sys/vm/drop_caches",
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/sys/net/ipv4/ping_group_range",
    "/proc/sys/fs/mqueue/queues_max",
    "/proc/sysrq-trigger",
    "/proc/1/oom_score_adj",
    "/proc/1/comm",
    "/proc/self/uid_map",
    "/proc/self/setgroups",
    "/proc/irq/default_smp_affinity",
    "/usr/bin/true",
    "/var/task/hello.txt",
    "/etc/passwd",
    "/dev/pts/ptmx/x",
];

/// `PORT NAME`: a port and an abstract socket of the machine.
pub(crate) fn all(arguments: &[String]) -> ExitCode {
    let [port, abstract_name] = arguments else {
        return ExitCode::FAILURE;
    };
    let outside = &Outside {
        port: port.parse().expect("a port"),
        abstract_name,
    };
    let groups: [(&str, Vec<String>); 8] = [
        ("call", calls()),
        ("socket", sockets()),
        ("read", files(READ, read)),
        ("write", files(WRITE, write)),
        ("rights", rights()),
        ("memory", memory()),
        ("tmp", tmp()),
        ("network", network(outside)),
    ];
    for (group, succeeded) in groups {
        for name in succeeded {
            println!("{group}: {name}");
        }
    }
    ExitCode::SUCCESS
}

fn call(number: libc::c_long, arguments: [libc::c_long; 3]) -> bool {
    let [first, second, third] = arguments;
    // SAFETY: the pointers among the arguments are null, a constant string, or no pointers for these calls.
    let result = unsafe { libc::syscall(number, first, second, third, 0, 0) };
    if result == 0 && number == libc::SYS_clone {
        // SAFETY: ends the copy that must not be there, before it prints anything.
        unsafe { libc::_exit(0) };
    }
    result >= 0
}

fn calls() -> Vec<String> {
    let succeeded = CALLS
        .iter()
        .filter(|(_, number, arguments)| call(*number, *arguments));
    succeeded.map(|(name, ..)| (*name).to_owned()).collect()
}

fn sockets() -> Vec<String> {
    let opened = SOCKETS.iter().filter(|(_, family, kind, protocol)| {
        // SAFETY: takes numbers only; the descriptor stays open until this program ends.
        unsafe { libc::socket(*family, *kind, *protocol) >= 0 }
    });
    opened.map(|(name, ..)| (*name).to_owned()).collect()
}

fn files(paths: &[&str], attempt: impl Fn(&str) -> bool) -> Vec<String> {
    let succeeded = paths.iter().filter(|path| attempt(path));
    succeeded.map(|path| (*path).to_owned()).collect()
}

fn read(path: &str) -> bool {
    let first = |mut file: File| file.read(&mut [0]);
    File::open(path)
        .and_then(first)
        .is_ok_and(|length| length > 0)
}

fn write(path: &str) -> bool {
    let first = |mut file: File| file.write_all(b"0");
    OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(first)
        .is_ok()
}

fn rights() -> Vec<String> {
    let mut gained = Vec::new();
    let limit = libc::rlimit {
        rlim_cur: 4096,
        rlim_max: 4096,
    };
    // SAFETY: the kernel reads the structure, which lives until the call returns.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } == 0 {
        gained.push("more descriptors".into());
    }
    let scheduling = libc::sched_param { sched_priority: 1 };
    // SAFETY: the kernel reads the structure, which lives until the call returns.
    if unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const scheduling) } == 0 {
        gained.push("real-time scheduling".into());
    }
    if write_text("/proc/self/oom_score_adj", "-1000") {
        gained.push("safety from the out-of-memory killer".into());
    }
    for signal in [libc::SIGKILL, libc::SIGTERM, libc::SIGSTOP, libc::SIGUSR1] {
        // SAFETY: takes numbers only.
        unsafe { libc::kill(1, signal) };
    }
    for program in ["/usr/bin/su", "/usr/bin/mount", "/usr/bin/passwd"] {
        let status = std::process::Command::new(program)
            .args(["-c", "id -u"])
            .output();
        if status.is_ok_and(|output| output.stdout.starts_with(b"0")) {
            gained.push(program.into());
        }
    }
    gained
}

fn write_text(path: &str, text: &str) -> bool {
    fs::write(path, text).is_ok()
}

fn memory() -> Vec<String> {
    let mut had = Vec::new();
    // SAFETY: a new mapping of its own, or none.
    let huge = unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_HUGETLB;
        libc::mmap(std::ptr::null_mut(), 2 << 20, libc::PROT_READ, flags, -1, 0)
    };
    if huge != libc::MAP_FAILED {
        had.push("huge pages".into());
    }
    // SAFETY: the name is a constant string.
    if unsafe { libc::memfd_create(c"x".as_ptr(), libc::MFD_HUGETLB) } >= 0 {
        had.push("a file of huge pages".into());
    }
    let page = vec![1u8; 1 << 20];
    // SAFETY: locks memory of this program.
    if unsafe { libc::mlock(page.as_ptr().cast(), page.len()) } == 0 {
        had.push("a locked mebibyte".into());
    }
    had
}

fn tmp() -> Vec<String> {
    let mut made = Vec::new();
    for (name, kind) in [("null", libc::S_IFCHR), ("disk", libc::S_IFBLK)] {
        let path = std::ffi::CString::new(format!("/tmp/{name}")).expect("no zero");
        // SAFETY: the path lives until the call returns.
        if unsafe { libc::mknod(path.as_ptr(), kind | 0o666, libc::makedev(1, 3)) } == 0 {
            made.push(format!("a device, {name}"));
        }
    }
    if fs::hard_link("/usr/bin/su", "/tmp/su").is_ok() {
        made.push("a link to a program of the machine".into());
    }
    made
}

fn network(outside: &Outside<'_>) -> Vec<String> {
    let mut reached = Vec::new();
    let start = Instant::now();
    for address in [
        "127.0.0.1",
        "[::1]",
        "10.0.0.1",
        "169.254.169.254",
        "0.0.0.0",
    ] {
        if TcpStream::connect(format!("{address}:{}", outside.port)).is_ok() {
            reached.push(format!("{address} by TCP"));
        }
    }
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    if socket.send_to(b"x", "192.0.2.1:53").is_ok() {
        reached.push("another host by UDP".into());
    }
    if start.elapsed() > Duration::from_secs(1) {
        reached.push("nothing, but slowly".into());
    }
    let name = SocketAddr::from_abstract_name(outside.abstract_name).expect("a name");
    if UnixStream::connect_addr(&name).is_ok() {
        reached.push("an abstract socket".into());
    }
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let listener = TcpListener::bind(address);
        if !listener.is_ok_and(|own| {
            own.local_addr()
                .is_ok_and(|at| TcpStream::connect(at).is_ok())
        }) {
            reached.push(format!("nothing, not even its own {address}"));
        }
    }
    reached
}
