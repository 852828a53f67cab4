//! The half of the trial that stays outside: what there is to reach, the sandbox, and the verdicts.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader as Lines};
use tokio::net::TcpListener;
use tokio::net::unix::pipe;

use super::{Aims, DONE, Ground, INSIDE, SECRET, Trial, attempts, limits, network};
use crate::error::{Error, UnpackError};
use crate::handle::Spawner;
use crate::missing::{Missing, Part};
use crate::sandbox::Sandbox;
use crate::spec::{Bind, Lineage, Program, Root, Spec, UnpackLimits};

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
/// nobody inside may find. Everything that is `missing` is not tried, nor connections without a ground; `serve`
/// answers what the sandbox wants of the network until it is dropped.
///
/// # Errors
/// Fails where nothing could be tried. What was tried and did not hold is a `Trial`.
pub async fn self_test(
    spawner: &Spawner,
    missing: &[Missing],
    folder: &Path,
    ground: Option<&mut Ground>,
    serve: impl AsyncFn(&Sandbox),
) -> Result<Vec<Trial>, SelfTestError> {
    let tried = try_all(spawner, missing, folder, ground, serve);
    let tried = tokio::time::timeout(TIMEOUT, tried).await;
    tried.unwrap_or(Err(SelfTestError::Silent(0)))
}

async fn try_all(
    spawner: &Spawner,
    missing: &[Missing],
    folder: &Path,
    ground: Option<&mut Ground>,
    serve: impl AsyncFn(&Sandbox),
) -> Result<Vec<Trial>, SelfTestError> {
    let outside = Outside::make(folder)?;
    let aims = Aims {
        file: outside.file.clone(),
        process: i32::try_from(std::process::id()).unwrap_or(i32::MAX),
        socket_name: outside.name.clone(),
        has_world: ground.is_some(),
        has_v6: ground.as_ref().is_some_and(|ground| ground.has_v6()),
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
        code: Some(spawner.unpack(EMPTY_ZIP, UNPACK).await?),
        memory_bytes: limits::MEMORY_BYTES,
        tmp_bytes: limits::TMP_BYTES,
        processes_max: limits::PROCESSES,
        lineage: Lineage::Alone,
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
    let judged = judge(output, listener, &aims, ground);
    let trials = tokio::select! {
        trials = judged => trials,
        () = serve(&sandbox) => Err(SelfTestError::Silent(0)),
    };
    sandbox.destroy().await;
    trials
}

/// Reads what is told inside, and tries from outside.
async fn judge(
    output: pipe::Receiver,
    listener: TcpListener,
    aims: &Aims,
    ground: Option<&mut Ground>,
) -> Result<Vec<Trial>, SelfTestError> {
    let mut lines = Lines::new(output).lines();
    let mut trials = Vec::new();
    while let Some(line) = lines.next_line().await? {
        match line.as_str() {
            DONE => break,
            line => trials.extend(parse(line)),
        }
    }
    if trials.len() != attempts(aims.has_world).count() {
        return Err(SelfTestError::Silent(trials.len()));
    }
    // The program inside is still there, and listens, for as long as this connection is open.
    let (_connection, _) = listener.accept().await?;
    if let Some(ground) = ground {
        trials.push(inbound(ground)?);
        trials.push(strays(ground)?);
    }
    Ok(trials)
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

fn inbound(ground: &mut Ground) -> io::Result<Trial> {
    let reached = ground.is_reached(network::PORT)?;
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

fn strays(ground: &mut Ground) -> io::Result<Trial> {
    let strays = ground.strays()?;
    Ok(Trial {
        name: "what arrived outside".to_owned(),
        held: strays == 0,
        found: match strays {
            0 => "nothing but what may".to_owned(),
            _ => format!("{strays} connections or datagrams that may not"),
        },
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
