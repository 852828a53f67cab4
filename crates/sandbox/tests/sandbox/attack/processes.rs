//! Processes: pid 1, those outside, and the debugger's calls, which work on nobody.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use super::Layer::{Init, Kernel, Limits, Processes, Rights, Seccomp, UserSpace};
use super::{
    Attack, Outcome, SECRET, Sleeper, World, address, breached, call, in_child, must_fail,
    must_hide, must_hold, none_of, stopped,
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "processes::environment_of_pid_1",
        aims_at: "the server's environment",
        stopped_by: &[Init],
        run: environment_of_pid_1,
    },
    Attack {
        name: "processes::memory_of_pid_1",
        aims_at: "the spawner's memory",
        stopped_by: &[Init],
        run: memory_of_pid_1,
    },
    Attack {
        name: "processes::root_of_pid_1",
        aims_at: "the spawner's root",
        stopped_by: &[Init],
        run: root_of_pid_1,
    },
    Attack {
        name: "processes::program_of_pid_1",
        aims_at: "the next sandbox's pid 1",
        stopped_by: &[Init],
        run: program_of_pid_1,
    },
    Attack {
        name: "processes::overwrite_own_program",
        aims_at: "programs of the machine",
        stopped_by: &[Kernel, super::Layer::Flags],
        run: overwrite_own_program,
    },
    Attack {
        name: "processes::secrets_in_any_environment",
        aims_at: "environments",
        stopped_by: &[Processes, Init],
        run: secrets_in_any_environment,
    },
    Attack {
        name: "processes::canary_by_number",
        aims_at: "a process of the machine",
        stopped_by: &[Processes],
        run: canary_by_number,
    },
    Attack {
        name: "processes::only_own_are_seen",
        aims_at: "processes of the machine",
        stopped_by: &[Processes],
        run: only_own_are_seen,
    },
    Attack {
        name: "processes::trace_pid_1",
        aims_at: "pid 1",
        stopped_by: &[Seccomp, Init],
        run: trace_pid_1,
    },
    Attack {
        name: "processes::trace_a_child",
        aims_at: "a process",
        stopped_by: &[Seccomp],
        run: trace_a_child,
    },
    Attack {
        name: "processes::be_traced",
        aims_at: "a process",
        stopped_by: &[Seccomp],
        run: be_traced,
    },
    Attack {
        name: "processes::trace_the_canary",
        aims_at: "a process of the machine",
        stopped_by: &[Seccomp, Processes],
        run: trace_the_canary,
    },
    Attack {
        name: "processes::read_a_childs_memory",
        aims_at: "memory of a process",
        stopped_by: &[Seccomp],
        run: read_a_childs_memory,
    },
    Attack {
        name: "processes::write_a_childs_memory",
        aims_at: "memory of a process",
        stopped_by: &[Seccomp],
        run: write_a_childs_memory,
    },
    Attack {
        name: "processes::read_pid_1s_memory",
        aims_at: "memory of pid 1",
        stopped_by: &[Seccomp, Init],
        run: read_pid_1s_memory,
    },
    Attack {
        name: "processes::read_the_canarys_memory",
        aims_at: "memory of the machine's process",
        stopped_by: &[Processes, Seccomp],
        run: read_the_canarys_memory,
    },
    Attack {
        name: "processes::compare_with_a_child",
        aims_at: "addresses in the kernel",
        stopped_by: &[Seccomp],
        run: compare_with_a_child,
    },
    Attack {
        name: "processes::advise_a_child",
        aims_at: "memory of a process",
        stopped_by: &[Seccomp, Rights],
        run: advise_a_child,
    },
    Attack {
        name: "processes::user_space_by_unshare",
        aims_at: "rights in a name space",
        stopped_by: &[Seccomp, UserSpace],
        run: user_space_by_unshare,
    },
    Attack {
        name: "processes::user_space_by_clone",
        aims_at: "rights in a name space",
        stopped_by: &[Seccomp, UserSpace],
        run: user_space_by_clone,
    },
    Attack {
        name: "processes::user_space_by_clone3",
        aims_at: "rights in a name space",
        stopped_by: &[Seccomp, UserSpace],
        run: user_space_by_clone3,
    },
    Attack {
        name: "processes::other_spaces",
        aims_at: "rights in a name space",
        stopped_by: &[Seccomp, Rights],
        run: other_spaces,
    },
    Attack {
        name: "processes::space_of_time",
        aims_at: "clocks of a name space",
        stopped_by: &[Seccomp, Rights],
        run: space_of_time,
    },
    Attack {
        name: "processes::space_of_pid_1",
        aims_at: "the spawner's name spaces",
        stopped_by: &[Seccomp, Init],
        run: space_of_pid_1,
    },
    Attack {
        name: "processes::no_core_is_left",
        aims_at: "the machine's core handler",
        stopped_by: &[Limits],
        run: no_core_is_left,
    },
    Attack {
        name: "processes::limits_of_the_canary",
        aims_at: "a process of the machine",
        stopped_by: &[Processes],
        run: limits_of_the_canary,
    },
    Attack {
        name: "processes::raise_limits",
        aims_at: "limits",
        stopped_by: &[Rights],
        run: raise_limits,
    },
    Attack {
        name: "processes::better_than_others",
        aims_at: "the machine's processors",
        stopped_by: &[Rights, Limits],
        run: better_than_others,
    },
    Attack {
        name: "processes::real_time",
        aims_at: "the machine's processors",
        stopped_by: &[Rights, Limits],
        run: real_time,
    },
    Attack {
        name: "processes::deadlines",
        aims_at: "the machine's processors",
        stopped_by: &[Seccomp, Rights],
        run: deadlines,
    },
    Attack {
        name: "processes::disk_before_others",
        aims_at: "the machine's disks",
        stopped_by: &[Seccomp, Rights],
        run: disk_before_others,
    },
    Attack {
        name: "processes::worse_for_the_user",
        aims_at: "processes of the same user outside",
        stopped_by: &[Processes, super::Layer::OwnUser],
        run: worse_for_the_user,
    },
    Attack {
        name: "processes::spared_when_memory_ends",
        aims_at: "the machine's memory",
        stopped_by: &[Rights],
        run: spared_when_memory_ends,
    },
    Attack {
        name: "processes::pid_1_dies_first",
        aims_at: "pid 1",
        stopped_by: &[Init],
        run: pid_1_dies_first,
    },
    Attack {
        name: "processes::parent_outside",
        aims_at: "the spawner's children",
        stopped_by: &[Processes],
        run: parent_outside,
    },
    Attack {
        name: "processes::other_personality",
        aims_at: "protections of memory",
        stopped_by: &[Seccomp],
        run: other_personality,
    },
];

