//! Files of the machine, of the runtime and of the code: read, written, replaced, linked, by path and around it.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::Layer::{Flags, Kernel, Landlock, OwnUser, Rights, Root, Seccomp};
use super::{
    Attack, Outcome, World, address, breached, call, must_fail, must_hide, must_hold, none_of,
    place, stopped,
};

/// What nobody inside may write: one file or folder of each kind of mount.
const READ_ONLY: &[&str] = &[
    "/usr/bin/true",
    "/usr/lib",
    "/var/task/hello.txt",
    "/var/task",
    "/opt",
    "/var/runtime",
    "/var/lang",
    "/etc/passwd",
    "/etc",
    "/",
    "/dev",
    "/var",
    "/lambda-entrypoint.sh",
];

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "files::secret_by_its_path",
        aims_at: "a file of the machine",
        stopped_by: &[Root],
        run: secret_by_its_path,
    },
    Attack {
        name: "files::secret_by_dots",
        aims_at: "a file of the machine",
        stopped_by: &[Root],
        run: secret_by_dots,
    },
    Attack {
        name: "files::secret_by_link",
        aims_at: "a file of the machine",
        stopped_by: &[Root],
        run: secret_by_link,
    },
    Attack {
        name: "files::secret_by_own_root",
        aims_at: "a file of the machine",
        stopped_by: &[Root],
        run: secret_by_own_root,
    },
    Attack {
        name: "files::secret_by_chroot",
        aims_at: "a file of the machine",
        stopped_by: &[Seccomp, Rights],
        run: secret_by_chroot,
    },
    Attack {
        name: "files::secret_by_handle",
        aims_at: "a file of the machine",
        stopped_by: &[Seccomp, Rights],
        run: secret_by_handle,
    },
    Attack {
        name: "files::handle_of_a_program",
        aims_at: "numbers of the machine's files",
        stopped_by: &[Seccomp],
        run: handle_of_a_program,
    },
    Attack {
        name: "files::write_the_machine",
        aims_at: "a file of the machine",
        stopped_by: &[Root],
        run: write_the_machine,
    },
    Attack {
        name: "files::fifo_by_its_path",
        aims_at: "a fifo of the machine",
        stopped_by: &[Root],
        run: fifo_by_its_path,
    },
    Attack {
        name: "files::socket_by_its_path",
        aims_at: "a socket of the machine",
        stopped_by: &[Root],
        run: socket_by_its_path,
    },
    Attack {
        name: "files::passwords",
        aims_at: "the machine's accounts",
        stopped_by: &[Root],
        run: passwords,
    },
    Attack {
        name: "files::folders_of_the_machine",
        aims_at: "home, run, boot, sys",
        stopped_by: &[Root],
        run: folders_of_the_machine,
    },
    Attack {
        name: "files::write_read_only",
        aims_at: "code, runtime, programs",
        stopped_by: &[Flags, Landlock],
        run: write_read_only,
    },
    Attack {
        name: "files::make_in_read_only",
        aims_at: "code, runtime, programs",
        stopped_by: &[Flags, Landlock],
        run: make_in_read_only,
    },
    Attack {
        name: "files::unnamed_in_read_only",
        aims_at: "code, runtime, programs",
        stopped_by: &[Flags, Landlock],
        run: unnamed_in_read_only,
    },
    Attack {
        name: "files::remove_code",
        aims_at: "the code",
        stopped_by: &[Flags, Landlock],
        run: remove_code,
    },
    Attack {
        name: "files::rename_over_program",
        aims_at: "programs of the machine",
        stopped_by: &[Flags, Landlock],
        run: rename_over_program,
    },
    Attack {
        name: "files::exchange_folders",
        aims_at: "the root's folders",
        stopped_by: &[Flags, Landlock],
        run: exchange_folders,
    },
    Attack {
        name: "files::truncate_code",
        aims_at: "the code",
        stopped_by: &[Flags, Landlock],
        run: truncate_code,
    },
    Attack {
        name: "files::punch_code",
        aims_at: "the code",
        stopped_by: &[Flags],
        run: punch_code,
    },
    Attack {
        name: "files::map_program_writable",
        aims_at: "programs of the machine",
        stopped_by: &[Flags],
        run: map_program_writable,
    },
    Attack {
        name: "files::reopen_for_writing",
        aims_at: "programs of the machine",
        stopped_by: &[Flags, Landlock],
        run: reopen_for_writing,
    },
    Attack {
        name: "files::write_through_own_memory",
        aims_at: "pages of programs",
        stopped_by: &[Kernel],
        run: write_through_own_memory,
    },
    Attack {
        name: "files::splice_into_pages",
        aims_at: "pages of programs",
        stopped_by: &[Kernel],
        run: splice_into_pages,
    },
    Attack {
        name: "files::change_modes",
        aims_at: "code and programs",
        stopped_by: &[Flags],
        run: change_modes,
    },
    Attack {
        name: "files::change_owner",
        aims_at: "own files",
        stopped_by: &[Rights],
        run: change_owner,
    },
    Attack {
        name: "files::change_times",
        aims_at: "the code",
        stopped_by: &[Flags],
        run: change_times,
    },
    Attack {
        name: "files::set_attributes",
        aims_at: "code and programs",
        stopped_by: &[Flags],
        run: set_attributes,
    },
    Attack {
        name: "files::link_program",
        aims_at: "programs with rights",
        stopped_by: &[Root],
        run: link_program,
    },
    Attack {
        name: "files::link_open_file",
        aims_at: "programs with rights",
        stopped_by: &[Root, Rights],
        run: link_open_file,
    },
    Attack {
        name: "files::whiteout_in_tmp",
        aims_at: "layers of file systems",
        stopped_by: &[Seccomp, Landlock],
        run: whiteout_in_tmp,
    },
    Attack {
        name: "files::whiteout_in_shm",
        aims_at: "layers of file systems",
        stopped_by: &[Seccomp, Landlock],
        run: whiteout_in_shm,
    },
    Attack {
        name: "files::immutable",
        aims_at: "files that stay",
        stopped_by: &[Rights],
        run: immutable,
    },
    Attack {
        name: "files::lease",
        aims_at: "files that others open",
        stopped_by: &[Seccomp, OwnUser],
        run: lease,
    },
    Attack {
        name: "files::lease_of_an_own_file",
        aims_at: "time of the kernel",
        stopped_by: &[Seccomp],
        run: lease_of_an_own_file,
    },
    Attack {
        name: "files::execute_in_shm",
        aims_at: "memory shared by name",
        stopped_by: &[Flags],
        run: execute_in_shm,
    },
    Attack {
        name: "files::mapped_files_by_name",
        aims_at: "files behind mappings",
        stopped_by: &[Rights],
        run: mapped_files_by_name,
    },
    Attack {
        name: "files::paths_in_mounts",
        aims_at: "names of the server",
        stopped_by: &[Root],
        run: paths_in_mounts,
    },
    Attack {
        name: "files::names_of_others",
        aims_at: "other functions' folders",
        stopped_by: &[Root],
        run: names_of_others,
    },
];

