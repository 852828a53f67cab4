//! The emulated machine: booted, listened to, and ended when it is silent for too long.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::folder;
use super::image::Image;

/// From power on to power off; some four minutes on two idle cores.
const TIMEOUT: Duration = Duration::from_secs(20 * 60);
/// The last line of `e2e/guest/run` when nothing failed.
const PASSED: &str = "guest: all checks passed";
const KERNEL: &str = "root=/dev/nvme0n1 rw console=ttyS0 quiet mitigations=off systemd.show_status=false systemd.unit=guest.service";
/// A machine of two processors and 2 GiB; changes of its disks are forgotten.
const MACHINE: [&str; 14] = [
    "-accel",
    "tcg,thread=multi",
    "-cpu",
    "max",
    "-smp",
    "2",
    "-m",
    "2048",
    "-nodefaults",
    "-no-reboot",
    "-display",
    "none",
    "-nic",
    "none",
];

/// Boots the guest, shows what its checks print, and fails unless all of them passed.
pub(super) fn boot(image: &Image, payload: &Path) -> anyhow::Result<()> {
    let console = folder().join("console.log");
    let mut qemu = Command::new("qemu-system-x86_64")
        .args(MACHINE)
        .arg("-kernel")
        .arg(&image.kernel)
        .args(["-append", KERNEL])
        .args(disk("root", &image.root))
        .args(disk("payload", payload))
        .args(["-serial", &format!("file:{}", console.display())])
        .args(["-serial", "stdio"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start qemu-system-x86_64")?;
    let passed = listen(&mut qemu);
    // Ends by itself unless it hangs.
    let _ = qemu.kill();
    qemu.wait()?;
    match passed? {
        true => Ok(()),
        false => bail!(
            "not all checks of the guest passed; its console is in {}",
            console.display()
        ),
    }
}

fn disk(name: &str, file: &Path) -> [String; 4] {
    [
        "-drive".into(),
        format!(
            "file={},if=none,id={name},format=raw,snapshot=on",
            file.display()
        ),
        "-device".into(),
        format!("nvme,drive={name},serial={name}"),
    ]
}

/// Prints each line until the machine is off; tells whether the one that counts was among them.
fn listen(qemu: &mut Child) -> anyhow::Result<bool> {
    let lines = lines_of(qemu)?;
    let until = Instant::now() + TIMEOUT;
    let mut passed = false;
    loop {
        match lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                // Other stages print beside it.
                println!("guest| {line}");
                passed |= line == PASSED;
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(passed),
            Err(RecvTimeoutError::Timeout) => {
                bail!("the guest was not done after {} s", TIMEOUT.as_secs())
            }
        }
    }
}

fn lines_of(qemu: &mut Child) -> anyhow::Result<Receiver<String>> {
    let output = qemu.stdout.take().context("qemu has no output")?;
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let lines = BufReader::new(output).lines().map_while(Result::ok);
        for line in lines {
            if sender.send(line.trim_end().to_owned()).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}
