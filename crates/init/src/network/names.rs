//! The programs' resolver: takes DNS messages on loopback, has the server answer them, understands none.
//!
//! ```text
//! datagram, or message of a stream ─▶ asked ─ server's answer ─▶ back to the asker
//!                                       └─ none in time ─▶ forgotten
//! ```
//! Too many questions at a time are dropped, as a network may drop them; their programs ask again.

use crate::control;
use crate::descriptors;
use crate::kernel::inherited;
use crate::message::{DNS_MESSAGE_BYTES_MAX, QUERIES_MAX, Report};
use rustix::io::Errno;
use rustix::net::{
    RecvFlags, SendFlags, SocketAddrAny, SocketFlags, accept_with, recv, recvfrom, send, sendto,
};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// Longer questions come over TCP.
const DATAGRAM_BYTES_MAX: usize = 4_096;
/// Datagrams that are taken at a time, before anything else has its turn.
const DATAGRAMS_AT_ONCE: usize = 16;
/// Programs that ask over TCP at one time; who comes next replaces the first.
const STREAMS_MAX: usize = 16;
/// Answers that one of them has not taken yet.
const UNSENT_BYTES_MAX: usize = 2 * DNS_MESSAGE_BYTES_MAX;
/// Longer than any program waits, and any resolver takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The resolver.
pub(super) struct Names {
    datagrams: OwnedFd,
    listener: OwnedFd,
    streams: Vec<Stream>,
    asked: Vec<Asked>,
    last: u32,
}

/// A program that asks over TCP.
struct Stream {
    id: u32,
    socket: OwnedFd,
    /// The beginning of a question.
    received: Vec<u8>,
    /// The rest of answers.
    unsent: Vec<u8>,
}

struct Asked {
    id: u32,
    asker: Asker,
    until: Instant,
}

enum Asker {
    Datagram(SocketAddrAny),
    Stream(u32),
}

/// What of it is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Datagrams,
    Listener,
    Stream(u32),
}

impl Names {
    /// Of what pid 1 finds open.
    pub(super) fn open() -> Result<Self, Errno> {
        Ok(Self {
            datagrams: inherited::take(descriptors::NAMES_BY_DATAGRAM)?,
            listener: inherited::take(descriptors::NAMES_BY_STREAM)?,
            streams: Vec::new(),
            asked: Vec::new(),
            last: 0,
        })
    }

    /// What may be ready; streams with the wish to write, too.
    pub(super) fn sources(&self) -> impl Iterator<Item = (Source, BorrowedFd<'_>, bool)> {
        let streams = self.streams.iter().map(|stream| {
            let source = Source::Stream(stream.id);
            (source, stream.socket.as_fd(), !stream.unsent.is_empty())
        });
        [
            (Source::Datagrams, self.datagrams.as_fd(), false),
            (Source::Listener, self.listener.as_fd(), false),
        ]
        .into_iter()
        .chain(streams)
    }

    pub(super) fn serve(&mut self, source: Source) {
        match source {
            Source::Datagrams => self.take_datagrams(),
            Source::Listener => self.accept(),
            Source::Stream(id) => {
                let known = self.streams.iter().position(|stream| stream.id == id);
                if let Some(index) = known
                    && !self.serve_stream(index)
                {
                    self.streams.swap_remove(index);
                }
            }
        }
    }

