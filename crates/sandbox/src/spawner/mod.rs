//! The spawner process: makes, signals and reaps sandboxes for the server, and ends with it.
//!
//! ```text
//! start ─▶ Hello ─▶ try everything once ─▶ Welcome ─▶ serve requests ─▶ server's end closed
//!                          │ fatal                                        ─▶ kill all, reap, remove groups ─▶ end
//!                          ▼
//!                         end
//! ```
//!
//! One thread, one loop over one epoll: it waits for no sandbox to do or die, but inside three steps of a creation.
//! One below another sandbox gets what `linux::nested` gives it, 0.1 s by root and 0.6 s without; one that cannot be
//! told to go on gets 20 ms to die; and `mke2fs` gets as long as it takes, once for a size of /tmp. It refuses nothing
//! that it understands; what it does not understand is a fault of the server, and treated as its end.

mod answers;
mod cells;
mod code_trees;
mod create;
mod destroy;
mod event_loop;
mod machine;
mod network_trial;
mod probe;
mod root_templates;
mod strays;
mod unpack;
mod users;

use std::os::fd::{FromRawFd, OwnedFd};
use std::process::ExitCode;

use crate::failure::Failure;
use crate::isolation::Isolation;
use crate::linux::signals;
use crate::missing::Missing;
use crate::protocol::{self, Hello, SPAWNER_FD, Welcome};

/// Body of `lambkin __spawner`: reads its socket from descriptor 3, ends when the server's end closes.
pub fn run_spawner() -> ExitCode {
    // SAFETY: the parent put the socket there before this program was executed, and nothing else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(SPAWNER_FD) };
    match serve(socket) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tracing::error!("the spawner failed: {}: {}", failure.step, failure.source());
            ExitCode::FAILURE
        }
    }
}

fn serve(socket: OwnedFd) -> Result<(), Failure> {
    signals::outlive_the_terminal();
    let _printed_at_the_end = crate::profile::prepare();
    let hello = protocol::receive::<Hello>(&socket).map_err(crate::failure::at("hear the server"));
    let Some((Hello { config }, _)) = hello? else {
        return Ok(());
    };
    let mut missing = Vec::new();
    let mut machine = match machine::Machine::prepare(&config, &mut missing) {
        Ok(machine) => machine,
        Err(failure) => return refuse(&socket, missing, failure),
    };
    if let Err(failure) = probe::run(&mut machine, &mut missing) {
        return refuse(&socket, missing, failure);
    }
    welcome(&socket, machine.isolation(missing))?;
    event_loop::EventLoop::new(socket, machine)?.run()
}

fn refuse(socket: &OwnedFd, mut missing: Vec<Missing>, failure: Failure) -> Result<(), Failure> {
    missing.insert(0, Missing::fatal(&failure));
    welcome(socket, Isolation::none(missing))?;
    Err(failure)
}

fn welcome(socket: &OwnedFd, isolation: Isolation) -> Result<(), Failure> {
    protocol::send(socket, &Welcome { isolation }, &[])
        .map_err(crate::failure::at("answer the server"))
}