fn environment_of_pid_1(_: &World) -> Outcome {
    none_of(["environ", "cmdline", "auxv"].map(|file| {
        let text = fs::read(format!("/proc/1/{file}"));
        let outcome = match text {
            Ok(text) if file == "cmdline" => must_hold(
                b"lambkin-init\0run\0network\0landlock\0".starts_with(&text),
                String::from_utf8_lossy(&text),
            ),
            other => must_fail(other),
        };
        (file.to_owned(), outcome)
    }))
}

fn memory_of_pid_1(_: &World) -> Outcome {
    none_of(
        [
            "mem",
            "maps",
            "smaps",
            "pagemap",
            "stack",
            "syscall",
            "personality",
            "numa_maps",
        ]
        .map(|file| {
            let read = File::open(format!("/proc/1/{file}")).and_then(|mut file| {
                let count = file.read(&mut [0; 64])?;
                if count > 0 {
                    Ok(count)
                } else {
                    Err(io::Error::other("nothing in it"))
                }
            });
            (file.to_owned(), must_fail(read))
        }),
    )
}

fn root_of_pid_1(_: &World) -> Outcome {
    none_of(
        ["root/etc/passwd", "cwd/etc/passwd", "root", "cwd", "exe"].map(|path| {
            (
                path.to_owned(),
                must_fail(
                    fs::metadata(format!("/proc/1/{path}"))
                        .and_then(|_| fs::read_link(format!("/proc/1/{path}"))),
                ),
            )
        }),
    )
}

/// The way out of runc: what pid 1 is executed from is shared by all sandboxes to come.
fn program_of_pid_1(_: &World) -> Outcome {
    none_of(
        ["/proc/1/exe", "/proc/1/map_files", "/proc/1/fd/3"].map(|path| {
            (
                path.to_owned(),
                must_fail(OpenOptions::new().write(true).open(path)),
            )
        }),
    )
}

fn overwrite_own_program(_: &World) -> Outcome {
    must_fail(OpenOptions::new().write(true).open("/proc/self/exe"))
}

fn secrets_in_any_environment(_: &World) -> Outcome {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    none_of(processes.map(|process| {
        let path = process.path().join("environ");
        (path.display().to_string(), must_hide(fs::read(path)))
    }))
}

