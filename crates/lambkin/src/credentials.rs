//! The root key pair: set from outside, or made at the first start, shown once and kept in a 0600 file.
//!
//! The file has the form of AWS's own credentials file, so that tools can be pointed at it.

use anyhow::{Context, bail};
use rand::TryRngCore;
use rand::rngs::OsRng;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const FILE: &str = "credentials";
/// Bytes of a credentials file: more is no file of ours.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// An access key and its secret.
pub(crate) struct KeyPair {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    /// Made by this start: to be shown now and never again.
    pub(crate) is_new: bool,
}

/// The pair from the settings, else the folder's, else a new one that the folder keeps.
pub(crate) fn load(
    data_dir: &Path,
    access_key_id: &str,
    secret_access_key: &str,
) -> anyhow::Result<KeyPair> {
    if !access_key_id.is_empty() {
        return Ok(KeyPair {
            access_key_id: access_key_id.to_owned(),
            secret_access_key: secret_access_key.to_owned(),
            is_new: false,
        });
    }
    let path = data_dir.join(FILE);
    match std::fs::metadata(&path) {
        Ok(found) if found.len() > FILE_BYTES_MAX => {
            bail!("{} is no credentials file", path.display())
        }
        Ok(_) => {
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            parse(&text).with_context(|| {
                format!(
                    "{} holds no key pair; remove it to have a new one made",
                    path.display()
                )
            })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(&path),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn parse(text: &str) -> Option<KeyPair> {
    let value = |name: &str| {
        text.lines()
            .filter_map(|line| line.split_once('='))
            .find(|(key, _)| key.trim() == name)
            .map(|(_, value)| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    };
    Some(KeyPair {
        access_key_id: value("aws_access_key_id")?,
        secret_access_key: value("aws_secret_access_key")?,
        is_new: false,
    })
}

fn make(path: &Path) -> anyhow::Result<KeyPair> {
    let pair = KeyPair {
        access_key_id: format!("AKIA{}", random_hex::<8>()?.to_uppercase()),
        secret_access_key: random_hex::<20>()?,
        is_new: true,
    };
    let text = format!(
        "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        pair.access_key_id, pair.secret_access_key
    );
    // Written beside and renamed: a crash leaves a whole file or none.
    let draft = path.with_extension("draft");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    Ok(pair)
}

fn random_hex<const BYTES: usize>() -> anyhow::Result<String> {
    let mut bytes = [0u8; BYTES];
    OsRng
        .try_fill_bytes(&mut bytes)
        .context("the system gives no random bytes")?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_pair_is_made_once_and_kept_closed() {
        let folder = tempfile::tempdir().unwrap();
        let first = load(folder.path(), "", "").unwrap();
        let second = load(folder.path(), "", "").unwrap();
        assert!(first.is_new && !second.is_new);
        assert_eq!(first.secret_access_key, second.secret_access_key);
        assert_eq!(first.secret_access_key.len(), 40);
        let mode = std::fs::metadata(folder.path().join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn settings_beat_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let pair = load(folder.path(), "AKIA", "secret").unwrap();
        assert_eq!((pair.access_key_id.as_str(), pair.is_new), ("AKIA", false));
        assert!(!folder.path().join(FILE).exists());
    }

    #[test]
    fn a_broken_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "[default]\n").unwrap();
        let error = format!("{:#}", load(folder.path(), "", "").err().unwrap());
        assert!(
            error.contains("credentials") && error.contains("remove it"),
            "{error}"
        );
    }
}
