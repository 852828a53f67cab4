//! A network of a test's own, and the server's half of the sandboxes' network: every connection is made there.
//!
//! The test's process enters a network name space of its own after it has started its spawner. It has loopback and
//! documentation addresses alone (RFC 5737, RFC 3849), so that nothing ever reaches the machine's network.
#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lambkin_sandbox::{Connect, HandedIn, NetworkRequest, Sandbox, SpawnerProcess};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};
use rustix::thread::UnshareFlags;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::place::{self, Place};

pub(crate) const V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
pub(crate) const V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// Runs a case in a world.
pub(crate) fn with<F: Future<Output = ()>>(case: impl FnOnce(Place) -> F) {
    let folder = tempfile::tempdir().expect("a folder");
    let process = SpawnerProcess::start(&place::config(&folder)).expect("a spawner");
    enter().expect("a network");
    place::serve(process, folder, case);
}

/// Single-threaded processes only.
fn enter() -> io::Result<()> {
    let own = match rustix::process::geteuid().is_root() {
        true => UnshareFlags::NEWNET,
        false => UnshareFlags::NEWUSER | UnshareFlags::NEWNET,
    };
    // SAFETY: the flags leave the descriptor table alone, and this process has one thread.
    unsafe { rustix::thread::unshare_unsafe(own) }?;
    let mut request = of_interface(b"lo");
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    ask(AddressFamily::INET, libc::SIOCSIFFLAGS, &request)?;
    let mut request = of_interface(b"lo:1");
    let mut data = [0; 14];
    for (place, byte) in data[2..].iter_mut().zip(V4.octets()) {
        *place = byte as libc::c_char;
    }
    request.ifr_ifru.ifru_addr = libc::sockaddr {
        sa_family: libc::AF_INET as libc::sa_family_t,
        sa_data: data,
    };
    ask(AddressFamily::INET, libc::SIOCSIFADDR, &request)?;
    let request = libc::in6_ifreq {
        ifr6_addr: libc::in6_addr {
            s6_addr: V6.octets(),
        },
        ifr6_prefixlen: 128,
        ifr6_ifindex: 1,
    };
    ask(AddressFamily::INET6, libc::SIOCSIFADDR, &request)
}

fn of_interface(name: &[u8]) -> libc::ifreq {
    // SAFETY: all fields are integers or arrays of them, for which zero is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(name) {
        *place = *byte as libc::c_char;
    }
    request
}

fn ask<T>(family: AddressFamily, what: libc::c_ulong, request: &T) -> io::Result<()> {
    let socket = socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // SAFETY: each request reads a structure of its own kind, which lives until the call returns.
    match unsafe { libc::ioctl(socket.as_raw_fd(), what as _, std::ptr::from_ref(request)) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Sends back whatever comes, to anybody.
pub(crate) async fn echo(address: impl Into<SocketAddr>) -> SocketAddr {
    let address = address.into();
    let listener = loop {
        match TcpListener::bind(address).await {
            // The kernel makes an address of IPv6 ready a moment after it was given.
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            bound => break bound.expect("an address"),
        }
    };
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut bytes = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut bytes).await {
                    if stream.write_all(&bytes[..count]).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

/// Listens as long as what it returns is held, and has as many waiting as it takes: who comes next waits until they are
/// accepted.
pub(crate) fn silence() -> (SocketAddr, OwnedFd, Vec<OwnedFd>) {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let listener = socket(AddressFamily::INET, flags).expect("a socket");
    rustix::net::bind(&listener, &SocketAddr::from((V4, 0))).expect("an address");
    rustix::net::listen(&listener, 0).expect("a listener");
    let address = rustix::net::getsockname(&listener).expect("its address");
    let address = SocketAddr::try_from(address).expect("of the internet");
    let waiting = socket(AddressFamily::INET, flags).expect("a socket");
    let _ = connect(&waiting, &address);
    (address, listener, vec![waiting])
}

fn socket(family: AddressFamily, flags: SocketFlags) -> rustix::io::Result<OwnedFd> {
    socket_with(family, SocketType::STREAM, flags, None)
}

/// Answers the requests of a sandbox until it is gone or this is dropped.
pub(crate) struct Server {
    task: tokio::task::JoinHandle<()>,
    asked: Arc<AtomicUsize>,
}

impl Server {
    /// Makes every connection that is asked for.
    pub(crate) fn of(sandbox: Arc<Sandbox>) -> Self {
        Self::with(sandbox, |_| true)
    }

    /// Makes connections to one address, and to a port where nobody answers, and refuses all others.
    pub(crate) fn only(sandbox: Arc<Sandbox>, allowed: SocketAddr) -> Self {
        Self::with(sandbox, move |to| to == allowed || to == (V4, 1).into())
    }

    fn with(sandbox: Arc<Sandbox>, allows: impl Fn(SocketAddr) -> bool + Send + 'static) -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            while let Some(request) = sandbox.network_request().await {
                if let NetworkRequest::Connect(request) = request {
                    count.fetch_add(1, Ordering::Relaxed);
                    let outcome = match allows(request.destination) {
                        true => carry_out(&request).map_err(Errno::raw_os_error),
                        false => Err(Errno::ACCESS.raw_os_error()),
                    };
                    let _ = sandbox.connected(request.id, outcome).await;
                }
            }
        });
        Self { task, asked }
    }

    /// Requests for connections so far.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Like the real server's, without a policy, and with failures left to who gets the socket.
pub(crate) fn carry_out(request: &Connect) -> Result<HandedIn, Errno> {
    let of_kernel = |error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
    let made = request.like.socket().map_err(of_kernel)?;
    let in_progress = match connect(&made, &request.destination) {
        Ok(()) => false,
        Err(Errno::INPROGRESS) => true,
        Err(error) => return Err(error),
    };
    if !request.like.is_nonblocking() {
        fcntl_setfl(&made, OFlags::empty())?;
    }
    Ok(HandedIn {
        socket: made,
        in_progress,
    })
}

/// What nobody inside may reach: a listener that the server connects nobody to, and all there is that listens.
pub(crate) struct Canary {
    listener: OwnedFd,
    listening: BTreeSet<String>,
}

impl Canary {
    pub(crate) fn new() -> (SocketAddr, Self) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let listener = socket(AddressFamily::INET, flags).expect("a socket");
        rustix::net::bind(&listener, &SocketAddr::from((V4, 0))).expect("an address");
        rustix::net::listen(&listener, 128).expect("a listener");
        let address = rustix::net::getsockname(&listener).expect("its address");
        let listening = listening();
        let address = SocketAddr::try_from(address).expect("of the internet");
        (
            address,
            Self {
                listener,
                listening,
            },
        )
    }

    /// That nobody came, and nobody listens who did not.
    pub(crate) fn sings(&self) {
        let came = rustix::net::accept(&self.listener).map(drop);
        assert_eq!(came, Err(Errno::AGAIN), "somebody came");
        assert_eq!(listening(), self.listening, "somebody listens");
    }
}

/// Sockets of this network that are bound and not connected.
fn listening() -> BTreeSet<String> {
    let tables = ["tcp", "tcp6", "udp", "udp6"].map(|name| {
        let path = format!("/proc/thread-self/net/{name}");
        std::fs::read_to_string(path).expect("a table")
    });
    let lines = tables.iter().flat_map(|table| table.lines().skip(1));
    let addresses = lines.filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (own, peer) = (words.next()?, words.next()?);
        peer.ends_with(":0000").then(|| own.to_owned())
    });
    addresses.collect()
}
