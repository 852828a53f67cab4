//! Devices: none but the harmless ones is there, none can be made, and those that are there obey nobody.

use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::PathBuf;

use super::Layer::{Flags, Kernel, Landlock, Rights, Root};
use super::{Attack, Outcome, World, address, call, must_fail, must_hold, none_of};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "devices::all_that_are_there",
        aims_at: "hardware",
        stopped_by: &[Root],
        run: all_that_are_there,
    },
    Attack {
        name: "devices::disks",
        aims_at: "the machine's disks",
        stopped_by: &[Root],
        run: disks,
    },
    Attack {
        name: "devices::loops",
        aims_at: "images of other sandboxes",
        stopped_by: &[Root],
        run: loops,
    },
    Attack {
        name: "devices::virtual_machines",
        aims_at: "the kernel",
        stopped_by: &[Root],
        run: virtual_machines,
    },
    Attack {
        name: "devices::networks",
        aims_at: "the machine's network",
        stopped_by: &[Root],
        run: networks,
    },
    Attack {
        name: "devices::input_and_screen",
        aims_at: "the operator",
        stopped_by: &[Root],
        run: input_and_screen,
    },
    Attack {
        name: "devices::make_characters",
        aims_at: "hardware",
        stopped_by: &[Rights, Landlock, Flags],
        run: make_characters,
    },
    Attack {
        name: "devices::make_disks",
        aims_at: "the machine's disks",
        stopped_by: &[Rights, Landlock, Flags],
        run: make_disks,
    },
    Attack {
        name: "devices::add_entropy",
        aims_at: "random numbers of the machine",
        stopped_by: &[Rights],
        run: add_entropy,
    },
    Attack {
        name: "devices::clear_entropy",
        aims_at: "random numbers of the machine",
        stopped_by: &[Rights],
        run: clear_entropy,
    },
    Attack {
        name: "devices::program_in_null",
        aims_at: "devices as programs",
        stopped_by: &[Flags],
        run: program_in_null,
    },
    Attack {
        name: "devices::change_their_modes",
        aims_at: "devices of the machine",
        stopped_by: &[Rights, Root],
        run: change_their_modes,
    },
    Attack {
        name: "devices::replace_them",
        aims_at: "devices of this sandbox",
        stopped_by: &[Flags],
        run: replace_them,
    },
    Attack {
        name: "devices::memory_zero_shared",
        aims_at: "memory between sandboxes",
        stopped_by: &[Kernel],
        run: memory_zero_shared,
    },
];

/// The numbers of null, zero, full, random, urandom, and of the multiplexer of terminals.
const HARMLESS: [(u32, u32); 6] = [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 2)];

fn all_that_are_there(_: &World) -> Outcome {
    let mut folders = vec![
        PathBuf::from("/dev"),
        PathBuf::from("/tmp"),
        PathBuf::from("/var"),
    ];
    let mut devices = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(found) = fs::symlink_metadata(entry.path()) else {
                continue;
            };
            let kind = found.file_type();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_char_device() || kind.is_block_device() {
                devices.push((entry.path(), found.rdev()));
            }
        }
    }
    if devices.is_empty() {
        return super::breached("the try itself failed: no device at all");
    }
    none_of(devices.into_iter().map(|(path, number)| {
        let number = (libc::major(number), libc::minor(number));
        (
            path.display().to_string(),
            must_hold(HARMLESS.contains(&number), format!("{number:?}")),
        )
    }))
}

fn opened(names: &[&str]) -> Outcome {
    none_of(names.iter().flat_map(|name| {
        let path = format!("/dev/{name}");
        [
            (path.clone(), must_fail(File::open(&path))),
            (
                path.clone(),
                must_fail(OpenOptions::new().write(true).open(&path)),
            ),
        ]
    }))
}

fn disks(_: &World) -> Outcome {
    opened(&[
        "sda",
        "sda1",
        "vda",
        "vda1",
        "nvme0n1",
        "xvda",
        "dm-0",
        "md0",
        "mapper/control",
        "sg0",
        "sr0",
        "zram0",
        "nbd0",
    ])
}

fn loops(_: &World) -> Outcome {
    opened(&["loop-control", "loop0", "loop1", "loop2", "loop3", "loop7"])
}

fn virtual_machines(_: &World) -> Outcome {
    opened(&[
        "kvm",
        "vhost-net",
        "vhost-vsock",
        "vfio/vfio",
        "vsock",
        "vboxdrv",
        "xen/evtchn",
        "sev",
        "sgx_enclave",
    ])
}

fn networks(_: &World) -> Outcome {
    opened(&["net/tun", "ppp", "rfkill", "infiniband/uverbs0", "ptp0"])
}