fn path(text: &str) -> CString {
    CString::new(text).expect("no zero")
}

fn secret_by_its_path(world: &World) -> Outcome {
    must_hide(fs::read(world.outside("secret")))
}

fn secret_by_dots(world: &World) -> Outcome {
    let up = "../".repeat(64);
    let ways = [
        "/",
        "/tmp/",
        "/var/task/",
        "/proc/self/cwd/",
        "/usr/",
        "/dev/shm/",
    ];
    none_of(ways.map(|start| {
        let path = format!("{start}{up}{}", world.outside("secret"));
        (start.to_owned(), must_hide(fs::read(path)))
    }))
}

fn secret_by_link(world: &World) -> Outcome {
    let absolute = symlink(world.outside("secret"), "/tmp/absolute");
    let relative = symlink(
        format!("../../../..{}", world.outside("secret")),
        "/tmp/relative",
    );
    if let Err(error) = absolute.and(relative) {
        return breached(format!("the try itself failed: {error}"));
    }
    none_of(
        ["/tmp/absolute", "/tmp/relative"].map(|link| (link.to_owned(), must_hide(fs::read(link)))),
    )
}

fn secret_by_own_root(world: &World) -> Outcome {
    let ways = [
        "/proc/self/root",
        "/proc/thread-self/root",
        "/proc/1/root",
        "/proc/1/cwd",
        "/proc/self/cwd/..",
    ];
    none_of(ways.map(|start| {
        let path = format!("{start}{}", world.outside("secret"));
        (start.to_owned(), must_hide(fs::read(path)))
    }))
}

