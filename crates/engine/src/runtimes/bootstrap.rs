//! The bootstraps of managed runtimes: carried in the binary, written where sandboxes can bind them.

use super::bundle::bundle;
use lambkin_sandbox::Bind;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

macro_rules! embedded {
    ($folder:literal: $($name:literal)*) => {
        &[$(($name, include_bytes!(concat!("../../../../runtimes/", $folder, "/", $name)))),*]
    };
}

const PYTHON: &[(&str, &[u8])] = embedded!("python":
    "bootstrap.py" "_lambkin_api.py" "_lambkin_compile.py" "_lambkin_compiled.py" "_lambkin_context.py" "_lambkin_failure.py" "_lambkin_json.py" "_lambkin_logging.py"
    "_lambkin_runtime.py" "_lambkin_snapshot.py" "_lambkin_start.py" "_lambkin_wait.py" "snapshot_restore_py.py");
const NODE: &[(&str, &[u8])] = embedded!("nodejs":
    "bootstrap.cjs" "lambkin-api.cjs" "lambkin-compiled.cjs" "lambkin-console.cjs" "lambkin-context.cjs" "lambkin-errors.cjs"
    "lambkin-handler.cjs" "lambkin-rehearsal.cjs" "lambkin-script.cjs" "lambkin-start.cjs" "lambkin-stream.cjs" "lambkin-wait.cjs");
/// What is no part of that one file.
const NODE_ALONE: &[(&str, &[u8])] = embedded!("nodejs":
    "lambkin-compile.cjs" "lambkin-rehearsed.js" "lambkin-script.cjs" "lambkin-zip.cjs");
const NODE_FILE: &str = "bootstrap.cjs";
const NODE_ENTRY: &str = "/var/runtime/bootstrap.cjs";
/// Modules that Debian's Node.js loads from outside its binary.
const DEBIAN_BUILTINS: [&str; 4] = ["acorn", "acorn-walk", "cjs-module-lexer", "undici"];

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
        let whole = bundle(NODE_FILE, NODE);
        write_all(&files.node, &[(NODE_FILE, &whole)])?;
        write_all(&files.node, NODE_ALONE)?;
        // The SDK's tree is bound over this one.
        folder(&files.node.join("node_modules"))?;
        folder(&files.empty)?;
        for name in DEBIAN_BUILTINS {
            folder(&files.debian.join(name))?;
        }
        Ok(files)
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
    pub(super) fn empty(&self) -> &Path {
        &self.empty
    }

    /// Binds that show, of Debian's folder of packages, only what its Node.js itself needs.
    pub(super) fn debian_builtins(&self, packages: &Path) -> Vec<Bind> {
        let cover = Bind {
            source: self.debian.clone(),
            target: packages.to_path_buf(),
            copied: true,
        };
        let modules = DEBIAN_BUILTINS.iter().map(|name| packages.join(name));
        let modules = modules.filter(|path| path.is_dir());
        let modules = modules.map(|path| Bind {
            source: path.clone(),
            target: path,
            copied: false,
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
