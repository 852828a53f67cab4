//! A network device whose packets a process reads and writes: the way of datagrams out of a name space.
//!
//! The device belongs to the name space of whoever opens it, and ends with that, as all its devices do, and not with its
//! last descriptor: whoever closed that would wait 20 ms for the kernel, under a lock that all name spaces share. It has no address
//! of the link, hears no multicast, and asks nobody for routes: what comes in is what its holder writes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::links::{self, ADDRESS, LINK, UP, address_body, index, link_change};
use super::netlink::push_attribute;

/// Where the machine has the device.
const FOLDER: &str = "/dev/net";
const DEVICE: &str = "tun";
/// What programs see it as.
const NAME: &str = "udp0";

/// Longest packet of IPv4: whatever fits a datagram leaves in one piece. Over IPv6 48 bytes of that are headers.
const PACKET_BYTES_MAX: u32 = 65_535;
/// Packets that wait to be read: what comes then is lost. They are the machine's memory and no function's, up to 4 MiB.
const WAITING_PACKETS_MAX: u32 = 64;

/// `IFF_MULTICAST`.
const MULTICAST: u32 = 0x1000;
/// `IFLA_MTU`, `IFLA_TXQLEN`, `IFLA_AF_SPEC` and in it `IFLA_INET6_ADDR_GEN_MODE`.
const LINK_MTU: u16 = 4;
const LINK_QUEUE: u16 = 13;
const LINK_FAMILIES: u16 = 26;
const OWN_ADDRESS: u16 = 8;
/// `IN6_ADDR_GEN_MODE_NONE`.
const NO_OWN_ADDRESS: u8 = 1;
/// `RTM_NEWROUTE`, `RTA_OIF`.
const ROUTE: u16 = 24;
const ROUTE_DEVICE: u16 = 4;
/// Of `struct rtmsg`: the main table, as an operator would set it, to whatever is on the link, to one receiver.
const MAIN: u8 = 254;
const STATIC: u8 = 4;
const ON_LINK: u8 = 253;
const UNICAST: u8 = 1;

/// The folder of the device, from which it can be opened where no such folder is in sight.
pub(crate) fn folder() -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, FOLDER, flags, Mode::empty())
}

/// A descriptor that has no device yet, for the name space that this process is in. It does not block.
pub(crate) fn open(folder: BorrowedFd<'_>) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    openat(folder, DEVICE, flags, Mode::empty())
}

/// Makes the device, with an address, and leads to it all that is not the name space's own, of IPv6 too where the
/// kernel has that. Needs the name space's own CAP_NET_ADMIN.
pub(crate) fn bring_up(device: &OwnedFd, address: Ipv4Addr) -> io::Result<()> {
    make(device)?;
    let index = index(NAME)?;
    // Before it is up: then it would have an address already, and the kernel would wait for its queue to be empty.
    let link = link_body(index);
    // Where there is no IPv6 there is no address of it to be prevented.
    let full = [&link[..], &without_own_address()].concat();
    links::change(LINK, &full).or_else(|_| links::change(LINK, &link))?;
    links::change(LINK, &link_change(index, UP, MULTICAST))?;
    links::change(ADDRESS, &address_body(index, address.into(), 32))?;
    links::change(ROUTE, &route_body(index, Ipv4Addr::UNSPECIFIED.into()))?;
    let _ = links::change(ROUTE, &route_body(index, Ipv6Addr::UNSPECIFIED.into()));
    Ok(())
}

fn make(device: &OwnedFd) -> io::Result<()> {
    // SAFETY: zero is valid for every field of this structure.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(NAME.bytes()) {
        *place = byte as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: the kernel reads and writes one structure of this kind.
    let made = unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
    if made != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: takes a number and touches no memory.
    let stays = unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETPERSIST, 1 as libc::c_ulong) };
    match stays {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn link_body(index: u32) -> Vec<u8> {
    let mut body = link_change(index, 0, 0);
    push_attribute(&mut body, LINK_MTU, &PACKET_BYTES_MAX.to_ne_bytes());
    push_attribute(&mut body, LINK_QUEUE, &WAITING_PACKETS_MAX.to_ne_bytes());
    body
}

fn without_own_address() -> Vec<u8> {
    let mut of_v6 = Vec::new();
    push_attribute(&mut of_v6, OWN_ADDRESS, &[NO_OWN_ADDRESS]);
    let mut families = Vec::new();
    push_attribute(&mut families, libc::AF_INET6 as u16, &of_v6);
    let mut attribute = Vec::new();
    push_attribute(&mut attribute, LINK_FAMILIES, &families);
    attribute
}

/// `struct rtmsg`: family, lengths of both prefixes, service, table, origin, scope, kind, flags; to anywhere.
fn route_body(index: u32, any: IpAddr) -> Vec<u8> {
    let family = match any {
        IpAddr::V4(_) => libc::AF_INET,
        IpAddr::V6(_) => libc::AF_INET6,
    };
    let mut body = vec![family as u8, 0, 0, 0, MAIN, STATIC, ON_LINK, UNICAST];
    body.extend(0_u32.to_ne_bytes());
    push_attribute(&mut body, ROUTE_DEVICE, &index.to_ne_bytes());
    body
}
