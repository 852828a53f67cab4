//! What the kernel counts for each user of the machine: one program takes all that it can get of it, another, in
//! another sandbox, needs one of each.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::process::ExitCode;

use super::descriptors::send_many;
use super::{address, call};

/// Is given back when it is dropped.
type Held = Box<dyn std::any::Any>;
type Get = fn() -> io::Result<Held>;

/// A thing that there is only so much of, and a way to get one.
const KINDS: &[(&str, Get)] = &[
    ("watcher", watcher),
    ("timer", timer),
    ("signal", signal),
    ("pipe", pipe),
    ("terminal", terminal),
    ("poll", poll),
    (SHARED, in_flight),
];
/// More than any limit lets have.
const MANY: usize = 20_000;
/// What without root all sandboxes share, whatever is done: the kernel counts it for the user and has no lesser limit.
pub(crate) const SHARED: &str = "descriptor in flight";

fn number(result: i64) -> Held {
    Box::new(result)
}

fn watcher() -> io::Result<Held> {
    call(libc::SYS_inotify_init1, [0]).map(number)
}

fn timer() -> io::Result<Held> {
    let number_of_it = 0i32;
    let arguments = [libc::CLOCK_MONOTONIC.into(), 0, address(&number_of_it)];
    call(libc::SYS_timer_create, arguments).map(number)
}

/// One that waits, since it is blocked.
fn signal() -> io::Result<Held> {
    const BLOCKED: i32 = 40;
    let mask: u64 = 1 << (BLOCKED - 1);
    call(
        libc::SYS_rt_sigprocmask,
        [libc::SIG_BLOCK.into(), address(&mask), 0, 8],
    )?;
    let mut information = [0u8; 128];
    // SI_QUEUE.
    information[8..12].copy_from_slice(&(-1i32).to_ne_bytes());
    let own = i64::from(std::process::id());
    call(
        libc::SYS_rt_sigqueueinfo,
        [own, BLOCKED.into(), address(&information)],
    )
    .map(number)
}

/// As large as it may be, and able to carry a page whatever others have.
fn pipe() -> io::Result<Held> {
    const LARGE: i64 = 1 << 20;
    let (out, mut into) = io::pipe()?;
    // Smaller is well enough.
    let _ = call(
        libc::SYS_fcntl,
        [into.as_raw_fd().into(), libc::F_SETPIPE_SZ.into(), LARGE],
    );
    into.write_all(&[0; 4096])?;
    Ok(Box::new((out, into)))
}

fn terminal() -> io::Result<Held> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/ptmx")?;
    Ok(Box::new(file))
}

fn poll() -> io::Result<Held> {
    let poll = call(libc::SYS_epoll_create1, [0])?;
    let (one, other) = io::pipe()?;
    let event = [1u32, 0, 0, 0];
    call(
        libc::SYS_epoll_ctl,
        [poll, 1, one.as_raw_fd().into(), address(&event)],
    )?;
    Ok(Box::new((one, other, File::open("/dev/null")?)))
}

fn in_flight() -> io::Result<Held> {
    let pair = UnixDatagram::pair()?;
    send_many(pair.0.as_raw_fd())?;
    Ok(Box::new(pair))
}

/// Takes all that it gets of each, each in a process of its own, says how many, and keeps them.
pub(crate) fn take_all() -> ExitCode {
    for (name, get) in KINDS {
        let (heard, mut told) = io::pipe().expect("a pipe");
        // SAFETY: this program has one thread; the copy never returns.
        if unsafe { libc::fork() } == 0 {
            let held: Vec<_> = (0..MANY).map_while(|_| get().ok()).collect();
            println!("{name}: {}", held.len());
            let _ = told.write_all(b"x");
            loop {
                std::thread::park();
            }
        }
        drop(told);
        // Until it holds them; the end of a child without a word does as well.
        let _ = io::Read::read(&mut { heard }, &mut [0]);
    }
    println!("=held=");
    loop {
        std::thread::park();
    }
}

/// Gets one of each, and says which it does not get.
pub(crate) fn need_each() -> ExitCode {
    for (name, get) in KINDS {
        if let Err(error) = get() {
            println!("no {name}: {error}");
        }
    }
    ExitCode::SUCCESS
}
