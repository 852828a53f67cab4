//! Whose fault an error is: the machine's, for want of room or time, or because somebody was killed, so that it may pass;
//! or that of what was asked for.

use rustix::io::Errno;

const OF_THE_MACHINE: [Errno; 9] = [
    Errno::AGAIN,
    Errno::NOMEM,
    Errno::NFILE,
    Errno::MFILE,
    Errno::CHILD,
    Errno::SRCH,
    Errno::PIPE,
    Errno::CONNRESET,
    Errno::TIMEDOUT,
];

/// Whether the same may go well another time.
#[must_use]
pub fn is_the_machines(error: Errno) -> bool {
    OF_THE_MACHINE.contains(&error)
}
