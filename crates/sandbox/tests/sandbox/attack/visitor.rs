//! A process of the machine that has entered this sandbox, as its owner does to look around: of the same user, in
//! the same name spaces, and outside of what pid 1 has restricted itself and its children to.
//!
//! Nothing but Landlock stands between. What it has of signals and sockets depends on the kernel.

use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use super::Layer::{Landlock, Seccomp};
use super::network::connect_by_name;
use super::{
    Attack, Outcome, SECRET, World, address, call, must_fail, must_hide, none_of, stopped,
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "visitor::environment",
        aims_at: "a visitor's environment",
        stopped_by: &[Landlock],
        run: environment,
    },
    Attack {
        name: "visitor::memory",
        aims_at: "a visitor's memory",
        stopped_by: &[Landlock],
        run: memory,
    },
    Attack {
        name: "visitor::write_memory",
        aims_at: "a visitor's memory",
        stopped_by: &[Landlock],
        run: write_memory,
    },
    Attack {
        name: "visitor::memory_by_call",
        aims_at: "a visitor's memory",
        stopped_by: &[Seccomp, Landlock],
        run: memory_by_call,
    },
    Attack {
        name: "visitor::maps",
        aims_at: "a visitor's addresses",
        stopped_by: &[Landlock],
        run: maps,
    },
    Attack {
        name: "visitor::root",
        aims_at: "a visitor's root",
        stopped_by: &[Landlock],
        run: root,
    },
    Attack {
        name: "visitor::descriptors",
        aims_at: "a visitor's open files",
        stopped_by: &[Landlock],
        run: descriptors,
    },
    Attack {
        name: "visitor::descriptors_by_call",
        aims_at: "a visitor's open files",
        stopped_by: &[Seccomp, Landlock],
        run: descriptors_by_call,
    },
    Attack {
        name: "visitor::trace",
        aims_at: "a visitor",
        stopped_by: &[Seccomp, Landlock],
        run: trace,
    },
    Attack {
        name: "visitor::kill",
        aims_at: "a visitor",
        stopped_by: &[Landlock],
        run: kill,
    },
    Attack {
        name: "visitor::signal_by_descriptor",
        aims_at: "a visitor",
        stopped_by: &[Landlock],
        run: signal_by_descriptor,
    },
    Attack {
        name: "visitor::queue_a_signal",
        aims_at: "a visitor",
        stopped_by: &[Landlock],
        run: queue_a_signal,
    },
    Attack {
        name: "visitor::signal_by_a_socket",
        aims_at: "a visitor",
        stopped_by: &[Landlock],
        run: signal_by_a_socket,
    },
    Attack {
        name: "visitor::abstract_socket",
        aims_at: "a visitor's socket",
        stopped_by: &[Landlock],
        run: abstract_socket,
    },
];

/// Since version 6 of its interface, Landlock keeps signals and abstract sockets in.
fn has_scopes(world: &World) -> bool {
    world.number("landlock") >= 6
}

fn scoped(world: &World, attack: impl FnOnce() -> Outcome) -> Outcome {
    if has_scopes(world) {
        attack()
    } else {
        stopped("not by this kernel, as the start has told")
    }
}

fn file(world: &World, name: &str) -> String {
    format!("/proc/{}/{name}", world.pid("visitor"))
}

fn environment(world: &World) -> Outcome {
    must_fail(fs::read(file(world, "environ")))
}

fn memory(world: &World) -> Outcome {
    let mut bytes = vec![0; SECRET.len() + 8];
    let read = File::open(file(world, "mem"))
        .and_then(|file| file.read_at(&mut bytes, world.number("visitor_memory") as u64));
    must_hide(read.map(|_| bytes))
}

fn write_memory(world: &World) -> Outcome {
    let opened = OpenOptions::new().write(true).open(file(world, "mem"));
    must_fail(opened.and_then(|file| file.write_at(b"X", world.number("visitor_memory") as u64)))
}

