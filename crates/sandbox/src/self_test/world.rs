//! What there is to reach by network: a process in a network name space of its own, on a cable to the one that the
//! trial's server is in, with documentation addresses (RFC 5737, RFC 3849) and what a function may never reach.
//!
//! Reads a line, answers a line: see `run`.

use std::io::{self, BufRead, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use rustix::thread::UnshareFlags;

use crate::linux::{links, network};

/// A server that answers.
pub(super) const SERVER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
pub(super) const SERVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
/// The same, at the address that the trial's rule denies.
pub(super) const DENIED: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 2);
/// What clouds answer at.
pub(super) const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// The machine of the trial, as this world sees it.
pub(super) const MACHINE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 254);
pub(super) const MACHINE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xfe);
pub(super) const PORT: u16 = 8_080;
pub(super) const MAIL: u16 = 25;
pub(super) const HTTP: u16 = 80;
/// Lengths of the networks on the cable.
pub(super) const PREFIX: u8 = 24;
pub(super) const PREFIX_V6: u8 = 64;
pub(super) const PREFIX_METADATA: u8 = 16;
/// This end of the cable.
pub(super) const DEVICE: &str = "machine";
/// Asks how many arrived where nobody may.
pub(super) const STRAYS: &str = "strays";
/// A resolver's port, where every name has the server's address.
const NAMES: u16 = 53;
const TIMEOUT: Duration = Duration::from_secs(1);

/// Prints `true` once the name space is there; reads a line once the cable is, and prints whether there is IPv6; then
/// for each port that it reads, prints whether anybody answers there, and for [`STRAYS`] how many came.
pub(super) fn run() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> io::Result<()> {
    // SAFETY: the flags leave the descriptor table alone, and this process has one thread.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWUSER | UnshareFlags::NEWNET) }?;
    writeln!(io::stdout(), "true")?;
    let mut lines = io::stdin().lock().lines();
    lines.next().transpose()?;
    network::bring_up_loopback(&[])?;
    let strays = Arc::new(AtomicU32::new(0));
    let has_v6 = open(&strays)?;
    writeln!(io::stdout(), "{has_v6}")?;
    for line in lines {
        let line = line?;
        match line.parse() {
            Ok(port) => writeln!(io::stdout(), "{}", reaches(port))?,
            Err(_) => writeln!(io::stdout(), "{}", strays.load(Ordering::SeqCst))?,
        }
    }
    Ok(())
}

/// Addresses, and a server at each; whether those of IPv6 are among them.
fn open(strays: &Arc<AtomicU32>) -> io::Result<bool> {
    links::bring_up(DEVICE)?;
    for address in [SERVER, DENIED] {
        links::add_address(DEVICE, address.into(), PREFIX)?;
    }
    links::add_address(DEVICE, METADATA.into(), PREFIX_METADATA)?;
    let has_v6 = links::add_address(DEVICE, SERVER_V6.into(), PREFIX_V6).is_ok();
    let servers = [IpAddr::V4(SERVER), SERVER_V6.into()];
    for server in servers.iter().take(1 + usize::from(has_v6)) {
        echo(TcpListener::bind((*server, PORT))?);
        count(TcpListener::bind((*server, MAIL))?, strays);
    }
    count(TcpListener::bind((METADATA, HTTP))?, strays);
    count(TcpListener::bind((DENIED, PORT))?, strays);
    count_datagrams(UdpSocket::bind((SERVER, PORT))?, strays);
    name(UdpSocket::bind((SERVER, NAMES))?);
    Ok(has_v6)
}

fn echo(listener: TcpListener) {
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut byte = [0];
                while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {}
            });
        }
    });
}

fn count(listener: TcpListener, strays: &Arc<AtomicU32>) {
    let strays = Arc::clone(strays);
    thread::spawn(move || {
        for _ in listener.incoming().flatten() {
            strays.fetch_add(1, Ordering::SeqCst);
        }
    });
}

fn count_datagrams(socket: UdpSocket, strays: &Arc<AtomicU32>) {
    let strays = Arc::clone(strays);
    thread::spawn(move || {
        while socket.recv(&mut [0]).is_ok() {
            strays.fetch_add(1, Ordering::SeqCst);
        }
    });
}

/// Answers every question with the server's IPv4 address, or nothing where that is not asked for.
fn name(socket: UdpSocket) {
    thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            if let Some(answer) = named(&question[..length]) {
                // Who asks again is answered again.
                let _ = socket.send_to(&answer, from);
            }
        }
    });
}

/// Header with one question, the question, and a record that points at its name.
fn named(message: &[u8]) -> Option<Vec<u8>> {
    const HEADER_BYTES: usize = 12;
    const KIND_AND_CLASS_BYTES: usize = 4;
    const ADDRESS: [u8; KIND_AND_CLASS_BYTES] = [0, 1, 0, 1];
    let name_bytes = message
        .get(HEADER_BYTES..)?
        .iter()
        .position(|byte| *byte == 0)?
        + 1;
    let end = HEADER_BYTES + name_bytes + KIND_AND_CLASS_BYTES;
    let question = message.get(HEADER_BYTES..end)?;
    let is_asked = question.ends_with(&ADDRESS);
    let mut answer = message[..2].to_vec();
    answer.extend([0x81, 0x80, 0, 1, 0, u8::from(is_asked), 0, 0, 0, 0]);
    answer.extend(question);
    if is_asked {
        answer.extend([0xc0, HEADER_BYTES as u8]);
        answer.extend(ADDRESS);
        answer.extend([0, 0, 0, 60, 0, 4]);
        answer.extend(SERVER.octets());
    }
    Some(answer)
}

fn reaches(port: u16) -> bool {
    let machine = [IpAddr::V4(MACHINE), MACHINE_V6.into()];
    machine.iter().any(|address| {
        TcpStream::connect_timeout(&SocketAddr::new(*address, port), TIMEOUT).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_the_servers_address_and_no_other() {
        let mut question = vec![7, 8, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        question.extend(b"\x01a\x04test\0\0\x01\0\x01");
        let answer = named(&question).unwrap();
        assert_eq!(answer[..4], [7, 8, 0x81, 0x80]);
        assert!(answer.ends_with(&[0, 4, 203, 0, 113, 1]));
        let kind = question.len() - 3;
        question[kind] = 28;
        assert_eq!(named(&question).unwrap()[7], 0, "no address of IPv6");
        assert_eq!(named(&question[..question.len() - 1]), None);
        assert_eq!(named(&[0; 11]), None);
    }
}
