//! The half of the trial that stays outside: what there is to reach, the sandbox, and the verdicts.

use std::io::{self, BufRead, BufReader, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader as Lines};
use tokio::net::unix::pipe::Receiver;

use super::{ATTEMPTS, Aims, DONE, INSIDE, SECRET, Trial, WORLD, limits, network};
use crate::error::{Error, UnpackError};
use crate::handle::Spawner;
use crate::missing::{Missing, Part};
use crate::sandbox::Sandbox;
use crate::spec::{Bind, Program, Root, Spec, UnpackLimits};

/// Where this program is inside.
const PROGRAM: &str = "/opt/lambkin";
/// All attempts together take well under a second.
const TIMEOUT: Duration = Duration::from_secs(30);
/// An archive with no entry: the end record alone.
const EMPTY_ZIP: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
const UNPACK: UnpackLimits = UnpackLimits {
    bytes_max: 1 << 20,
    entries_max: 1,
    timeout: Duration::from_secs(10),
};

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum SelfTestError {
    /// No sandbox to try.
    #[error(transparent)]
    Sandbox(#[from] Error),
    /// No code to give it.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// Nothing to aim at.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The program inside fell silent or ended before it had tried everything.
    #[error("the program inside ended after {0} of its attempts")]
    Silent(usize),
}

/// Makes a sandbox, tries it from inside and outside, and removes everything again; `folder` is for a file that
/// nobody inside may find. Everything that is `missing` is not tried.
///
/// # Errors
/// Fails where nothing could be tried. What was tried and did not hold is a `Trial`.
pub async fn self_test(
    spawner: &Spawner,
    missing: &[Missing],
    folder: &Path,
) -> Result<Vec<Trial>, SelfTestError> {
    let tried = tokio::time::timeout(TIMEOUT, try_all(spawner, missing, folder)).await;
    tried.unwrap_or(Err(SelfTestError::Silent(0)))
}

async fn try_all(
    spawner: &Spawner,
    missing: &[Missing],
    folder: &Path,
) -> Result<Vec<Trial>, SelfTestError> {
    let mut world = World::start()?;
    let outside = Outside::make(folder)?;
    let aims = Aims {
        file: outside.file.clone(),
        process: i32::try_from(std::process::id()).unwrap_or(i32::MAX),
        socket_name: outside.name.clone(),
        port: world.port,
        limited: missing.iter().all(|one| one.part != Part::ControlGroups),
    };
    let spec = Spec {
        root: Root {
            binds: vec![Bind {
                source: std::env::current_exe()?,
                target: PROGRAM.into(),
                copied: false,
            }],
        },
        code: spawner.unpack(EMPTY_ZIP, UNPACK).await?,
        memory_bytes: limits::MEMORY_BYTES,
        tmp_bytes: limits::TMP_BYTES,
        processes_max: limits::PROCESSES,
    };
    let mut sandbox = spawner.create(&spec).await?;
    let (output, listener) = (sandbox.take_output(), sandbox.take_listener());
    let (Some(output), Some(listener)) = (output, listener) else {
        return Err(SelfTestError::Silent(0));
    };
    let mut argv = vec![PROGRAM.to_owned(), INSIDE.to_owned()];
    argv.extend(aims.arguments());
    let env = Vec::new();
    let cwd = "/var/task".to_owned();
    sandbox.start(&Program { argv, env, cwd }).await?;
    let mut lines = Lines::new(output).lines();
    let mut trials = Vec::new();
    while let Some(line) = next_line(&sandbox, &mut lines).await? {
        match line.as_str() {
            DONE => break,
            line => trials.extend(parse(line)),
        }
    }
    if trials.len() != ATTEMPTS.len() {
        return Err(SelfTestError::Silent(trials.len()));
    }
    // The program inside is still there, and listens, for as long as this connection is open.
    let (connection, _) = listener.accept().await?;
    trials.push(inbound(&mut world)?);
    drop(connection);
    sandbox.destroy().await;
    Ok(trials)
}

/// Refuses meanwhile what it asks of the network.
async fn next_line(
    sandbox: &Sandbox,
    lines: &mut tokio::io::Lines<Lines<Receiver>>,
) -> Result<Option<String>, SelfTestError> {
    loop {
        tokio::select! {
            line = lines.next_line() => return Ok(line?),
            Some(request) = sandbox.network_request() => sandbox.refuse(request).await?,
        }
    }
}

fn parse(line: &str) -> Option<Trial> {
    let mut fields = line.splitn(3, '\t');
    let (mark, name, found) = (fields.next()?, fields.next()?, fields.next()?);
    Some(Trial {
        name: name.to_owned(),
        held: mark == "+",
        found: found.to_owned(),
    })
}

fn inbound(world: &mut World) -> io::Result<Trial> {
    let reached = world.reaches(network::PORT)?;
    let found = match reached {
        true => "a server inside was reached from another network name space",
        false => "a server inside, on all its addresses, is not reached from outside",
    };
    Ok(Trial {
        name: "inbound connections".to_owned(),
        held: !reached,
        found: found.to_owned(),
    })
}

/// A file and a socket of the machine, gone with this value.
struct Outside {
    file: PathBuf,
    name: String,
    _socket: UnixListener,
}

impl Outside {
    fn make(folder: &Path) -> io::Result<Self> {
        let name = format!("lambkin-self-test-{}", std::process::id());
        let file = folder.canonicalize()?.join(&name);
        let socket = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
        // For all to read: what keeps it from a sandbox must not be its mode.
        std::fs::write(&file, SECRET)?;
        rustix::fs::chmod(&file, rustix::fs::Mode::from_raw_mode(0o644))?;
        Ok(Self {
            file,
            name,
            _socket: socket,
        })
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        // The folder's owner finds what could not be removed by its name.
        let _ = std::fs::remove_file(&self.file);
    }
}

/// The process that network attempts aim at.
struct World {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
    port: u16,
}

impl World {
    fn start() -> io::Result<Self> {
        let mut child = Command::new(format!("/proc/{}/exe", std::process::id()))
            .arg(WORLD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut world = Self {
            child,
            answers: BufReader::new(output),
            port: 0,
        };
        world.port = world.answer()?;
        Ok(world)
    }

    fn reaches(&mut self, port: u16) -> io::Result<bool> {
        let stdin = self.child.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(stdin, "{port}")?;
        self.answer()
    }

    fn answer<T: std::str::FromStr>(&mut self) -> io::Result<T> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let text = line.trim();
        text.parse().map_err(|_| {
            io::Error::other("no network name space of our own could be made to aim at")
        })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