fn memory_by_call(world: &World) -> Outcome {
    let mut bytes = vec![0u8; SECRET.len() + 8];
    let here = [
        bytes.as_mut_ptr().expose_provenance() as u64,
        bytes.len() as u64,
    ];
    let there = [world.number("visitor_memory") as u64, bytes.len() as u64];
    let read = call(
        libc::SYS_process_vm_readv,
        [
            world.number("visitor"),
            address(&here),
            1,
            address(&there),
            1,
            0,
        ],
    );
    must_hide(read.map(|_| bytes))
}

fn maps(world: &World) -> Outcome {
    none_of(["maps", "smaps", "auxv", "pagemap"].map(|name| {
        let read = File::open(file(world, name)).and_then(|file| {
            let count = file.read_at(&mut [0; 8], 0)?;
            if count > 0 {
                Ok(count)
            } else {
                Err(std::io::Error::other("nothing in it"))
            }
        });
        (name.to_owned(), must_fail(read))
    }))
}

fn root(world: &World) -> Outcome {
    none_of(
        ["root", "cwd", "exe", "ns/net", "ns/mnt"]
            .map(|name| (name.to_owned(), must_fail(fs::read_link(file(world, name))))),
    )
}

fn descriptors(world: &World) -> Outcome {
    none_of((0..8).map(|number| {
        let name = format!("fd/{number}");
        (name.clone(), must_fail(fs::read_link(file(world, &name))))
    }))
}

fn descriptors_by_call(world: &World) -> Outcome {
    match call(libc::SYS_pidfd_open, [world.number("visitor"), 0]) {
        Ok(process) => must_fail(call(libc::SYS_pidfd_getfd, [process, 1, 0])),
        Err(error) => stopped(error),
    }
}

fn trace(world: &World) -> Outcome {
    must_fail(call(
        libc::SYS_ptrace,
        [libc::PTRACE_SEIZE.into(), world.number("visitor"), 0, 0],
    ))
}

fn kill(world: &World) -> Outcome {
    scoped(world, || {
        let pid = world.number("visitor");
        none_of(
            [0, libc::SIGURG, libc::SIGTERM]
                .into_iter()
                .flat_map(|signal| {
                    let signal = i64::from(signal);
                    [
                        (
                            "kill".to_owned(),
                            must_fail(call(libc::SYS_kill, [pid, signal])),
                        ),
                        (
                            "tgkill".to_owned(),
                            must_fail(call(libc::SYS_tgkill, [pid, pid, signal])),
                        ),
                        (
                            "group".to_owned(),
                            must_fail(call(libc::SYS_kill, [-pid, signal])),
                        ),
                    ]
                }),
        )
    })
}

fn signal_by_descriptor(world: &World) -> Outcome {
    scoped(world, || {
        match call(libc::SYS_pidfd_open, [world.number("visitor"), 0]) {
            Ok(process) => must_fail(call(
                libc::SYS_pidfd_send_signal,
                [process, libc::SIGURG.into(), 0, 0],
            )),
            Err(error) => stopped(error),
        }
    })
}

fn queue_a_signal(world: &World) -> Outcome {
    scoped(world, || {
        let mut information = [0u8; 128];
        information[8..12].copy_from_slice(&(-1i32).to_ne_bytes());
        must_fail(call(
            libc::SYS_rt_sigqueueinfo,
            [
                world.number("visitor"),
                libc::SIGUSR1.into(),
                address(&information),
            ],
        ))
    })
}

/// The kernel sends it to the owner of a descriptor; whether it arrived, the harness sees.
fn signal_by_a_socket(world: &World) -> Outcome {
    scoped(world, || {
        let (one, other) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let number = i64::from(one.as_raw_fd());
        let set = call(
            libc::SYS_fcntl,
            [number, libc::F_SETOWN.into(), world.number("visitor")],
        );
        let armed = call(
            libc::SYS_fcntl,
            [number, libc::F_SETFL.into(), i64::from(libc::O_ASYNC)],
        );
        let _ = std::io::Write::write(&mut &other, b"x");
        std::thread::sleep(std::time::Duration::from_millis(50));
        stopped(format!("{set:?} {armed:?}, here"))
    })
}

fn abstract_socket(world: &World) -> Outcome {
    scoped(world, || connect_by_name(world.text("visitor_name")))
}
