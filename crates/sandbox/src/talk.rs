//! The talk with a sandbox's pid 1: one task reads what it reports, and wakes those alone who wait for that kind.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
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

    /// Whether that was the last word.
    fn take(&self, told: Option<Told>) -> bool {
        let mut inbox = self.inbox();
        let matter = inbox.put(told);
        let gone = inbox.gone;
        drop(inbox);
        self.teller(matter).notify_waiters();
        if gone {
            self.of_life.notify_waiters();
            self.of_network.notify_waiters();
        }
        gone
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

/// An answer on its way to pid 1.
type Answering = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Goes on while an answer waits for room: pid 1 makes room when its own words are taken, and not before.
async fn read(shared: Arc<Shared>) {
    let mut answering: Option<Answering> = None;
    loop {
        let receive = |control: &OwnedFd| protocol::receive::<Report>(control);
        let report = tokio::select! {
            biased;
            () = finish(&mut answering), if answering.is_some() => {
                answering = None;
                continue;
            }
            report = shared.control.async_io(Interest::READABLE, receive) => report.ok().flatten(),
        };
        let told = report.and_then(|(report, sent)| Told::of(report, sent));
        // Behind one that waits, those that follow are for whoever takes requests.
        if answering.is_none()
            && let Some((id, outcome)) = shared.promptly(told.as_ref())
        {
            answering = Some(answer(Arc::clone(&shared), id, outcome));
            continue;
        }
        if shared.take(told) {
            return;
        }
    }
}

fn answer(shared: Arc<Shared>, id: u32, outcome: Result<HandedIn, i32>) -> Answering {
    Box::pin(async move {
        // If pid 1 is gone, it is read next.
        let _ = shared.connected(id, outcome).await;
    })
}

async fn finish(answering: &mut Option<Answering>) {
    if let Some(answering) = answering {
        answering.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    use std::time::Duration;

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

    /// More bytes than the kernel keeps, and no more requests than a sandbox may have.
    const QUERIES: u32 = 64;

    #[tokio::test]
    async fn who_waits_for_room_hears_what_is_said_meanwhile() {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        let talk = Talk::begin(ours).unwrap();
        talk.answer_promptly(Box::new(|_| Some(Err(libc::EACCES))));
        // Until there is no room for an answer.
        let message = vec![0; 64];
        let command = Command::Answer { id: 0, message };
        while protocol::send(talk.shared.control.get_ref(), &command, &[]).is_ok() {}
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let destination = socket.local_addr().unwrap();
        let connect = Report::Connect { id: 7, destination };
        protocol::send(&theirs, &connect, &[socket.as_fd()]).unwrap();
        let say_all = async {
            for id in 0..QUERIES {
                let query = Report::Query {
                    id,
                    over_tcp: true,
                    message: vec![0; BYTES],
                };
                while protocol::send(&theirs, &query, &[]).is_err() {
                    tokio::task::yield_now().await;
                }
            }
        };
        let said = tokio::time::timeout(Duration::from_secs(5), say_all).await;
        said.expect("all of it");
        let is_answer = |command: &Command| matches!(command, Command::Connected { id: 7, .. });
        let heard = async {
            loop {
                match protocol::receive::<Command>(&theirs) {
                    Ok(Some((command, _))) if is_answer(&command) => return,
                    Ok(Some(_)) => {}
                    _ => tokio::task::yield_now().await,
                }
            }
        };
        let heard = tokio::time::timeout(Duration::from_secs(5), heard).await;
        heard.expect("the answer");
        assert_eq!(talk.shared.inbox().requests.len(), QUERIES as usize);
    }
}
