//! The clock: signatures are refused when it is five minutes off.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use super::finding::Finding;

const SUBJECT: &str = "clock";
/// 2026-01-01: whoever runs this program lives later.
const EARLIEST_S: u64 = 1_767_225_600;
/// Made by systemd's and chrony's services once they follow a time server.
const FOLLOWED: [&str; 2] = [
    "/run/systemd/timesync/synchronized",
    "/run/chrony/chronyd.pid",
];

pub(super) fn check() -> Finding {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    if seconds < EARLIEST_S {
        return Finding::failed(
            SUBJECT,
            "the clock is years behind: every signed call will be refused",
            "timedatectl set-ntp true",
        );
    }
    let followed = FOLLOWED
        .iter()
        .any(|path| fs::exists(path).unwrap_or(false));
    Finding::good(
        SUBJECT,
        match followed {
            true => "it follows a time server",
            false => "it is plausible; whether it follows a time server is not to be seen",
        },
    )
}