    fn take_datagrams(&mut self) {
        let mut message = [0; DATAGRAM_BYTES_MAX + 1];
        for _ in 0..DATAGRAMS_AT_ONCE {
            match recvfrom(&self.datagrams, &mut message, RecvFlags::empty()) {
                Ok((_, length, Some(from))) if length <= DATAGRAM_BYTES_MAX => {
                    self.ask(&message[..length], Asker::Datagram(from));
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }

    fn accept(&mut self) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let Ok(socket) = accept_with(&self.listener, flags) else {
            return;
        };
        if self.streams.len() >= STREAMS_MAX {
            self.streams.remove(0);
        }
        let id = self.number();
        self.streams.push(Stream {
            id,
            socket,
            received: Vec::new(),
            unsent: Vec::new(),
        });
    }

    /// Whether it stays.
    fn serve_stream(&mut self, index: usize) -> bool {
        let stream = &mut self.streams[index];
        let id = stream.id;
        if !stream.send() || !stream.receive() {
            return false;
        }
        loop {
            match self.streams[index].question() {
                Ok(Some(message)) => self.ask(&message, Asker::Stream(id)),
                Ok(None) => return true,
                Err(TooLong) => return false,
            }
        }
    }

    fn ask(&mut self, message: &[u8], asker: Asker) {
        let now = Instant::now();
        if self.asked.len() >= QUERIES_MAX {
            self.asked.retain(|asked| asked.until > now);
        }
        if self.asked.len() >= QUERIES_MAX {
            return;
        }
        let id = self.number();
        let report = Report::Query {
            id,
            over_tcp: matches!(asker, Asker::Stream(_)),
            message: message.to_vec(),
        };
        // What cannot be told has no answer either.
        if control::report(&report).is_ok() {
            let until = now + PATIENCE;
            self.asked.push(Asked { id, asker, until });
        }
    }

    /// The server's answer, back to who asked, if that is still there.
    pub(super) fn answer(&mut self, id: u32, message: &[u8]) {
        let Some(index) = self.asked.iter().position(|asked| asked.id == id) else {
            return;
        };
        match self.asked.swap_remove(index).asker {
            Asker::Datagram(to) => {
                // A program that does not take it has gone, or asks again.
                let _ = sendto(&self.datagrams, message, SendFlags::NOSIGNAL, &to);
            }
            Asker::Stream(id) => {
                let known = self.streams.iter().position(|stream| stream.id == id);
                if let Some(index) = known
                    && !self.streams[index].answer(message)
                {
                    self.streams.swap_remove(index);
                }
            }
        }
    }

    /// Its programs have gone.
    pub(super) fn forget_streams(&mut self) {
        self.streams.clear();
    }

    fn number(&mut self) -> u32 {
        self.last = self.last.wrapping_add(1);
        self.last
    }
}

/// A question that cannot be told.
struct TooLong;

impl Stream {
    /// Whether it stays.
    fn receive(&mut self) -> bool {
        let mut bytes = [0; DATAGRAM_BYTES_MAX];
        match recv(&self.socket, &mut bytes, RecvFlags::empty()) {
            Ok((_, 0)) => false,
            Ok((_, length)) => {
                self.received.extend_from_slice(&bytes[..length]);
                true
            }
            Err(error) => is_patience(error),
        }
    }

    /// The next whole one: its length in two bytes, then itself.
    fn question(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        let Some(length) = self.received.first_chunk::<2>() else {
            return Ok(None);
        };
        let end = 2 + usize::from(u16::from_be_bytes(*length));
        if end > 2 + DNS_MESSAGE_BYTES_MAX {
            return Err(TooLong);
        }
        if self.received.len() < end {
            return Ok(None);
        }
        let left = self.received.split_off(end);
        let whole = std::mem::replace(&mut self.received, left);
        Ok(Some(whole[2..].to_vec()))
    }

    /// Whether it stays.
    fn answer(&mut self, message: &[u8]) -> bool {
        let Ok(length) = u16::try_from(message.len()) else {
            return false;
        };
        self.unsent.extend(length.to_be_bytes());
        self.unsent.extend_from_slice(message);
        self.send() && self.unsent.len() <= UNSENT_BYTES_MAX
    }

    /// Whether it stays.
    fn send(&mut self) -> bool {
        if self.unsent.is_empty() {
            return true;
        }
        match send(&self.socket, &self.unsent, SendFlags::NOSIGNAL) {
            Ok(sent) => {
                self.unsent.drain(..sent);
                true
            }
            Err(error) => is_patience(error),
        }
    }
}

fn is_patience(error: Errno) -> bool {
    matches!(error, Errno::AGAIN | Errno::INTR)
}
