//! What /proc shows and switches: the kernel's secrets, its settings, and the covers over them.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;

use super::Layer::{Flags, Kernel, Landlock, Masks, Network, Rights, Root, Seccomp};
use super::{Attack, Outcome, World, address, call, must_fail, must_hold, none_of, stopped};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "proc::core_handler",
        aims_at: "programs of root outside",
        stopped_by: &[Masks, Rights],
        run: core_handler,
    },
    Attack {
        name: "proc::loader_of_modules",
        aims_at: "programs of root outside",
        stopped_by: &[Masks, Rights],
        run: loader_of_modules,
    },
    Attack {
        name: "proc::formats_of_programs",
        aims_at: "programs of root outside",
        stopped_by: &[Masks, Root],
        run: formats_of_programs,
    },
    Attack {
        name: "proc::helper_of_devices",
        aims_at: "programs of root outside",
        stopped_by: &[Masks, Root],
        run: helper_of_devices,
    },
    Attack {
        name: "proc::release_agent",
        aims_at: "programs of root outside",
        stopped_by: &[Root, Rights],
        run: release_agent,
    },
    Attack {
        name: "proc::keys_of_the_keyboard",
        aims_at: "the machine",
        stopped_by: &[Masks, Rights],
        run: keys_of_the_keyboard,
    },
    Attack {
        name: "proc::caches",
        aims_at: "the machine's memory",
        stopped_by: &[Masks, Rights],
        run: caches,
    },
    Attack {
        name: "proc::every_switch",
        aims_at: "the machine's settings",
        stopped_by: &[Masks, Rights],
        run: every_switch,
    },
    Attack {
        name: "proc::switches_of_the_network",
        aims_at: "the sandbox's own network",
        stopped_by: &[Masks, Rights],
        run: switches_of_the_network,
    },
    Attack {
        name: "proc::interrupts",
        aims_at: "hardware",
        stopped_by: &[Masks, Rights],
        run: interrupts,
    },
    Attack {
        name: "proc::buses",
        aims_at: "hardware",
        stopped_by: &[Masks, Rights],
        run: buses,
    },
    Attack {
        name: "proc::memory_of_the_machine",
        aims_at: "all memory",
        stopped_by: &[Masks, Rights],
        run: memory_of_the_machine,
    },
    Attack {
        name: "proc::keys",
        aims_at: "keys of others",
        stopped_by: &[Masks],
        run: keys,
    },
    Attack {
        name: "proc::timers",
        aims_at: "processes of others",
        stopped_by: &[Masks],
        run: timers,
    },
    Attack {
        name: "proc::log_of_the_kernel",
        aims_at: "addresses in the kernel",
        stopped_by: &[Rights],
        run: log_of_the_kernel,
    },
    Attack {
        name: "proc::addresses_of_the_kernel",
        aims_at: "addresses in the kernel",
        stopped_by: &[Rights],
        run: addresses_of_the_kernel,
    },
    Attack {
        name: "proc::places_in_memory",
        aims_at: "physical addresses",
        stopped_by: &[Rights],
        run: places_in_memory,
    },
    Attack {
        name: "proc::pages_of_the_machine",
        aims_at: "physical pages",
        stopped_by: &[Rights],
        run: pages_of_the_machine,
    },
    Attack {
        name: "proc::tables_of_the_kernel",
        aims_at: "the kernel's memory",
        stopped_by: &[Rights],
        run: tables_of_the_kernel,
    },
    Attack {
        name: "proc::stacks",
        aims_at: "addresses in the kernel",
        stopped_by: &[Rights],
        run: stacks,
    },
    Attack {
        name: "proc::under_a_cover",
        aims_at: "what is covered",
        stopped_by: &[Masks],
        run: under_a_cover,
    },
    Attack {
        name: "proc::through_an_open_folder",
        aims_at: "what is covered",
        stopped_by: &[Masks],
        run: through_an_open_folder,
    },
    Attack {
        name: "proc::race_a_cover",
        aims_at: "what is covered",
        stopped_by: &[Masks],
        run: race_a_cover,
    },
    Attack {
        name: "proc::folders_of_drivers",
        aims_at: "drivers",
        stopped_by: &[Masks, Rights],
        run: folders_of_drivers,
    },
    Attack {
        name: "proc::sockets_of_the_machine",
        aims_at: "what the machine serves",
        stopped_by: &[Network],
        run: sockets_of_the_machine,
    },
    Attack {
        name: "proc::groups_of_the_machine",
        aims_at: "names of control groups",
        stopped_by: &[super::Layer::Groups, Root],
        run: groups_of_the_machine,
    },
    Attack {
        name: "proc::write_control_groups",
        aims_at: "own limits",
        stopped_by: &[Root],
        run: write_control_groups,
    },
    Attack {
        name: "proc::disks_of_the_machine",
        aims_at: "mounts of the machine",
        stopped_by: &[Root],
        run: disks_of_the_machine,
    },
    Attack {
        name: "proc::write_other_files",
        aims_at: "what /proc lets anybody write",
        stopped_by: &[Rights, Kernel, Landlock],
        run: write_other_files,
    },
    Attack {
        name: "proc::make_and_link_in_it",
        aims_at: "what is covered",
        stopped_by: &[Kernel, Seccomp, Flags],
        run: make_and_link_in_it,
    },
];

