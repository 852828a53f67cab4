//! With which keys a command signs: the AWS variables', a profile's, or those in the data folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use lambkin_wire::sigv4::{Credentials, Secret};

use crate::profile::{self, Section};

/// A key pair and where it came from.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) credentials: Credentials,
    /// For the text when the server does not know them.
    pub(crate) origin: String,
    /// The region that the profile names.
    pub(crate) region: Option<String>,
}

/// A named profile's, else the environment's, else the data folder's.
pub(crate) fn resolve(profile: Option<&str>, data_dir: &Path) -> anyhow::Result<Keys> {
    if let Some(name) = profile {
        return from_profile(name);
    }
    if let Some(keys) = from_variables(|name| std::env::var(name).ok()) {
        return Ok(keys);
    }
    from_data_dir(data_dir)?.with_context(|| {
        format!(
            "there are no keys: {} not set and {} does not exist; paste the block of exports that the \
             server or `lambkin dev` printed, or name the server's folder with --data-dir",
            missing_variables(|name| std::env::var(name).ok()),
            file_of(data_dir).display()
        )
    })
}

/// The pair that the server keeps in its data folder; `None` if it keeps none.
pub(crate) fn from_data_dir(data_dir: &Path) -> anyhow::Result<Option<Keys>> {
    let path = file_of(data_dir);
    let text = profile::read(&path).with_context(|| {
        format!(
            "cannot read {}; run this as the server's user, or set the AWS_ variables",
            path.display()
        )
    })?;
    let Some(text) = text else { return Ok(None) };
    let section = profile::section(&text, "default").unwrap_or_default();
    let keys = from_section(section, path.display().to_string());
    keys.map(Some)
        .with_context(|| format!("{} holds no key pair", path.display()))
}

fn file_of(data_dir: &Path) -> PathBuf {
    data_dir.join("credentials")
}

/// Those of a pair's variables that are not set, with their verb.
fn missing_variables(variable: impl Fn(&str) -> Option<String>) -> String {
    let is_missing = |name: &&str| variable(name).is_none_or(|value| value.is_empty());
    let names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let missing: Vec<&str> = names.into_iter().filter(is_missing).collect();
    let verb = if missing.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", missing.join(" and "))
}

/// Both keys must be set: half a pair signs nothing.
fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Option<Keys> {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    Some(Keys {
        credentials: Credentials {
            access_key_id: set("AWS_ACCESS_KEY_ID")?,
            secret_access_key: Secret::new(set("AWS_SECRET_ACCESS_KEY")?),
            session_token: set("AWS_SESSION_TOKEN").map(Secret::new),
        },
        origin: "AWS_ACCESS_KEY_ID".to_owned(),
        region: None,
    })
}

/// Keys from `credentials`, the rest from `config`, as AWS's own clients read them.
fn from_profile(name: &str) -> anyhow::Result<Keys> {
    let mut section = Section::new();
    let files = [
        aws_file("AWS_CONFIG_FILE", "config")?,
        aws_file("AWS_SHARED_CREDENTIALS_FILE", "credentials")?,
    ];
    for path in &files {
        let text =
            profile::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        section.extend(
            text.and_then(|text| profile::section(&text, name))
                .unwrap_or_default(),
        );
    }
    if section.is_empty() {
        let [config, credentials] = files.map(|path| path.display().to_string());
        bail!("there is no profile {name} in {credentials} or {config}");
    }
    from_section(section, format!("profile {name}")).with_context(|| {
        format!("profile {name} has no aws_access_key_id and aws_secret_access_key; other kinds of profiles are not understood")
    })
}

fn aws_file(variable: &str, name: &str) -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Ok(path.into());
    }
    let home = std::env::var_os("HOME").context("HOME is not set, so there is no ~/.aws")?;
    Ok(Path::new(&home).join(".aws").join(name))
}

fn from_section(mut section: Section, origin: String) -> Option<Keys> {
    let mut take = |name| section.remove(name).filter(|value| !value.is_empty());
    Some(Keys {
        credentials: Credentials {
            access_key_id: take("aws_access_key_id")?,
            secret_access_key: Secret::new(take("aws_secret_access_key")?),
            session_token: take("aws_session_token").map(Secret::new),
        },
        origin,
        region: take("region"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_pair_in_the_environment_is_no_pair() {
        let both = from_variables(|name| (name != "AWS_SESSION_TOKEN").then(|| name.to_owned()));
        assert_eq!(both.unwrap().credentials.access_key_id, "AWS_ACCESS_KEY_ID");
        assert!(from_variables(|name| (name == "AWS_ACCESS_KEY_ID").then(String::new)).is_none());
        let half = |name: &str| (name == "AWS_ACCESS_KEY_ID").then(|| "AKIA".to_owned());
        assert_eq!(missing_variables(half), "AWS_SECRET_ACCESS_KEY is");
    }

    #[test]
    fn the_data_folders_pair_is_read() {
        let folder = tempfile::tempdir().unwrap();
        assert!(from_data_dir(folder.path()).unwrap().is_none());
        let text = "[default]\naws_access_key_id = AKIA\naws_secret_access_key = s3cr3t\n";
        std::fs::write(folder.path().join("credentials"), text).unwrap();
        let keys = from_data_dir(folder.path()).unwrap().unwrap();
        assert_eq!(keys.credentials.secret_access_key.expose(), "s3cr3t");
        assert!(!format!("{keys:?}").contains("s3cr3t"));
        std::fs::write(folder.path().join("credentials"), "[default]\n").unwrap();
        assert!(
            from_data_dir(folder.path())
                .unwrap_err()
                .to_string()
                .contains("no key pair")
        );
    }
}
