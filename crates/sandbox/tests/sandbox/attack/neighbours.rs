//! Another sandbox, which holds secrets in every place that it has, as the machine's own user or not.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;

use super::Layer::{Ipc, Landlock, Network, OwnUser, Processes, Root, Seccomp};
use super::network::connect_by_name;
use super::{
    Attack, Outcome, SECRET, World, address, call, must_fail, must_hide, must_hold, none_of,
    stopped,
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "neighbours::files_in_tmp",
        aims_at: "a neighbour's files",
        stopped_by: &[Root],
        run: files_in_tmp,
    },
    Attack {
        name: "neighbours::files_in_shm",
        aims_at: "a neighbour's memory by name",
        stopped_by: &[Root],
        run: files_in_shm,
    },
    Attack {
        name: "neighbours::shared_memory",
        aims_at: "a neighbour's memory",
        stopped_by: &[Ipc],
        run: shared_memory,
    },
    Attack {
        name: "neighbours::abstract_socket",
        aims_at: "a neighbour's socket",
        stopped_by: &[Network, Landlock],
        run: abstract_socket,
    },
    Attack {
        name: "neighbours::loopback",
        aims_at: "a neighbour's service",
        stopped_by: &[Network],
        run: loopback,
    },
    Attack {
        name: "neighbours::runtime_api",
        aims_at: "a neighbour's invocation",
        stopped_by: &[Network],
        run: runtime_api,
    },
    Attack {
        name: "neighbours::memory",
        aims_at: "a neighbour's memory",
        stopped_by: &[Processes, OwnUser, Seccomp],
        run: memory,
    },
    Attack {
        name: "neighbours::memory_by_file",
        aims_at: "a neighbour's memory",
        stopped_by: &[Processes, OwnUser],
        run: memory_by_file,
    },
    Attack {
        name: "neighbours::environment",
        aims_at: "a neighbour's configuration",
        stopped_by: &[Processes, OwnUser],
        run: environment,
    },
    Attack {
        name: "neighbours::root",
        aims_at: "a neighbour's files",
        stopped_by: &[Processes, OwnUser],
        run: root,
    },
    Attack {
        name: "neighbours::signals",
        aims_at: "a neighbour's processes",
        stopped_by: &[Processes, OwnUser],
        run: signals,
    },
    Attack {
        name: "neighbours::trace",
        aims_at: "a neighbour's processes",
        stopped_by: &[Seccomp, Processes, OwnUser],
        run: trace,
    },
    Attack {
        name: "neighbours::descriptors",
        aims_at: "a neighbour's files",
        stopped_by: &[Processes, Seccomp],
        run: descriptors,
    },
    Attack {
        name: "neighbours::limits",
        aims_at: "a neighbour's limits",
        stopped_by: &[Processes, OwnUser],
        run: limits,
    },
    Attack {
        name: "neighbours::processors",
        aims_at: "a neighbour's processors",
        stopped_by: &[Processes, OwnUser],
        run: processors,
    },
    Attack {
        name: "neighbours::terminals",
        aims_at: "a neighbour's terminals",
        stopped_by: &[Root],
        run: terminals,
    },
    Attack {
        name: "neighbours::shared_code",
        aims_at: "code that both run",
        stopped_by: &[super::Layer::Flags],
        run: shared_code,
    },
    Attack {
        name: "neighbours::what_a_dead_one_left",
        aims_at: "secrets of the user's former sandbox",
        stopped_by: &[Root, Ipc, Processes],
        run: what_a_dead_one_left,
    },
];

fn secrets_below(folder: &str) -> Outcome {
    let mut folders = vec![std::path::PathBuf::from(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ => files.push(entry.path()),
            }
        }
    }
    none_of(
        files
            .into_iter()
            .map(|file| (file.display().to_string(), must_hide(fs::read(file)))),
    )
}

fn files_in_tmp(_: &World) -> Outcome {
    secrets_below("/tmp")
}

fn files_in_shm(_: &World) -> Outcome {
    secrets_below("/dev/shm")
}

fn shared_memory(world: &World) -> Outcome {
    must_fail(call(
        libc::SYS_shmget,
        [world.number("neighbour_key"), 0, 0],
    ))
}

fn abstract_socket(world: &World) -> Outcome {
    connect_by_name(world.text("neighbour_name"))
}

fn loopback(world: &World) -> Outcome {
    none_of(["127.0.0.1", "127.0.0.2", "0.0.0.0"].map(|host| {
        let place = format!("{host}:{}", world.port("neighbour_port"));
        let met = std::net::TcpStream::connect_timeout(
            &place.parse().expect("an address"),
            std::time::Duration::from_millis(200),
        );
        (place, must_fail(met))
    }))
}

/// The port is the same in each; what listens there is this sandbox's own listener.
fn runtime_api(world: &World) -> Outcome {
    let place = "127.0.0.1:9001".parse().expect("an address");
    let met = std::net::TcpStream::connect_timeout(&place, std::time::Duration::from_millis(200));
    let port = met
        .and_then(|socket| socket.local_addr())
        .map(|at| at.port());
    // Whom it reached, the harness sees: nothing waits at the neighbour's.
    stopped(format!("{port:?}, not {}", world.text("neighbour_port")))
}

