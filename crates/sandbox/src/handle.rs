//! The server's side of the talk with the spawner.
//!
//! Callers send their requests themselves and wait for the answer of the same number; one task, owned by the
//! handle, reads all answers. A sandbox whose caller has gone away is dropped by that task, and so destroyed.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Child;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;

use crate::code_trees::CodeTree;
use crate::error::{Error, UnpackError};
use crate::isolation::Isolation;
use crate::package;
use crate::protocol::{self, Answer, CreateSandbox, Lineage, Outcome, Request, What};
use crate::sandbox::{Made, Sandbox};
use crate::spec::{self, Spec, UnpackLimits};

/// How long the remains of an ended spawner may take to be there for reaping.
const REAP_TRIES_MAX: u32 = 100;
const REAP_PAUSE: Duration = Duration::from_millis(10);
/// Beyond the time that an unpacking gets, for the answer.
const UNPACK_GRACE: Duration = Duration::from_secs(5);

/// Talks to the spawner. Cheap to clone. When the spawner dies every call fails with `Error::SpawnerGone`.
#[derive(Clone)]
pub struct Spawner {
    link: Arc<Link>,
}

impl Spawner {
    pub(crate) fn new(socket: OwnedFd, child: Child, isolation: Isolation) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&socket, true)?;
        let shared = Arc::new(Shared {
            // SAFETY: an `OwnedFd` is one open descriptor for as long as it lives.
            socket: unsafe { AsyncFd::register(socket) }.map_err(io::Error::from)?,
            pending: Mutex::default(),
            unsent: Mutex::default(),
            unsent_added: Notify::new(),
            last_id: AtomicU64::new(0),
            gone: watch::Sender::new(false),
        });
        let link = Arc::new_cyclic(|link: &Weak<Link>| {
            let reader = tokio::spawn(read(shared.clone(), link.clone(), child));
            Link {
                shared,
                reader,
                isolation,
            }
        });
        Ok(Self { link })
    }

    /// Unpacks a zip in a sandboxed process of its own.
    ///
    /// # Errors
    /// Tells a fault of the package from one of the machine. Nothing is left of a package that was refused.
    pub async fn unpack(
        &self,
        package: &[u8],
        limits: UnpackLimits,
    ) -> Result<CodeTree, UnpackError> {
        let package = package::seal(package).await.map_err(Error::Io)?;
        let what = What::Unpack {
            bytes_max: limits.bytes_max,
            entries_max: limits.entries_max,
            timeout_ms: u64::try_from(limits.timeout.as_millis()).unwrap_or(u64::MAX),
        };
        let descriptors = [package.as_fd()];
        let asked = self.link.ask(what, &descriptors);
        let answered = tokio::time::timeout(limits.timeout + UNPACK_GRACE, asked).await;
        match answered.map_err(|_| Error::Io(io::ErrorKind::TimedOut.into()))?? {
            Reply::Tree(tree) => Ok(tree),
            Reply::Outcome(Outcome::Rejected(why)) => Err(UnpackError::Rejected(why)),
            reply => Err(unexpected(reply).into()),
        }
    }

    /// Makes a sandbox whose pid 1 is ready and which runs nothing yet.
    ///
    /// # Errors
    /// Nothing is left of a sandbox whose creation failed or whose caller stopped waiting.
    pub async fn create(&self, spec: &Spec<'_>) -> Result<Sandbox, Error> {
        let what = What::Create(CreateSandbox {
            root: spec.root.clone(),
            code: spec.code.as_ref().map(CodeTree::code),
            memory_bytes: spec.memory_bytes,
            tmp_bytes: spec.tmp_bytes,
            processes_max: spec.processes_max,
            lineage: match spec.lineage {
                spec::Lineage::Alone => Lineage::Alone,
                spec::Lineage::Template => Lineage::Template,
                spec::Lineage::CloneOf(template) => Lineage::CloneOf(template.id()),
            },
        });
        match self.link.ask(what, &[]).await? {
            Reply::Sandbox(sandbox) => {
                sandbox.ready().await?;
                Ok(*sandbox)
            }
            reply => Err(unexpected(reply)),
        }
    }

    /// What its sandboxes are made of.
    pub fn isolation(&self) -> &Isolation {
        &self.link.isolation
    }

    /// Resolves when the spawner process has ended.
    pub async fn gone(&self) {
        let mut gone = self.link.shared.gone.subscribe();
        // The sender lives as long as this handle.
        let _ = gone.wait_for(|gone| *gone).await;
    }
}

pub(crate) fn unexpected(reply: Reply) -> Error {
    match reply {
        Reply::Outcome(Outcome::Failed(failure)) => failure.into(),
        _ => Error::Io(io::Error::other("the spawner answered something else")),
    }
}

