//! What may be written where: colour and progress on terminals only, plain text elsewhere.

use std::fmt::{self, Display};
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::globals::{Color, Globals};

/// How fast a spinner turns.
const TICK: Duration = Duration::from_millis(100);

/// The standard streams.
#[derive(Clone, Debug)]
pub(crate) struct Terminal {
    color_out: bool,
    color_err: bool,
    progress: MultiProgress,
    has_progress: bool,
}

/// The styles in use.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Style {
    Heading,
    Faint,
    Good,
    Bad,
    Warning,
}

impl Terminal {
    pub(crate) fn new(globals: &Globals) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colors = |is_terminal: bool| match globals.color() {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_terminal && !no_color,
        };
        let has_progress = io::stderr().is_terminal();
        let target = match has_progress {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        Self {
            color_out: colors(io::stdout().is_terminal()),
            color_err: colors(has_progress),
            progress: MultiProgress::with_draw_target(target),
            has_progress,
        }
    }

    /// Text for stdout in a style.
    pub(crate) fn paint<T: Display>(&self, style: Style, text: T) -> Painted<T> {
        Painted {
            style: self.color_out.then_some(style),
            text,
        }
    }

    /// Writes a line to stdout.
    pub(crate) fn line(&self, line: impl Display) -> io::Result<()> {
        self.progress.suspend(|| {
            let mut out = io::stdout().lock();
            writeln!(out, "{line}")?;
            out.flush()
        })
    }

    /// Writes a warning to stderr.
    pub(crate) fn warn(&self, text: impl Display) {
        self.note(Style::Warning, "warning", text);
    }

    /// Writes a failure to stderr, for commands that go on after it.
    pub(crate) fn fail(&self, text: impl Display) {
        self.note(Style::Bad, "error", text);
    }

    fn note(&self, style: Style, kind: &str, text: impl Display) {
        let kind = Painted {
            style: self.color_err.then_some(style),
            text: kind,
        };
        // Nobody is left to tell when stderr is closed.
        self.progress
            .suspend(|| drop(writeln!(io::stderr(), "{kind}: {text}")));
    }

    /// Shows that something long goes on, until the returned guard is dropped.
    pub(crate) fn busy(&self, text: impl Into<String>) -> Busy {
        let text = text.into();
        if !self.has_progress {
            drop(writeln!(io::stderr(), "{text} ..."));
            return Busy(None);
        }
        let bar = self.progress.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.set_message(text);
        bar.enable_steady_tick(TICK);
        Busy(Some(bar))
    }
}

/// A text with or without a style.
pub(crate) struct Painted<T> {
    style: Option<Style>,
    text: T,
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = match self.style {
            None => return self.text.fmt(f),
            Some(Style::Heading) => "1",
            Some(Style::Faint) => "2",
            Some(Style::Good) => "32",
            Some(Style::Bad) => "1;31",
            Some(Style::Warning) => "33",
        };
        write!(f, "\x1b[{code}m{}\x1b[0m", self.text)
    }
}

/// Something long that goes on.
pub(crate) struct Busy(Option<ProgressBar>);

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