fn canary_by_number(world: &World) -> Outcome {
    let numbers = [world.pid("pid"), world.pid("server")];
    let files = [
        "environ",
        "mem",
        "maps",
        "root/etc/shadow",
        "cwd/secret",
        "fd/0",
        "exe",
        "status",
    ];
    none_of(numbers.into_iter().flat_map(|pid| {
        files.map(|file| {
            let path = format!("/proc/{pid}/{file}");
            let bytes = File::open(&path).and_then(|file| {
                let mut bytes = vec![0; 4096];
                let at = if path.ends_with("mem") {
                    world.number("memory") as u64
                } else {
                    0
                };
                let count = file.read_at(&mut bytes, at)?;
                bytes.truncate(count);
                Ok(bytes)
            });
            (path, must_hide(bytes))
        })
    }))
}

fn only_own_are_seen(_: &World) -> Outcome {
    let names = fs::read_dir("/proc")
        .expect("/proc")
        .flatten()
        .map(|entry| entry.file_name());
    let seen: Vec<i32> = names
        .filter_map(|name| name.to_str()?.parse().ok())
        .collect();
    // Those that the listing leaves out are asked one by one.
    let hidden = (1..4096).filter(|pid| !seen.contains(pid));
    let found: Vec<_> = hidden
        .filter(|pid| fs::metadata(format!("/proc/{pid}/task/{pid}")).is_ok())
        .collect();
    // Pid 1 and this program, which it started.
    let own = std::process::id().cast_signed();
    let only_own = seen.iter().all(|pid| [1, own].contains(pid));
    must_hold(found.is_empty() && only_own, format!("{seen:?} {found:?}"))
}

fn trace(request: libc::c_uint, pid: i32) -> io::Result<i64> {
    call(libc::SYS_ptrace, [request.into(), pid.into(), 0, 0])
}

fn trace_pid_1(_: &World) -> Outcome {
    none_of(
        [libc::PTRACE_ATTACH, libc::PTRACE_SEIZE]
            .map(|request| (request.to_string(), must_fail(trace(request, 1)))),
    )
}

fn trace_a_child(_: &World) -> Outcome {
    let child = Sleeper::start().expect("a child");
    none_of(
        [libc::PTRACE_SEIZE, libc::PTRACE_ATTACH]
            .map(|request| (request.to_string(), must_fail(trace(request, child.pid)))),
    )
}

fn be_traced(_: &World) -> Outcome {
    must_fail(trace(libc::PTRACE_TRACEME, 0))
}

fn trace_the_canary(world: &World) -> Outcome {
    must_fail(trace(libc::PTRACE_SEIZE, world.pid("pid")))
}

fn transfer(number: i64, pid: i32, remote: u64, local: &mut [u8]) -> io::Result<i64> {
    let here = [
        local.as_mut_ptr().expose_provenance() as u64,
        local.len() as u64,
    ];
    let there = [remote, local.len() as u64];
    call(
        number,
        [pid.into(), address(&here), 1, address(&there), 1, 0],
    )
}

/// A copy of this process has the same addresses.
fn read_a_childs_memory(_: &World) -> Outcome {
    let value = [7u8; 8];
    let child = Sleeper::start().expect("a child");
    must_fail(transfer(
        libc::SYS_process_vm_readv,
        child.pid,
        address(&value) as u64,
        &mut [0; 8],
    ))
}

fn write_a_childs_memory(_: &World) -> Outcome {
    let value = [7u8; 8];
    let child = Sleeper::start().expect("a child");
    must_fail(transfer(
        libc::SYS_process_vm_writev,
        child.pid,
        address(&value) as u64,
        &mut [0; 8],
    ))
}

fn read_pid_1s_memory(_: &World) -> Outcome {
    none_of([0x40_0000u64, 0x20_0000, 0x1000].map(|at| {
        (
            format!("{at:x}"),
            must_fail(transfer(libc::SYS_process_vm_readv, 1, at, &mut [0; 8])),
        )
    }))
}

fn read_the_canarys_memory(world: &World) -> Outcome {
    let mut bytes = vec![0; SECRET.len() + 8];
    let at = world.number("memory") as u64;
    let read = transfer(libc::SYS_process_vm_readv, world.pid("pid"), at, &mut bytes);
    must_hide(read.map(|_| bytes))
}

fn compare_with_a_child(_: &World) -> Outcome {
    let child = Sleeper::start().expect("a child");
    none_of((0..7).map(|kind| {
        let own = std::process::id();
        let compared = call(libc::SYS_kcmp, [own.into(), child.pid.into(), kind, 1, 1]);
        (kind.to_string(), must_fail(compared))
    }))
}

