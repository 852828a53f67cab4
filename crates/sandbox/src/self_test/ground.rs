//! The machine of the trial: a network name space of this process's own, on a cable to the world that it makes.
//!
//! ```text
//! this process, which serves the sandbox          world
//! 203.0.113.254 2001:db8::fe, a service   ◀─ cable ─▶   203.0.113.1 2001:db8::1 169.254.169.254
//! ```
//! So whatever the trial's connections are aimed at, nothing of theirs leaves it. The process stays in it.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::thread::UnshareFlags;

use super::{WORLD, world};
use crate::linux::privilege::is_root;
use crate::linux::{links, network, user_space};

/// This end of the cable.
const DEVICE: &str = "world";
/// Of the network that the metadata service is in.
const LINK_LOCAL: Ipv4Addr = Ipv4Addr::new(169, 254, 0, 1);
/// A service of the machine, on all its addresses.
pub(super) const SERVICE: u16 = 8_081;

/// On a cable of our own everything comes at once.
const TIMEOUT: Duration = Duration::from_secs(1);
const CABLE_TIMEOUT: Duration = Duration::from_secs(5);
const CABLE_TRY: Duration = Duration::from_millis(20);

/// Where connections of a trial are made. The world ends with this value.
pub struct Ground {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
    has_v6: bool,
    /// Those of the check.
    strays_before: u32,
    _service: TcpListener,
}

impl Ground {
    /// Moves this process, which must have one thread, into a network name space of its own, for good; without root
    /// into a user name space too. A spawner that was started before stays where it is.
    ///
    /// # Errors
    /// Fails where the kernel has no name spaces for this user, or no pairs of devices (`veth`).
    pub fn enter() -> io::Result<Self> {
        if !is_root() {
            user_space::enter().map_err(|failure| failure.source())?;
        }
        // SAFETY: the flag leaves the descriptor table alone.
        unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }?;
        network::bring_up_loopback(&[])?;
        let (child, answers) = start_world()?;
        let mut ground = Self {
            child,
            answers,
            has_v6: false,
            strays_before: 0,
            _service: TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?,
        };
        ground.answer::<bool>()?;
        links::pair(DEVICE, world::DEVICE, ground.child.id())?;
        links::bring_up(DEVICE)?;
        links::add_address(DEVICE, world::MACHINE.into(), world::PREFIX)?;
        links::add_address(DEVICE, LINK_LOCAL.into(), world::PREFIX_METADATA)?;
        let has_v6 = links::add_address(DEVICE, world::MACHINE_V6.into(), world::PREFIX_V6).is_ok();
        let all: IpAddr = match has_v6 {
            true => Ipv6Addr::UNSPECIFIED.into(),
            false => Ipv4Addr::UNSPECIFIED.into(),
        };
        ground._service = TcpListener::bind((all, SERVICE))?;
        ground.has_v6 = ground.ask::<bool>("")? && has_v6;
        ground.check()?;
        Ok(ground)
    }

    /// That what is closed to functions can be reached without them, both ways: else its silence proves nothing.
    fn check(&mut self) -> io::Result<()> {
        wait_for_the_cable()?;
        let closed = [
            (world::SERVER, world::MAIL),
            (world::DENIED, world::PORT),
            (world::METADATA, world::HTTP),
        ];
        for (address, port) in closed {
            TcpStream::connect_timeout(&SocketAddr::from((address, port)), TIMEOUT)?;
        }
        UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?.send_to(b"x", (world::SERVER, world::PORT))?;
        if !self.is_reached(SERVICE)? {
            return Err(io::Error::other("the world does not reach the machine"));
        }
        let deadline = Instant::now() + TIMEOUT;
        while self.strays_before < closed.len() as u32 + 1 {
            if Instant::now() > deadline {
                return Err(io::Error::other("the world does not count what comes"));
            }
            self.strays_before = self.ask(world::STRAYS)?;
        }
        Ok(())
    }

    /// The resolver of the trial's world: whoever serves the sandbox must ask this one.
    pub fn resolver(&self) -> IpAddr {
        world::SERVER.into()
    }

    /// An address that the trial's function must have a rule against.
    pub fn denied(&self) -> IpAddr {
        world::DENIED.into()
    }

    /// The port and address of the service that stands for the server's own.
    pub fn service(&self) -> SocketAddr {
        (world::MACHINE, SERVICE).into()
    }

    /// Whether IPv6 can be tried.
    pub(super) fn has_v6(&self) -> bool {
        self.has_v6
    }

    /// Whether the world gets an answer on a port of the machine.
    pub(super) fn is_reached(&mut self, port: u16) -> io::Result<bool> {
        self.ask(&port.to_string())
    }

    /// How many connections and datagrams came where none may.
    pub(super) fn strays(&mut self) -> io::Result<u32> {
        Ok(self
            .ask::<u32>(world::STRAYS)?
            .saturating_sub(self.strays_before))
    }

    fn ask<T: std::str::FromStr>(&mut self, line: &str) -> io::Result<T> {
        let stdin = self.child.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(stdin, "{line}")?;
        self.answer()
    }

    fn answer<T: std::str::FromStr>(&mut self) -> io::Result<T> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let text = line.trim();
        text.parse()
            .map_err(|_| io::Error::other("the process to be reached has ended"))
    }
}

/// The kernel may take a second to see that both ends are up, and drops what is sent meanwhile.
fn wait_for_the_cable() -> io::Result<()> {
    let server = SocketAddr::from((world::SERVER, world::PORT));
    let deadline = Instant::now() + CABLE_TIMEOUT;
    loop {
        match TcpStream::connect_timeout(&server, CABLE_TRY) {
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => {}
            Ok(_) => return Ok(()),
        }
    }
}

fn start_world() -> io::Result<(Child, BufReader<std::process::ChildStdout>)> {
    let mut child = Command::new(format!("/proc/{}/exe", std::process::id()))
        .arg(WORLD)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    Ok((child, BufReader::new(output)))
}

impl Drop for Ground {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
