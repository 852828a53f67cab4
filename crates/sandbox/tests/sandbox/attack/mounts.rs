//! Mounts: made, moved, uncovered, made writable, by the old calls and by the new ones.

use std::fs::{self, File};
use std::os::fd::AsRawFd;

use super::Layer::{Flags, Landlock, Rights, Seccomp};
use super::{Attack, Outcome, World, address, call, must_fail, must_hold, none_of};

/// No right to mount, and no call to do it with; Landlock refuses it to whoever it holds.
const ALL: &[super::Layer] = &[Seccomp, Rights, Landlock];

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "mounts::remount_writable",
        aims_at: "code and programs",
        stopped_by: ALL,
        run: remount_writable,
    },
    Attack {
        name: "mounts::set_attributes",
        aims_at: "code and programs",
        stopped_by: ALL,
        run: set_attributes,
    },
    Attack {
        name: "mounts::uncover",
        aims_at: "what is covered",
        stopped_by: ALL,
        run: uncover,
    },
    Attack {
        name: "mounts::move_covers",
        aims_at: "what is covered",
        stopped_by: ALL,
        run: move_covers,
    },
    Attack {
        name: "mounts::bind",
        aims_at: "what is covered",
        stopped_by: ALL,
        run: bind,
    },
    Attack {
        name: "mounts::second_proc",
        aims_at: "the kernel's switches",
        stopped_by: ALL,
        run: second_proc,
    },
    Attack {
        name: "mounts::sysfs",
        aims_at: "the kernel's devices",
        stopped_by: ALL,
        run: sysfs,
    },
    Attack {
        name: "mounts::cgroups",
        aims_at: "control groups",
        stopped_by: ALL,
        run: cgroups,
    },
    Attack {
        name: "mounts::new_calls",
        aims_at: "file systems",
        stopped_by: ALL,
        run: new_calls,
    },
    Attack {
        name: "mounts::copies_by_descriptor",
        aims_at: "what is covered",
        stopped_by: ALL,
        run: copies_by_descriptor,
    },
    Attack {
        name: "mounts::pivot",
        aims_at: "the old root",
        stopped_by: ALL,
        run: pivot,
    },
    Attack {
        name: "mounts::overlay",
        aims_at: "programs",
        stopped_by: ALL,
        run: overlay,
    },
    Attack {
        name: "mounts::swap",
        aims_at: "the machine's memory",
        stopped_by: &[Seccomp, Rights],
        run: swap,
    },
    Attack {
        name: "mounts::quota",
        aims_at: "file systems",
        stopped_by: &[Seccomp, Rights],
        run: quota,
    },
    Attack {
        name: "mounts::freeze_tmp",
        aims_at: "the disk of /tmp",
        stopped_by: &[Rights],
        run: freeze_tmp,
    },
    Attack {
        name: "mounts::shut_down_tmp",
        aims_at: "the disk of /tmp",
        stopped_by: &[Rights],
        run: shut_down_tmp,
    },
    Attack {
        name: "mounts::all_are_restricted",
        aims_at: "devices, programs with rights",
        stopped_by: &[Flags],
        run: all_are_restricted,
    },
    Attack {
        name: "mounts::the_old_root_is_gone",
        aims_at: "the old root",
        stopped_by: &[super::Layer::Root],
        run: the_old_root_is_gone,
    },
];

fn mount(source: &str, target: &str, kind: &str, flags: libc::c_ulong) -> Outcome {
    let [source, target, kind] =
        [source, target, kind].map(|text| std::ffi::CString::new(text).expect("no zero"));
    must_fail(call(
        libc::SYS_mount,
        [
            address(source.as_c_str()),
            address(target.as_c_str()),
            address(kind.as_c_str()),
            flags as i64,
            0,
        ],
    ))
}

fn remount_writable(_: &World) -> Outcome {
    let places = [
        "/usr",
        "/var/task",
        "/",
        "/proc/sys",
        "/proc/sysrq-trigger",
        "/etc",
    ];
    none_of(places.into_iter().flat_map(|place| {
        [libc::MS_REMOUNT | libc::MS_BIND, libc::MS_REMOUNT]
            .map(|flags| (place.to_owned(), mount("none", place, "", flags)))
    }))
}

