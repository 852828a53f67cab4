//! Descriptors: those that were left open, those of others, and ways out through them.

use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;

use super::Layer::{Descriptors, Init, Landlock, Limits, Processes, Seccomp};
use super::{
    Attack, Outcome, Sleeper, World, address, breached, call, must_fail, must_hide, must_hold,
    none_of, stopped,
};

/// As many as there can be.
const NUMBERS: i32 = 1024;

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "descriptors::none_is_left_open",
        aims_at: "the server's files",
        stopped_by: &[Descriptors],
        run: none_is_left_open,
    },
    Attack {
        name: "descriptors::climb_from_each",
        aims_at: "a file of the machine",
        stopped_by: &[Descriptors],
        run: climb_from_each,
    },
    Attack {
        name: "descriptors::read_from_each",
        aims_at: "the server's files",
        stopped_by: &[Descriptors],
        run: read_from_each,
    },
    Attack {
        name: "descriptors::of_pid_1_by_name",
        aims_at: "the control socket",
        stopped_by: &[Init],
        run: of_pid_1_by_name,
    },
    Attack {
        name: "descriptors::of_pid_1_listed",
        aims_at: "the control socket",
        stopped_by: &[Init],
        run: of_pid_1_listed,
    },
    Attack {
        name: "descriptors::of_pid_1_copied",
        aims_at: "the control socket",
        stopped_by: &[Seccomp, Init],
        run: of_pid_1_copied,
    },
    Attack {
        name: "descriptors::of_a_child_copied",
        aims_at: "descriptors of a process",
        stopped_by: &[Seccomp],
        run: of_a_child_copied,
    },
    Attack {
        name: "descriptors::of_outside_copied",
        aims_at: "descriptors of the canary",
        stopped_by: &[Processes, Seccomp],
        run: of_outside_copied,
    },
    Attack {
        name: "descriptors::raise_their_limit",
        aims_at: "the machine's table of files",
        stopped_by: &[Limits],
        run: raise_their_limit,
    },
    Attack {
        name: "descriptors::more_than_the_limit",
        aims_at: "the machine's table of files",
        stopped_by: &[Limits],
        run: more_than_the_limit,
    },
    Attack {
        name: "descriptors::in_flight_without_end",
        aims_at: "the machine's table of files",
        stopped_by: &[Limits],
        run: in_flight_without_end,
    },
    Attack {
        name: "descriptors::log_as_a_way_back",
        aims_at: "the server's end of the log",
        stopped_by: &[Descriptors],
        run: log_as_a_way_back,
    },
    Attack {
        name: "descriptors::name_spaces_by_name",
        aims_at: "name spaces outside",
        stopped_by: &[Init, Seccomp, Landlock],
        run: name_spaces_by_name,
    },
];

/// Every open descriptor but this program's own output and input is a breach; none of them is a folder.
fn none_is_left_open(_: &World) -> Outcome {
    none_of((0..NUMBERS).filter_map(|number| {
        let target = fs::read_link(format!("/proc/self/fd/{number}")).ok()?;
        let target = target.to_string_lossy().into_owned();
        let expected = match number {
            0 => target == "/dev/null",
            1 | 2 => target.starts_with("pipe:"),
            // That of the folder itself, while it is looked at.
            _ => false,
        };
        Some((number.to_string(), must_hold(expected, target)))
    }))
}

fn climb_from_each(world: &World) -> Outcome {
    let path = std::ffi::CString::new(format!(
        "{}{}",
        "../".repeat(32),
        &world.outside("secret")[1..]
    ))
    .expect("no zero");
    none_of((0..NUMBERS).map(|number| {
        let entered = call(libc::SYS_fchdir, [number.into()]);
        let opened = call(
            libc::SYS_openat,
            [number.into(), address(path.as_c_str()), 0],
        );
        let outcome = match (entered, opened) {
            (Err(error), Err(_)) => stopped(error),
            (entered, opened) => breached(format!("{entered:?} {opened:?}")),
        };
        (number.to_string(), outcome)
    }))
}

fn read_from_each(_: &World) -> Outcome {
    none_of((3..NUMBERS).map(|number| {
        let mut bytes = vec![0; 4096];
        let read = call(
            libc::SYS_pread64,
            [
                number.into(),
                bytes.as_mut_ptr().expose_provenance() as i64,
                4096,
                0,
            ],
        );
        (number.to_string(), must_fail(read))
    }))
}

fn of_pid_1_by_name(_: &World) -> Outcome {
    none_of((0..16).map(|number| {
        let name = format!("/proc/1/fd/{number}");
        (
            name.clone(),
            must_fail(OpenOptions::new().read(true).write(true).open(name)),
        )
    }))
}

fn of_pid_1_listed(_: &World) -> Outcome {
    none_of(
        [
            "/proc/1/fd",
            "/proc/1/fdinfo",
            "/proc/1/map_files",
            "/proc/1/task/1/fd",
        ]
        .map(|folder| (folder.to_owned(), must_fail(fs::read_dir(folder)))),
    )
}

