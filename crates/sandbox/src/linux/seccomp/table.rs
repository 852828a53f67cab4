//! The table of system calls, reviewed as data: what is allowed (`allowed`), refused, and decided by arguments.
//!
//! To add a call, put it into the group of whoever needs it, and say who; `tests` and the attacks try every entry.

use super::allowed;
use crate::weaken::{self, Layer};

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Allow,
    /// Answered with this error number.
    Refuse(u16),
    /// Decided by its arguments.
    Check(Check),
    /// Pid 1 hears of it, and makes it or not.
    Ask,
}

/// A decision by arguments. Only the lower halves count: the kernel itself reads no more of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// `clone`: no new name spaces.
    NoNamespaces,
    /// `socket`: local sockets, TCP and UDP, and the routing tables. No other protocol: the kernel would load it.
    SocketKinds,
    /// `socketpair`: local sockets alone.
    LocalSockets,
    /// `ioctl`: nothing that types into a terminal, or loads the kernel's code for another kind of line.
    PlainTerminals,
    /// `fcntl`: no leases, by which a reader of shared code makes all others wait.
    NoLeases,
    /// `mknod`, whose mode this argument is: no devices. One of them, which file systems that are stacked read as a
    /// hole, needs no right, and older kernels' Landlock lets it through.
    NoDevices { argument: u32 },
    /// `prctl`: the options below, which change the caller alone.
    HarmlessPrctl,
    /// `personality`: what it is, and switches that debuggers and 32-bit tools set.
    HarmlessPersonality,
    /// `sendto` and its like: no data with which a connection begins.
    NoFastOpen { argument: u32 },
    /// `setsockopt`: the options of `options`.
    PlainSocketOptions,
    /// `ioctl`: of what is for sockets, only questions about interfaces, which pid 1 answers, and about the socket.
    NoInterfaces,
    /// `ioctl`: the same, but the kernel answers the questions, as all sockets are of the sandbox's own network.
    OwnInterfaces,
    /// `prctl`: whether its memory may be looked at stays as it is, and is answered like a success. All of a sandbox is
    /// one user's, whose other processes can do nothing of that kind; pid 1 must, to make the program's calls for it.
    AlwaysDumpable,
    /// `prlimit` of this resource: it may be asked for, but not be set.
    Fixed { resource: u32 },
    /// `setrlimit`: any but this resource's.
    NoLimit { resource: u32 },
    /// No huge pages, which this flag of this argument asks for: the machine has set them aside for somebody, and no
    /// limit of a sandbox counts them.
    OrdinaryPages { argument: u32, flag: i32 },
}

pub(super) type Rule = (i64, Verdict);

