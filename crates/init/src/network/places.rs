//! Where else a program has its socket: at other numbers, and in epolls that tell of it. What takes the socket's place
//! takes it there too, so that a program which asked for its events before it connected hears of them.
//!
//! Looked for while the server works on the connection, as it takes about as long. Only in the process that connects:
//! one that shared the socket with another before that keeps the old one there.

use super::caller::Caller;
use crate::kernel::epoll::{self, Interest};
use rustix::fs::{CWD, Mode, OFlags, RawDir, fstat, minor, openat, readlinkat, readlinkat_raw};
use rustix::io::Errno;
use std::fs::File;
use std::io::Read;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

/// What an epoll is called in /proc.
const EPOLL: &[u8] = b"anon_inode:[eventpoll]";
/// Some hundred names of descriptors at a time.
const NAMES_BYTES: usize = 4_096;
/// Longer than the links that are looked for.
const LINK_BYTES: usize = 64;
/// More descriptors than a program may have.
const DESCRIPTORS_MAX: usize = 4_096;
/// Epolls that are looked into, and how much of what is told of each: some 700 registrations. A program has one or a
/// few, and one that has more must not hold up pid 1.
const EPOLLS_MAX: usize = 16;
const EPOLL_BYTES_MAX: u64 = 64 << 10;

/// Places of one socket.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Whether the number that was connected is closed when another program is executed.
    pub(super) close_on_exec: bool,
    /// Where it is besides the number that was connected.
    numbers: Vec<RawFd>,
    registered: Vec<Registered>,
}

/// In an epoll.
#[derive(Debug)]
struct Registered {
    epoll: OwnedFd,
    number: RawFd,
    interest: Interest,
}

impl Places {
    /// Looks through the caller's descriptors. What it cannot look at, it has not.
    pub(super) fn look(caller: &Caller, number: RawFd, socket: &OwnedFd) -> Self {
        let found = Self::find(caller, number, socket).unwrap_or_default();
        Self {
            close_on_exec: caller.closes_on_exec(number),
            ..found
        }
    }

    fn find(caller: &Caller, number: RawFd, socket: &OwnedFd) -> Result<Self, Errno> {
        let identity = Identity::of(socket)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(CWD, caller.folder().join("fd"), flags, Mode::empty())?;
        let mut found = Self::default();
        let mut epolls = 0..EPOLLS_MAX;
        let mut names = [MaybeUninit::uninit(); NAMES_BYTES];
        let mut entries = RawDir::new(&folder, &mut names);
        for _ in 0..DESCRIPTORS_MAX {
            let Some(entry) = entries.next() else { break };
            let entry = entry?;
            let name = entry.file_name();
            let Some(other) = name.to_str().ok().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let mut link = [MaybeUninit::uninit(); LINK_BYTES];
            let link = match readlinkat_raw(&folder, name, &mut link) {
                Ok((link, _)) => &*link,
                Err(_) => continue,
            };
            if link == EPOLL && epolls.next().is_some() {
                found.look_into(caller, other, &identity);
            } else if other != number && link == identity.link.as_bytes() {
                found.numbers.push(other);
            }
        }
        Ok(found)
    }

    fn look_into(&mut self, caller: &Caller, epoll: RawFd, identity: &Identity) {
        let path = caller.folder().join(format!("fdinfo/{epoll}"));
        let mut text = String::new();
        let read =
            File::open(path).map(|file| file.take(EPOLL_BYTES_MAX).read_to_string(&mut text));
        if !matches!(read, Ok(Ok(_))) {
            return;
        }
        for (number, interest) in text.lines().filter_map(|line| identity.told_by(line)) {
            if let Ok(epoll) = caller.copy(epoll) {
                self.registered.push(Registered {
                    epoll,
                    number,
                    interest,
                });
            }
        }
    }