fn advise_a_child(_: &World) -> Outcome {
    let child = Sleeper::start().expect("a child");
    let page = vec![1u8; 8192];
    let part = [(page.as_ptr().addr() as u64 + 4095) & !4095, 4096];
    let process = call(libc::SYS_pidfd_open, [child.pid.into(), 0]).expect("its descriptor");
    let advised = call(
        libc::SYS_process_madvise,
        [process, address(&part), 1, libc::MADV_COLD.into(), 0],
    );
    must_fail(advised)
}

fn user_space_by_unshare(_: &World) -> Outcome {
    must_fail(call(libc::SYS_unshare, [libc::CLONE_NEWUSER.into()]))
}

fn cloned(flags: i32) -> Outcome {
    match call(libc::SYS_clone, [i64::from(flags | libc::SIGCHLD)]) {
        // SAFETY: ends the copy.
        Ok(0) => unsafe { libc::_exit(0) },
        other => must_fail(other),
    }
}

fn user_space_by_clone(_: &World) -> Outcome {
    cloned(libc::CLONE_NEWUSER)
}

fn user_space_by_clone3(_: &World) -> Outcome {
    let arguments: [u64; 11] = [
        libc::CLONE_NEWUSER as u64,
        0,
        0,
        0,
        libc::SIGCHLD as u64,
        0,
        0,
        0,
        0,
        0,
        0,
    ];
    match call(libc::SYS_clone3, [address(&arguments), 88]) {
        // SAFETY: ends the copy.
        Ok(0) => unsafe { libc::_exit(0) },
        other => must_fail(other),
    }
}

fn other_spaces(_: &World) -> Outcome {
    let kinds = [
        libc::CLONE_NEWNS,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWCGROUP,
    ];
    none_of(kinds.into_iter().flat_map(|kind| {
        let unshared = must_fail(call(libc::SYS_unshare, [kind.into()]));
        [
            (format!("unshare {kind:x}"), unshared),
            (format!("clone {kind:x}"), cloned(kind)),
        ]
    }))
}

/// The one kind that `clone` cannot name: there this bit is part of a signal.
fn space_of_time(_: &World) -> Outcome {
    const NEW_TIME: i64 = 0x80;
    must_fail(call(libc::SYS_unshare, [NEW_TIME]))
}

fn space_of_pid_1(_: &World) -> Outcome {
    let kinds = [
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
    ];
    let process = call(libc::SYS_pidfd_open, [1, 0]).unwrap_or(-1);
    none_of(kinds.map(|kind| {
        (
            format!("{kind:x}"),
            must_fail(call(libc::SYS_setns, [process, kind.into()])),
        )
    }))
}

fn no_core_is_left(_: &World) -> Outcome {
    std::env::set_current_dir("/tmp").expect("a folder");
    let (_, status) = in_child(|| {
        let limit = libc::rlimit {
            rlim_cur: libc::RLIM_INFINITY,
            rlim_max: libc::RLIM_INFINITY,
        };
        // SAFETY: asks for a limit and then for its own end.
        unsafe {
            libc::setrlimit(libc::RLIMIT_CORE, &raw const limit);
            libc::abort()
        }
    })
    .expect("a child");
    let left = fs::read_dir("/tmp").expect("a folder").count();
    let dumped = libc::WCOREDUMP(status);
    must_hold(
        !dumped && left == 0,
        format!("dumped: {dumped}, {left} files"),
    )
}

fn limits_of_the_canary(world: &World) -> Outcome {
    let limit = libc::rlimit {
        rlim_cur: 3,
        rlim_max: 3,
    };
    none_of(["pid", "server"].map(|who| {
        let set = call(
            libc::SYS_prlimit64,
            [
                world.number(who),
                i64::from(libc::RLIMIT_NOFILE),
                address(&limit),
                0,
            ],
        );
        (who.to_owned(), must_fail(set))
    }))
}

fn raise_limits(_: &World) -> Outcome {
    let kinds = [
        libc::RLIMIT_CORE,
        libc::RLIMIT_MEMLOCK,
        libc::RLIMIT_MSGQUEUE,
        libc::RLIMIT_SIGPENDING,
        libc::RLIMIT_RTPRIO,
        libc::RLIMIT_NICE,
    ];
    none_of(kinds.map(|kind| {
        let limit = libc::rlimit {
            rlim_cur: 1 << 20,
            rlim_max: 1 << 20,
        };
        (
            kind.to_string(),
            must_fail(call(
                libc::SYS_setrlimit,
                [i64::from(kind), address(&limit)],
            )),
        )
    }))
}

