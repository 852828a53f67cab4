//! The end of a bench that is told to end: what it started goes first.

use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use super::processes;

/// For servers to end their sandboxes.
const GRACE: Duration = Duration::from_secs(10);
/// As shells tell an interrupt.
const INTERRUPTED: i32 = 130;

/// From now on an interrupt, a hangup or a request to end reaches every process below this one, and then this one.
pub(super) fn end_children_with_this_program() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (mut interrupt, mut hangup, mut end) = {
        let _inside = runtime.enter();
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::hangup())?,
            signal(SignalKind::terminate())?,
        )
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = hangup.recv() => {}
                _ = end.recv() => {}
            }
        });
        end_children();
        std::process::exit(INTERRUPTED);
    });
    Ok(())
}

/// Kindly, so that servers leave nothing behind; then whatever is left.
fn end_children() {
    let own = std::process::id();
    let family = processes::family(own);
    let below: Vec<u32> = family.into_iter().filter(|pid| *pid != own).collect();
    processes::signal("TERM", &processes::children(own));
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline && below.iter().any(|pid| processes::runs(*pid)) {
        std::thread::sleep(Duration::from_millis(50));
    }
    processes::signal("KILL", &below);
}
