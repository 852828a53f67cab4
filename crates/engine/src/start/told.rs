//! What a bootstrap tells of its start, in one header of its first `next`: how long it took to load the function's
//! code, module by module.
//!
//! ```text
//! {"runtime":µs, "load":µs, "init":µs, "modules":[["name", start µs, total µs, self µs, depth], ...]}
//! ```
//! Kept as it came and read when somebody asks. Refuses: what is longer than [`TELLING_BYTES_MAX`] or of another form;
//! it is then as if nothing had been told. Times that exceed what the server measured are cut to it.

use http::HeaderName;
use http::header::HeaderValue;
use serde::Deserialize;
use std::time::Duration;

/// The header.
pub(crate) const TOLD: HeaderName = HeaderName::from_static("lambkin-start");
/// Bytes of it; our bootstraps leave out modules beyond.
const TELLING_BYTES_MAX: usize = 4 << 10;
/// Modules of a start.
const MODULES_MAX: usize = 32;
/// Bytes of a module's name; longer ones are cut.
const NAME_BYTES_MAX: usize = 128;

/// The header's value as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Telling(Box<[u8]>);

/// How a program divides the time from its start to its first `next`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Until the bootstrap's first line.
    pub interpreter: Duration,
    /// The bootstrap's own preparations.
    pub runtime: Duration,
    /// Modules that the handler's module loaded.
    pub imports: Duration,
    /// The handler's module without them: its own code.
    pub init: Duration,
    /// The modules that took longest, longest first; not all, and those of others within theirs.
    pub modules: Vec<Module>,
}

/// One module that was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Printable, at most 128 bytes.
    pub name: String,
    /// From the begin of the handler's module to the begin of this one.
    pub start: Duration,
    /// With all that it loaded.
    pub total: Duration,
    /// Without.
    pub own: Duration,
    /// How many modules were being loaded around it; 0 is the handler's.
    pub depth: u8,
}

impl Telling {
    /// Of a header's value, if it has a bearable length.
    pub(crate) fn of(value: &HeaderValue) -> Option<Self> {
        // A copy: the value is part of a buffer that may be far larger.
        let bytes = value.as_bytes();
        (bytes.len() <= TELLING_BYTES_MAX).then(|| Self(bytes.into()))
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.len()
    }

    /// Reads it, as a division of the `whole` that the server has measured.
    pub(super) fn read(&self, whole: Duration) -> Option<Told> {
        let form: Form = serde_json::from_slice(&self.0).ok()?;
        let runtime = micros(form.runtime).min(whole);
        let load = micros(form.load).min(whole - runtime);
        let init = micros(form.init).min(load);
        let mut modules: Vec<Module> = form
            .modules
            .into_iter()
            .take(MODULES_MAX)
            .map(|module| module.within(load))
            .collect();
        modules.sort_by_key(|module| std::cmp::Reverse(module.total));
        Some(Told {
            interpreter: whole - runtime - load,
            runtime,
            imports: load - init,
            init,
            modules,
        })
    }
}

/// The header's form; all numbers are microseconds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    runtime: u64,
    load: u64,
    init: u64,
    modules: Vec<ModuleForm>,
}

/// Name, start, total, self, depth.
#[derive(Deserialize)]
struct ModuleForm(String, u64, u64, u64, u8);

impl ModuleForm {
    fn within(self, load: Duration) -> Module {
        let Self(name, start, total, own, depth) = self;
        let start = micros(start).min(load);
        let total = micros(total).min(load - start);
        Module {
            name: printable(&name),
            start,
            total,
            own: micros(own).min(total),
            depth,
        }
    }
}

fn micros(number: u64) -> Duration {
    Duration::from_micros(number)
}

/// Names reach terminals.
fn printable(name: &str) -> String {
    let end = name.floor_char_boundary(NAME_BYTES_MAX);
    name[..end].replace(|c: char| !c.is_ascii_graphic() && !c.is_alphanumeric(), "?")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn read(text: &[u8]) -> Option<Told> {
        Telling::of(&HeaderValue::from_bytes(text).unwrap())?.read(SECOND)
    }

    #[test]
    fn what_is_told_divides_the_time_that_was_measured() {
        let told = read(
            br#"{"runtime":1000,"load":600000,"init":100000,"modules":[["a.b",5,10,10,2],["index",0,600000,100000,0]]}"#,
        )
        .unwrap();
        let parts = [told.interpreter, told.runtime, told.imports, told.init];
        assert_eq!(parts.map(|part| part.as_millis()), [399, 1, 500, 100]);
        assert_eq!(parts.iter().sum::<Duration>(), SECOND);
        assert_eq!(told.modules[0].name, "index");
        assert_eq!(
            (told.modules[1].own, told.modules[1].depth),
            (micros(10), 2)
        );
    }

    #[test]
    fn lies_stay_within_it() {
        let most = u64::MAX;
        let text = format!(
            r#"{{"runtime":7,"load":{most},"init":{most},"modules":[["m",{most},{most},{most},255],["n",1,{most},{most},0]]}}"#
        );
        let told = read(text.as_bytes()).unwrap();
        let parts = [told.interpreter, told.runtime, told.imports, told.init];
        assert_eq!(parts.iter().sum::<Duration>(), SECOND);
        assert!(
            told.modules
                .iter()
                .all(|one| one.start + one.total <= SECOND && one.own <= one.total)
        );
    }

    #[test]
    fn other_forms_and_lengths_tell_nothing() {
        let zeros =
            |modules: &str| format!(r#"{{"runtime":0,"load":0,"init":0,"modules":{modules}}}"#);
        assert!(read(zeros("[]").as_bytes()).is_some());
        for wrong in [
            "",
            "hello",
            "[]",
            "{}",
            r#"{"runtime":-1,"load":0,"init":0,"modules":[]}"#,
            r#"{"runtime":NaN,"load":0,"init":0,"modules":[]}"#,
            r#"{"runtime":1.5,"load":0,"init":0,"modules":[]}"#,
            r#"{"runtime":18446744073709551616,"load":0,"init":0,"modules":[]}"#,
            r#"{"runtime":0,"load":0,"init":0,"modules":[],"more":0}"#,
            &zeros(r#"[["m",0,0,0]]"#),
            &zeros(r#"[["m",0,0,0,256]]"#),
            &zeros(&"[".repeat(3_000)),
            &zeros(&format!("[{}]", " ".repeat(4_096))),
        ] {
            assert_eq!(read(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(
            read(b"{\"runtime\":0,\"load\":0,\"init\":0,\"modules\":[[\"\xff\",0,0,0,0]]}"),
            None
        );
    }

    #[test]
    fn modules_and_their_names_are_bounded_and_printable() {
        let module = |name: &str| format!(r#"["{name}",0,1,1,1],"#);
        let many = module("m").repeat(60) + r#"["m",0,1,1,1]"#;
        let text = |list: &str| format!(r#"{{"runtime":0,"load":9,"init":0,"modules":[{list}]}}"#);
        assert_eq!(
            read(text(&many).as_bytes()).unwrap().modules.len(),
            MODULES_MAX
        );
        let name = format!(r"\u001b[31m\u202e\n{}", "é".repeat(100));
        let told = read(text(module(&name).trim_end_matches(',')).as_bytes()).unwrap();
        let shown = &told.modules[0].name;
        assert!(
            shown.starts_with("?[31m??é") && shown.len() <= NAME_BYTES_MAX,
            "{shown}"
        );
    }
}