/// The classic: hold a folder open, change the root below it, climb.
fn secret_by_chroot(world: &World) -> Outcome {
    let folder = File::open("/").expect("a root");
    fs::DirBuilder::new()
        .mode(0o755)
        .create("/tmp/cage")
        .expect("a folder");
    let cage = path("/tmp/cage");
    if let Err(error) = call(libc::SYS_chroot, [address(cage.as_c_str())]) {
        return stopped(error);
    }
    let climb = call(libc::SYS_fchdir, [folder.as_raw_fd().into()]);
    let up = format!("{}{}", "../".repeat(64), &world.outside("secret")[1..]);
    let _ = climb;
    match must_hide(fs::read(up)) {
        Outcome::Stopped(how) => breached(format!("a root of its own, though {how}")),
        breach @ Outcome::Breached(_) => breach,
    }
}

#[repr(C)]
struct Handle {
    bytes: u32,
    kind: i32,
    inode: u32,
    rest: [u32; 29],
}

/// By number, as "shocker" left Docker: the file system's root has inode 2, or 1, or 128.
fn secret_by_handle(_: &World) -> Outcome {
    let tries = ["/usr", "/tmp", "/etc", "/dev/null"]
        .into_iter()
        .flat_map(|place| {
            [(1, 2), (1, 128), (2, 2), (1, 1)].map(move |(kind, inode)| {
                let outcome = File::open(place).map_or_else(stopped, |mount| {
                    let handle = Handle {
                        bytes: 8,
                        kind,
                        inode,
                        rest: [0; 29],
                    };
                    must_fail(call(
                        libc::SYS_open_by_handle_at,
                        [mount.as_raw_fd().into(), address(&handle), 0],
                    ))
                });
                (format!("{place} {kind} {inode}"), outcome)
            })
        });
    none_of(tries)
}

/// The number that the other call wants, and what it tells of the machine's file systems.
fn handle_of_a_program(_: &World) -> Outcome {
    let name = path("/usr/bin/true");
    let mut handle = Handle {
        bytes: 120,
        kind: 0,
        inode: 0,
        rest: [0; 29],
    };
    let mut mount = 0;
    let named = call(
        libc::SYS_name_to_handle_at,
        [
            libc::AT_FDCWD.into(),
            address(name.as_c_str()),
            place(&mut handle),
            place(&mut mount),
            0,
        ],
    );
    must_fail(named)
}

fn write_the_machine(world: &World) -> Outcome {
    must_fail(
        OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(world.outside("open")),
    )
}

fn fifo_by_its_path(world: &World) -> Outcome {
    must_fail(
        OpenOptions::new()
            .write(true)
            .read(true)
            .open(world.outside("fifo")),
    )
}

fn socket_by_its_path(world: &World) -> Outcome {
    must_fail(UnixStream::connect(world.outside("socket")))
}

fn passwords(_: &World) -> Outcome {
    let files = [
        "/etc/shadow",
        "/etc/gshadow",
        "/etc/sudoers",
        "/etc/machine-id",
        "/root/.bashrc",
        "/etc/ssh",
    ];
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let tries = files.map(|file| (file.to_owned(), must_fail(fs::symlink_metadata(file))));
    let own = must_hold(
        accounts.lines().count() < 6,
        format!("{} accounts", accounts.lines().count()),
    );
    none_of(tries.into_iter().chain([("accounts".to_owned(), own)]))
}

fn folders_of_the_machine(_: &World) -> Outcome {
    let folders = [
        "/root",
        "/home",
        "/run",
        "/boot",
        "/sys/kernel",
        "/sys/fs/cgroup",
        "/srv",
        "/mnt",
        "/media",
        "/work",
        "/var/lib",
        "/var/log",
        "/var/tmp",
        "/var/run/docker.sock",
        "/usr/local/bin",
        "/usr/lib/python3/dist-packages",
    ];
    none_of(folders.map(|folder| {
        let found = fs::read_dir(folder).map_or(0, Iterator::count);
        (
            folder.to_owned(),
            must_hold(found == 0, format!("{found} entries")),
        )
    }))
}

fn write_read_only(_: &World) -> Outcome {
    none_of(READ_ONLY.iter().map(|file| {
        let opened = OpenOptions::new().append(true).open(file);
        (
            (*file).to_owned(),
            must_fail(opened.and_then(|mut file| file.write(b"x"))),
        )
    }))
}

