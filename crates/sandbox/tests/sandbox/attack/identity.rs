//! Users, groups and capabilities: none more can be had, by any program, call or file.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use super::Layer::{Flags, Rights, Seccomp, UserSpace};
use super::{
    Attack, Outcome, World, address, call, in_child, must_fail, must_hold, none_of, stopped,
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "identity::become_root",
        aims_at: "user 0",
        stopped_by: &[UserSpace, Rights],
        run: become_root,
    },
    Attack {
        name: "identity::become_roots_group",
        aims_at: "group 0",
        stopped_by: &[UserSpace, Rights],
        run: become_roots_group,
    },
    Attack {
        name: "identity::become_another_user",
        aims_at: "users of the machine",
        stopped_by: &[UserSpace, Rights],
        run: become_another_user,
    },
    Attack {
        name: "identity::more_groups",
        aims_at: "groups of the machine",
        stopped_by: &[UserSpace, Rights],
        run: more_groups,
    },
    Attack {
        name: "identity::another_user_for_files",
        aims_at: "files of others",
        stopped_by: &[Seccomp, Rights],
        run: another_user_for_files,
    },
    Attack {
        name: "identity::no_capability",
        aims_at: "capabilities",
        stopped_by: &[Rights],
        run: no_capability,
    },
    Attack {
        name: "identity::set_capabilities",
        aims_at: "capabilities",
        stopped_by: &[Rights],
        run: set_capabilities,
    },
    Attack {
        name: "identity::ambient_capabilities",
        aims_at: "capabilities",
        stopped_by: &[Rights],
        run: ambient_capabilities,
    },
    Attack {
        name: "identity::secure_bits",
        aims_at: "capabilities",
        stopped_by: &[Seccomp, Rights],
        run: secure_bits,
    },
    Attack {
        name: "identity::new_privileges",
        aims_at: "rights of programs",
        stopped_by: &[Rights],
        run: new_privileges,
    },
    Attack {
        name: "identity::programs_of_root",
        aims_at: "user 0",
        stopped_by: &[Flags, Rights],
        run: programs_of_root,
    },
    Attack {
        name: "identity::own_program_of_root",
        aims_at: "user 0",
        stopped_by: &[UserSpace, Flags],
        run: own_program_of_root,
    },
    Attack {
        name: "identity::own_program_with_capabilities",
        aims_at: "capabilities",
        stopped_by: &[Rights],
        run: own_program_with_capabilities,
    },
    Attack {
        name: "identity::program_from_memory",
        aims_at: "rights of programs",
        stopped_by: &[Rights],
        run: program_from_memory,
    },
    Attack {
        name: "identity::after_exec_nothing_more",
        aims_at: "rights of programs",
        stopped_by: &[Rights],
        run: after_exec_nothing_more,
    },
    Attack {
        name: "identity::filter_after_exec",
        aims_at: "the filter",
        stopped_by: &[Seccomp],
        run: filter_after_exec,
    },
    Attack {
        name: "identity::name_spaces_to_be_had",
        aims_at: "rights in a name space",
        stopped_by: &[UserSpace],
        run: name_spaces_to_be_had,
    },
    Attack {
        name: "identity::write_maps",
        aims_at: "users of the machine",
        stopped_by: &[UserSpace, Rights],
        run: write_maps,
    },
    Attack {
        name: "identity::raise_name_spaces",
        aims_at: "rights in a name space",
        stopped_by: &[super::Layer::Masks, Rights],
        run: raise_name_spaces,
    },
    Attack {
        name: "identity::drop_the_filter",
        aims_at: "the filter",
        stopped_by: &[Seccomp],
        run: drop_the_filter,
    },
    Attack {
        name: "identity::own_filter_allows",
        aims_at: "the filter",
        stopped_by: &[Seccomp],
        run: own_filter_allows,
    },
    Attack {
        name: "identity::own_notifier_continues",
        aims_at: "the filter",
        stopped_by: &[Seccomp],
        run: own_notifier_continues,
    },
    Attack {
        name: "identity::security_label",
        aims_at: "security modules",
        stopped_by: &[Rights, super::Layer::Kernel],
        run: security_label,
    },
];

