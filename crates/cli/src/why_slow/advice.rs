//! What to do about the largest part of a start.

use lambkin_wire::admin::{StartLine, StartModule};

use super::parts::{Part, ms, parts, percent};

/// One line.
pub(super) fn advice(function: &str, start: &StartLine) -> String {
    let largest = parts(start).into_iter().max_by_key(|(_, us)| *us);
    let Some((part, us)) = largest else {
        return String::new();
    };
    let takes = takes(us, start.total_us);
    match part {
        Part::Queue => format!(
            "waiting {takes}: the machine has more to do than its processors can; let fewer invokes run at once"
        ),
        Part::Code => format!(
            "unpacking the code {takes}: it is done once, and again when the server forgets it (`code_cache_mib`); a smaller package is unpacked sooner"
        ),
        Part::Sandbox | Part::Mounts => format!(
            "making the sandbox {takes}: it takes a few milliseconds unless the machine is busy; `lambkin doctor` shows what it lacks"
        ),
        Part::FailedInit => format!(
            "INIT failed and was run again, which {takes}: `lambkin logs {function}` says why it failed; after 10 seconds it is given up"
        ),
        Part::Program => format!(
            "the program's own start {takes}: do less before the first call of `next`, and what not every invoke needs later"
        ),
        Part::Restore => format!(
            "the copy's own beginning {takes}: hooks that are registered for after the restore are part of it; do less in them"
        ),
        Part::Interpreter => format!(
            "the interpreter's own start {takes}: no code of the function changes it; a start out of the pool has it behind it (`pool_memory_mib`), and environments that are kept for longer (`idle_timeout_s`) start less often"
        ),
        Part::Bootstrap => format!(
            "the bootstrap {takes}: a sitecustomize module or a preloaded one is part of it; without any, tell us"
        ),
        Part::Imports => imports(start, &takes),
        Part::Init => format!(
            "the code of the handler's module outside of the handler {takes}: move what not every invoke needs into the handler, and keep what it makes"
        ),
        Part::Handler => format!(
            "the handler's first run {takes}: connections that it makes and modules that it loads at first use are part of it"
        ),
    }
}

fn takes(us: u64, whole_us: u64) -> String {
    let share = percent(us, whole_us);
    format!("takes {share:.0} % of the start ({} ms)", ms(us))
}

/// The largest import of the handler's module, and where inside of it most of the time goes.
fn imports(start: &StartLine, takes_all: &str) -> String {
    let modules = start.program.as_ref().map_or(&[][..], |told| &told.modules);
    let direct = modules.iter().filter(|module| module.depth == 1);
    let Some(module) = direct.max_by_key(|module| module.total_us) else {
        return format!(
            "loading modules {takes_all}: load where they are used those that not every invoke needs"
        );
    };
    let takes = takes(module.total_us, start.total_us);
    let inside = match heaviest_inside(module, modules) {
        Some(one) => format!(", {} ms of it for {} alone", ms(one.self_us), one.name),
        None => String::new(),
    };
    format!(
        "import of {} {takes}{inside}: import it where it is used, if not every invoke uses it, or take something smaller in its place",
        module.name
    )
}

/// The module within another whose own code takes more than a third of it.
fn heaviest_inside<'m>(outer: &StartModule, modules: &'m [StartModule]) -> Option<&'m StartModule> {
    let end_us = outer.start_us + outer.total_us;
    let inside = modules.iter().filter(|module| {
        module.depth > outer.depth && module.start_us >= outer.start_us && module.start_us < end_us
    });
    let heaviest = inside.max_by_key(|module| module.self_us)?;
    (heaviest.self_us * 3 > outer.total_us).then_some(heaviest)
}

#[cfg(test)]
mod tests {
    use super::super::testing::start;
    use super::*;

    #[test]
    fn the_largest_import_is_named_with_its_share_and_what_is_inside() {
        let said = advice("f", &start());
        assert!(
            said.starts_with("import of heavy takes 72 % of the start (290.0 ms), 260.0 ms of it for heavy.core alone: "),
            "{said}"
        );
        let mut start = start();
        if let Some(program) = &mut start.program {
            program.modules.clear();
        }
        assert!(advice("f", &start).starts_with("loading modules takes 75 %"));
    }

    #[test]
    fn each_part_has_its_own_advice() {
        let said_of = |change: fn(&mut StartLine)| {
            let mut start = start();
            change(&mut start);
            advice("f", &start)
        };
        for (said, expected) in [
            (said_of(|one| one.queue_us = 9_000_000), "waiting takes"),
            (said_of(|one| one.code_us = 9_000_000), "code_cache_mib"),
            (
                said_of(|one| one.failed_init_us = 9_000_000),
                "`lambkin logs f`",
            ),
            (said_of(|one| one.handler_us = 9_000_000), "first run"),
            (said_of(|one| one.program = None), "the program's own start"),
        ] {
            assert!(said.contains(expected), "{said}");
        }
    }
}
