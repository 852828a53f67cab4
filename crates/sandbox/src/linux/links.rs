//! Network devices of name spaces that we made ourselves: a pair between two of them, addresses, up.
//!
//! All of it needs the name spaces' own CAP_NET_ADMIN.

use std::io;
use std::net::IpAddr;

use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketType, socket};

use super::netlink::{ANSWER_BYTES_MAX, Netlink, push_attribute, push_change};

/// `RTM_NEWLINK`, `RTM_NEWADDR`.
pub(super) const LINK: u16 = 16;
pub(super) const ADDRESS: u16 = 20;
/// `IFLA_*`.
const LINK_NAME: u16 = 3;
const LINK_INFO: u16 = 18;
const LINK_PROCESS: u16 = 19;
const LINK_KIND: u16 = 1;
const LINK_DATA: u16 = 2;
/// `VETH_INFO_PEER`.
const PEER: u16 = 1;
/// `IFA_*`.
const ADDRESS_PEER: u16 = 1;
const ADDRESS_LOCAL: u16 = 2;
/// `IFA_F_NODAD`: of use at once; a second later it would be known that nobody else has it, as nobody can.
const UNTRIED: u8 = 2;
/// `IFF_UP`.
pub(super) const UP: u32 = 1;

/// Makes two devices that are one cable: one here, the other in the network name space of a process.
pub(crate) fn pair(here: &str, there: &str, process: u32) -> io::Result<()> {
    let mut peer = link_body(0, 0);
    push_attribute(&mut peer, LINK_NAME, &terminated(there));
    push_attribute(&mut peer, LINK_PROCESS, &process.to_ne_bytes());
    let mut data = Vec::new();
    push_attribute(&mut data, PEER, &peer);
    let mut info = Vec::new();
    push_attribute(&mut info, LINK_KIND, b"veth\0");
    push_attribute(&mut info, LINK_DATA, &data);
    let mut body = link_body(0, 0);
    push_attribute(&mut body, LINK_NAME, &terminated(here));
    push_attribute(&mut body, LINK_INFO, &info);
    change(LINK, &body)
}

/// Gives a device an address in a network.
pub(crate) fn add_address(device: &str, address: IpAddr, prefix: u8) -> io::Result<()> {
    change(ADDRESS, &address_body(index(device)?, address, prefix))
}

/// Brings a device up.
pub(crate) fn bring_up(device: &str) -> io::Result<()> {
    change(LINK, &link_body(index(device)?, UP))
}

/// `struct ifaddrmsg`: family, length of the prefix, flags, scope, index; then the address in both its roles.
pub(super) fn address_body(index: u32, address: IpAddr, prefix: u8) -> Vec<u8> {
    let (family, octets) = match address {
        IpAddr::V4(v4) => (libc::AF_INET, v4.octets().to_vec()),
        IpAddr::V6(v6) => (libc::AF_INET6, v6.octets().to_vec()),
    };
    let mut body = vec![family as u8, prefix, UNTRIED, 0];
    body.extend(index.to_ne_bytes());
    push_attribute(&mut body, ADDRESS_LOCAL, &octets);
    push_attribute(&mut body, ADDRESS_PEER, &octets);
    body
}

/// `struct ifinfomsg`: family, kind, index, flags, and which of them are meant.
pub(super) fn link_body(index: u32, flags: u32) -> Vec<u8> {
    link_change(index, flags, 0)
}

/// The same, with flags to be taken away.
pub(super) fn link_change(index: u32, flags: u32, off: u32) -> Vec<u8> {
    let words = [0, index, flags, flags | off];
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn terminated(name: &str) -> Vec<u8> {
    [name.as_bytes(), b"\0"].concat()
}

pub(super) fn index(device: &str) -> io::Result<u32> {
    let any = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    Ok(name_to_index(any, device)?)
}

/// Has something made or set, and waits until it is.
pub(super) fn change(kind: u16, body: &[u8]) -> io::Result<()> {
    let netlink = Netlink::routes()?;
    let mut request = Vec::new();
    push_change(&mut request, kind, 1, body);
    netlink.send(&request)?;
    let mut buffer = [0; ANSWER_BYTES_MAX];
    let answer = netlink.receive(&mut buffer)?.next();
    match answer.ok_or(io::ErrorKind::InvalidData)?.body {
        // An error of number 0 is the word that it is done.
        Err(0) | Ok(_) => Ok(()),
        Err(errno) => Err(io::Error::from_raw_os_error(errno)),
    }
}
