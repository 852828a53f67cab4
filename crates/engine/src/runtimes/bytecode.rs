//! The compiled form of the Python bootstrap, made once for every interpreter: sandboxes cannot keep what they
//! compile, and compiling takes longer than the start itself.

use super::interpreter::{Interpreter, Language};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Compiling takes a tenth of a second; without its result Python only starts slower.
const TIMEOUT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(2);
const CACHE: &str = "__pycache__";
/// Files are compiled in the order of their names: with this one, all are.
const LAST: &str = "bootstrap";

/// Lets each Python that has not yet done so compile a folder, all of them at once.
pub(super) fn compile(folder: &Path, interpreters: &[Interpreter]) {
    let pythons = interpreters
        .iter()
        .filter(|one| one.language() == Language::Python && !is_compiled(folder, one));
    let mut running: Vec<Child> = pythons.filter_map(|one| start(folder, one)).collect();
    let deadline = Instant::now() + TIMEOUT;
    while any_runs(&mut running) && Instant::now() < deadline {
        std::thread::sleep(PAUSE);
    }
    for child in &mut running {
        // Only one that hangs is still there.
        let _ = child.kill();
        let _ = child.wait();
    }
    open_to_all(&folder.join(CACHE));
}

fn is_compiled(folder: &Path, one: &Interpreter) -> bool {
    let tag: String = one.version.split('.').take(2).collect();
    let compiled = folder.join(format!("{CACHE}/{LAST}.cpython-{tag}.pyc"));
    let modified = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    let sources = fs::read_dir(folder).into_iter().flatten().flatten();
    let newest = sources
        .map(|file| file.path())
        .filter(|path| path.is_file())
        .filter_map(|path| modified(&path))
        .max();
    modified(&compiled) >= newest
}

fn start(folder: &Path, one: &Interpreter) -> Option<Child> {
    Command::new(&one.path)
        .args(["-S", "-E", "-s", "-m", "compileall", "-q"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()
}

fn any_runs(children: &mut [Child]) -> bool {
    children
        .iter_mut()
        .any(|child| matches!(child.try_wait(), Ok(None)))
}

/// Python writes under the mask of whoever starts the server; functions run as other users.
fn open_to_all(cache: &Path) {
    let mut paths = vec![(cache.to_path_buf(), 0o755)];
    let files = fs::read_dir(cache).into_iter().flatten().flatten();
    paths.extend(files.map(|file| (file.path(), 0o644)));
    for (path, mode) in paths {
        // What cannot be read is compiled again at each start.
        let _ = fs::set_permissions(path, fs::Permissions::from_mode(mode));
    }
}