/// Name and number.
pub(super) type Known = (&'static str, i64);

macro_rules! calls {
    ($($name:ident)*) => { &[$((stringify!($name), libc::$name),)*] };
}

// Of linux/prctl.h; libc does not have them.
const PR_SVE_SET_VL: i32 = 50;
const PR_SVE_GET_VL: i32 = 51;
const PR_PAC_RESET_KEYS: i32 = 54;
const PR_SET_TAGGED_ADDR_CTRL: i32 = 55;
const PR_GET_TAGGED_ADDR_CTRL: i32 = 56;

/// Options of `prctl`; any other is answered as by a kernel that does not know it.
pub(super) const PRCTL_OPTIONS: &[i32] = &[
    // Names of threads and of memory: every runtime.
    libc::PR_SET_NAME,
    libc::PR_GET_NAME,
    libc::PR_SET_VMA,
    // Supervisors, shells, `subprocess` with a death signal.
    libc::PR_SET_PDEATHSIG,
    libc::PR_GET_PDEATHSIG,
    libc::PR_SET_CHILD_SUBREAPER,
    libc::PR_GET_CHILD_SUBREAPER,
    libc::PR_SET_DUMPABLE,
    libc::PR_GET_DUMPABLE,
    // Huge pages and timers: the JVM, Go, allocators.
    libc::PR_SET_THP_DISABLE,
    libc::PR_GET_THP_DISABLE,
    libc::PR_SET_TIMERSLACK,
    libc::PR_GET_TIMERSLACK,
    // Programs that restrict themselves, and capabilities that nobody has.
    libc::PR_SET_SECCOMP,
    libc::PR_GET_SECCOMP,
    libc::PR_SET_NO_NEW_PRIVS,
    libc::PR_GET_NO_NEW_PRIVS,
    libc::PR_SET_KEEPCAPS,
    libc::PR_GET_KEEPCAPS,
    libc::PR_CAPBSET_READ,
    libc::PR_CAPBSET_DROP,
    libc::PR_CAP_AMBIENT,
    libc::PR_GET_SECUREBITS,
    libc::PR_SET_MDWE,
    libc::PR_GET_MDWE,
    // Vectors, pointer signing and tagged memory of aarch64: the C library and JITs.
    PR_SVE_SET_VL,
    PR_SVE_GET_VL,
    PR_PAC_RESET_KEYS,
    PR_SET_TAGGED_ADDR_CTRL,
    PR_GET_TAGGED_ADDR_CTRL,
];

/// Known and refused: each reaches beyond the sandbox, or into code of the kernel that sandboxes have no use for.
const REFUSED: &[Known] = calls! {
    SYS_ptrace SYS_kcmp SYS_process_madvise SYS_bpf
    SYS_perf_event_open SYS_userfaultfd SYS_io_uring_setup SYS_io_uring_enter SYS_io_uring_register SYS_io_setup
    SYS_io_destroy SYS_io_submit SYS_io_cancel SYS_io_getevents SYS_keyctl SYS_add_key SYS_request_key SYS_mount
    SYS_umount2 SYS_pivot_root SYS_chroot SYS_fsopen SYS_fsconfig SYS_fsmount SYS_fspick SYS_open_tree
    SYS_move_mount SYS_mount_setattr SYS_name_to_handle_at SYS_open_by_handle_at SYS_setns SYS_unshare
    SYS_init_module SYS_finit_module SYS_delete_module SYS_kexec_load SYS_reboot SYS_swapon SYS_swapoff SYS_acct
    SYS_quotactl SYS_syslog SYS_settimeofday SYS_clock_settime SYS_adjtimex SYS_clock_adjtime SYS_sethostname
    SYS_setdomainname SYS_vhangup SYS_fanotify_init SYS_fanotify_mark SYS_lookup_dcookie SYS_move_pages
    SYS_migrate_pages SYS_mbind SYS_set_mempolicy SYS_mq_open SYS_mq_unlink SYS_mq_timedsend SYS_mq_timedreceive
    SYS_mq_notify SYS_mq_getsetattr SYS_remap_file_pages SYS_msgget SYS_msgsnd SYS_msgrcv SYS_msgctl SYS_vmsplice
    SYS_kexec_file_load SYS_process_mrelease SYS_quotactl_fd SYS_nfsservctl
};

/// Refused to programs, and needed by the pid 1 that makes their calls with addresses.
const OF_PID_1: &[Known] = calls! {
    SYS_process_vm_readv SYS_process_vm_writev SYS_pidfd_getfd
};

/// The same of x86-64: ports, segments and interfaces of the past.
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[Known] = calls! {
    SYS_iopl SYS_ioperm SYS_modify_ldt SYS__sysctl SYS_uselib
    SYS_ustat SYS_sysfs
};

#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[Known] = &[];

/// Of linux/unistd.h; libc does not have them. They tell of mounts beyond a sandbox's root.
const SYS_STATMOUNT: i64 = 457;
const SYS_LISTMOUNT: i64 = 458;

/// Refused by its arguments, or always answered with an error that leads to a safe fallback.
const DECIDED: &[Rule] = &[
    (libc::SYS_clone, Verdict::Check(Check::NoNamespaces)),
    // Answered like a success: it would write out the files of the whole machine, and a sandbox has none to keep.
    (libc::SYS_sync, Verdict::Refuse(0)),
    (SYS_STATMOUNT, Verdict::Refuse(libc::EPERM as u16)),
    (SYS_LISTMOUNT, Verdict::Refuse(libc::EPERM as u16)),
    // Its flags lie in memory, where a filter cannot see them; the C library falls back to `clone`.
    (libc::SYS_clone3, Verdict::Refuse(libc::ENOSYS as u16)),
    (libc::SYS_socket, Verdict::Check(Check::SocketKinds)),
    (libc::SYS_socketpair, Verdict::Check(Check::LocalSockets)),
    (libc::SYS_ioctl, Verdict::Check(Check::PlainTerminals)),
    (libc::SYS_fcntl, Verdict::Check(Check::NoLeases)),
    (libc::SYS_prctl, Verdict::Check(Check::HarmlessPrctl)),
    (
        libc::SYS_mknodat,
        Verdict::Check(Check::NoDevices { argument: 2 }),
    ),
    #[cfg(target_arch = "x86_64")]
    (
        libc::SYS_mknod,
        Verdict::Check(Check::NoDevices { argument: 1 }),
    ),
    (libc::SYS_mmap, ordinary_pages(3, libc::MAP_HUGETLB)),
    (
        libc::SYS_memfd_create,
        ordinary_pages(1, libc::MFD_HUGETLB as i32),
    ),
    (libc::SYS_shmget, ordinary_pages(2, libc::SHM_HUGETLB)),
    (
        libc::SYS_personality,
        Verdict::Check(Check::HarmlessPersonality),
    ),
];

const fn ordinary_pages(argument: u32, flag: i32) -> Verdict {
    Verdict::Check(Check::OrdinaryPages { argument, flag })
}

/// Made by pid 1 for the programs, or not at all, because they say where to: by arguments in memory, where a filter
/// cannot see them, and on sockets that are the machine's.
const ASKED: &[Rule] = &[
    (libc::SYS_connect, Verdict::Ask),
    (libc::SYS_bind, Verdict::Ask),
    (libc::SYS_listen, Verdict::Ask),
    (libc::SYS_sendto, no_fast_open(3)),
    (libc::SYS_sendmsg, no_fast_open(2)),
    (libc::SYS_sendmmsg, no_fast_open(3)),
    (
        libc::SYS_setsockopt,
        Verdict::Check(Check::PlainSocketOptions),
    ),
    (libc::SYS_ioctl, Verdict::Check(Check::NoInterfaces)),
    (libc::SYS_prctl, Verdict::Check(Check::AlwaysDumpable)),
];

/// Requests of `ioctl` that are for sockets, in the numbers of asm-generic/sockios.h and those of drivers behind them.
pub(super) const SOCKET_REQUESTS: std::ops::Range<u32> = 0x8900..0x8c00;
/// Those that are about the socket itself: its owner, its mark of urgent data, its time stamp.
pub(super) const OF_THE_SOCKET: std::ops::Range<u32> = 0x8901..0x8908;
/// Questions about interfaces: each is asked and answered within a `struct ifreq`, but SIOCGIFCONF.
pub(super) const ABOUT_INTERFACES: &[libc::c_ulong] = &[
    libc::SIOCGIFNAME,
    libc::SIOCGIFCONF,
    libc::SIOCGIFFLAGS,
    libc::SIOCGIFADDR,
    libc::SIOCGIFDSTADDR,
    libc::SIOCGIFBRDADDR,
    libc::SIOCGIFNETMASK,
    libc::SIOCGIFMETRIC,
    libc::SIOCGIFMTU,
    libc::SIOCGIFHWADDR,
    libc::SIOCGIFINDEX,
    libc::SIOCGIFTXQLEN,
    libc::SIOCGIFMAP,
];

const fn no_fast_open(argument: u32) -> Verdict {
    Verdict::Check(Check::NoFastOpen { argument })
}

/// Those that are allowed whatever their arguments are.
pub(super) fn allowed() -> impl Iterator<Item = &'static Known> {
    allowed::ALL.into_iter().flatten().map(|(known, _)| known)
}

