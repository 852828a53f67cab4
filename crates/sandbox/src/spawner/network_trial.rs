//! The first sandbox's network, tried by a program: what takes it from all programs of this machine fails here, with a
//! name. Nothing is sent anywhere.

use std::os::fd::AsFd;
use std::time::Instant;

use lambkin_init::message::{Command, Connected, Program, Report, Stdin};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::probe::wait;
use crate::creation::Begun;
use crate::failure::{Failure, at};
use crate::protocol;

/// Has pid 1 start itself as a program, which connects to somewhere and gets a socket that is connected to nothing.
pub(super) fn run(begun: &Begun, until: Instant) -> Result<(), Failure> {
    let start = Command::Start {
        program: Program {
            argv: ["/proc/self/exe", "try"].map(str::to_owned).to_vec(),
            env: Vec::new(),
            cwd: "/".to_owned(),
        },
        stdin: Stdin::Null,
    };
    tell(begun, &start)?;
    loop {
        wait(&begun.control, until)?;
        let report = protocol::receive::<Report>(&begun.control).map_err(at("hear pid 1"))?;
        match report.map(|(report, _)| report) {
            Some(Report::Connect { id, .. }) => answer(begun, id)?,
            Some(Report::Exited { code: 0 }) => return Ok(()),
            Some(Report::Exited { code: errno }) => {
                let error = Errno::from_raw_os_error(errno);
                return Err(Failure::new("connect for a program", error));
            }
            Some(Report::StartFailed { errno }) => {
                let error = Errno::from_raw_os_error(errno);
                return Err(Failure::new("hear a program's calls", error));
            }
            _ => return Err(Failure::new("try a program's network", Errno::CHILD)),
        }
    }
}

fn answer(begun: &Begun, id: u32) -> Result<(), Failure> {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)
        .map_err(at("make a socket"))?;
    let command = Command::Socket { id };
    protocol::send(&begun.control, &command, &[socket.as_fd()]).map_err(at("tell pid 1"))?;
    let outcome = Connected::Done;
    tell(begun, &Command::Connected { id, outcome })
}

fn tell(begun: &Begun, command: &Command) -> Result<(), Failure> {
    protocol::send(&begun.control, command, &[]).map_err(at("tell pid 1"))
}
