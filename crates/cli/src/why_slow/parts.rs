//! The parts of a start in their order, and the medians of several starts.

use lambkin_wire::admin::StartLine;

/// A clone's start, as the server names it.
const CLONED: &str = "cloned";

/// A part of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Queue,
    Code,
    Sandbox,
    Mounts,
    FailedInit,
    /// The whole of what the program did, where it does not tell the four below.
    Program,
    /// The same of a clone: what it did since it is one.
    Restore,
    Interpreter,
    Bootstrap,
    Imports,
    Init,
    Handler,
}

impl Part {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Code => "code",
            Self::Sandbox => "sandbox",
            Self::Mounts => "mounts",
            Self::FailedInit => "failed INIT",
            Self::Program => "program",
            Self::Restore => "restore",
            Self::Interpreter => "interpreter",
            Self::Bootstrap => "bootstrap",
            Self::Imports => "imports",
            Self::Init => "init",
            Self::Handler => "first answer",
        }
    }
}

/// All parts with their microseconds; those that only some starts have are left out where they are nothing.
pub(super) fn parts(start: &StartLine) -> Vec<(Part, u64)> {
    let mut parts = vec![
        (Part::Queue, start.queue_us),
        (Part::Code, start.code_us),
        (Part::Sandbox, start.sandbox_us),
        (Part::Mounts, start.mounts_us),
    ];
    if start.failed_init_us > 0 {
        parts.push((Part::FailedInit, start.failed_init_us));
    }
    match &start.program {
        Some(program) => parts.extend([
            (Part::Interpreter, program.interpreter_us),
            (Part::Bootstrap, program.bootstrap_us),
            (Part::Imports, program.imports_us),
            (Part::Init, program.init_us),
        ]),
        None if start.start == CLONED => parts.push((Part::Restore, start.program_us)),
        None => parts.push((Part::Program, start.program_us)),
    }
    parts.push((Part::Handler, start.handler_us));
    parts
}

/// The median of a part over the starts that have it.
pub(super) fn median_us(part: Part, starts: &[StartLine]) -> u64 {
    let of = |start: &StartLine| parts(start).into_iter().find(|(one, _)| *one == part);
    median(starts.iter().filter_map(of).map(|(_, us)| us).collect())
}

/// The median of the whole.
pub(super) fn median_total_us(starts: &[StartLine]) -> u64 {
    median(starts.iter().map(|start| start.total_us).collect())
}

/// Of an even count the lower one: a time that was.
fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    let middle = values.len().saturating_sub(1) / 2;
    values.get(middle).copied().unwrap_or(0)
}

/// `us` in percent of `whole_us`.
pub(super) fn percent(us: u64, whole_us: u64) -> f64 {
    us as f64 * 100.0 / whole_us.max(1) as f64
}

/// Milliseconds with one digit.
pub(super) fn ms(us: u64) -> String {
    format!("{:.1}", us as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::super::testing::start;
    use super::*;

    #[test]
    fn the_parts_are_the_whole_whether_told_or_not() {
        let told = start();
        let mut untold = start();
        untold.program = None;
        for start in [&told, &untold] {
            let sum: u64 = parts(start).iter().map(|(_, us)| us).sum();
            assert_eq!(sum, start.total_us);
        }
        let names = |start| parts(start).iter().map(|(part, _)| part.name()).collect();
        let told: Vec<_> = names(&told);
        assert!(told.contains(&"imports") && !told.contains(&"program"));
        let untold: Vec<_> = names(&untold);
        assert!(untold.contains(&"program") && !untold.contains(&"failed INIT"));
        let mut clone = start();
        (clone.program, clone.start) = (None, "cloned".into());
        let clone: Vec<_> = names(&clone);
        assert!(clone.contains(&"restore") && !clone.contains(&"program"));
    }

    #[test]
    fn medians_are_of_the_starts_that_have_the_part() {
        let mut starts = vec![start(), start(), start()];
        starts[0].queue_us = 900;
        starts[1].queue_us = 5;
        starts[2].program = None;
        assert_eq!(median_us(Part::Queue, &starts), 100);
        assert_eq!(median_us(Part::Imports, &starts), 300_000);
        assert_eq!(median_us(Part::FailedInit, &starts), 0);
        assert_eq!(median_total_us(&starts), 400_000);
    }
}