fn make_in_read_only(_: &World) -> Outcome {
    let folders = READ_ONLY.iter().filter(|path| Path::new(path).is_dir());
    none_of(folders.flat_map(|folder| {
        let name = format!("{folder}/new");
        [
            (
                format!("a file in {folder}"),
                must_fail(File::create_new(&name)),
            ),
            (
                format!("a folder in {folder}"),
                must_fail(fs::create_dir(&name)),
            ),
            (
                format!("a link in {folder}"),
                must_fail(symlink("/tmp", &name)),
            ),
        ]
    }))
}

fn unnamed_in_read_only(_: &World) -> Outcome {
    none_of(["/var/task", "/opt", "/usr/lib", "/"].map(|folder| {
        let name = path(folder);
        let flags = i64::from(libc::O_TMPFILE | libc::O_RDWR);
        let made = call(
            libc::SYS_openat,
            [
                libc::AT_FDCWD.into(),
                address(name.as_c_str()),
                flags,
                0o600,
            ],
        );
        (folder.to_owned(), must_fail(made))
    }))
}

fn remove_code(_: &World) -> Outcome {
    none_of([
        (
            "unlink".to_owned(),
            must_fail(fs::remove_file("/var/task/hello.txt")),
        ),
        ("rmdir".to_owned(), must_fail(fs::remove_dir("/var/task"))),
        (
            "rename away".to_owned(),
            must_fail(fs::rename("/var/task/hello.txt", "/tmp/hello.txt")),
        ),
    ])
}

fn rename_over_program(_: &World) -> Outcome {
    fs::write("/tmp/own", "#!/bin/sh\n").expect("a file");
    none_of(
        [
            "/usr/bin/true",
            "/var/task/hello.txt",
            "/etc/passwd",
            "/lambda-entrypoint.sh",
        ]
        .map(|target| (target.to_owned(), must_fail(fs::rename("/tmp/own", target)))),
    )
}

fn exchange_folders(_: &World) -> Outcome {
    fs::create_dir("/tmp/usr").expect("a folder");
    none_of(
        [
            ("/tmp/usr", "/usr"),
            ("/tmp", "/opt"),
            ("/proc", "/opt"),
            ("/etc", "/opt"),
        ]
        .map(|(from, to)| {
            let (one, other) = (path(from), path(to));
            let at = i64::from(libc::AT_FDCWD);
            let exchanged = call(
                libc::SYS_renameat2,
                [
                    at,
                    address(one.as_c_str()),
                    at,
                    address(other.as_c_str()),
                    libc::RENAME_EXCHANGE.into(),
                ],
            );
            (to.to_owned(), must_fail(exchanged))
        }),
    )
}

fn truncate_code(_: &World) -> Outcome {
    none_of(
        ["/var/task/hello.txt", "/usr/bin/true", "/etc/passwd"].map(|file| {
            let name = path(file);
            (
                file.to_owned(),
                must_fail(call(libc::SYS_truncate, [address(name.as_c_str()), 0])),
            )
        }),
    )
}

fn punch_code(_: &World) -> Outcome {
    let file = File::open("/var/task/hello.txt").expect("the code");
    let punch = i64::from(libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE);
    none_of([
        (
            "fallocate".to_owned(),
            must_fail(call(
                libc::SYS_fallocate,
                [file.as_raw_fd().into(), punch, 0, 1],
            )),
        ),
        (
            "ftruncate".to_owned(),
            must_fail(call(libc::SYS_ftruncate, [file.as_raw_fd().into(), 0])),
        ),
        (
            "dontneed".to_owned(),
            must_hold(
                fs::read("/var/task/hello.txt").is_ok_and(|text| text == b"hi"),
                "unchanged",
            ),
        ),
    ])
}

fn map_program_writable(_: &World) -> Outcome {
    let file = File::open("/usr/bin/true").expect("a program");
    let map = |protection: i32| {
        call(
            libc::SYS_mmap,
            [
                0,
                4096,
                protection.into(),
                libc::MAP_SHARED.into(),
                file.as_raw_fd().into(),
                0,
            ],
        )
    };
    let later = map(libc::PROT_READ).and_then(|at| {
        call(
            libc::SYS_mprotect,
            [at, 4096, i64::from(libc::PROT_READ | libc::PROT_WRITE)],
        )
    });
    none_of([
        (
            "at once".to_owned(),
            must_fail(map(libc::PROT_READ | libc::PROT_WRITE)),
        ),
        ("later".to_owned(), must_fail(later)),
    ])
}