fn numbers(world: &World) -> [i64; 2] {
    ["neighbour_pid", "neighbour_init"].map(|key| world.number(key))
}

fn memory(world: &World) -> Outcome {
    none_of(numbers(world).map(|pid| {
        let mut bytes = vec![0u8; SECRET.len() + 8];
        let here = [
            bytes.as_mut_ptr().expose_provenance() as u64,
            bytes.len() as u64,
        ];
        let there = [world.number("neighbour_memory") as u64, bytes.len() as u64];
        let read = call(
            libc::SYS_process_vm_readv,
            [pid, address(&here), 1, address(&there), 1, 0],
        );
        (pid.to_string(), must_hide(read.map(|_| bytes)))
    }))
}

fn memory_by_file(world: &World) -> Outcome {
    none_of(numbers(world).map(|pid| {
        let read = OpenOptions::new()
            .read(true)
            .open(format!("/proc/{pid}/mem"))
            .and_then(|file| {
                let mut bytes = vec![0u8; 256];
                file.read_at(&mut bytes, world.number("neighbour_memory") as u64)?;
                Ok(bytes)
            });
        (pid.to_string(), must_hide(read))
    }))
}

fn environment(world: &World) -> Outcome {
    none_of(numbers(world).into_iter().flat_map(|pid| {
        ["environ", "cmdline"].map(|file| {
            let path = format!("/proc/{pid}/{file}");
            (path.clone(), must_hide(fs::read(path)))
        })
    }))
}

fn root(world: &World) -> Outcome {
    none_of(numbers(world).into_iter().flat_map(|pid| {
        [
            "root/tmp/secret",
            "cwd/../../tmp/secret",
            "root/dev/shm/secret",
        ]
        .map(|file| {
            let path = format!("/proc/{pid}/{file}");
            (path.clone(), must_hide(fs::read(path)))
        })
    }))
}

fn signals(world: &World) -> Outcome {
    none_of(numbers(world).into_iter().flat_map(|pid| {
        [libc::SIGKILL, libc::SIGSTOP, libc::SIGTERM, 0].map(|signal| {
            (
                format!("{pid} {signal}"),
                must_fail(call(libc::SYS_kill, [pid, signal.into()])),
            )
        })
    }))
}

fn trace(world: &World) -> Outcome {
    none_of(numbers(world).map(|pid| {
        (
            pid.to_string(),
            must_fail(call(
                libc::SYS_ptrace,
                [libc::PTRACE_SEIZE.into(), pid, 0, 0],
            )),
        )
    }))
}

fn descriptors(world: &World) -> Outcome {
    none_of(numbers(world).map(|pid| {
        let outcome = call(libc::SYS_pidfd_open, [pid, 0]).map_or_else(stopped, |process| {
            must_fail(call(libc::SYS_pidfd_getfd, [process, 0, 0]))
        });
        (pid.to_string(), outcome)
    }))
}

fn limits(world: &World) -> Outcome {
    let limit = [0u64, 0];
    none_of(numbers(world).map(|pid| {
        (
            pid.to_string(),
            must_fail(call(
                libc::SYS_prlimit64,
                [pid, libc::RLIMIT_NOFILE.into(), address(&limit), 0],
            )),
        )
    }))
}

fn processors(world: &World) -> Outcome {
    let mask = 1u64;
    none_of(numbers(world).into_iter().flat_map(|pid| {
        [
            (
                format!("{pid} affinity"),
                must_fail(call(libc::SYS_sched_setaffinity, [pid, 8, address(&mask)])),
            ),
            (
                format!("{pid} nice"),
                must_fail(call(libc::SYS_setpriority, [0, pid, 19])),
            ),
        ]
    }))
}

fn terminals(_: &World) -> Outcome {
    let names = fs::read_dir("/dev/pts")
        .expect("a folder")
        .flatten()
        .map(|entry| entry.file_name());
    let names: Vec<_> = names.filter(|name| name != "ptmx").collect();
    must_hold(names.is_empty(), format!("{names:?}"))
}

/// Both run the same package; what one could change the other would execute.
fn shared_code(_: &World) -> Outcome {
    none_of(["/var/task/hello.txt", "/var/task"].map(|path| {
        let written = OpenOptions::new().append(true).open(path);
        let linked = std::os::unix::fs::symlink("/tmp", format!("{path}.new"));
        (
            path.to_owned(),
            none_of([
                ("written".to_owned(), must_fail(written)),
                ("linked".to_owned(), must_fail(linked)),
            ]),
        )
    }))
}

/// The harness destroyed one before, which had filled every place; its user may be this one's now.
fn what_a_dead_one_left(_: &World) -> Outcome {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let count = processes
        .filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok())
        .count();
    none_of([
        ("/tmp".to_owned(), secrets_below("/tmp")),
        ("/dev/shm".to_owned(), secrets_below("/dev/shm")),
        (
            "shared memory".to_owned(),
            must_hold(
                fs::read_to_string("/proc/sysvipc/shm").is_ok_and(|text| text.lines().count() == 1),
                "none",
            ),
        ),
        ("processes".to_owned(), must_hold(count < 6, count)),
    ])
}