fn input_and_screen(_: &World) -> Outcome {
    opened(&[
        "input/event0",
        "input/mice",
        "uinput",
        "fb0",
        "dri/card0",
        "dri/renderD128",
        "snd/timer",
        "nvidia0",
        "video0",
        "hidraw0",
        "tty",
        "vcs",
        "fuse",
        "cuse",
        "userfaultfd",
        "snapshot",
        "watchdog",
        "rtc0",
        "cpu_dma_latency",
        "binder",
        "ashmem",
        "tpm0",
        "hwrng",
        "autofs",
        "btrfs-control",
        "mei0",
        "i2c-0",
        "gpiochip0",
    ])
}

fn made(kind: libc::mode_t, numbers: &[(u32, u32)]) -> Outcome {
    none_of(
        ["/tmp/device", "/dev/shm/device", "/dev/device"]
            .into_iter()
            .flat_map(|place| {
                let place = std::ffi::CString::new(place).expect("no zero");
                numbers.iter().map(move |(major, minor)| {
                    let number = libc::makedev(*major, *minor);
                    let made = call(
                        libc::SYS_mknodat,
                        [
                            libc::AT_FDCWD.into(),
                            address(place.as_c_str()),
                            i64::from(kind | 0o666),
                            number as i64,
                        ],
                    );
                    (format!("{place:?} {major}:{minor}"), must_fail(made))
                })
            }),
    )
}

fn make_characters(_: &World) -> Outcome {
    made(
        libc::S_IFCHR,
        &[
            (1, 1),
            (1, 2),
            (1, 3),
            (1, 11),
            (5, 1),
            (10, 200),
            (10, 229),
            (10, 232),
            (10, 237),
        ],
    )
}

fn make_disks(_: &World) -> Outcome {
    made(
        libc::S_IFBLK,
        &[(7, 0), (8, 0), (254, 0), (253, 0), (259, 0)],
    )
}

fn on_random(request: i64, argument: i64) -> Outcome {
    none_of(["/dev/random", "/dev/urandom"].map(|path| {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .expect("a device");
        (
            path.to_owned(),
            must_fail(call(
                libc::SYS_ioctl,
                [file.as_raw_fd().into(), request, argument],
            )),
        )
    }))
}

fn add_entropy(_: &World) -> Outcome {
    let pool = [64i32, 4, 0];
    none_of([
        (
            "RNDADDENTROPY".to_owned(),
            on_random(0x4008_5203, address(&pool)),
        ),
        (
            "RNDADDTOENTCNT".to_owned(),
            on_random(0x4004_5201, address(&pool)),
        ),
    ])
}

fn clear_entropy(_: &World) -> Outcome {
    none_of([0x5204, 0x5206, 0x5207].map(|request| (format!("{request:x}"), on_random(request, 0))))
}

fn program_in_null(_: &World) -> Outcome {
    let file = File::open("/dev/zero").expect("a device");
    let mapped = call(
        libc::SYS_mmap,
        [
            0,
            4096,
            5,
            libc::MAP_PRIVATE.into(),
            file.as_raw_fd().into(),
            0,
        ],
    );
    must_fail(mapped)
}

fn change_their_modes(_: &World) -> Outcome {
    none_of(["null", "zero", "full", "random", "urandom"].map(|name| {
        let path = format!("/dev/{name}");
        use std::os::unix::fs::PermissionsExt;
        let changed = fs::set_permissions(&path, fs::Permissions::from_mode(0o000));
        (
            path.clone(),
            must_fail(changed.and_then(|()| std::os::unix::fs::chown(&path, Some(993), None))),
        )
    }))
}

fn replace_them(_: &World) -> Outcome {
    fs::write("/tmp/own", "x").expect("a file");
    none_of(["null", "urandom", "ptmx", "fd", "stdout"].map(|name| {
        let path = format!("/dev/{name}");
        let removed = must_fail(fs::remove_file(&path));
        let renamed = must_fail(fs::rename("/tmp/own", &path));
        (
            path,
            none_of([
                ("removed".to_owned(), removed),
                ("renamed over".to_owned(), renamed),
            ]),
        )
    }))
}

/// Shared mappings of it are memory of their maker alone.
fn memory_zero_shared(_: &World) -> Outcome {
    let map = || {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/zero")
            .expect("a device");
        call(
            libc::SYS_mmap,
            [
                0,
                4096,
                3,
                libc::MAP_SHARED.into(),
                file.as_raw_fd().into(),
                0,
            ],
        )
        .expect("a mapping")
    };
    let (one, other) = (map(), map());
    // SAFETY: both are mappings of a page, made just now.
    let seen = unsafe {
        std::ptr::with_exposed_provenance_mut::<u8>(one as usize).write_volatile(7);
        std::ptr::with_exposed_provenance::<u8>(other as usize).read_volatile()
    };
    must_hold(seen == 0, seen)
}
