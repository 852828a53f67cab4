//! What a user would run instead: packaged peers, installed at pinned versions when asked for.
//!
//! Each listens on loopback alone and ends with its value. A peer that cannot be had here is told, and the run goes on.

mod cargo_lambda;
mod container;
mod emulator;
mod install;
mod offline;
mod running;
mod workerd;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;

use super::deploy::Language;
use super::ground::Subject;
use super::packages;
use super::statistics::median;
use emulator::Emulator;
use running::Running;

pub(super) use container::Container;
pub(super) use emulator::Up;

/// The interpreters that the server uses: peers run the same.
pub(super) struct Interpreters {
    pub(super) python: PathBuf,
    pub(super) node: PathBuf,
}

/// A peer that serves, and where its function is.
pub(super) struct Serving {
    name: &'static str,
    path: String,
    address: SocketAddr,
    /// Ends the peer when dropped.
    _running: Running,
}

/// All that were asked for and can be had; empty where none were.
#[derive(Default)]
pub(super) struct Peers {
    serving: Vec<Serving>,
    emulators: Vec<Emulator>,
    /// Functions for our server whose runtime is the official client.
    official: Vec<(Language, Vec<u8>)>,
    /// Makers of sandboxes.
    pub(super) containers: Vec<Container>,
    /// Which could not be had, and why.
    pub(super) failures: Vec<(String, String)>,
}

impl Peers {
    /// Installs and starts every peer.
    pub(super) fn start(interpreters: &Interpreters) -> Self {
        let mut peers = Self::default();
        peers.keep("bubblewrap", container::bubblewrap(), |peers, one| {
            peers.containers.push(one)
        });
        peers.keep("runc", container::runc(), |peers, one| {
            peers.containers.push(one)
        });
        let installed = install::folders(interpreters);
        let folders = match installed {
            Ok(folders) => folders,
            Err(error) => {
                peers
                    .failures
                    .push(("peers".to_owned(), format!("{error:#}")));
                return peers;
            }
        };
        for language in Language::ALL {
            let emulator = Emulator::of(language, interpreters, &folders);
            peers.keep(language.word(), emulator, |peers, one| {
                peers.emulators.push(one)
            });
        }
        for language in [Language::Python, Language::Node] {
            let package = official(language, &folders).map(|package| (language, package));
            peers.keep("official client", package, |peers, one| {
                peers.official.push(one)
            });
        }
        for (name, started) in [
            ("cargo-lambda", cargo_lambda::start(&folders)),
            ("workerd", workerd::start(&folders)),
            ("serverless-offline", offline::start(interpreters, &folders)),
        ] {
            peers.keep(name, started, |peers, one| peers.serving.push(one));
        }
        peers
    }

    fn keep<T>(&mut self, name: &str, one: anyhow::Result<T>, keep: impl FnOnce(&mut Self, T)) {
        match one {
            Ok(one) => keep(self, one),
            Err(error) => self
                .failures
                .push((format!("peer {name}"), format!("{error:#}"))),
        }
    }

    /// Those that take many connections.
    pub(super) fn subjects(&self) -> Vec<Subject> {
        let one = |peer: &Serving| Subject::other(peer.name, peer.address, &peer.path);
        self.serving.iter().map(one).collect()
    }

    /// AWS's emulator, one for each language; it takes one connection at a time.
    pub(super) fn emulated(&self) -> anyhow::Result<Vec<(Subject, Up)>> {
        self.emulators.iter().map(Emulator::up).collect()
    }

    /// The median first invoke of emulators that just came up; nothing without one of the language.
    pub(super) fn first_emulated_ms(
        &self,
        language: Language,
        starts: usize,
    ) -> anyhow::Result<Option<f64>> {
        let found = self.emulators.iter().find(|one| one.language == language);
        let Some(emulator) = found else {
            return Ok(None);
        };
        let times: anyhow::Result<Vec<f64>> =
            (0..starts).map(|_| emulator.first_invoke_ms()).collect();
        times.map(|times| Some(median(&times)))
    }

    /// Packages whose runtime is the official client instead of our bootstrap.
    pub(super) fn official(&self) -> impl Iterator<Item = (Language, &[u8])> {
        self.official
            .iter()
            .map(|(language, package)| (*language, package.as_slice()))
    }
}

/// With only what runs: of one client's folder the sources of what it is linked with are a hundred times as much.
fn official(language: Language, folders: &install::Folders) -> anyhow::Result<Vec<u8>> {
    match language {
        Language::Node => {
            let root = folders.modules().join("aws-lambda-ric");
            packages::with_official_client(language, &root, &["bin", "dist", "package.json"])
        }
        _ => {
            let root = folders.packages();
            let native = std::fs::read_dir(&root)?
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                .find(|name| name.starts_with("runtime_client."))
                .context("awslambdaric has no native part")?;
            let parts = [
                "awslambdaric",
                "simplejson",
                "snapshot_restore_py.py",
                &native,
            ];
            packages::with_official_client(language, &root, &parts)
        }
    }
}