fn written(path: &str, text: &str) -> Outcome {
    let file = OpenOptions::new().write(true).open(path);
    must_fail(file.and_then(|mut file| file.write_all(text.as_bytes())))
}

fn core_handler(_: &World) -> Outcome {
    none_of(
        ["core_pattern", "core_pipe_limit", "core_uses_pid"].map(|file| {
            (
                file.to_owned(),
                written(&format!("/proc/sys/kernel/{file}"), "|/tmp/x"),
            )
        }),
    )
}

fn loader_of_modules(_: &World) -> Outcome {
    none_of(
        ["modprobe", "poweroff_cmd", "hotplug", "usermodehelper/bset"].map(|file| {
            (
                file.to_owned(),
                written(&format!("/proc/sys/kernel/{file}"), "/tmp/x"),
            )
        }),
    )
}

fn formats_of_programs(_: &World) -> Outcome {
    none_of([
        (
            "register".to_owned(),
            written("/proc/sys/fs/binfmt_misc/register", ":x:M::xx::/tmp/x:CF"),
        ),
        (
            "status".to_owned(),
            written("/proc/sys/fs/binfmt_misc/status", "1"),
        ),
    ])
}

fn helper_of_devices(_: &World) -> Outcome {
    none_of(
        [
            "/sys/kernel/uevent_helper",
            "/proc/sys/kernel/hotplug",
            "/sys/class/mem/null/uevent",
        ]
        .map(|file| (file.to_owned(), written(file, "/tmp/x"))),
    )
}

/// The way out of many a container: a control group's helper, started by the kernel as root outside.
fn release_agent(_: &World) -> Outcome {
    let kinds = [
        "memory", "cpu", "pids", "rdma", "systemd", "unified", "cpuset", "devices",
    ];
    none_of(kinds.map(|kind| {
        (
            kind.to_owned(),
            written(&format!("/sys/fs/cgroup/{kind}/release_agent"), "/tmp/x"),
        )
    }))
}

fn keys_of_the_keyboard(_: &World) -> Outcome {
    // To help, whatever else it could do.
    none_of(
        [
            ("/proc/sysrq-trigger", "h"),
            ("/proc/sys/kernel/sysrq", "1"),
        ]
        .map(|(file, text)| (file.to_owned(), written(file, text))),
    )
}

fn caches(_: &World) -> Outcome {
    none_of(
        [
            "drop_caches",
            "compact_memory",
            "nr_hugepages",
            "overcommit_memory",
            "min_free_kbytes",
        ]
        .map(|file| {
            (
                file.to_owned(),
                written(&format!("/proc/sys/vm/{file}"), "1"),
            )
        }),
    )
}

