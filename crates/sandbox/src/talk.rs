//! The talk with a sandbox's pid 1: one task reads what it reports, and wakes those alone who wait for that kind.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use lambkin_init::message::{Command, Connected, Report};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{Mutex as Turn, Notify};
use tokio::task::JoinHandle;

use crate::error::Error;
use crate::inbox::{Inbox, Matter, Told};
use crate::network::{HandedIn, NetworkRequest, Prompt};
use crate::protocol;

/// The server's end.
pub(crate) struct Talk {
    shared: Arc<Shared>,
    reader: JoinHandle<()>,
}

struct Shared {
    control: AsyncFd<OwnedFd>,
    /// Of the one command that waits for room.
    turn: Turn<()>,
    prompt: OnceLock<Box<Prompt>>,
    inbox: Mutex<Inbox>,
    of_life: Notify,
    of_network: Notify,
}

impl Talk {
    pub(crate) fn begin(control: OwnedFd) -> io::Result<Self> {
        // To be told of room as well would wake the server for each message that pid 1 reads.
        let control = poll_for(control, Interest::READABLE)?;
        let shared = Arc::new(Shared {
            control,
            turn: Turn::default(),
            prompt: OnceLock::new(),
            inbox: Mutex::default(),
            of_life: Notify::new(),
            of_network: Notify::new(),
        });
        let reader = tokio::spawn(read(Arc::clone(&shared)));
        Ok(Self { shared, reader })
    }

    /// Sends a command; `sent` notes it in the same instant.
    pub(crate) async fn command(
        &self,
        command: &Command,
        descriptors: &[BorrowedFd<'_>],
        sent: impl FnMut(&mut Inbox),
    ) -> Result<(), Error> {
        self.shared.command(command, descriptors, sent).await
    }

    pub(crate) async fn connected(
        &self,
        id: u32,
        outcome: Result<HandedIn, i32>,
    ) -> Result<(), Error> {
        self.shared.connected(id, outcome).await
    }

    pub(crate) fn answer_promptly(&self, prompt: Box<Prompt>) {
        // The first one stays.
        let _ = self.shared.prompt.set(prompt);
    }

    /// Resolves when `take` finds what it looks for. Several may wait at a time. Cancel safe.
    pub(crate) async fn wait<T>(
        &self,
        matter: Matter,
        mut take: impl FnMut(&mut Inbox) -> Option<T>,
    ) -> T {
        loop {
            let told = self.shared.teller(matter).notified();
            tokio::pin!(told);
            told.as_mut().enable();
            if let Some(found) = take(&mut self.shared.inbox()) {
                return found;
            }
            told.await;
        }
    }

    pub(crate) fn is_quiet(&self) -> bool {
        let inbox = self.shared.inbox();
        !inbox.gone && inbox.events.is_empty()
    }

    /// Ends it; its descriptor is closed when this returns.
    pub(crate) async fn end(&mut self) {
        self.reader.abort();
        // That it was aborted is no news.
        let _ = (&mut self.reader).await;
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Shared {
    async fn command(
        &self,
        command: &Command,
        descriptors: &[BorrowedFd<'_>],
        mut sent: impl FnMut(&mut Inbox),
    ) -> Result<(), Error> {
        let mut send = |control: &OwnedFd| -> io::Result<()> {
            protocol::send(control, command, descriptors)?;
            sent(&mut self.inbox());
            Ok(())
        };
        let control = self.control.get_ref();
        match send(control) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let _turn = self.turn.lock().await;
                let control = poll_for(control.try_clone()?, Interest::WRITABLE)?;
                Ok(control.async_io(Interest::WRITABLE, send).await?)
            }
            sent => Ok(sent?),
        }
    }

    async fn connected(&self, id: u32, outcome: Result<HandedIn, i32>) -> Result<(), Error> {
        let outcome = match outcome {
            Ok(HandedIn {
                socket,
                in_progress,
            }) => {
                self.command(&Command::Socket { id }, &[socket.as_fd()], |_| {})
                    .await?;
                // Before any program has it: the last to close it waits for as long as the program wants.
                drop(socket);
                match in_progress {
                    true => Connected::InProgress,
                    false => Connected::Done,
                }
            }
            Err(errno) => Connected::Refused { errno },
        };
        self.command(&Command::Connected { id, outcome }, &[], |_| {})
            .await
    }

    /// The answer to a request that has one at once.
    fn promptly(&self, told: Option<&Told>) -> Option<(u32, Result<HandedIn, i32>)> {
        let Some(Told::Network(NetworkRequest::Connect(connect))) = told else {
            return None;
        };
        let outcome = self.prompt.get()?(connect)?;
        Some((connect.id, outcome))
    }

    fn teller(&self, matter: Matter) -> &Notify {
        match matter {
            Matter::Life => &self.of_life,
            Matter::Network => &self.of_network,
        }
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        // A report is put in whole, so a panic elsewhere does not spoil it.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn poll_for(control: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is one open descriptor for as long as it lives.
    let control = unsafe { AsyncFd::register_with_interest(control, interest) };
    Ok(control?)
}

async fn read(shared: Arc<Shared>) {
    loop {
        let receive = |control: &OwnedFd| protocol::receive::<Report>(control);
        let report = shared.control.async_io(Interest::READABLE, receive).await;
        let report = report.ok().flatten();
        let told = report.and_then(|(report, sent)| Told::of(report, sent));
        if let Some((id, outcome)) = shared.promptly(told.as_ref()) {
            // Waits for room, so that one who takes no answers asks for no more. If pid 1 is gone, it is read next.
            let _ = shared.connected(id, outcome).await;
            continue;
        }
        let mut inbox = shared.inbox();
        let matter = inbox.put(told);
        let gone = inbox.gone;
        drop(inbox);
        shared.teller(matter).notify_waiters();
        if gone {
            shared.of_life.notify_waiters();
            shared.of_network.notify_waiters();
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    /// More than the kernel keeps for one who does not read.
    const COMMANDS: u32 = 64;
    const BYTES: usize = 20_000;

    #[tokio::test]
    async fn commands_that_find_no_room_wait_for_it() {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        let talk = Talk::begin(ours).unwrap();
        let sent = Mutex::new(0);
        let send_all = async {
            for id in 0..COMMANDS {
                let message = vec![0; BYTES];
                let command = Command::Answer { id, message };
                talk.command(&command, &[], |_| *sent.lock().unwrap() += 1)
                    .await
                    .unwrap();
            }
        };
        let hear_all = async {
            // Until the other one cannot go on.
            tokio::task::yield_now().await;
            assert!(*sent.lock().unwrap() < COMMANDS);
            let mut heard = Vec::new();
            while heard.len() < COMMANDS as usize {
                match protocol::receive::<Command>(&theirs) {
                    Ok(Some((Command::Answer { id, .. }, _))) => heard.push(id),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        tokio::task::yield_now().await;
                    }
                    _ => panic!("an answer"),
                }
            }
            heard
        };
        let ((), heard) = tokio::join!(send_all, hear_all);
        assert_eq!(heard, (0..COMMANDS).collect::<Vec<_>>());
        assert_eq!(*sent.lock().unwrap(), COMMANDS);
    }
}
