//! What the server and a sandbox's pid 1 say to each other: one postcard value in each message of a
//! SOCK_SEQPACKET pair.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// Most bytes of one message: a program's environment (4 KiB by AWS's limit, as much again by Lambda's own
/// variables) and its arguments fit several times over.
pub const MESSAGE_BYTES_MAX: usize = 32 << 10;

/// Most bytes of a DNS message that is relayed, either way: what fits into a message. Names' answers are far shorter.
pub const DNS_MESSAGE_BYTES_MAX: usize = 30 << 10;

/// Most bytes of a reason why a program is no template.
pub const REASON_BYTES_MAX: usize = 400;

/// Connections that a sandbox's programs may ask for at one time; beyond them they get EAGAIN.
pub const CONNECTS_MAX: usize = 128;
/// Queries for names that may be under way at one time; those beyond are dropped, and their programs ask again.
pub const QUERIES_MAX: usize = 128;

/// What the server asks of pid 1.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Execute a program as a child.
    Start {
        /// What is executed.
        program: Program,
        /// What it reads.
        stdin: Stdin,
    },
    /// The same, but the program is read where one with [`Stdin::Pipe`] would read: it is told there, and starts without
    /// a word to pid 1. Whatever waits for it counts as the program already.
    Await,
    /// Kill every process but pid 1. Answered by [`Report::Killed`].
    Kill,
    /// Comes with a socket for [`Report::Connect`]. What became of that follows when the server has closed its own
    /// descriptor of it: who closes a connection last may have to wait for as long as its program wants.
    Socket {
        /// The request's.
        id: u32,
    },
    /// What became of [`Report::Connect`].
    Connected {
        /// The request's.
        id: u32,
        /// How it ended.
        outcome: Connected,
    },
    /// Of one that keeps a template: fork it into the sandbox of another pid 1, which comes along and must have
    /// answered [`Report::Expecting`]. Answered by [`Report::Cloned`] or [`Report::NotCloned`].
    Clone {
        /// Names the request in the answer.
        id: u32,
    },
    /// Of one that adopts clones: what the next one reads. Answered by [`Report::Expecting`].
    Expect {
        /// Fits into a pipe whole, so that nobody waits.
        input: Vec<u8>,
    },
    /// Of one that adopts clones: this is its program from now on. Comes with the listener of its filter, and with what
    /// tells its end.
    Adopt {
        /// By its number here.
        process: i32,
    },
    /// The answer to [`Report::Query`].
    Answer {
        /// The request's.
        id: u32,
        /// A whole DNS message.
        message: Vec<u8>,
    },
}

/// A program to run inside as the sandbox's user; stdout and stderr go to the sandbox's log pipe.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Program {
    /// The executable's path and its arguments.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// Absolute path of its working folder.
    pub cwd: String,
}

/// A program's standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stdin {
    /// Nothing.
    Null,
    /// What comes with the code of a sandbox that was made without: once, and then the end.
    Pipe,
}

/// The end of a request for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Connected {
    /// Its socket, which has come, is connected.
    Done,
    /// Its socket, which has come, is connecting and does not block.
    InProgress,
    /// There is none.
    Refused {
        /// What the program's `connect` fails with.
        errno: i32,
    },
}

/// What pid 1 tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// It waits for commands.
    Ready,
    /// The program could not be executed.
    StartFailed {
        /// Error number of exec.
        errno: i32,
    },
    /// The program ended by itself, and nothing that it started is left.
    Exited {
        /// Its status.
        code: i32,
    },
    /// The program ended by a signal, and nothing that it started is left.
    Signaled {
        /// The signal's number.
        signal: i32,
    },
    /// Nothing but pid 1 is left.
    Killed,
    /// A program wants a connection out of the sandbox. Comes with a copy of its socket.
    Connect {
        /// Names it in the answer.
        id: u32,
        /// Where to.
        destination: SocketAddr,
    },
    /// A program asks for a name.
    Query {
        /// Names it in the answer.
        id: u32,
        /// Asked over TCP, so that the answer may be long.
        over_tcp: bool,
        /// A whole DNS message.
        message: Vec<u8>,
    },
    /// The program has become a template.
    Settled,
    /// The program cannot be one, and nothing of it is left.
    Unfit {
        /// What it has that clones cannot share.
        why: String,
    },
    /// The program could not become one this time, and nothing of it is left.
    Hindered {
        /// What the machine did not do, or not in time.
        why: String,
    },
    /// There is a clone. Comes with the listener of its filter, and with what tells its end.
    Cloned {
        /// The request's.
        id: u32,
        /// By its number in the sandbox that it is in.
        process: i32,
    },
    /// There is none.
    NotCloned {
        /// The request's.
        id: u32,
        /// What was being done.
        step: String,
        /// What the kernel answered.
        errno: i32,
    },
    /// A clone may come.
    Expecting,
    /// The package is unpacked.
    Unpacked {
        /// Bytes of all files.
        bytes: u64,
        /// Files, folders and links.
        entries: u32,
    },
    /// The package is refused; what was written of it is worthless.
    Rejected(Rejection),
}

/// Why a package is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rejection {
    /// No zip, or a broken one.
    NotAZip,
    /// More bytes than allowed, whatever it declared.
    TooLarge,
    /// More entries than allowed.
    TooManyEntries,
    /// A path that is absolute, leaves the folder, or cannot be a path.
    BadPath,
    /// A link that leaves the folder.
    BadLink,
    /// Something that is neither file, folder nor link, or is encrypted.
    BadEntry,
    /// It inflates beyond what packages do.
    Ratio,
    /// Entries that share bytes.
    Overlap,
}
