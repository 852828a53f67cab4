//! What network attempts aim at: a process in a network name space of its own, with one documentation address.

use std::io::{self, BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use rustix::thread::UnshareFlags;

use crate::linux::network;

/// Of a range that is for documentation alone (RFC 5737).
pub(super) const ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const TIMEOUT: Duration = Duration::from_secs(1);

/// Prints the port that it listens on; for each port that it reads, prints whether anybody answers there.
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
    network::bring_up_loopback(&[ADDRESS.into()])?;
    let listener = TcpListener::bind((ADDRESS, 0))?;
    writeln!(io::stdout(), "{}", listener.local_addr()?.port())?;
    for line in io::stdin().lock().lines() {
        let port: u16 = line?.parse().map_err(io::Error::other)?;
        let reached = [ADDRESS, Ipv4Addr::LOCALHOST].iter().any(|address| {
            TcpStream::connect_timeout(&SocketAddr::from((*address, port)), TIMEOUT).is_ok()
        });
        writeln!(io::stdout(), "{reached}")?;
    }
    Ok(())
}
