//! What tells the server to drain and end: SIGTERM, SIGINT, and SIGHUP, which a closed terminal sends, unless who
//! started it had SIGHUP ignored, as `nohup` has.

use tokio::signal::unix::{SignalKind, signal};

/// Returns when the server is told to end.
pub(crate) async fn signalled() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Looked at first: to listen for a signal is to ignore it no longer.
    let mut hangup = match is_ignored(SignalKind::hangup()) {
        true => None,
        false => Some(signal(SignalKind::hangup())?),
    };
    let hung_up = async {
        match &mut hangup {
            Some(hangup) => hangup.recv().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hung_up => {}
    }
    Ok(())
}

fn is_ignored(kind: SignalKind) -> bool {
    std::fs::read_to_string("/proc/self/status")
        .is_ok_and(|status| ignores(&status, kind.as_raw_value()))
}

/// Whether `number` is in the mask of ignored signals of a `/proc/<pid>/status`.
fn ignores(status: &str, number: i32) -> bool {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (number - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::ignores;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        let status = "Name:\tlambkin\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
        assert!(ignores(status, 1) && ignores(status, 13) && !ignores(status, 15));
        assert!(!ignores("", 1));
    }
}