fn copies_of(pid: i32) -> Outcome {
    let process = match call(libc::SYS_pidfd_open, [pid.into(), 0]) {
        Ok(process) => process,
        Err(error) => return stopped(error),
    };
    none_of((0..16).map(|number| {
        (
            number.to_string(),
            must_fail(call(libc::SYS_pidfd_getfd, [process, number, 0])),
        )
    }))
}

fn of_pid_1_copied(_: &World) -> Outcome {
    copies_of(1)
}

fn of_a_child_copied(_: &World) -> Outcome {
    let child = Sleeper::start().expect("a child");
    copies_of(child.pid)
}

fn of_outside_copied(world: &World) -> Outcome {
    none_of(["pid", "server"].map(|who| (who.to_owned(), copies_of(world.pid(who)))))
}

fn raise_their_limit(_: &World) -> Outcome {
    let limit = libc::rlimit {
        rlim_cur: 4096,
        rlim_max: 4096,
    };
    none_of([
        (
            "setrlimit".to_owned(),
            must_fail(call(
                libc::SYS_setrlimit,
                [i64::from(libc::RLIMIT_NOFILE), address(&limit)],
            )),
        ),
        (
            "prlimit".to_owned(),
            must_fail(call(
                libc::SYS_prlimit64,
                [0, i64::from(libc::RLIMIT_NOFILE), address(&limit), 0],
            )),
        ),
    ])
}

fn more_than_the_limit(_: &World) -> Outcome {
    let open = (0..4096)
        .map_while(|_| File::open("/dev/null").ok())
        .collect::<Vec<_>>();
    let duplicate = call(libc::SYS_fcntl, [1, libc::F_DUPFD.into(), 2000]);
    none_of([
        (
            "opened".to_owned(),
            must_hold(open.len() < 1024, format!("{} open", open.len())),
        ),
        ("by number".to_owned(), must_fail(duplicate)),
    ])
}

/// Descriptors in messages that nobody reads count for no process's table, but for the limit of its user.
fn in_flight_without_end(_: &World) -> Outcome {
    let mut sent = 0;
    let mut pairs = Vec::new();
    'all: for _ in 0..100 {
        let Ok(pair) = std::os::unix::net::UnixDatagram::pair() else {
            break;
        };
        for _ in 0..100 {
            match send_many(pair.0.as_raw_fd()) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(_) => break 'all,
            }
        }
        pairs.push(pair);
    }
    must_hold(sent < 4096, format!("{sent} in flight"))
}

/// Two hundred copies of the output in one message.
pub(super) fn send_many(socket: i32) -> std::io::Result<usize> {
    const MANY: usize = 200;
    #[repr(C, align(8))]
    struct Control {
        header: libc::cmsghdr,
        descriptors: [i32; MANY],
    }
    let length = size_of::<libc::cmsghdr>() + MANY * 4;
    let control = Control {
        header: libc::cmsghdr {
            cmsg_len: length,
            cmsg_level: libc::SOL_SOCKET,
            cmsg_type: libc::SCM_RIGHTS,
        },
        descriptors: [1; MANY],
    };
    let mut byte = 0u8;
    let mut part = libc::iovec {
        iov_base: (&raw mut byte).cast(),
        iov_len: 1,
    };
    // SAFETY: all fields are integers or pointers, for which zero is valid.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = (&raw const control).cast_mut().cast();
    message.msg_controllen = length as _;
    // SAFETY: message, part and control outlive the call.
    let result = unsafe { libc::sendmsg(socket, &raw const message, libc::MSG_DONTWAIT) };
    if result < 0 {
        Err(std::io::Error::last_os_error())
    } else {
        Ok(MANY)
    }
}

/// The other end of the log pipe: never more than this sandbox's own words, and no file behind it.
fn log_as_a_way_back(_: &World) -> Outcome {
    let reopened = OpenOptions::new().read(true).open("/proc/self/fd/1");
    let bytes = reopened.and_then(|mut file| {
        use std::io::Read;
        call(
            libc::SYS_fcntl,
            [
                file.as_raw_fd().into(),
                libc::F_SETFL.into(),
                libc::O_NONBLOCK.into(),
            ],
        )?;
        let mut bytes = vec![0; 4096];
        let count = file.read(&mut bytes)?;
        bytes.truncate(count);
        Ok(bytes)
    });
    must_hide(bytes)
}

fn name_spaces_by_name(_: &World) -> Outcome {
    let kinds = [
        "user",
        "mnt",
        "pid",
        "net",
        "ipc",
        "uts",
        "cgroup",
        "pid_for_children",
    ];
    none_of(kinds.map(|kind| {
        let entered = File::open(format!("/proc/1/ns/{kind}"))
            .and_then(|space| call(libc::SYS_setns, [space.as_raw_fd().into(), 0]));
        (kind.to_owned(), must_fail(entered))
    }))
}