/// Those that are allowed or not by their arguments.
pub(super) fn decided() -> impl Iterator<Item = i64> {
    let checks = DECIDED.iter();
    checks
        .filter(|(_, verdict)| matches!(verdict, Verdict::Check(_)))
        .map(|(number, _)| *number)
}

/// Those that are known and refused to programs.
pub(super) fn refused() -> impl Iterator<Item = &'static Known> {
    [REFUSED, REFUSED_HERE, OF_PID_1].into_iter().flatten()
}

/// Refused to programs, and needed where clones are made: by pid 1 the first, by the clone on its way the second.
const OF_CLONING: [i64; 2] = [libc::SYS_ptrace, libc::SYS_setns];

/// Who is under a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// A pid 1 that makes calls of programs, which have a second filter.
    Helper,
    /// A pid 1 that makes clones of its program, which has a second filter. Clones have a third.
    Keeper,
    /// Any other process: it is the only filter.
    Other,
}

/// All rules of the first filter, by number.
pub(super) fn rules(holder: Holder) -> Vec<Rule> {
    let allowed = allowed().map(|(_, number)| (*number, Verdict::Allow));
    let own = refuse(OF_PID_1).map(|(number, refused)| match holder {
        Holder::Helper | Holder::Keeper => (number, Verdict::Allow),
        Holder::Other => (number, refused),
    });
    let refused = refuse(REFUSED).map(|(number, refused)| {
        match holder == Holder::Keeper && OF_CLONING.contains(&number) {
            true => (number, Verdict::Allow),
            false => (number, refused),
        }
    });
    let mut rules: Vec<Rule> = allowed
        .chain(own)
        .chain(refused)
        .chain(refuse(REFUSED_HERE))
        .chain(DECIDED.iter().copied())
        .collect();
    rules.sort_by_key(|(number, _)| *number);
    rules
}

