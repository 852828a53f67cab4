//! Signals and terminals: to pid 1, to everybody, to processes outside; typed into a terminal.
//!
//! What reaches the canary process outside, it tells the harness.

use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;

use super::Layer::{Bounds, Init, Limits, OwnUser, Processes, Seccomp};
use super::{Attack, Outcome, World, address, call, must_fail, must_hold, none_of, place, stopped};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "signals::to_the_canary",
        aims_at: "a process of the machine",
        stopped_by: &[Processes, OwnUser],
        run: to_the_canary,
    },
    Attack {
        name: "signals::queued_to_the_canary",
        aims_at: "a process of the machine",
        stopped_by: &[Processes, OwnUser],
        run: queued_to_the_canary,
    },
    Attack {
        name: "signals::by_descriptor_to_the_canary",
        aims_at: "a process of the machine",
        stopped_by: &[Processes, OwnUser],
        run: by_descriptor_to_the_canary,
    },
    Attack {
        name: "signals::to_the_canarys_group",
        aims_at: "a group of the machine",
        stopped_by: &[Processes, OwnUser],
        run: to_the_canarys_group,
    },
    Attack {
        name: "signals::to_everybody",
        aims_at: "all processes of the machine",
        stopped_by: &[Processes, OwnUser],
        run: to_everybody,
    },
    Attack {
        name: "signals::kill_pid_1",
        aims_at: "pid 1",
        stopped_by: &[Init],
        run: kill_pid_1,
    },
    Attack {
        name: "signals::stop_pid_1",
        aims_at: "pid 1",
        stopped_by: &[Init],
        run: stop_pid_1,
    },
    Attack {
        name: "signals::owner_of_a_descriptor",
        aims_at: "a process of the machine",
        stopped_by: &[Processes],
        run: owner_of_a_descriptor,
    },
    Attack {
        name: "signals::join_the_canarys_group",
        aims_at: "a group of the machine",
        stopped_by: &[Processes],
        run: join_the_canarys_group,
    },
    Attack {
        name: "signals::queue_without_end",
        aims_at: "the kernel's memory",
        stopped_by: &[Limits],
        run: queue_without_end,
    },
    Attack {
        name: "signals::timers_without_end",
        aims_at: "the kernel's memory",
        stopped_by: &[Limits],
        run: timers_without_end,
    },
    Attack {
        name: "signals::type_into_a_terminal",
        aims_at: "whoever reads the terminal",
        stopped_by: &[Seccomp],
        run: type_into_a_terminal,
    },
    Attack {
        name: "signals::paste_into_a_terminal",
        aims_at: "whoever reads the terminal",
        stopped_by: &[Seccomp, super::Layer::Kernel],
        run: paste_into_a_terminal,
    },
    Attack {
        name: "signals::change_a_terminals_discipline",
        aims_at: "whoever reads the terminal",
        stopped_by: &[Seccomp],
        run: change_a_terminals_discipline,
    },
    Attack {
        name: "signals::terminal_of_the_machine",
        aims_at: "the operator's terminal",
        stopped_by: &[super::Layer::Root],
        run: terminal_of_the_machine,
    },
    Attack {
        name: "signals::terminals_without_end",
        aims_at: "the machine's terminals",
        stopped_by: &[Bounds],
        run: terminals_without_end,
    },
];

/// Those that the canary would count, and those that would end or stop it.
const SIGNALS: [i32; 6] = [
    libc::SIGURG,
    libc::SIGUSR1,
    libc::SIGTERM,
    libc::SIGHUP,
    libc::SIGSTOP,
    libc::SIGKILL,
];

fn to_the_canary(world: &World) -> Outcome {
    let pid = world.number("pid");
    none_of(SIGNALS.into_iter().flat_map(|signal| {
        let signal = i64::from(signal);
        [
            (
                "kill".to_owned(),
                must_fail(call(libc::SYS_kill, [pid, signal])),
            ),
            (
                "tkill".to_owned(),
                must_fail(call(libc::SYS_tkill, [pid, signal])),
            ),
            (
                "tgkill".to_owned(),
                must_fail(call(libc::SYS_tgkill, [pid, pid, signal])),
            ),
        ]
    }))
}