fn set_attributes(_: &World) -> Outcome {
    #[repr(C)]
    struct Attributes([u64; 4]);
    none_of([c"/usr", c"/var/task", c"/", c"/proc/sys"].map(|place| {
        let clear = Attributes([0, libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID, 0, 0]);
        let set = call(
            libc::SYS_mount_setattr,
            [
                libc::AT_FDCWD.into(),
                address(place),
                0,
                address(&clear),
                32,
            ],
        );
        (format!("{place:?}"), must_fail(set))
    }))
}

fn uncover(_: &World) -> Outcome {
    let covers = [
        c"/proc/sys",
        c"/proc/kcore",
        c"/proc/keys",
        c"/proc/sysrq-trigger",
        c"/usr/local",
        c"/tmp",
        c"/proc",
        c"/usr",
    ];
    none_of(covers.into_iter().flat_map(|cover| {
        [0, libc::MNT_DETACH, libc::MNT_EXPIRE, libc::MNT_FORCE].map(|flag| {
            (
                format!("{cover:?}"),
                must_fail(call(libc::SYS_umount2, [address(cover), flag.into()])),
            )
        })
    }))
}

fn move_covers(_: &World) -> Outcome {
    fs::create_dir("/tmp/aside").expect("a folder");
    none_of(
        ["/proc/sys", "/proc/keys", "/usr/local", "/dev/null"].map(|cover| {
            (
                cover.to_owned(),
                mount(cover, "/tmp/aside", "", libc::MS_MOVE),
            )
        }),
    )
}

fn bind(_: &World) -> Outcome {
    fs::create_dir("/tmp/bound").expect("a folder");
    none_of(["/proc", "/", "/usr", "/dev"].map(|from| {
        (
            from.to_owned(),
            mount(from, "/tmp/bound", "", libc::MS_BIND | libc::MS_REC),
        )
    }))
}

fn mounted(kind: &str) -> Outcome {
    fs::create_dir("/tmp/new").expect("a folder");
    mount("none", "/tmp/new", kind, 0)
}

fn second_proc(_: &World) -> Outcome {
    mounted("proc")
}

fn sysfs(_: &World) -> Outcome {
    mounted("sysfs")
}

fn cgroups(_: &World) -> Outcome {
    none_of(["cgroup", "cgroup2"].map(|kind| {
        let _ = fs::remove_dir("/tmp/new");
        (kind.to_owned(), mounted(kind))
    }))
}

fn new_calls(_: &World) -> Outcome {
    let kinds = [
        c"tmpfs", c"proc", c"sysfs", c"cgroup2", c"overlay", c"ext4", c"mqueue", c"fuse",
        c"debugfs", c"bpf",
    ];
    let context = none_of(kinds.map(|kind| {
        (
            format!("{kind:?}"),
            must_fail(call(libc::SYS_fsopen, [address(kind), 0])),
        )
    }));
    let pick = must_fail(call(
        libc::SYS_fspick,
        [libc::AT_FDCWD.into(), address(c"/usr"), 0],
    ));
    none_of([("fsopen".to_owned(), context), ("fspick".to_owned(), pick)])
}

fn copies_by_descriptor(_: &World) -> Outcome {
    const CLONE: i64 = 1;
    none_of(
        [c"/proc", c"/", c"/proc/sys", c"/tmp"]
            .into_iter()
            .flat_map(|place| {
                [CLONE, CLONE | i64::from(libc::AT_RECURSIVE)].map(|flags| {
                    let copy = call(
                        libc::SYS_open_tree,
                        [libc::AT_FDCWD.into(), address(place), flags],
                    );
                    (format!("{place:?}"), must_fail(copy))
                })
            }),
    )
}

fn pivot(_: &World) -> Outcome {
    none_of(
        [(c".", c"."), (c"/tmp", c"/tmp"), (c"/proc/1/root", c"/tmp")].map(|(new, old)| {
            (
                format!("{new:?}"),
                must_fail(call(libc::SYS_pivot_root, [address(new), address(old)])),
            )
        }),
    )
}