/// The rules of the second filter, by number, which programs are under besides.
pub(super) fn rules_of_programs() -> Vec<Rule> {
    let asked = ASKED.iter().map(|(number, verdict)| match verdict {
        Verdict::Ask if weaken::is_off(Layer::Calls) => (*number, Verdict::Allow),
        verdict => (*number, *verdict),
    });
    let cloning = OF_CLONING.map(|number| (number, EPERM));
    let mut rules: Vec<Rule> = asked.chain(refuse(OF_PID_1)).chain(cloning).collect();
    rules.sort_by_key(|(number, _)| *number);
    rules
}

/// The rules of the second filter, by number, of a program that becomes a template. It asks nobody: it has no network.
/// What its clones need on their way into their sandboxes is of no use to it, which holds nothing of any other. One that
/// hides its memory is no template. Sockets have the options and requests of any program's. Its limit of processes has
/// room above it for those of its clones, and that room is not for it.
pub(super) fn rules_of_templates() -> Vec<Rule> {
    let plain = ASKED.iter().filter_map(|(number, verdict)| match verdict {
        Verdict::Check(Check::NoInterfaces) => {
            Some((*number, Verdict::Check(Check::OwnInterfaces)))
        }
        Verdict::Check(Check::PlainSocketOptions | Check::NoFastOpen { .. }) => {
            Some((*number, *verdict))
        }
        _ => None,
    });
    let mut rules = vec![
        (libc::SYS_ptrace, EPERM),
        (libc::SYS_process_vm_readv, EPERM),
        (libc::SYS_process_vm_writev, EPERM),
        (
            libc::SYS_prlimit64,
            Verdict::Check(Check::Fixed {
                resource: libc::RLIMIT_NPROC,
            }),
        ),
        (
            libc::SYS_setrlimit,
            Verdict::Check(Check::NoLimit {
                resource: libc::RLIMIT_NPROC,
            }),
        ),
    ];
    rules.extend(plain);
    rules.sort_by_key(|(number, _)| *number);
    rules
}

const EPERM: Verdict = Verdict::Refuse(libc::EPERM as u16);

fn refuse(calls: &'static [Known]) -> impl Iterator<Item = Rule> {
    let refused = Verdict::Refuse(libc::EPERM as u16);
    calls.iter().map(move |(_, number)| (*number, refused))
}