fn queued_to_the_canary(world: &World) -> Outcome {
    let mut information = [0u8; 128];
    // SI_QUEUE.
    information[8..12].copy_from_slice(&(-1i32).to_ne_bytes());
    none_of(SIGNALS.map(|signal| {
        let queued = call(
            libc::SYS_rt_sigqueueinfo,
            [world.number("pid"), signal.into(), address(&information)],
        );
        (signal.to_string(), must_fail(queued))
    }))
}

fn by_descriptor_to_the_canary(world: &World) -> Outcome {
    let process = match call(libc::SYS_pidfd_open, [world.number("pid"), 0]) {
        Ok(process) => process,
        Err(error) => return stopped(error),
    };
    must_fail(call(
        libc::SYS_pidfd_send_signal,
        [process, libc::SIGURG.into(), 0, 0],
    ))
}

fn to_the_canarys_group(world: &World) -> Outcome {
    must_fail(call(
        libc::SYS_kill,
        [-world.number("pid"), libc::SIGURG.into()],
    ))
}

/// Ignored by all here; the canary counts it.
fn to_everybody(_: &World) -> Outcome {
    let sent = call(libc::SYS_kill, [-1, libc::SIGURG.into()]);
    let group = call(libc::SYS_kill, [0, libc::SIGURG.into()]);
    stopped(format!("{sent:?} {group:?}, here"))
}

/// On a busy machine its turn to look at a signal may come late.
fn lives() -> bool {
    (0..50).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::read_to_string("/proc/1/status").is_ok_and(|status| status.contains("State:\tS"))
    })
}

fn kill_pid_1(_: &World) -> Outcome {
    for signal in 1..=64 {
        if signal != libc::SIGSTOP {
            let _ = call(libc::SYS_kill, [1, signal.into()]);
        }
    }
    must_hold(lives(), "it sleeps")
}

fn stop_pid_1(_: &World) -> Outcome {
    for signal in [libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN] {
        let _ = call(libc::SYS_kill, [1, signal.into()]);
    }
    must_hold(lives(), "it sleeps")
}

/// The kernel itself sends a signal to a descriptor's owner.
fn owner_of_a_descriptor(world: &World) -> Outcome {
    let (one, other) = std::os::unix::net::UnixStream::pair().expect("a pair");
    let number = i64::from(one.as_raw_fd());
    let set = call(
        libc::SYS_fcntl,
        [number, libc::F_SETOWN.into(), world.number("pid")],
    );
    let flags = i64::from(libc::O_ASYNC | libc::O_NONBLOCK);
    let armed = call(libc::SYS_fcntl, [number, libc::F_SETFL.into(), flags]);
    let _ = std::io::Write::write(&mut &other, b"x");
    match set {
        Ok(_) => stopped(format!("{armed:?}: the harness sees whether it arrived")),
        Err(error) => stopped(error),
    }
}

fn join_the_canarys_group(world: &World) -> Outcome {
    let pid = world.number("pid");
    none_of([
        (
            "join".to_owned(),
            must_fail(call(libc::SYS_setpgid, [0, pid])),
        ),
        (
            "move".to_owned(),
            must_fail(call(libc::SYS_setpgid, [pid, 0])),
        ),
    ])
}

fn queue_without_end(_: &World) -> Outcome {
    const BLOCKED: i32 = 40;
    let mask: u64 = 1 << (BLOCKED - 1);
    call(
        libc::SYS_rt_sigprocmask,
        [libc::SIG_BLOCK.into(), address(&mask), 0, 8],
    )
    .expect("a mask");
    let mut information = [0u8; 128];
    information[8..12].copy_from_slice(&(-1i32).to_ne_bytes());
    let own = i64::from(std::process::id());
    let queued = (0..20_000).take_while(|_| {
        call(
            libc::SYS_rt_sigqueueinfo,
            [own, BLOCKED.into(), address(&information)],
        )
        .is_ok()
    });
    let count = queued.count();
    must_hold(count <= 4096, format!("{count} wait"))
}