fn reopen_for_writing(_: &World) -> Outcome {
    none_of(
        ["/usr/bin/true", "/var/task/hello.txt", "/proc/self/exe"].map(|file| {
            let outcome = File::open(file).map_or_else(stopped, |open| {
                let again = format!("/proc/self/fd/{}", open.as_raw_fd());
                must_fail(OpenOptions::new().write(true).open(again))
            });
            (file.to_owned(), outcome)
        }),
    )
}

/// As "Dirty COW" did: a private mapping, written by `/proc/self/mem`; the file must not change.
fn write_through_own_memory(_: &World) -> Outcome {
    let before = fs::read("/var/task/hello.txt").expect("the code");
    let file = File::open("/var/task/hello.txt").expect("the code");
    let at = call(
        libc::SYS_mmap,
        [
            0,
            4096,
            libc::PROT_READ.into(),
            libc::MAP_PRIVATE.into(),
            file.as_raw_fd().into(),
            0,
        ],
    );
    let memory = OpenOptions::new().write(true).open("/proc/self/mem");
    let written = at.and_then(|at| {
        use std::os::unix::fs::FileExt;
        memory.and_then(|memory| memory.write_at(b"XX", at as u64))
    });
    let after = fs::read("/var/task/hello.txt").expect("the code");
    must_hold(
        before == after,
        format!("{written:?}, and the file is {after:?}"),
    )
}

/// As "Dirty Pipe" did: pages of a file in a pipe, written on by what comes after.
fn splice_into_pages(_: &World) -> Outcome {
    let before = fs::read("/var/task/hello.txt").expect("the code");
    let file = File::open("/var/task/hello.txt").expect("the code");
    let (mut out, mut into) = io::pipe().expect("a pipe");
    let full = vec![1; 1 << 16];
    into.write_all(&full).expect("room");
    out.read_exact(&mut vec![0; 1 << 16]).expect("bytes");
    let spliced = call(
        libc::SYS_splice,
        [file.as_raw_fd().into(), 0, into.as_raw_fd().into(), 0, 1, 0],
    );
    let written = into.write(b"XX");
    let after = fs::read("/var/task/hello.txt").expect("the code");
    must_hold(
        before == after,
        format!("{spliced:?} {written:?}, and the file is {after:?}"),
    )
}

fn change_modes(_: &World) -> Outcome {
    none_of(
        [
            "/var/task/hello.txt",
            "/usr/bin/true",
            "/usr",
            "/dev/null",
            "/etc/passwd",
        ]
        .map(|file| {
            (
                file.to_owned(),
                must_fail(fs::set_permissions(
                    file,
                    fs::Permissions::from_mode(0o4777),
                )),
            )
        }),
    )
}

fn change_owner(_: &World) -> Outcome {
    fs::write("/tmp/mine", "x").expect("a file");
    none_of(
        [(0, 990), (993, 0), (65_534, 65_534), (1000, 1000)].map(|(uid, gid)| {
            let changed = std::os::unix::fs::chown("/tmp/mine", Some(uid), Some(gid));
            (format!("{uid}:{gid}"), must_fail(changed))
        }),
    )
}

fn change_times(_: &World) -> Outcome {
    none_of(
        ["/var/task/hello.txt", "/usr/bin/true", "/var/task"].map(|file| {
            let changed =
                File::open(file).and_then(|file| file.set_modified(std::time::UNIX_EPOCH));
            (file.to_owned(), must_fail(changed))
        }),
    )
}

fn set_attributes(_: &World) -> Outcome {
    none_of(["/var/task/hello.txt", "/usr/bin/true"].map(|file| {
        let (file_name, name) = (path(file), path("user.x"));
        let set = call(
            libc::SYS_setxattr,
            [
                address(file_name.as_c_str()),
                address(name.as_c_str()),
                address("x"),
                1,
                0,
            ],
        );
        (file.to_owned(), must_fail(set))
    }))
}

fn link_program(_: &World) -> Outcome {
    none_of(
        [
            "/usr/bin/su",
            "/usr/bin/passwd",
            "/usr/bin/true",
            "/var/task/hello.txt",
            "/etc/passwd",
        ]
        .map(|file| {
            (
                file.to_owned(),
                must_fail(fs::hard_link(file, "/tmp/linked")),
            )
        }),
    )
}

