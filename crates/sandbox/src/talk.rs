//! The talk with a sandbox's pid 1: one task reads what it reports, and wakes those alone who wait for that kind.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lambkin_init::message::{Command, Report};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::error::Error;
use crate::network::{NetworkRequest, REQUESTS_MAX};
use crate::protocol;
use crate::sandbox::{Event, Exit};

/// Events that nobody has asked for yet. Pid 1 sends one for each program that it was told to start.
const EVENTS_MAX: usize = 64;

/// What pid 1 has told.
#[derive(Default)]
pub(crate) struct Inbox {
    pub(crate) ready: bool,
    pub(crate) gone: bool,
    pub(crate) kills_asked: u64,
    pub(crate) kills_done: u64,
    pub(crate) events: VecDeque<Event>,
    pub(crate) requests: VecDeque<NetworkRequest>,
}

/// Whom a report concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Matter {
    /// Who looks after programs.
    Life,
    /// Who makes connections for them.
    Network,
}

impl Inbox {
    fn put(&mut self, report: Option<(Report, Vec<OwnedFd>)>) -> Matter {
        let (report, sent) = report.unzip();
        match report {
            Some(Report::Ready) => self.ready = true,
            Some(Report::Killed) => self.kills_done += 1,
            Some(Report::StartFailed { errno }) => self.event(Event::StartFailed { errno }),
            Some(Report::Exited { code }) => self.event(Event::Exited(Exit::Code(code))),
            Some(Report::Signaled { signal }) => self.event(Event::Exited(Exit::Signal(signal))),
            Some(report @ (Report::Connect { .. } | Report::Query { .. })) => {
                let sent = sent.unwrap_or_default();
                self.request(NetworkRequest::from_report(report, sent));
                return Matter::Network;
            }
            // An unpacker's words, or none any more: this is not the pid 1 that it was.
            Some(Report::Unpacked { .. } | Report::Rejected(_)) | None => self.gone = true,
        }
        Matter::Life
    }

    fn event(&mut self, event: Event) {
        if self.events.len() < EVENTS_MAX {
            self.events.push_back(event);
        } else {
            self.gone = true;
        }
    }

    fn request(&mut self, request: Option<NetworkRequest>) {
        match request {
            Some(request) if self.requests.len() < REQUESTS_MAX => self.requests.push_back(request),
            _ => self.gone = true,
        }
    }
}

/// The server's end.
pub(crate) struct Talk {
    shared: Arc<Shared>,
    reader: JoinHandle<()>,
}

struct Shared {
    control: AsyncFd<OwnedFd>,
    inbox: Mutex<Inbox>,
    of_life: Notify,
    of_network: Notify,
}

impl Talk {
    pub(crate) fn begin(control: OwnedFd) -> io::Result<Self> {
        // SAFETY: an `OwnedFd` is one open descriptor for as long as it lives.
        let control = unsafe { AsyncFd::register(control) }.map_err(io::Error::from)?;
        let shared = Arc::new(Shared {
            control,
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
        mut sent: impl FnMut(&mut Inbox),
    ) -> Result<(), Error> {
        let send = |control: &OwnedFd| {
            protocol::send(control, command, descriptors)?;
            sent(&mut self.shared.inbox());
            Ok(())
        };
        let control = &self.shared.control;
        Ok(control.async_io(Interest::WRITABLE, send).await?)
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

async fn read(shared: Arc<Shared>) {
    loop {
        let receive = |control: &OwnedFd| protocol::receive::<Report>(control);
        let report = shared.control.async_io(Interest::READABLE, receive).await;
        let mut inbox = shared.inbox();
        let matter = inbox.put(report.ok().flatten());
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
