//! The server's own log: what of it is written to standard error.
//!
//! Owns: `LAMBKIN_LOG` and what becomes of a line that cannot be written: nothing. A closed terminal, a pipe that
//! nobody reads any more or a full disk behind standard error ends no thread. Refuses: a setting that means nothing.

use anyhow::{Context, bail};
use std::env::VarError;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

const SETTING: &str = "LAMBKIN_LOG";
const DEFAULT: &str = "info";

/// Logs from here on.
///
/// # Errors
/// Fails where `LAMBKIN_LOG` is not made of levels and `target=level`.
pub(crate) fn start() -> anyhow::Result<()> {
    let words = match std::env::var(SETTING) {
        Ok(words) if !words.is_empty() => words,
        Ok(_) | Err(VarError::NotPresent) => DEFAULT.to_owned(),
        Err(VarError::NotUnicode(_)) => bail!("{SETTING} is not UTF-8"),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter(&words)?)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        // It would be told by `eprintln!`, which panics where standard error is what failed.
        .log_internal_errors(false)
        .init();
    Ok(())
}

/// The filter takes any word for the name of a target, all of which it then logs and nothing else: so a level that
/// is written wrong would silence errors too.
fn filter(words: &str) -> anyhow::Result<EnvFilter> {
    let words: Vec<&str> = words.split(',').map(str::trim).collect();
    for word in &words {
        let (target, level) = word.split_once('=').unwrap_or(("all", word));
        if target.is_empty() || level.is_empty() || level.parse::<LevelFilter>().is_err() {
            bail!(
                "{SETTING} has {word:?}, which is neither a level nor target=level; the levels are error, warn, info, \
                 debug, trace and off"
            );
        }
    }
    EnvFilter::try_new(words.join(",")).with_context(|| format!("{SETTING} is no filter"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_is_refused() {
        for words in [
            "inof",
            "WARNING",
            "info,hyper",
            "lambkin=inof",
            "=info",
            "hyper=",
            "info,",
        ] {
            let refused = filter(words).err().map(|error| error.to_string());
            assert!(
                refused.is_some_and(|text| text.contains(SETTING)),
                "{words}"
            );
        }
        for words in [
            "info",
            "WARN",
            "off",
            "info, hyper=debug",
            "lambkin_engine=trace",
        ] {
            assert!(filter(words).is_ok(), "{words}");
        }
    }
}
