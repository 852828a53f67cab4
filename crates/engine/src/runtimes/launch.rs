//! What a runtime's sandbox shows of the machine, and how its program is started.
//!
//! The interpreter stands at `/var/lang` as on AWS. Packages that the machine's owner installed for it are
//! covered: by the AWS SDK's tree where it is installed, else by nothing.

use super::Launch;
use super::bootstrap::Files;
use super::compiling::Compiling;
use super::interpreter::Interpreter;
use lambkin_model::Runtime;
use lambkin_sandbox::{Bind, Root};
use std::path::{Path, PathBuf};

/// Libraries of the interpreter itself.
pub(super) const OWN_LIBRARIES: &str = "/var/lang/lib";
const LIBRARY_PATH: &str = "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib";
const PATH: &str = "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin";
/// A function's heap leaves this part of its memory to the rest of Node.js.
const NODE_HEAP_PERCENT: u32 = 85;
/// What AWS starts Node.js with: `global.gc()`, and the heads of HTTP that its programs take.
const NODE_FLAGS: [&str; 2] = ["--expose-gc", "--max-http-header-size=81920"];
/// Less of Python is compiled in a few milliseconds, and not worth a process and a mount.
const PYTHON_WORTH_BYTES: u64 = 4 << 10;
/// Node.js compiles what is called; to have less than this found takes as long.
const NODE_WORTH_BYTES: u64 = 128 << 10;
/// The machine's own Node.js, and the modules of Debian's that are not inside its binary.
const SYSTEM_NODE: &str = "/usr/bin/node";
const DEBIAN_BUILTINS: &str = "/usr/share/nodejs";

/// A function that brings its own program, which may start the machine's.
pub(super) fn provided(runtime: Runtime, files: &Files) -> Launch {
    let al2023 = runtime == Runtime::ProvidedAl2023;
    let (path, libraries) = match al2023 {
        true => (PATH, LIBRARY_PATH),
        false => (
            "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
            "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
        ),
    };
    Launch {
        root: Root {
            binds: system_node_builtins(files),
        },
        argv: vec!["/var/task/bootstrap".to_owned()],
        waits: false,
        env: variables(&[("PATH", path), ("LD_LIBRARY_PATH", libraries)]),
        version: if al2023 {
            "provided:al2023"
        } else {
            "provided:al2"
        }
        .to_owned(),
        nearest_note: None,
        compiling: None,
    }
}

/// Python; `runtime` is what was asked for, which may not be what the interpreter is.
pub(super) fn python(
    runtime: Runtime,
    one: &Interpreter,
    files: &Files,
    sdk: Option<PathBuf>,
) -> Launch {
    let name = one.name();
    let packages = |target: String| match &sdk {
        Some(tree) => bind(tree, target),
        None => copy(files.empty(), target),
    };
    let mut binds = Vec::new();
    if one.is_of_the_system() {
        // Only its own parts of /usr; Debian's Python looks for packages beside them.
        binds.push(bind(&one.path, format!("/var/lang/bin/{name}")));
        binds.push(bind(&one.library(), format!("/var/lang/lib/{name}")));
        binds.extend(shared_library(one.prefix(), &name));
        binds.push(packages("/var/lang/lib/python3/dist-packages".to_owned()));
    } else {
        binds.push(bind(one.prefix(), "/var/lang"));
        if one.has_site_packages {
            binds.push(packages(format!("/var/lang/lib/{name}/site-packages")));
        }
    }
    binds.push(copy(files.python(), "/var/runtime"));
    let mut env = variables(&[
        ("PATH", PATH),
        ("LD_LIBRARY_PATH", LIBRARY_PATH),
        ("PYTHONPATH", "/var/runtime"),
    ]);
    if runtime >= (Runtime::Python { minor: 12 }) {
        env.extend(variables(&[("LC_CTYPE", "C.UTF-8")]));
    }
    // The bootstrap does what matters of the `site` module, in less time.
    let interpreter = [format!("/var/lang/bin/{name}"), "-S".to_owned()];
    let version = format!("python:{}", one.version);
    let compiling = Compiling {
        // Without PYTHONPATH, the script's folder and the user's packages.
        argv: command(&interpreter, &["-I", "/var/runtime/_lambkin_compile.py"]),
        target: version.clone(),
        worth_bytes: PYTHON_WORTH_BYTES,
    };
    Launch {
        root: Root { binds },
        waits: true,
        argv: command(&interpreter, &["/var/runtime/bootstrap.py"]),
        env,
        version,
        nearest_note: None,
        compiling: Some(compiling),
    }
}