fn timers_without_end(_: &World) -> Outcome {
    let made = (0..20_000).take_while(|_| {
        let number = 0i32;
        call(
            libc::SYS_timer_create,
            [libc::CLOCK_MONOTONIC.into(), 0, address(&number)],
        )
        .is_ok()
    });
    let count = made.count();
    must_hold(count <= 4096, format!("{count} timers"))
}

/// A new terminal of this sandbox's own, made the controlling one.
fn terminal() -> Option<(File, File)> {
    let main = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/ptmx")
        .ok()?;
    let (unlock, mut number) = (0i32, 0i32);
    call(
        libc::SYS_ioctl,
        [
            main.as_raw_fd().into(),
            libc::TIOCSPTLCK as i64,
            address(&unlock),
        ],
    )
    .ok()?;
    call(
        libc::SYS_ioctl,
        [
            main.as_raw_fd().into(),
            libc::TIOCGPTN as i64,
            place(&mut number),
        ],
    )
    .ok()?;
    let _ = call(libc::SYS_setsid, []);
    let other = OpenOptions::new()
        .read(true)
        .write(true)
        .open(format!("/dev/pts/{number}"))
        .ok()?;
    let _ = call(
        libc::SYS_ioctl,
        [other.as_raw_fd().into(), libc::TIOCSCTTY as i64, 0],
    );
    Some((main, other))
}

fn on_terminal(request: i64, argument: i64) -> Outcome {
    // `setsid` needs a process that leads no group.
    let (mut heard, told) = std::io::pipe().expect("a pipe");
    super::in_child(|| {
        let Some((_main, other)) = terminal() else {
            return 1;
        };
        let done = call(
            libc::SYS_ioctl,
            [other.as_raw_fd().into(), request, argument],
        );
        let text = done.map_or_else(|error| error.to_string(), |_| "worked".to_owned());
        let _ = std::io::Write::write(&mut &told, text.as_bytes());
        0
    })
    .expect("a child");
    drop(told);
    let mut text = String::new();
    let _ = std::io::Read::read_to_string(&mut heard, &mut text);
    must_hold(!text.is_empty() && text != "worked", text)
}

fn type_into_a_terminal(_: &World) -> Outcome {
    let letter = b'x';
    on_terminal(libc::TIOCSTI as i64, address(&letter))
}

/// The kernel would load code for SLIP, PPP, HDLC and GSM; the one that does nothing is always there.
fn change_a_terminals_discipline(_: &World) -> Outcome {
    none_of([1i32, 3, 13, 21, 27].map(|discipline| {
        let outcome = on_terminal(libc::TIOCSETD as i64, address(&discipline));
        (discipline.to_string(), outcome)
    }))
}

fn paste_into_a_terminal(_: &World) -> Outcome {
    let paste = [3u8; 16];
    on_terminal(libc::TIOCLINUX as i64, address(&paste))
}

fn terminal_of_the_machine(_: &World) -> Outcome {
    none_of(
        [
            "/dev/tty0",
            "/dev/tty1",
            "/dev/ttyS0",
            "/dev/console",
            "/dev/hvc0",
            "/dev/vcs",
        ]
        .map(|path| {
            (
                path.to_owned(),
                must_fail(OpenOptions::new().write(true).open(path)),
            )
        }),
    )
}

/// The machine has some four thousand for everybody.
fn terminals_without_end(_: &World) -> Outcome {
    const MANY: usize = 300;
    let open: Vec<_> = (0..MANY)
        .map_while(|_| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .open("/dev/ptmx")
                .ok()
        })
        .collect();
    must_hold(open.len() < MANY, format!("{} terminals", open.len()))
}