fn link_open_file(_: &World) -> Outcome {
    let file = File::open("/usr/bin/true").expect("a program");
    let (empty, target) = (path(""), path("/tmp/linked"));
    let by_number = path(&format!("/proc/self/fd/{}", file.as_raw_fd()));
    let at = i64::from(libc::AT_FDCWD);
    let link = |folder: i64, from: &CString, flag: i32| {
        call(
            libc::SYS_linkat,
            [
                folder,
                address(from.as_c_str()),
                at,
                address(target.as_c_str()),
                flag.into(),
            ],
        )
    };
    none_of([
        (
            "empty".to_owned(),
            must_fail(link(file.as_raw_fd().into(), &empty, libc::AT_EMPTY_PATH)),
        ),
        (
            "by number".to_owned(),
            must_fail(link(at, &by_number, libc::AT_SYMLINK_FOLLOW)),
        ),
    ])
}

/// A character device 0:0 needs no right to be made, and hides files from whoever stacks file systems on this one.
fn whiteout(folder: &str) -> Outcome {
    let name = path(&format!("{folder}/whiteout"));
    let made = call(
        libc::SYS_mknodat,
        [
            libc::AT_FDCWD.into(),
            address(name.as_c_str()),
            libc::S_IFCHR.into(),
            0,
        ],
    );
    must_fail(made)
}

fn whiteout_in_tmp(_: &World) -> Outcome {
    whiteout("/tmp")
}

fn whiteout_in_shm(_: &World) -> Outcome {
    whiteout("/dev/shm")
}

fn immutable(_: &World) -> Outcome {
    const IMMUTABLE: i64 = 0x10;
    const APPEND: i64 = 0x20;
    none_of(["/tmp", "/dev/shm"].into_iter().flat_map(|folder| {
        [IMMUTABLE, APPEND].map(|flag| {
            let file = File::create(format!("{folder}/kept")).expect("a file");
            let set = call(
                libc::SYS_ioctl,
                [
                    file.as_raw_fd().into(),
                    libc::FS_IOC_SETFLAGS as i64,
                    address(&flag),
                ],
            );
            (format!("{folder} {flag}"), must_fail(set))
        })
    }))
}

/// Would make whoever opens the file wait for this process.
fn leased(path: &str) -> (String, Outcome) {
    let file = File::open(path).expect("a file");
    let taken = call(
        libc::SYS_fcntl,
        [
            file.as_raw_fd().into(),
            libc::F_SETLEASE.into(),
            libc::F_WRLCK.into(),
        ],
    );
    (path.to_owned(), must_fail(taken))
}

fn lease(_: &World) -> Outcome {
    let shared = [
        "/usr/bin/true",
        "/usr/bin/env",
        "/etc/passwd",
        "/var/task/hello.txt",
    ];
    none_of(shared.map(leased))
}

fn lease_of_an_own_file(_: &World) -> Outcome {
    fs::write("/tmp/leased", "x").expect("a file");
    leased("/tmp/leased").1
}

fn execute_in_shm(_: &World) -> Outcome {
    fs::copy("/usr/bin/true", "/dev/shm/true").expect("a copy");
    fs::set_permissions("/dev/shm/true", fs::Permissions::from_mode(0o755)).expect("a mode");
    must_fail(std::process::Command::new("/dev/shm/true").status())
}

fn mapped_files_by_name(_: &World) -> Outcome {
    let links = fs::read_dir("/proc/self/map_files")
        .into_iter()
        .flatten()
        .flatten();
    none_of(links.map(|link| {
        (
            format!("{}", link.path().display()),
            must_fail(File::open(link.path())),
        )
    }))
}

fn paths_in_mounts(world: &World) -> Outcome {
    let folder = world.text("folder");
    none_of(
        [
            "mountinfo",
            "mounts",
            "mountstats",
            "maps",
            "environ",
            "cgroup",
            "cmdline",
        ]
        .map(|file| {
            let text = fs::read(format!("/proc/self/{file}")).unwrap_or_default();
            // The harness itself tells the folder in the arguments.
            let told = file == "cmdline" || !String::from_utf8_lossy(&text).contains(folder);
            (file.to_owned(), must_hold(told, "the server's folder"))
        }),
    )
}

fn names_of_others(_: &World) -> Outcome {
    let parent = fs::read_dir("/var/task/..").into_iter().flatten().flatten();
    let names: Vec<_> = parent
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let known = ["compiled", "lang", "runtime", "task"];
    let only = names.iter().all(|name| known.contains(&name.as_str()));
    let owners = fs::symlink_metadata("/var/task").map(|found| (found.uid(), found.mode() & 0o777));
    must_hold(only, format!("{names:?} {owners:?}"))
}