/// Node.js; `runtime` is what was asked for, which may not be what the interpreter is.
pub(super) fn node(
    runtime: Runtime,
    one: &Interpreter,
    files: &Files,
    sdk: Option<PathBuf>,
    memory_mb: u32,
) -> Launch {
    let mut binds = vec![
        bind(&one.path, "/var/lang/bin/node"),
        copy(files.node(), "/var/runtime"),
    ];
    if let Some(packages) = sdk {
        // The bootstrap's folder has an empty `node_modules` for this.
        binds.push(bind(&packages, "/var/runtime/node_modules"));
        // `import` knows no NODE_PATH; it looks in every folder above the function's.
        binds.push(bind(&packages, "/var/node_modules"));
    }
    if one.path == Path::new(SYSTEM_NODE) {
        binds.extend(system_node_builtins(files));
    }
    let name = runtime.to_string();
    let major = name.trim_start_matches("nodejs").trim_end_matches(".x");
    let node_path = format!(
        "/opt/nodejs/node{major}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task"
    );
    let heap_mb = memory_mb * NODE_HEAP_PERCENT / 100;
    let heap = format!("--max-old-space-size={heap_mb}");
    let version = format!("nodejs:{}", one.version);
    let target = format!("{version} {heap}");
    let interpreter = command(&["/var/lang/bin/node".to_owned(), heap], &NODE_FLAGS);
    let compiling = Compiling {
        argv: command(&interpreter, &["/var/runtime/lambkin-compile.cjs"]),
        // V8 takes nothing that was made with other flags; up to Node.js 22 the limit of the heap is one of those.
        target,
        worth_bytes: NODE_WORTH_BYTES,
    };
    Launch {
        root: Root { binds },
        waits: true,
        argv: command(&interpreter, &[files.node_entry()]),
        env: variables(&[
            ("PATH", PATH),
            ("LD_LIBRARY_PATH", LIBRARY_PATH),
            ("NODE_PATH", &node_path),
        ]),
        version,
        nearest_note: None,
        compiling: Some(compiling),
    }
}

fn command(interpreter: &[String], more: &[&str]) -> Vec<String> {
    let more = more.iter().map(|one| (*one).to_owned());
    interpreter.iter().cloned().chain(more).collect()
}

/// A Python that was built with a shared library has it beside its `lib` folder's own.
fn shared_library(prefix: &Path, name: &str) -> Option<Bind> {
    let file = format!("lib{name}.so.1.0");
    let source = prefix.join("lib").join(&file);
    // Under /usr the loader finds it where it is; /usr/local is hidden.
    (prefix != Path::new("/usr") && source.exists())
        .then(|| bind(&source, format!("/var/lang/lib/{file}")))
}

fn bind(source: &Path, target: impl Into<PathBuf>) -> Bind {
    Bind {
        source: source.to_path_buf(),
        target: target.into(),
        copied: false,
    }
}

/// Of the server's own folder, whose path is nobody's business inside.
fn copy(source: &Path, target: impl Into<PathBuf>) -> Bind {
    Bind {
        copied: true,
        ..bind(source, target)
    }
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Debian's Node.js does not start without these; others have none of them outside.
fn system_node_builtins(files: &Files) -> Vec<Bind> {
    let packages = Path::new(DEBIAN_BUILTINS);
    if Path::new(SYSTEM_NODE).exists() && packages.is_dir() {
        files.debian_builtins(packages)
    } else {
        Vec::new()
    }
}