fn overlay(_: &World) -> Outcome {
    for folder in ["/tmp/upper", "/tmp/work"] {
        fs::create_dir(folder).expect("a folder");
    }
    let options = c"lowerdir=/usr,upperdir=/tmp/upper,workdir=/tmp/work";
    must_fail(call(
        libc::SYS_mount,
        [
            address(c"overlay"),
            address(c"/usr"),
            address(c"overlay"),
            0,
            address(options),
        ],
    ))
}

fn swap(_: &World) -> Outcome {
    fs::write("/tmp/swap", vec![0; 1 << 16]).expect("a file");
    none_of([
        (
            "on".to_owned(),
            must_fail(call(libc::SYS_swapon, [address(c"/tmp/swap"), 0])),
        ),
        (
            "off".to_owned(),
            must_fail(call(libc::SYS_swapoff, [address(c"/tmp/swap")])),
        ),
    ])
}

fn quota(_: &World) -> Outcome {
    const QUOTA_ON: i64 = 0x80_0002 << 8;
    const SYNC: i64 = 0x80_0001 << 8;
    none_of([QUOTA_ON, SYNC].map(|command| {
        let done = call(
            libc::SYS_quotactl,
            [command, address(c"/dev/loop0"), 0, address(c"/tmp")],
        );
        (format!("{command:x}"), must_fail(done))
    }))
}

fn freeze_tmp(_: &World) -> Outcome {
    const FREEZE: i64 = 0xc004_5877;
    const TRIM: i64 = 0xc018_5879;
    none_of([FREEZE, TRIM].map(|command| {
        let folder = File::open("/tmp").expect("a folder");
        let argument = [0u64, u64::MAX, 0];
        let done = call(
            libc::SYS_ioctl,
            [folder.as_raw_fd().into(), command, address(&argument)],
        );
        (format!("{command:x}"), must_fail(done))
    }))
}

/// Of ext4: shuts the file system down, reserves its blocks, makes its journal, swaps the boot loader's inode.
fn shut_down_tmp(_: &World) -> Outcome {
    const COMMANDS: [i64; 4] = [0x8004_587d, 0x4008_6610, 0x4004_6607, 0x6611];
    none_of(COMMANDS.map(|command| {
        let file = File::create("/tmp/file").expect("a file");
        let argument = 1u64;
        let done = call(
            libc::SYS_ioctl,
            [file.as_raw_fd().into(), command, address(&argument)],
        );
        (format!("{command:x}"), must_fail(done))
    }))
}

/// Every mount is nosuid; all but the devices' are nodev; all but /tmp, /dev and /proc are read-only.
fn all_are_restricted(_: &World) -> Outcome {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    none_of(mounts.lines().map(|line| {
        let fields: Vec<_> = line.split(' ').collect();
        let (place, options) = (fields[4], fields[5]);
        let has = |option: &str| options.split(',').any(|one| one == option);
        let device =
            place.starts_with("/dev/") && place != "/dev/shm" || place.starts_with("/proc/");
        let writable = place.starts_with("/dev/") || place.starts_with("/proc") || place == "/tmp";
        let holds = has("nosuid") && (device || has("nodev")) && (writable || has("ro"));
        (place.to_owned(), must_hold(holds, options))
    }))
}

fn the_old_root_is_gone(_: &World) -> Outcome {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    let numbers = |index: usize| {
        mounts
            .lines()
            .filter_map(move |line| line.split(' ').nth(index))
            .collect::<Vec<_>>()
    };
    let (own, parents) = (numbers(0), numbers(1));
    // The root's parent is the one that is not in sight.
    let strangers = parents
        .iter()
        .filter(|parent| !own.contains(parent))
        .count();
    let roots = numbers(4).iter().filter(|place| **place == "/").count();
    must_hold(
        strangers == 1 && roots == 1,
        format!("{strangers} strange parents, {roots} roots"),
    )
}
