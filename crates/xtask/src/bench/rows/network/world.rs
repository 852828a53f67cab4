//! Two network name spaces joined by one cable: the machine that the server runs on, and the world with a far end.
//!
//! Nothing outside of them is ever spoken to.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, anyhow};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::stage::command;

const MACHINE: &str = "lambkin-bench-machine";
const WORLD: &str = "lambkin-bench-world";
/// Of the far end; an address for documentation, which is nobody's.
pub(super) const FAR_ADDRESS: &str = "203.0.113.1";
pub(super) const FAR_PORT: &str = "7";

/// Exists until it is dropped.
pub(super) struct World {
    far_end: Child,
}

impl World {
    /// Lays the cable and starts the far end. Needs root and iproute2.
    pub(super) fn make(probe: &Path) -> anyhow::Result<Self> {
        remove();
        for line in [
            format!("netns add {MACHINE}"),
            format!("netns add {WORLD}"),
            format!("-n {MACHINE} link add cable type veth peer name cable netns {WORLD}"),
            format!("-n {MACHINE} address add 203.0.113.2/24 dev cable"),
            format!("-n {WORLD} address add {FAR_ADDRESS}/24 dev cable"),
            format!("-n {MACHINE} link set cable up"),
            format!("-n {MACHINE} link set lo up"),
            format!("-n {WORLD} link set cable up"),
        ] {
            command(Command::new("ip").args(line.split(' ')))?;
        }
        let far_end = inside(WORLD, || {
            let serve = Command::new(probe)
                .args(["serve", FAR_PORT])
                .stdin(Stdio::null())
                .spawn();
            Ok(serve?)
        })?;
        std::thread::sleep(Duration::from_millis(100));
        Ok(Self { far_end })
    }

    /// Does something on the machine's side; programs that it starts are there too.
    pub(super) fn on_the_machine<T: Send>(
        &self,
        act: impl FnOnce() -> anyhow::Result<T> + Send,
    ) -> anyhow::Result<T> {
        inside(MACHINE, act)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.far_end.kill();
        let _ = self.far_end.wait();
        remove();
    }
}

/// In a thread of its own, which ends with the work: a thread's name space is inherited by what it starts.
fn inside<T: Send>(
    name: &str,
    act: impl FnOnce() -> anyhow::Result<T> + Send,
) -> anyhow::Result<T> {
    let space = File::open(Path::new("/run/netns").join(name)).context("no such name space")?;
    std::thread::scope(|scope| {
        let work = scope.spawn(|| {
            move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network))?;
            act()
        });
        work.join().map_err(|_| anyhow!("the work panicked"))?
    })
}

fn remove() {
    for name in [MACHINE, WORLD] {
        let _ = Command::new("ip")
            .args(["netns", "delete", name])
            .stderr(Stdio::null())
            .status();
    }
}