    /// Numbers at which the caller has the socket still, besides the one that was connected.
    pub(super) fn numbers<'a>(
        &'a self,
        caller: &'a Caller,
        socket: &'a OwnedFd,
    ) -> impl Iterator<Item = RawFd> + 'a {
        let is_still = move |number: &&RawFd| {
            let path = caller.folder().join(format!("fd/{number}"));
            let link = readlinkat(CWD, path, Vec::new()).ok();
            let identity = Identity::of(socket).ok();
            link.zip(identity)
                .is_some_and(|(link, identity)| link.to_bytes() == identity.link.as_bytes())
        };
        self.numbers.iter().filter(is_still).copied()
    }

    /// Has the epolls tell of `new`. One that does not know the old socket any more is left as it is.
    pub(super) fn register(&self, old: BorrowedFd<'_>, new: BorrowedFd<'_>) {
        for place in &self.registered {
            let _ = epoll::exchange(place.epoll.as_fd(), place.number, place.interest, old, new);
        }
    }
}

/// How /proc names a socket.
#[derive(Debug)]
struct Identity {
    /// Where a descriptor's link leads.
    link: String,
    inode: u64,
    device: u64,
}

impl Identity {
    fn of(socket: &OwnedFd) -> Result<Self, Errno> {
        let stat = fstat(socket)?;
        Ok(Self {
            link: format!("socket:[{}]", stat.st_ino),
            inode: stat.st_ino,
            // Its file system has no real device, only a minor number.
            device: u64::from(minor(stat.st_dev)),
        })
    }

    /// The number and the interest of a line about it in what /proc tells of an epoll.
    fn told_by(&self, line: &str) -> Option<(RawFd, Interest)> {
        let mut words = line.split_whitespace();
        let mut value = |name: &str| {
            let word = words.next()?;
            let glued = word.strip_prefix(name)?;
            match glued {
                "" => words.next(),
                value => Some(value),
            }
        };
        let number = value("tfd:")?.parse().ok()?;
        let events = u32::from_str_radix(value("events:")?, 16).ok()?;
        let data = u64::from_str_radix(value("data:")?, 16).ok()?;
        value("pos:")?;
        let inode = u64::from_str_radix(value("ino:")?, 16).ok()?;
        let device = u64::from_str_radix(value("sdev:")?, 16).ok()?;
        let is_it = (inode, device) == (self.inode, self.device);
        is_it.then_some((number, Interest { events, data }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_about_a_socket_are_found() {
        let identity = Identity {
            link: "socket:[386910]".into(),
            inode: 0x5_e75e,
            device: 8,
        };
        let line = |ino: &str, sdev: &str| {
            let line = format!(
                "tfd:        5 events: 80000019 data: 7fff00000005  pos:0 ino:{ino} sdev:{sdev}"
            );
            identity.told_by(&line)
        };
        let interest = Interest {
            events: 0x8000_0019,
            data: 0x7fff_0000_0005,
        };
        assert_eq!(line("5e75e", "8"), Some((5, interest)));
        assert_eq!(line("5e75e", "9"), None);
        assert_eq!(line("5e75f", "8"), None);
        assert_eq!(identity.told_by("pos:\t0"), None);
        assert_eq!(identity.told_by(""), None);
    }

    #[test]
    fn the_kernel_s_own_words_are_understood() {
        use rustix::event::epoll;
        let socket = crate::trial::own_socket().unwrap();
        let epoll_fd = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        let data = epoll::EventData::new_u64(77);
        epoll::add(&epoll_fd, &socket, data, epoll::EventFlags::IN).unwrap();
        let copy = rustix::io::dup(&socket).unwrap();
        let caller = Caller::open(rustix::process::getpid()).unwrap();
        let number = |file: &OwnedFd| std::os::fd::AsRawFd::as_raw_fd(file);
        let found = Places::find(&caller, number(&socket), &socket).unwrap();
        assert_eq!(found.numbers, [number(&copy)]);
        let [registered] = &found.registered[..] else {
            panic!("{found:?}");
        };
        assert_eq!(registered.number, number(&socket));
        assert_eq!(registered.interest.data, 77);
        // The other takes its place there, by the same number.
        let other = crate::trial::own_socket().unwrap();
        found.register(socket.as_fd(), other.as_fd());
        let found = Places::find(&caller, number(&other), &other).unwrap();
        assert_eq!(found.registered[0].number, number(&socket));
        assert_eq!(found.registered[0].interest, registered.interest);
        let none = Places::find(&caller, number(&socket), &socket).unwrap();
        assert!(none.registered.is_empty());
        // What this process has at that number is there again.
        assert!(fstat(&socket).unwrap().st_ino != fstat(&other).unwrap().st_ino);
    }
}