fn better_than_others(_: &World) -> Outcome {
    none_of([-1, -20].map(|nice| {
        (
            nice.to_string(),
            must_fail(call(
                libc::SYS_setpriority,
                [libc::PRIO_PROCESS.into(), 0, nice],
            )),
        )
    }))
}

fn real_time(_: &World) -> Outcome {
    none_of([libc::SCHED_FIFO, libc::SCHED_RR].map(|policy| {
        let priority = 1i32;
        (
            policy.to_string(),
            must_fail(call(
                libc::SYS_sched_setscheduler,
                [0, policy.into(), address(&priority)],
            )),
        )
    }))
}

fn deadlines(_: &World) -> Outcome {
    #[repr(C)]
    struct Attributes {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        runtime: u64,
        deadline: u64,
        period: u64,
    }
    let wanted = Attributes {
        size: 48,
        policy: 6,
        flags: 0,
        nice: 0,
        priority: 0,
        runtime: 10_000_000,
        deadline: 20_000_000,
        period: 20_000_000,
    };
    must_fail(call(libc::SYS_sched_setattr, [0, address(&wanted), 0]))
}

fn disk_before_others(_: &World) -> Outcome {
    const REAL_TIME: i64 = 1 << 13;
    must_fail(call(libc::SYS_ioprio_set, [1, 0, REAL_TIME]))
}

/// By user and by group: worse priority for all that belong to it. Whether the canary has it, the harness sees.
fn worse_for_the_user(_: &World) -> Outcome {
    let done = [libc::PRIO_USER, libc::PRIO_PGRP].map(|which| {
        [0, 993, 1000].map(|who| call(libc::SYS_setpriority, [which.into(), who, 19]).is_ok())
    });
    let disk = call(libc::SYS_ioprio_set, [3, 993, 3 << 13]);
    stopped(format!("{done:?} {disk:?}, here"))
}

fn spared_when_memory_ends(_: &World) -> Outcome {
    let before = fs::read_to_string("/proc/self/oom_score_adj").expect("a number");
    none_of(["-1000", "-1"].map(|score| {
        let written = fs::write("/proc/self/oom_score_adj", score);
        let after = fs::read_to_string("/proc/self/oom_score_adj").expect("a number");
        (
            score.to_owned(),
            must_hold(before == after, format!("{written:?}")),
        )
    }))
}

fn pid_1_dies_first(_: &World) -> Outcome {
    none_of(
        [
            "oom_score_adj",
            "oom_adj",
            "comm",
            "coredump_filter",
            "timerslack_ns",
            "autogroup",
            "clear_refs",
        ]
        .map(|file| {
            (
                file.to_owned(),
                must_fail(fs::write(format!("/proc/1/{file}"), "1000")),
            )
        }),
    )
}

/// A process whose parent is its maker's parent is one of pid 1, and never of the spawner.
fn parent_outside(_: &World) -> Outcome {
    let (mut heard, told) = io::pipe().expect("a pipe");
    let flags = libc::CLONE_PARENT | libc::SIGCHLD;
    match call(libc::SYS_clone, [flags.into()]) {
        Ok(0) => {
            // SAFETY: asks for a number, writes it, ends the copy.
            unsafe {
                let parent = libc::getppid();
                libc::write(
                    std::os::fd::AsRawFd::as_raw_fd(&told),
                    (&raw const parent).cast(),
                    4,
                );
                libc::_exit(0)
            }
        }
        Ok(_) => {
            drop(told);
            let mut parent = [0; 4];
            heard.read_exact(&mut parent).expect("a number");
            let parent = i32::from_ne_bytes(parent);
            must_hold(parent > 0, format!("its parent is {parent}"))
        }
        Err(error) => stopped(error),
    }
}

/// Readable memory that can be executed, addresses that can be guessed, a 3 GiB space.
fn other_personality(_: &World) -> Outcome {
    let harmful = [0x40_0000, 0x20_0000, 0x10_0000, 0x800_0000];
    none_of(harmful.map(|personality| {
        (
            format!("{personality:x}"),
            must_fail(call(libc::SYS_personality, [personality])),
        )
    }))
    .and(|| match call(libc::SYS_personality, [0xffff_ffff]) {
        Ok(0) => stopped("as it was"),
        other => breached(format!("{other:?}")),
    })
}

impl Outcome {
    fn and(self, next: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Stopped(_) => next(),
            breach @ Self::Breached(_) => breach,
        }
    }
}
