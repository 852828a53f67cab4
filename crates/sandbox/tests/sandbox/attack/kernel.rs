//! The kernel's wide doors: programs in it, its events, keys, modules, clock and names.

use std::fs::{self, File};
use std::os::fd::AsRawFd;

use super::Layer::{Limits, Rights, Seccomp};
use super::{
    Attack, Outcome, World, address, breached, call, must_fail, must_hide, none_of, stopped,
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "kernel::programs_in_it",
        aims_at: "the kernel",
        stopped_by: &[Seccomp, Rights],
        run: programs_in_it,
    },
    Attack {
        name: "kernel::events_of_the_processor",
        aims_at: "what others do",
        stopped_by: &[Seccomp],
        run: events_of_the_processor,
    },
    Attack {
        name: "kernel::page_faults_by_hand",
        aims_at: "races in the kernel",
        stopped_by: &[Seccomp],
        run: page_faults_by_hand,
    },
    Attack {
        name: "kernel::rings",
        aims_at: "calls without a filter",
        stopped_by: &[Seccomp],
        run: rings,
    },
    Attack {
        name: "kernel::old_rings",
        aims_at: "calls without a filter",
        stopped_by: &[Seccomp],
        run: old_rings,
    },
    Attack {
        name: "kernel::canarys_key_by_number",
        aims_at: "a key of the user outside",
        stopped_by: &[Seccomp],
        run: canarys_key_by_number,
    },
    Attack {
        name: "kernel::canarys_key_by_name",
        aims_at: "a key of the user outside",
        stopped_by: &[Seccomp, super::Layer::UserSpace, super::Layer::OwnUser],
        run: canarys_key_by_name,
    },
    Attack {
        name: "kernel::key_rings",
        aims_at: "rings of the user outside",
        stopped_by: &[Seccomp],
        run: key_rings,
    },
    Attack {
        name: "kernel::add_a_key",
        aims_at: "the kernel's memory",
        stopped_by: &[Seccomp],
        run: add_a_key,
    },
    Attack {
        name: "kernel::helper_for_keys",
        aims_at: "programs of root outside",
        stopped_by: &[Seccomp],
        run: helper_for_keys,
    },
    Attack {
        name: "kernel::modules",
        aims_at: "the kernel",
        stopped_by: &[Seccomp, Rights],
        run: modules,
    },
    Attack {
        name: "kernel::another_kernel",
        aims_at: "the machine",
        stopped_by: &[Seccomp, Rights],
        run: another_kernel,
    },
    Attack {
        name: "kernel::restart",
        aims_at: "the machine",
        stopped_by: &[Seccomp, Rights],
        run: restart,
    },
    Attack {
        name: "kernel::its_log",
        aims_at: "addresses in the kernel",
        stopped_by: &[Seccomp, Rights],
        run: its_log,
    },
    Attack {
        name: "kernel::its_clock",
        aims_at: "the machine's time",
        stopped_by: &[Seccomp, Rights],
        run: its_clock,
    },
    Attack {
        name: "kernel::its_names",
        aims_at: "the machine's name",
        stopped_by: &[Seccomp, Rights],
        run: its_names,
    },
    Attack {
        name: "kernel::accounts_of_processes",
        aims_at: "files of root outside",
        stopped_by: &[Seccomp, Rights],
        run: accounts_of_processes,
    },
    Attack {
        name: "kernel::ports",
        aims_at: "hardware",
        stopped_by: &[Seccomp, Rights],
        run: ports,
    },
    Attack {
        name: "kernel::segments",
        aims_at: "the processor's tables",
        stopped_by: &[Seccomp],
        run: segments,
    },
    Attack {
        name: "kernel::places_of_pages",
        aims_at: "memory of others",
        stopped_by: &[Seccomp],
        run: places_of_pages,
    },
    Attack {
        name: "kernel::secret_memory",
        aims_at: "memory that no limit counts",
        stopped_by: &[Seccomp],
        run: secret_memory,
    },
    Attack {
        name: "kernel::watch_whole_mounts",
        aims_at: "what others open",
        stopped_by: &[Seccomp, super::Layer::UserSpace],
        run: watch_whole_mounts,
    },
    Attack {
        name: "kernel::huge_pages",
        aims_at: "pages set aside for others",
        stopped_by: &[Seccomp],
        run: huge_pages,
    },
    Attack {
        name: "kernel::lock_memory",
        aims_at: "the machine's memory",
        stopped_by: &[Limits],
        run: lock_memory,
    },
    Attack {
        name: "kernel::page_at_zero",
        aims_at: "null pointers in the kernel",
        stopped_by: &[Rights],
        run: page_at_zero,
    },
    Attack {
        name: "kernel::messages_of_system_v",
        aims_at: "the kernel's memory",
        stopped_by: &[Seccomp],
        run: messages_of_system_v,
    },
    Attack {
        name: "kernel::core_scheduling",
        aims_at: "the machine's processors",
        stopped_by: &[Seccomp],
        run: core_scheduling,
    },
    Attack {
        name: "kernel::map_of_own_memory",
        aims_at: "what /proc tells of programs",
        stopped_by: &[Seccomp],
        run: map_of_own_memory,
    },
];

