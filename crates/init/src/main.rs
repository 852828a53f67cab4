//! `lambkin-init run`, `lambkin-init run network [landlock]`, `lambkin-init run template|clone DOORS [landlock]` or `lambkin-init unpack BYTES_MAX ENTRIES_MAX`: which work
//! this pid 1 has, and whether the kernel has a second layer for its programs' network. `lambkin-init try` is a program that tries the network, and ends with the error number that it met.

use lambkin_init::Programs;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        [_, "run"] => lambkin_init::run(Programs::Alone),
        [_, "run", "network"] => lambkin_init::run(Programs::Connected { landlock: false }),
        [_, "run", "network", "landlock"] => {
            lambkin_init::run(Programs::Connected { landlock: true })
        }
        [_, "run", "template" | "clone", ref more @ ..] => match part(words[2], more) {
            Some(programs) => lambkin_init::run(programs),
            None => return ExitCode::from(2),
        },
        [_, "unpack", bytes_max, entries_max] => match (bytes_max.parse(), entries_max.parse()) {
            (Ok(bytes_max), Ok(entries_max)) => lambkin_init::unpack(bytes_max, entries_max),
            _ => return ExitCode::from(2),
        },
        [_, "try"] => {
            let met = lambkin_init::try_network().err();
            let errno = met.map_or(0, |error| error.raw_os_error());
            return ExitCode::from(u8::try_from(errno).unwrap_or(u8::MAX));
        }
        _ => return ExitCode::from(2),
    };
    if done.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Of a pid 1 that makes clones, or has them.
fn part(name: &str, more: &[&str]) -> Option<Programs> {
    let (doors, landlock) = match more {
        [doors] => (doors, false),
        [doors, "landlock"] => (doors, true),
        _ => return None,
    };
    let doors = doors.parse().ok()?;
    Some(match name {
        "template" => Programs::Template { doors, landlock },
        _ => Programs::Cloned { doors, landlock },
    })
}