/// What a caller gets: what has to be released when nobody takes it is already a value that does so.
pub(crate) enum Reply {
    Sandbox(Box<Sandbox>),
    Tree(CodeTree),
    Outcome(Outcome),
}

/// The connection, shared by the handle and all that was made through it. Ends with the last of them.
pub(crate) struct Link {
    shared: Arc<Shared>,
    reader: JoinHandle<()>,
    isolation: Isolation,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Link {
    pub(crate) async fn ask(
        &self,
        what: What,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<Reply, Error> {
        let shared = &*self.shared;
        let request = Request {
            id: shared.last_id.fetch_add(1, Ordering::Relaxed) + 1,
            what,
        };
        let (sender, receiver) = oneshot::channel();
        lock(&shared.pending).insert(request.id, sender);
        let _forget = Forget {
            shared,
            id: request.id,
        };
        if *shared.gone.borrow() {
            return Err(Error::SpawnerGone);
        }
        shared
            .socket
            .async_io(Interest::WRITABLE, |socket| {
                protocol::send(socket, &request, descriptors)
            })
            .await
            .map_err(closed)?;
        receiver.await.map_err(|_| Error::SpawnerGone)
    }

    /// Sends a request whose answer nobody waits for. Never waits itself.
    pub(crate) fn tell(&self, what: What) {
        let request = Request { id: 0, what };
        let sent = self.shared.socket.try_io(Interest::WRITABLE, |socket| {
            protocol::send(socket, &request, &[])
        });
        if sent.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
            lock(&self.shared.unsent).push(request);
            self.shared.unsent_added.notify_one();
        }
    }
}

fn closed(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Error::SpawnerGone,
        _ => Error::Io(error),
    }
}

/// A caller that stops waiting leaves no entry behind.
struct Forget<'a> {
    shared: &'a Shared,
    id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        lock(&self.shared.pending).remove(&self.id);
    }
}

struct Shared {
    socket: AsyncFd<OwnedFd>,
    /// One entry for each caller that waits.
    pending: Mutex<HashMap<u64, oneshot::Sender<Reply>>>,
    /// Releases that the socket did not take; at most one for each sandbox and tree there is.
    unsent: Mutex<Vec<Request>>,
    unsent_added: Notify,
    last_id: AtomicU64,
    gone: watch::Sender<bool>,
}

/// What the locks guard is whole at every moment, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn read(shared: Arc<Shared>, link: Weak<Link>, mut child: Child) {
    loop {
        tokio::select! {
            answer = shared.socket.async_io(Interest::READABLE, |socket| protocol::receive_even_cut(socket)) => {
                match answer {
                    Ok(Some((answer, descriptors))) => deliver(&shared, &link, answer, descriptors),
                    Ok(None) | Err(_) => break,
                }
            }
            () = send_unsent(&shared) => {}
        }
    }
    shared.gone.send_replace(true);
    lock(&shared.pending).clear();
    for _ in 0..REAP_TRIES_MAX {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        tokio::time::sleep(REAP_PAUSE).await;
    }
}

fn deliver(shared: &Shared, link: &Weak<Link>, answer: Answer, descriptors: Option<Vec<OwnedFd>>) {
    let Some(link) = link.upgrade() else { return };
    let reply = match answer.outcome {
        Outcome::Created {
            sandbox,
            group,
            mounts_us,
            is_below,
        } => {
            let mounts = Duration::from_micros(mounts_us.into());
            let made = Made {
                id: sandbox,
                group,
                mounts,
                is_below,
            };
            match Sandbox::assemble(link, made, descriptors) {
                Ok(sandbox) => Reply::Sandbox(Box::new(sandbox)),
                Err(failure) => Reply::Outcome(Outcome::Failed(failure)),
            }
        }
        Outcome::Unpacked { tree, bytes } => Reply::Tree(CodeTree::new(link, tree, bytes)),
        other => Reply::Outcome(other),
    };
    let waiting = lock(&shared.pending).remove(&answer.id);
    if let Some(waiting) = waiting {
        // Comes back if nobody waits any more, and is released by being dropped.
        drop(waiting.send(reply));
    }
}

/// Sends one release that could not be sent when it was due. Cancel safe: it is taken out when it is sent.
async fn send_unsent(shared: &Shared) {
    let next = || lock(&shared.unsent).is_empty();
    if next() {
        return shared.unsent_added.notified().await;
    }
    let _ = shared
        .socket
        .async_io(Interest::WRITABLE, |socket| {
            let mut unsent = lock(&shared.unsent);
            if let Some(request) = unsent.last() {
                protocol::send(socket, request, &[])?;
                unsent.pop();
            }
            Ok(())
        })
        .await;
}
