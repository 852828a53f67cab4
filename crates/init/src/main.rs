//! `lambkin-init run [waits] [network [landlock]]`, `lambkin-init run template|clone DOORS [landlock]` or `lambkin-init unpack BYTES_MAX ENTRIES_MAX`: which work
//! this pid 1 has, whether its first program finds what it waits for, and whether the kernel has a second layer for its
//! programs' network. `lambkin-init try` is a program that tries the network, and ends with the error number that it met.

use lambkin_init::Programs;
use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if words == ["try"] {
        let met = lambkin_init::try_network().err();
        let errno = met.map_or(0, |error| error.raw_os_error());
        return ExitCode::from(u8::try_from(errno).unwrap_or(u8::MAX));
    }
    match work(&words) {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(_)) => ExitCode::FAILURE,
        None => ExitCode::from(2),
    }
}

/// Does what the words ask for; `None` if that is nothing.
fn work(words: &[&str]) -> Option<io::Result<()>> {
    Some(match words {
        ["run", "waits", programs @ ..] => match self::programs(programs)? {
            programs @ (Programs::Alone | Programs::Connected { .. }) => {
                lambkin_init::run(programs, true)
            }
            _ => return None,
        },
        ["run", programs @ ..] => lambkin_init::run(self::programs(programs)?, false),
        ["unpack", bytes_max, entries_max] => {
            lambkin_init::unpack(bytes_max.parse().ok()?, entries_max.parse().ok()?)
        }
        _ => return None,
    })
}

fn programs(words: &[&str]) -> Option<Programs> {
    let (words, landlock) = match words {
        [words @ .., "landlock"] => (words, true),
        words => (words, false),
    };
    Some(match words {
        [] if !landlock => Programs::Alone,
        ["network"] => Programs::Connected { landlock },
        ["template", doors] => Programs::Template {
            doors: doors.parse().ok()?,
            landlock,
        },
        ["clone", doors] => Programs::Cloned {
            doors: doors.parse().ok()?,
            landlock,
        },
        _ => return None,
    })
}