fn programs_in_it(_: &World) -> Outcome {
    // A map of four bytes, a program that returns, and what is loaded already.
    let map: [u32; 18] = [2, 4, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let code: [u64; 2] = [0xb7, 0x95];
    let licence = c"GPL";
    let program: [u64; 16] = [
        1 | 2 << 32,
        address(&code) as u64,
        address(licence) as u64,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
    ];
    let next = [0u32; 4];
    none_of([
        (
            "map".to_owned(),
            must_fail(call(libc::SYS_bpf, [0, address(&map), 72])),
        ),
        (
            "program".to_owned(),
            must_fail(call(libc::SYS_bpf, [5, address(&program), 72])),
        ),
        (
            "next".to_owned(),
            must_fail(call(libc::SYS_bpf, [11, address(&next), 16])),
        ),
    ])
}

fn events_of_the_processor(_: &World) -> Outcome {
    none_of([(1u32, 0u64), (0, 0), (1, 2), (2, 1)].map(|(kind, event)| {
        let mut attributes = [0u64; 16];
        attributes[0] = u64::from(kind) | 128 << 32;
        attributes[1] = event;
        // Of this process, outside of the kernel: what the least trusted may count elsewhere.
        attributes[5] = 1 << 5 | 1 << 6;
        none_of([(0, -1), (-1, 0)].map(|(pid, cpu)| {
            let opened = call(
                libc::SYS_perf_event_open,
                [address(&attributes), pid, cpu, -1, 0],
            );
            (format!("{pid} {cpu}"), must_fail(opened))
        }))
        .named(format!("{kind} {event}"))
    }))
}

impl Outcome {
    fn named(self, name: String) -> (String, Self) {
        (name, self)
    }
}

fn page_faults_by_hand(_: &World) -> Outcome {
    const USER_ONLY: i64 = 1;
    none_of([0, USER_ONLY].map(|flags| {
        (
            flags.to_string(),
            must_fail(call(libc::SYS_userfaultfd, [flags])),
        )
    }))
}

fn rings(_: &World) -> Outcome {
    let parameters = [0u32; 30];
    must_fail(call(libc::SYS_io_uring_setup, [4, address(&parameters)]))
}

fn old_rings(_: &World) -> Outcome {
    let context = 0u64;
    must_fail(call(libc::SYS_io_setup, [4, address(&context)]))
}

fn read_key(key: i64) -> Outcome {
    let mut bytes = vec![0u8; 128];
    let at = bytes.as_mut_ptr().expose_provenance() as i64;
    let read = call(libc::SYS_keyctl, [11, key, at, 128]);
    must_hide(read.map(|_| bytes))
}

fn canarys_key_by_number(world: &World) -> Outcome {
    read_key(world.number("key"))
}

fn canarys_key_by_name(world: &World) -> Outcome {
    let name = std::ffi::CString::new(world.text("key_name")).expect("no zero");
    none_of([-2, -3, -4, -5].map(|ring| {
        let found = call(
            libc::SYS_keyctl,
            [10, ring, address(c"user"), address(name.as_c_str()), 0],
        );
        let outcome = found.map_or_else(stopped, read_key);
        (ring.to_string(), outcome)
    }))
}

fn key_rings(_: &World) -> Outcome {
    none_of([
        ("join".to_owned(), must_fail(call(libc::SYS_keyctl, [1, 0]))),
        (
            "session".to_owned(),
            must_fail(call(libc::SYS_keyctl, [0, -3, 1])),
        ),
        (
            "persistent".to_owned(),
            must_fail(call(libc::SYS_keyctl, [22, -1, -3])),
        ),
    ])
}

fn add_a_key(_: &World) -> Outcome {
    none_of([-2, -3, -4].map(|ring| {
        let added = call(
            libc::SYS_add_key,
            [address(c"user"), address(c"x"), address("x"), 1, ring],
        );
        (ring.to_string(), must_fail(added))
    }))
}

/// With something to tell it, the kernel would start a program of root's, outside; here it only looks.
fn helper_for_keys(_: &World) -> Outcome {
    let asked = call(
        libc::SYS_request_key,
        [address(c"user"), address(c"lambkin:none"), 0, 0],
    );
    match asked {
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => stopped(error),
        other => breached(format!("{other:?}: the kernel looked for it")),
    }
}

fn modules(_: &World) -> Outcome {
    let file = File::open("/usr/bin/true").expect("a file");
    none_of([
        (
            "init".to_owned(),
            must_fail(call(libc::SYS_init_module, [address("x"), 1, address(c"")])),
        ),
        (
            "from a file".to_owned(),
            must_fail(call(
                libc::SYS_finit_module,
                [file.as_raw_fd().into(), address(c""), 0],
            )),
        ),
        (
            "delete".to_owned(),
            must_fail(call(
                libc::SYS_delete_module,
                [address(c"loop"), libc::O_NONBLOCK.into()],
            )),
        ),
    ])
}

fn another_kernel(_: &World) -> Outcome {
    none_of([
        (
            "load".to_owned(),
            must_fail(call(libc::SYS_kexec_load, [0, 0, 0, 0])),
        ),
        (
            "from a file".to_owned(),
            must_fail(call(libc::SYS_kexec_file_load, [0, -1, 0, address(c""), 4])),
        ),
    ])
}

fn restart(_: &World) -> Outcome {
    const MAGIC: [i64; 2] = [0xfee1_dead, 0x2812_1969];
    // Only whether the keys do it: the mildest of its commands.
    must_fail(call(libc::SYS_reboot, [MAGIC[0], MAGIC[1], 0x89ab_cdef, 0]))
}

fn its_log(_: &World) -> Outcome {
    let mut bytes = vec![0u8; 4096];
    let at = bytes.as_mut_ptr().expose_provenance() as i64;
    none_of(
        [(3, at, 4096), (10, 0, 0), (9, 0, 0), (6, 0, 0)].map(|(action, at, size)| {
            (
                action.to_string(),
                must_fail(call(libc::SYS_syslog, [action, at, size])),
            )
        }),
    )
}

fn its_clock(_: &World) -> Outcome {
    let time = [1_000_000_000i64, 0];
    let adjust = [
        0x8001u64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    none_of([
        (
            "set".to_owned(),
            must_fail(call(libc::SYS_clock_settime, [0, address(&time)])),
        ),
        (
            "set of old".to_owned(),
            must_fail(call(libc::SYS_settimeofday, [address(&time), 0])),
        ),
        (
            "adjust".to_owned(),
            must_fail(call(libc::SYS_adjtimex, [address(&adjust)])),
        ),
        (
            "adjust one".to_owned(),
            must_fail(call(libc::SYS_clock_adjtime, [0, address(&adjust)])),
        ),
    ])
}

fn its_names(_: &World) -> Outcome {
    let before = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    none_of([
        (
            "host".to_owned(),
            must_fail(call(libc::SYS_sethostname, [address("hostile"), 7])),
        ),
        (
            "domain".to_owned(),
            must_fail(call(libc::SYS_setdomainname, [address("hostile"), 7])),
        ),
        (
            "by a file".to_owned(),
            must_fail(fs::write("/proc/sys/kernel/hostname", "hostile")),
        ),
        (
            "after".to_owned(),
            super::must_hold(before.trim() == "localhost", before),
        ),
    ])
}

fn accounts_of_processes(_: &World) -> Outcome {
    fs::write("/tmp/accounts", "").expect("a file");
    must_fail(call(libc::SYS_acct, [address(c"/tmp/accounts")]))
}

#[cfg(target_arch = "x86_64")]
fn ports(_: &World) -> Outcome {
    none_of([
        ("all".to_owned(), must_fail(call(libc::SYS_iopl, [3]))),
        (
            "some".to_owned(),
            must_fail(call(libc::SYS_ioperm, [0x70, 2, 1])),
        ),
    ])
}

#[cfg(not(target_arch = "x86_64"))]
fn ports(_: &World) -> Outcome {
    stopped("this processor has none")
}

#[cfg(target_arch = "x86_64")]
fn segments(_: &World) -> Outcome {
    let description = [0u32, 0, 0xfffff, 0x51];
    must_fail(call(libc::SYS_modify_ldt, [1, address(&description), 16]))
}

#[cfg(not(target_arch = "x86_64"))]
fn segments(_: &World) -> Outcome {
    stopped("this processor has none")
}

fn places_of_pages(_: &World) -> Outcome {
    let mask = 1u64;
    none_of([
        (
            "policy".to_owned(),
            must_fail(call(libc::SYS_set_mempolicy, [1, address(&mask), 64])),
        ),
        (
            "move".to_owned(),
            must_fail(call(libc::SYS_move_pages, [0, 0, 0, 0, 0, 0])),
        ),
        (
            "move all".to_owned(),
            must_fail(call(
                libc::SYS_migrate_pages,
                [0, 64, address(&mask), address(&mask)],
            )),
        ),
    ])
}

fn secret_memory(_: &World) -> Outcome {
    const MEMFD_SECRET: i64 = 447;
    must_fail(call(MEMFD_SECRET, [0]))
}

fn watch_whole_mounts(_: &World) -> Outcome {
    const UNPRIVILEGED: i64 = 0x200;
    none_of([0, UNPRIVILEGED].map(|flags| {
        (
            flags.to_string(),
            must_fail(call(libc::SYS_fanotify_init, [flags, 0])),
        )
    }))
}

fn huge_pages(_: &World) -> Outcome {
    let flags = i64::from(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_HUGETLB);
    let refused = |result: std::io::Result<i64>| match result {
        // Which of them the machine has set aside is no matter: asking for them is.
        Err(error) if error.raw_os_error() == Some(libc::ENOMEM) => stopped(error),
        other => breached(format!("{other:?}")),
    };
    none_of([
        (
            "mapped".to_owned(),
            refused(call(libc::SYS_mmap, [0, 2 << 20, 1, flags, -1, 0])),
        ),
        (
            "in a file".to_owned(),
            refused(call(
                libc::SYS_memfd_create,
                [address(c"x"), libc::MFD_HUGETLB.into()],
            )),
        ),
        (
            "shared".to_owned(),
            refused(call(libc::SYS_shmget, [0, 2 << 20, 0o5600])),
        ),
    ])
}

fn lock_memory(_: &World) -> Outcome {
    let page = vec![1u8; 1 << 20];
    let at = address(page.as_slice());
    none_of([
        (
            "some".to_owned(),
            must_fail(call(libc::SYS_mlock, [at, 1 << 20])),
        ),
        (
            "on fault".to_owned(),
            must_fail(call(libc::SYS_mlock2, [at, 1 << 20, 1])),
        ),
        ("all".to_owned(), must_fail(call(libc::SYS_mlockall, [1]))),
    ])
}

fn page_at_zero(_: &World) -> Outcome {
    let flags = i64::from(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED);
    must_fail(call(libc::SYS_mmap, [0, 4096, 3, flags, -1, 0]))
}

fn messages_of_system_v(_: &World) -> Outcome {
    must_fail(call(libc::SYS_msgget, [0, 0o1600]))
}

fn core_scheduling(_: &World) -> Outcome {
    const CORE_SCHEDULING: i64 = 62;
    let refused = |result: std::io::Result<i64>| match result {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => stopped(error),
        other => breached(format!("{other:?}")),
    };
    none_of([1, 2].map(|what| {
        (
            what.to_string(),
            refused(call(libc::SYS_prctl, [CORE_SCHEDULING, what, 0, 0, 0])),
        )
    }))
}

fn map_of_own_memory(_: &World) -> Outcome {
    const SIZE: i64 = 15;
    let size = 0u32;
    must_fail(call(
        libc::SYS_prctl,
        [libc::PR_SET_MM.into(), SIZE, address(&size), 0, 0],
    ))
}
