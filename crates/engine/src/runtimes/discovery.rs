//! Where interpreters are looked for, and the command that installs one that is missing.

use super::interpreter::{Interpreter, Language};
use super::{Config, Error};
use lambkin_model::Runtime;
use std::fs;
use std::path::{Path, PathBuf};

/// The machine's own places, in this order.
const SYSTEM: [&str; 2] = ["/usr/bin", "/usr/local/bin"];
/// Versions that pyenv, uv and nvm keep, below a home folder. Their shims are scripts; these are the programs.
const VERSIONS: [&str; 3] = [
    ".pyenv/versions",
    ".local/share/uv/python",
    ".nvm/versions/node",
];
/// Installed versions looked at in one of those folders.
const VERSIONS_MAX: usize = 64;

/// All interpreters; of two with the same identifier the first found.
pub(super) fn find(config: &Config) -> Result<Vec<Interpreter>, Error> {
    let mut found: Vec<Interpreter> = Vec::new();
    for (name, path) in &config.configured {
        found.push(configured(name, path)?);
    }
    for path in candidates(&config.homes) {
        if let Some(one) = Interpreter::examine(&path)
            && found.iter().all(|known| known.runtime != one.runtime)
        {
            found.push(one);
        }
    }
    Ok(found)
}

fn configured(name: &str, path: &Path) -> Result<Interpreter, Error> {
    let wrong = |why: String| Error::Configured {
        name: name.to_owned(),
        why,
    };
    let runtime = Runtime::parse(name)
        .ok_or_else(|| wrong("not a runtime's identifier, such as python3.12".to_owned()))?;
    let found = Interpreter::examine(path).ok_or_else(|| {
        wrong(format!(
            "{} is no Python or Node.js that runs here",
            path.display()
        ))
    })?;
    if found.runtime == runtime {
        Ok(found)
    } else {
        Err(wrong(format!("{} is {}", path.display(), found.runtime)))
    }
}

fn candidates(homes: &[PathBuf]) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = SYSTEM
        .iter()
        .flat_map(|folder| programs(Path::new(folder)))
        .collect();
    for home in homes {
        for folder in VERSIONS {
            let versions = sorted(&home.join(folder));
            paths.extend(
                versions
                    .iter()
                    .take(VERSIONS_MAX)
                    .flat_map(|one| programs(&one.join("bin"))),
            );
        }
    }
    paths
}

/// `python3.N` and `node` in a folder of programs.
fn programs(folder: &Path) -> Vec<PathBuf> {
    let is_interpreter = |path: &PathBuf| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let minor = name.strip_prefix("python3.").unwrap_or("-");
        name == "node" || minor.bytes().all(|byte| byte.is_ascii_digit())
    };
    sorted(folder).into_iter().filter(is_interpreter).collect()
}

/// What a folder holds, in an order that does not depend on the file system; nothing when it is not there.
fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// The command that installs a runtime with the tool that its user has.
pub(super) fn install_command(runtime: Runtime, homes: &[PathBuf]) -> String {
    let has = |path: &str| homes.iter().any(|home| home.join(path).exists());
    let name = runtime.to_string();
    let version = name
        .trim_start_matches("python")
        .trim_start_matches("nodejs")
        .trim_end_matches(".x");
    match Language::of(runtime) {
        Some(Language::Python) if has(".pyenv") => format!("pyenv install {version}"),
        Some(Language::Python) => format!("uv python install {version}"),
        Some(Language::Node) if has(".nvm") => format!("nvm install {version}"),
        Some(Language::Node) => format!("npm install --global n && n {version}"),
        None => String::new(),
    }
}