fn become_root(_: &World) -> Outcome {
    none_of([
        ("setuid".to_owned(), must_fail(call(libc::SYS_setuid, [0]))),
        (
            "setreuid".to_owned(),
            must_fail(call(libc::SYS_setreuid, [0, 0])),
        ),
        (
            "setresuid".to_owned(),
            must_fail(call(libc::SYS_setresuid, [-1, 0, -1])),
        ),
    ])
}

fn become_roots_group(_: &World) -> Outcome {
    none_of([
        ("setgid".to_owned(), must_fail(call(libc::SYS_setgid, [0]))),
        (
            "setregid".to_owned(),
            must_fail(call(libc::SYS_setregid, [0, 0])),
        ),
        (
            "setresgid".to_owned(),
            must_fail(call(libc::SYS_setresgid, [-1, 0, -1])),
        ),
    ])
}

fn become_another_user(_: &World) -> Outcome {
    none_of(
        [1, 33, 1000, 65_534, 100_000_000]
            .map(|uid| (uid.to_string(), must_fail(call(libc::SYS_setuid, [uid])))),
    )
}

fn more_groups(_: &World) -> Outcome {
    none_of([0, 4, 6, 990, 65_534].map(|group: u32| {
        let groups = [group];
        (
            group.to_string(),
            must_fail(call(libc::SYS_setgroups, [1, address(&groups)])),
        )
    }))
}

/// Answers the former user, whatever becomes of it: the second call tells.
fn another_user_for_files(_: &World) -> Outcome {
    none_of([libc::SYS_setfsuid, libc::SYS_setfsgid].map(|number| {
        let own = call(number, [-1]);
        let changed = call(number, [0]).and_then(|_| call(number, [-1]));
        let same = changed.is_err() || changed.as_ref().ok() == own.as_ref().ok();
        (
            number.to_string(),
            must_hold(same, format!("{own:?} {changed:?}")),
        )
    }))
}

fn status(field: &str) -> String {
    let status = fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.expect("a field")
        .trim_start_matches(':')
        .trim()
        .to_owned()
}

fn no_capability(_: &World) -> Outcome {
    none_of(
        ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map(|set| {
            let value = status(set);
            (
                set.to_owned(),
                must_hold(value.trim_matches('0').is_empty(), value),
            )
        }),
    )
}

fn set_capabilities(_: &World) -> Outcome {
    none_of((0..41).map(|number| {
        let header = [0x2008_0522u32, 0];
        let (low, high) = if number < 32 {
            (1u32 << number, 0)
        } else {
            (0, 1u32 << (number - 32))
        };
        let sets = [low, low, low, high, high, high];
        (
            number.to_string(),
            must_fail(call(libc::SYS_capset, [address(&header), address(&sets)])),
        )
    }))
}

fn ambient_capabilities(_: &World) -> Outcome {
    none_of((0..41).map(|number| {
        let raised = call(
            libc::SYS_prctl,
            [
                libc::PR_CAP_AMBIENT.into(),
                libc::PR_CAP_AMBIENT_RAISE.into(),
                number,
                0,
                0,
            ],
        );
        (number.to_string(), must_fail(raised))
    }))
}

fn secure_bits(_: &World) -> Outcome {
    must_fail(call(
        libc::SYS_prctl,
        [libc::PR_SET_SECUREBITS.into(), 1, 0, 0, 0],
    ))
}

fn new_privileges(_: &World) -> Outcome {
    none_of([
        (
            "off".to_owned(),
            must_fail(call(
                libc::SYS_prctl,
                [libc::PR_SET_NO_NEW_PRIVS.into(), 0, 0, 0, 0],
            )),
        ),
        (
            "is on".to_owned(),
            must_hold(status("NoNewPrivs") == "1", status("NoNewPrivs")),
        ),
    ])
}