fn files_below(folder: &str) -> Vec<PathBuf> {
    let mut folders = vec![PathBuf::from(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    files
}

/// All of them: none can be opened for writing, whatever its mode is.
fn every_switch(_: &World) -> Outcome {
    let files = files_below("/proc/sys");
    if files.len() < 100 {
        return super::breached(format!("the try itself failed: {} files", files.len()));
    }
    none_of(files.into_iter().map(|file| {
        let opened = OpenOptions::new().write(true).open(&file);
        (file.display().to_string(), must_fail(opened))
    }))
}

fn switches_of_the_network(_: &World) -> Outcome {
    none_of(
        [
            "ip_forward",
            "ping_group_range",
            "ip_unprivileged_port_start",
            "ip_nonlocal_bind",
        ]
        .map(|file| {
            (
                file.to_owned(),
                written(&format!("/proc/sys/net/ipv4/{file}"), "0 1000"),
            )
        }),
    )
}

fn interrupts(_: &World) -> Outcome {
    let files = files_below("/proc/irq");
    none_of(files.into_iter().map(|file| {
        (
            file.display().to_string(),
            must_fail(OpenOptions::new().write(true).open(file)),
        )
    }))
}

fn buses(_: &World) -> Outcome {
    let files = files_below("/proc/bus");
    none_of(files.into_iter().map(|file| {
        (
            file.display().to_string(),
            must_fail(OpenOptions::new().write(true).open(file)),
        )
    }))
}

fn is_empty(path: &str) -> (String, Outcome) {
    let mut bytes = [0; 64];
    let read = File::open(path).and_then(|mut file| file.read(&mut bytes));
    let outcome = match read {
        Ok(0) => stopped("empty"),
        other => must_fail(other),
    };
    (path.to_owned(), outcome)
}

fn memory_of_the_machine(_: &World) -> Outcome {
    none_of(
        [
            "/proc/kcore",
            "/dev/mem",
            "/dev/kmem",
            "/dev/port",
            "/proc/vmcore",
        ]
        .map(is_empty),
    )
}

fn keys(_: &World) -> Outcome {
    none_of(["/proc/keys"].map(is_empty))
}

fn timers(_: &World) -> Outcome {
    none_of(
        [
            "/proc/timer_list",
            "/proc/timer_stats",
            "/proc/sched_debug",
            "/proc/latency_stats",
        ]
        .map(is_empty),
    )
}

fn log_of_the_kernel(_: &World) -> Outcome {
    none_of(["/proc/kmsg", "/dev/kmsg"].map(is_empty))
}

/// They may be listed, if each is zero.
fn addresses_of_the_kernel(_: &World) -> Outcome {
    none_of(
        [
            "/proc/kallsyms",
            "/proc/modules",
            "/proc/iomem",
            "/proc/ioports",
            "/proc/net/unix",
        ]
        .map(|path| {
            let text = fs::read_to_string(path).unwrap_or_default();
            let shown = text.lines().find(|line| {
                line.split_whitespace().any(|word| {
                    let word = word.trim_start_matches("0x");
                    word.len() == 16
                        && word.starts_with("ffff")
                        && word.bytes().all(|byte| byte.is_ascii_hexdigit())
                })
            });
            (
                path.to_owned(),
                must_hold(shown.is_none(), format!("{shown:?}")),
            )
        }),
    )
}

fn places_in_memory(_: &World) -> Outcome {
    let page = vec![1u8; 8192];
    let mut entry = [0; 8];
    let read = File::open("/proc/self/pagemap")
        .and_then(|file| file.read_at(&mut entry, (page.as_ptr().addr() as u64 / 4096 + 1) * 8));
    let frame = u64::from_ne_bytes(entry) & ((1 << 55) - 1);
    must_hold(
        read.is_err() || frame == 0,
        format!("{read:?}, frame {frame:x}"),
    )
}

fn pages_of_the_machine(_: &World) -> Outcome {
    none_of(["/proc/kpagecount", "/proc/kpageflags", "/proc/kpagecgroup"].map(is_empty))
}

fn tables_of_the_kernel(_: &World) -> Outcome {
    none_of(
        [
            "/proc/vmallocinfo",
            "/proc/slabinfo",
            "/proc/pagetypeinfo",
            "/proc/sys/kernel/cad_pid",
        ]
        .map(is_empty),
    )
}

fn stacks(_: &World) -> Outcome {
    none_of(
        [
            "/proc/self/stack",
            "/proc/1/stack",
            "/proc/1/wchan",
            "/proc/self/task/self/stack",
        ]
        .map(|path| {
            let text = fs::read_to_string(path).unwrap_or_default();
            (
                path.to_owned(),
                must_hold(!text.contains("0x") && !text.contains('+'), text),
            )
        }),
    )
}

/// What lies beneath is another mount's; names that lead around it lead onto it.
fn under_a_cover(_: &World) -> Outcome {
    let ways = [
        "/proc/self/root/proc/sys/kernel/core_pattern",
        "/proc/self/../sys/kernel/core_pattern",
        "/proc/thread-self/../../sys/kernel/core_pattern",
        "/proc/self/cwd/../../proc/sys/kernel/core_pattern",
        "/dev/fd/../../sys/kernel/core_pattern",
        "/proc/net/../sys/kernel/core_pattern",
    ];
    let covered = [
        "/proc/self/root/proc/kcore",
        "/proc/self/../kcore",
        "/proc/thread-self/../../keys",
    ];
    none_of(
        ways.map(|way| (way.to_owned(), written(way, "|/tmp/x")))
            .into_iter()
            .chain(covered.map(is_empty)),
    )
}

fn through_an_open_folder(_: &World) -> Outcome {
    let proc = File::open("/proc").expect("/proc");
    let kernel = File::open("/proc/sys/kernel").expect("a folder");
    let open = |folder: &File, path: &std::ffi::CStr, flags: i32| {
        call(
            libc::SYS_openat,
            [folder.as_raw_fd().into(), address(path), flags.into()],
        )
    };
    let no_crossing = {
        // RESOLVE_NO_XDEV: only what does not lead over a mount.
        let how = [libc::O_WRONLY as u64, 0, 1];
        call(
            libc::SYS_openat2,
            [
                proc.as_raw_fd().into(),
                address(c"sys/kernel/core_pattern"),
                address(&how),
                24,
            ],
        )
    };
    none_of([
        (
            "down".to_owned(),
            must_fail(open(&proc, c"sys/kernel/core_pattern", libc::O_WRONLY)),
        ),
        (
            "here".to_owned(),
            must_fail(open(&kernel, c"core_pattern", libc::O_WRONLY)),
        ),
        (
            "up".to_owned(),
            must_fail(open(&kernel, c"../../sysrq-trigger", libc::O_WRONLY)),
        ),
        ("without crossing".to_owned(), must_fail(no_crossing)),
    ])
}

/// While one process opens and closes, another looks for a moment without the cover.
fn race_a_cover(_: &World) -> Outcome {
    let until = std::time::Instant::now() + std::time::Duration::from_millis(100);
    let race = move || {
        let mut won = None;
        while won.is_none() && std::time::Instant::now() < until {
            let (_, outcome) = is_empty("/proc/kcore");
            if let Outcome::Breached(evidence) = outcome {
                won = Some(evidence);
            }
            if OpenOptions::new()
                .write(true)
                .open("/proc/self/root/proc/sys/vm/drop_caches")
                .is_ok()
            {
                won = Some("a switch".to_owned());
            }
            let _ = fs::rename("/proc/keys", "/tmp/keys");
        }
        won
    };
    let racers: Vec<_> = (0..4).map(|_| std::thread::spawn(race)).collect();
    let won: Vec<_> = racers
        .into_iter()
        .filter_map(|racer| racer.join().ok().flatten())
        .collect();
    must_hold(won.is_empty(), format!("{won:?}"))
}

fn folders_of_drivers(_: &World) -> Outcome {
    let folders = [
        "acpi",
        "asound",
        "scsi",
        "fs",
        "driver",
        "mtrr",
        "dynamic_debug",
        "tty",
        "ide",
        "nvram",
    ];
    let files = folders
        .into_iter()
        .flat_map(|folder| files_below(&format!("/proc/{folder}")));
    none_of(files.map(|file| {
        (
            file.display().to_string(),
            must_fail(OpenOptions::new().write(true).open(file)),
        )
    }))
}

fn sockets_of_the_machine(world: &World) -> Outcome {
    let port = format!(":{:04X} ", world.port("port"));
    none_of(
        [
            "tcp", "tcp6", "udp", "unix", "raw", "packet", "arp", "route", "netlink",
        ]
        .map(|file| {
            let text = fs::read_to_string(format!("/proc/net/{file}")).unwrap_or_default();
            let shown = text.contains(world.text("abstract"))
                || text.contains(world.text("folder"))
                || text.contains(&port);
            (file.to_owned(), must_hold(!shown, text.lines().count()))
        }),
    )
}

fn groups_of_the_machine(_: &World) -> Outcome {
    none_of(["/proc/self/cgroup", "/proc/1/cgroup"].map(|file| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let own = text
            .lines()
            .all(|line| line.rsplit(':').next() == Some("/"));
        (file.to_owned(), must_hold(own, text))
    }))
}

fn write_control_groups(_: &World) -> Outcome {
    none_of(
        [
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory.max",
            "/sys/fs/cgroup/cgroup.procs",
        ]
        .map(|file| (file.to_owned(), written(file, "1"))),
    )
}

fn disks_of_the_machine(_: &World) -> Outcome {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    let kinds = [
        "cgroup",
        "cgroup2",
        "sysfs",
        "debugfs",
        "tracefs",
        "securityfs",
        "mqueue",
        "hugetlbfs",
        "bpf",
        "fuse",
    ];
    none_of(mounts.lines().map(|line| {
        let kind = line
            .split(" - ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next())
            .unwrap_or_default();
        (line.to_owned(), must_hold(!kinds.contains(&kind), kind))
    }))
}

/// Everything in it that this user could write by its mode, its own processes aside.
fn write_other_files(_: &World) -> Outcome {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    // What is masked is the sandbox's own /dev/null: written to, and lost.
    let masked = |file: &fs::DirEntry| {
        fs::metadata(file.path()).is_ok_and(|seen| seen.file_type().is_char_device())
    };
    none_of(files.filter(|file| !masked(file)).map(|file| {
        (
            file.path().display().to_string(),
            must_fail(OpenOptions::new().write(true).open(file.path())),
        )
    }))
}

fn make_and_link_in_it(_: &World) -> Outcome {
    none_of([
        ("a file".to_owned(), must_fail(File::create_new("/proc/x"))),
        ("a folder".to_owned(), must_fail(fs::create_dir("/proc/x"))),
        (
            "a name for a cover".to_owned(),
            must_fail(fs::hard_link("/proc/sysrq-trigger", "/tmp/x")),
        ),
        (
            "another name".to_owned(),
            must_fail(fs::rename("/proc/sysrq-trigger", "/proc/x")),
        ),
        (
            "removed".to_owned(),
            must_fail(fs::remove_file("/proc/kcore")),
        ),
    ])
}
