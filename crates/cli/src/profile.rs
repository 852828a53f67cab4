//! Files in the form of AWS's `credentials` and `config`: sections of `key = value` lines.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

/// More is no file of keys.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// One section's keys and values.
pub(crate) type Section = BTreeMap<String, String>;

/// Reads a file; `None` if there is none.
pub(crate) fn read(path: &Path) -> io::Result<Option<String>> {
    let file = match std::fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// The keys of a section: `[name]`, or `[profile name]` as AWS's `config` writes it. Comments begin
/// with `#` or `;`; indented lines are nested settings, which hold no keys, and are passed over.
pub(crate) fn section(text: &str, name: &str) -> Option<Section> {
    let mut found: Option<Section> = None;
    let mut inside = false;
    for line in text.lines() {
        if let Some(heading) = line.trim().strip_prefix('[') {
            inside = is_heading_of(heading, name);
            if inside {
                found.get_or_insert_default();
            }
        } else if inside && !line.starts_with([' ', '\t', '#', ';']) {
            let pair = line.split_once('=');
            if let (Some((key, value)), Some(section)) = (pair, &mut found) {
                section.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
            }
        }
    }
    found
}

fn is_heading_of(heading: &str, name: &str) -> bool {
    let Some((heading, _)) = heading.split_once(']') else {
        return false;
    };
    let heading = heading.trim();
    let profile = heading
        .strip_prefix("profile")
        .filter(|rest| rest.starts_with([' ', '\t']));
    profile.map_or(heading, str::trim) == name
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# keys
[default]
aws_access_key_id = AKIADEFAULT
aws_secret_access_key=se/cr=et

[profile dev]
region = eu-west-1
s3 =
  aws_access_key_id = nested
; nothing
[dev]
AWS_Access_Key_Id = AKIADEV
";

    #[test]
    fn a_section_holds_its_own_keys_only() {
        let default = section(TEXT, "default").unwrap();
        assert_eq!(default["aws_access_key_id"], "AKIADEFAULT");
        assert_eq!(default["aws_secret_access_key"], "se/cr=et");
        assert!(!default.contains_key("region"));
    }

    #[test]
    fn both_forms_of_a_heading_are_one_section() {
        let dev = section(TEXT, "dev").unwrap();
        assert_eq!(dev["region"], "eu-west-1");
        assert_eq!(dev["aws_access_key_id"], "AKIADEV");
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        assert_eq!(section(TEXT, "prod"), None);
        assert_eq!(section("", "default"), None);
        assert!(
            read(Path::new("/nonexistent/credentials"))
                .unwrap()
                .is_none()
        );
    }
}