fn programs_of_root(_: &World) -> Outcome {
    let programs = fs::read_dir("/usr/bin")
        .into_iter()
        .chain(fs::read_dir("/usr/sbin"))
        .flatten()
        .flatten();
    let rooted = programs.filter(|program| {
        program
            .metadata()
            .is_ok_and(|found| found.permissions().mode() & 0o6000 != 0)
    });
    none_of(rooted.map(|program| {
        // Stays the program's after its exec, unless that changed the user.
        let output = Command::new(program.path()).arg("--help").output();
        let started = output.map(|output| output.status.to_string());
        let uid = started_as(&program.path());
        (
            program.path().display().to_string(),
            must_hold(uid != Some(0), format!("{started:?} as {uid:?}")),
        )
    }))
}

/// The user of a program that was just started, as /proc tells it.
fn started_as(program: &std::path::Path) -> Option<u32> {
    let mut child = Command::new(program)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .ok()?;
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let _ = child.kill();
    let _ = child.wait();
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn own_program_of_root(_: &World) -> Outcome {
    fs::copy("/usr/bin/id", "/tmp/id").expect("a copy");
    fs::set_permissions("/tmp/id", fs::Permissions::from_mode(0o6755)).expect("a mode");
    let output = Command::new("/tmp/id")
        .arg("-u")
        .output()
        .expect("a program");
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    must_hold(text == own_user(), text)
}

fn own_program_with_capabilities(_: &World) -> Outcome {
    fs::copy("/usr/bin/cat", "/tmp/cat").expect("a copy");
    // Version 2, effective, all of them.
    let value: [u32; 5] = [0x0200_0001, u32::MAX, 0, 0x1ff, 0];
    let set = call(
        libc::SYS_setxattr,
        [
            address(c"/tmp/cat"),
            address(c"security.capability"),
            address(&value),
            20,
            0,
        ],
    );
    must_fail(set)
}

/// A hostile program in memory runs, and gains nothing by it.
fn program_from_memory(_: &World) -> Outcome {
    let number = call(libc::SYS_memfd_create, [address(c"x"), 0]).expect("a file in memory");
    let program = fs::read("/usr/bin/grep").expect("a program");
    let path = format!("/proc/self/fd/{number}");
    OpenOptions::new()
        .write(true)
        .open(&path)
        .and_then(|mut file| file.write_all(&program))
        .expect("written");
    let output = Command::new(&path)
        .args(["-E", "^(CapEff|NoNewPrivs|Uid)", "/proc/self/status"])
        .output();
    let text = output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    gained_nothing(&text)
}

/// The real, effective, saved and file system's user.
fn own_user() -> String {
    let users = status("Uid");
    users
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn gained_nothing(status: &str) -> Outcome {
    let user = own_user();
    let users = format!("Uid:\t{user}\t{user}\t{user}\t{user}");
    let expected = ["NoNewPrivs:\t1", "CapEff:\t0000000000000000", &users];
    none_of(expected.map(|line| (line.to_owned(), must_hold(status.contains(line), status))))
}

fn filter_after_exec(_: &World) -> Outcome {
    let arguments = ["-E", "^Seccomp:", "/proc/self/status"];
    let output = Command::new("/usr/bin/grep").args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    must_hold(
        text.as_deref()
            .is_ok_and(|text| text.trim() == "Seccomp:\t2"),
        format!("{text:?}"),
    )
}

fn after_exec_nothing_more(_: &World) -> Outcome {
    let output = Command::new("/usr/bin/grep")
        .arg0("x")
        .args(["-E", ".", "/proc/self/status"])
        .output();
    let text = output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    gained_nothing(&text)
}

fn write_maps(_: &World) -> Outcome {
    none_of(
        [
            ("uid_map", "0 0 1"),
            ("gid_map", "0 0 1"),
            ("setgroups", "allow"),
        ]
        .map(|(file, text)| {
            (
                file.to_owned(),
                must_fail(fs::write(format!("/proc/self/{file}"), text)),
            )
        }),
    )
}

/// The limits of name spaces, one file for each kind.
fn limits_of_name_spaces() -> impl Iterator<Item = PathBuf> {
    let files = fs::read_dir("/proc/sys/user").expect("a folder").flatten();
    let paths = files.map(|file| file.path());
    paths.filter(|path| path.to_string_lossy().ends_with("_namespaces"))
}

fn raise_name_spaces(_: &World) -> Outcome {
    none_of(limits_of_name_spaces().map(|file| {
        let raised = fs::write(&file, "100");
        (file.display().to_string(), must_fail(raised))
    }))
}

fn name_spaces_to_be_had(_: &World) -> Outcome {
    none_of(limits_of_name_spaces().map(|file| {
        let now = fs::read_to_string(&file).unwrap_or_default();
        (
            file.display().to_string(),
            must_hold(now.trim() == "0", now),
        )
    }))
}

fn drop_the_filter(_: &World) -> Outcome {
    none_of([
        (
            "off".to_owned(),
            must_fail(call(
                libc::SYS_prctl,
                [libc::PR_SET_SECCOMP.into(), 0, 0, 0, 0],
            )),
        ),
        (
            "mode".to_owned(),
            must_hold(status("Seccomp") == "2", status("Seccomp")),
        ),
    ])
}

const fn instruction(code: u32, k: u32) -> libc::sock_filter {
    libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    }
}

/// Installs a filter that answers every call in one way.
fn install(answer: u32, flags: i64) -> std::io::Result<i64> {
    let mut filter = [instruction(libc::BPF_RET | libc::BPF_K, answer)];
    let program = libc::sock_fprog {
        len: 1,
        filter: filter.as_mut_ptr(),
    };
    call(libc::SYS_seccomp, [1, flags, address(&program)])
}

/// The strictest of all filters decides.
fn own_filter_allows(_: &World) -> Outcome {
    if let Err(error) = install(libc::SECCOMP_RET_ALLOW, 0) {
        return stopped(error);
    }
    must_fail(call(libc::SYS_keyctl, [0, -3, 1]))
}

/// A filter that asks its maker, who lets the call go on.
fn own_notifier_continues(_: &World) -> Outcome {
    const NEW_LISTENER: i64 = 8;
    const RECEIVE: i64 = 0xc050_2100;
    const SEND: i64 = 0xc018_2101;
    let (_, status) = in_child(|| {
        // Only for the call that is tried: the filter's maker must be able to go on.
        let mut filter = [
            instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0),
            libc::sock_filter {
                code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
                jt: 0,
                jf: 1,
                k: libc::SYS_keyctl as u32,
            },
            instruction(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_USER_NOTIF),
            instruction(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW),
        ];
        let program = libc::sock_fprog {
            len: 4,
            filter: filter.as_mut_ptr(),
        };
        let Ok(listener) = call(libc::SYS_seccomp, [1, NEW_LISTENER, address(&program)]) else {
            return 0;
        };
        // SAFETY: the copy makes one call and ends.
        let tried = unsafe { libc::fork() };
        if tried == 0 {
            return i32::from(call(libc::SYS_keyctl, [0, -3, 1]).is_ok());
        }
        let mut ready = libc::pollfd {
            fd: listener as i32,
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: waits for half a second on one descriptor.
        if unsafe { libc::poll(&raw mut ready, 1, 500) } == 1 {
            let request = [0u8; 80];
            let _ = call(libc::SYS_ioctl, [listener, RECEIVE, address(&request)]);
            let mut answer = [0u8; 24];
            answer[..8].copy_from_slice(&request[..8]);
            answer[20] = 1;
            let _ = call(libc::SYS_ioctl, [listener, SEND, address(&answer)]);
        }
        let mut end = 0;
        // SAFETY: the status outlives the call.
        unsafe { libc::waitpid(tried, &raw mut end, 0) };
        libc::WEXITSTATUS(end)
    })
    .expect("a child");
    must_hold(
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0,
        format!("{status:x}"),
    )
}

fn security_label(_: &World) -> Outcome {
    none_of(
        ["current", "exec", "fscreate", "keycreate", "sockcreate"].map(|file| {
            let opened = OpenOptions::new()
                .write(true)
                .open(format!("/proc/self/attr/{file}"));
            let written = opened.and_then(|file: File| {
                call(
                    libc::SYS_write,
                    [file.as_raw_fd().into(), address("unconfined"), 10],
                )
            });
            (file.to_owned(), must_fail(written))
        }),
    )
}
