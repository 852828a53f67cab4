//! The bootstraps of managed runtimes: carried in the binary, written where sandboxes can bind them.

use super::interpreter::{Interpreter, Language};
use lambkin_sandbox::Bind;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

macro_rules! embedded {
    ($folder:literal: $($name:literal)*) => {
        &[$(($name, include_bytes!(concat!("../../../../runtimes/", $folder, "/", $name)))),*]
    };
}

const PYTHON: &[(&str, &[u8])] = embedded!("python":
    "bootstrap.py" "_lambkin_api.py" "_lambkin_context.py" "_lambkin_failure.py" "_lambkin_json.py" "_lambkin_logging.py"
    "_lambkin_runtime.py");
const NODE: &[(&str, &[u8])] = embedded!("nodejs":
    "bootstrap.cjs" "lambkin-api.cjs" "lambkin-console.cjs" "lambkin-context.cjs" "lambkin-errors.cjs"
    "lambkin-handler.cjs" "lambkin-stream.cjs");
const NODE_ENTRY: &str = "/var/runtime/bootstrap.cjs";
/// Modules that Debian's Node.js loads from outside its binary.
const DEBIAN_BUILTINS: [&str; 4] = ["acorn", "acorn-walk", "cjs-module-lexer", "undici"];

/// Compiling the bootstrap takes a tenth of a second; without its result Python only starts slower.
const COMPILE_TIMEOUT: Duration = Duration::from_secs(10);
const COMPILE_PAUSE: Duration = Duration::from_millis(2);

/// The written files.
pub(super) struct Files {
    python: PathBuf,
    node: PathBuf,
    empty: PathBuf,
    debian: PathBuf,
}

impl Files {
    /// Writes what is not there or differs.
    pub(super) fn install(dir: &Path) -> io::Result<Self> {
        let files = Self {
            python: dir.join("bootstrap/python"),
            node: dir.join("bootstrap/nodejs"),
            empty: dir.join("empty"),
            debian: dir.join("debian-nodejs"),
        };
        folder(dir)?;
        folder(&dir.join("bootstrap"))?;
        write_all(&files.python, PYTHON)?;
        write_all(&files.node, NODE)?;
        // The SDK's tree is bound over this one.
        folder(&files.node.join("node_modules"))?;
        folder(&files.empty)?;
        for name in DEBIAN_BUILTINS {
            folder(&files.debian.join(name))?;
        }
        Ok(files)
    }

    /// Lets each Python that has not yet done so compile the bootstrap, all of them at once. Sandboxes cannot
    /// keep what they compile.
    pub(super) fn compile(&self, interpreters: &[Interpreter]) {
        let compilers = interpreters
            .iter()
            .filter(|one| one.language() == Language::Python);
        let mut running: Vec<Child> = compilers.filter_map(|one| self.compiler(one)).collect();
        let deadline = Instant::now() + COMPILE_TIMEOUT;
        let is_running = |running: &mut Vec<Child>| {
            running
                .iter_mut()
                .any(|child| matches!(child.try_wait(), Ok(None)))
        };
        while is_running(&mut running) && Instant::now() < deadline {
            std::thread::sleep(COMPILE_PAUSE);
        }
        for child in &mut running {
            // Only one that hangs is still there; without its result Python starts slower.
            let _ = child.kill();
            let _ = child.wait();
        }
        self.open_to_all();
    }

    /// The mask of whoever starts the server holds for what Python writes.
    fn open_to_all(&self) {
        let cache = self.python.join("__pycache__");
        let mut paths = vec![(cache.clone(), 0o755)];
        let files = fs::read_dir(&cache).into_iter().flatten().flatten();
        paths.extend(files.map(|file| (file.path(), 0o644)));
        for (path, mode) in paths {
            // What cannot be read is compiled again at each start.
            let _ = fs::set_permissions(path, fs::Permissions::from_mode(mode));
        }
    }

    fn compiler(&self, one: &Interpreter) -> Option<Child> {
        let tag: String = one.version.split('.').take(2).collect();
        let compiled = self
            .python
            .join(format!("__pycache__/_lambkin_api.cpython-{tag}.pyc"));
        let modified = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
        if modified(&compiled) >= modified(&self.python.join("_lambkin_api.py")) {
            return None;
        }
        let mut compiler = Command::new(&one.path);
        compiler
            .args(["-S", "-E", "-s", "-m", "compileall", "-q"])
            .arg(&self.python);
        compiler
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        compiler.spawn().ok()
    }

    pub(super) fn python(&self) -> &Path {
        &self.python
    }

    pub(super) fn node(&self) -> &Path {
        &self.node
    }

    pub(super) fn node_entry(&self) -> &'static str {
        NODE_ENTRY
    }

    /// An empty folder, to cover others with.
    pub(super) fn empty(&self) -> PathBuf {
        self.empty.clone()
    }

    /// Binds that show, of Debian's folder of packages, only what its Node.js itself needs.
    pub(super) fn debian_builtins(&self, packages: &Path) -> Vec<Bind> {
        let cover = Bind {
            source: self.debian.clone(),
            target: packages.to_path_buf(),
        };
        let modules = DEBIAN_BUILTINS.iter().map(|name| packages.join(name));
        let modules = modules.filter(|path| path.is_dir());
        let modules = modules.map(|path| Bind {
            source: path.clone(),
            target: path,
        });
        std::iter::once(cover).chain(modules).collect()
    }
}

fn folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    // Functions run as other users, and the mask of whoever starts the server must not lock them out.
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

fn write_all(path: &Path, files: &[(&str, &[u8])]) -> io::Result<()> {
    folder(path)?;
    for (name, content) in files {
        let target = path.join(name);
        if fs::read(&target).is_ok_and(|have| have == *content) {
            continue;
        }
        // A sandbox that has the old file open keeps it whole.
        let draft = path.join(format!("{name}.draft"));
        fs::write(&draft, content)?;
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o644))?;
        fs::rename(&draft, &target)?;
    }
    Ok(())
}
