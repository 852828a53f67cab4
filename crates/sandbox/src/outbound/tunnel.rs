//! The far end of a sandbox's device for datagrams: whole packets of IP, as its programs sent them and as they get them.

use std::io;
use std::mem::ManuallyDrop;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use lambkin_init::{ADDRESS_V4, ADDRESS_V6, TUNNEL_V4};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Longest packet that comes, in bytes.
pub const PACKET_BYTES_MAX: usize = 65_535;

/// Every address that a sandbox has, but for those of loopback.
pub const OWN_ADDRESSES: [IpAddr; 3] = [
    IpAddr::V4(TUNNEL_V4),
    IpAddr::V4(ADDRESS_V4),
    IpAddr::V6(ADDRESS_V6),
];

/// Holds one descriptor. The sandbox's network lives at least as long as this.
#[derive(Debug)]
pub struct Tunnel(AsyncFd<Device>);

/// Closes its descriptor aside.
#[derive(Debug)]
struct Device(ManuallyDrop<OwnedFd>);

impl Tunnel {
    pub(crate) fn new(device: OwnedFd) -> io::Result<Self> {
        let device = Device(ManuallyDrop::new(device));
        // SAFETY: it is one open descriptor for as long as it lives.
        let registered = unsafe { AsyncFd::register_with_interest(device, Interest::READABLE) };
        registered.map(Self).map_err(io::Error::from)
    }

    /// Resolves when there may be a packet, with what `receive` found: done when that says so. Cancel safe.
    ///
    /// # Errors
    /// Fails if the runtime ends.
    pub async fn drain(&self, receive: impl FnOnce() -> Drained) -> io::Result<Drained> {
        let mut ready = self.0.readable().await?;
        let drained = receive();
        if drained == Drained::All {
            ready.clear_ready();
        }
        Ok(drained)
    }

    /// The next packet; `WouldBlock` when there is none. Whoever may have caused it can have written anything into it
    /// that the kernel lets programs say: addresses and ports, and what comes behind them.
    ///
    /// # Errors
    /// Any other means that the device is of no use any more.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(self.0.get_ref(), buffer)?)
    }

    /// Gives a packet to the sandbox, in which it is taken or dropped as on any machine.
    ///
    /// # Errors
    /// Fails if it is no packet of IP, or the kernel has no memory for it.
    pub fn send(&self, packet: &[u8]) -> io::Result<()> {
        rustix::io::write(self.0.get_ref(), packet)?;
        Ok(())
    }
}

/// What a look at a tunnel came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// There was no packet left.
    All,
    /// There may be more.
    Part,
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Device {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: nothing uses it after this.
        close_aside(unsafe { ManuallyDrop::take(&mut self.0) });
    }
}

/// Closing waits for a lock that all of the kernel's name spaces share, and that is held for tens of milliseconds while
/// some of them end. One thread does so for all; where it cannot be had, who closes waits.
fn close_aside(device: OwnedFd) {
    static ASIDE: OnceLock<Option<Sender<OwnedFd>>> = OnceLock::new();
    let aside = ASIDE.get_or_init(|| {
        let (sender, closing) = channel();
        let closer = thread::Builder::new().name("tunnels".to_owned());
        let started = closer.spawn(move || closing.into_iter().for_each(drop::<OwnedFd>));
        started.ok().map(|_| sender)
    });
    if let Some(aside) = aside {
        // It never ends; if it did, what comes back is closed here.
        let _ = aside.send(device);
    }
}
