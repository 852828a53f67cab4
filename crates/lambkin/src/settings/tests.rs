//! The table of settings: what overrides what, and that the documentation lists all of them.

use super::*;
use clap::Parser;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    flags: Flags,
}

fn load(arguments: &[&str]) -> anyhow::Result<Settings> {
    Settings::load(&Line::parse_from([&["lambkin"], arguments].concat()).flags)
}

fn file_with(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lambkin.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path.display().to_string())
}

#[test]
fn a_flag_beats_the_file() {
    let (_folder, path) = file_with("concurrency = 7\nidle_timeout_s = 9\n");
    let settings = load(&["--config", &path, "--concurrency", "8"]).unwrap();
    assert_eq!((settings.concurrency, settings.idle_timeout_s), (8, 9));
}

#[test]
fn a_switch_needs_no_value() {
    assert!(
        load(&["--allow-nearest-runtime"])
            .unwrap()
            .allow_nearest_runtime
    );
    assert!(
        !load(&["--allow-nearest-runtime=false"])
            .unwrap()
            .allow_nearest_runtime
    );
}

#[test]
fn snap_start_is_one_of_three_words() {
    let (_folder, path) = file_with("snap_start = \"latest\"\n");
    let settings = load(&["--config", &path]).unwrap();
    assert_eq!(settings.snap_start, SnapStart::Latest);
    assert_eq!(load(&[]).unwrap().snap_start, SnapStart::Published);
    let off = load(&["--config", &path, "--snap-start", "off"]).unwrap();
    assert_eq!(off.snap_start, SnapStart::Off);
    let (_folder, path) = file_with("snap_start = true\n");
    assert!(load(&["--config", &path]).is_err());
}

#[test]
fn swap_is_one_of_three_words_and_none_on_a_disk_unless_set() {
    let (_folder, path) = file_with("swap = \"any\"\n");
    assert_eq!(load(&["--config", &path]).unwrap().swap, Swap::Any);
    assert_eq!(load(&[]).unwrap().swap, Swap::Zram);
    assert_eq!(load(&["--swap", "off"]).unwrap().swap, Swap::Off);
    assert!(Line::try_parse_from(["lambkin", "--swap", "disk"]).is_err());
}

#[test]
fn an_unknown_key_is_named_with_the_known_ones() {
    let (_folder, path) = file_with("lisen = \"127.0.0.1:1\"\n");
    let error = format!("{:#}", load(&["--config", &path]).unwrap_err());
    assert!(
        error.contains("lisen") && error.contains("`listen`"),
        "{error}"
    );
}

#[test]
fn account_and_region_are_checked() {
    assert!(Line::try_parse_from(["lambkin", "--account-id", "12"]).is_err());
    assert!(Line::try_parse_from(["lambkin", "--region", "Mars"]).is_err());
    let settings = load(&["--account-id", "012345678901"]).unwrap();
    assert_eq!(settings.account_id.0.as_str(), "012345678901");
}

#[test]
fn half_a_key_pair_is_refused() {
    assert!(load(&["--root-access-key-id", "AKIA"]).is_err());
}

#[test]
fn a_secret_is_not_printed() {
    let settings = load(&[
        "--root-access-key-id",
        "AKIA",
        "--root-secret-access-key",
        "hush",
    ])
    .unwrap();
    assert!(!format!("{settings:?}").contains("hush"));
}

#[test]
fn the_documentation_lists_every_setting() {
    let page = include_str!("../../../../docs/configuration.md");
    for [key, variable, default, bounds, meaning] in TABLE {
        let row = format!(
            "| `{key}` | `{variable}` | {default} | {bounds} | {} |",
            meaning.trim()
        );
        assert!(
            page.contains(&row),
            "docs/configuration.md lacks the row\n{row}"
        );
    }
}

#[test]
fn a_number_out_of_its_bounds_is_refused_by_name() {
    for [key, _, _, bounds, _] in TABLE {
        let Some((least, most)) = bounds.split_once(" to ") else {
            continue;
        };
        let flag = format!("--{}", key.replace('_', "-"));
        let least: u64 = least.parse().unwrap();
        let most: u64 = most.parse().unwrap();
        for wrong in [least.checked_sub(1), Some(most + 1)].into_iter().flatten() {
            let error = load(&[&flag, &wrong.to_string()]).unwrap_err().to_string();
            let named = format!("{key} is {wrong}; it must be from {bounds}: ");
            assert!(error.starts_with(&named), "{error}");
        }
        let others = ["--sandbox-uids", "1"];
        let others = if *key == "sandbox_uids" {
            &[][..]
        } else {
            &others
        };
        for right in [least, most] {
            load(&[&[&flag, right.to_string().as_str()], others].concat()).unwrap();
        }
    }
}

#[test]
fn every_number_has_bounds() {
    for [key, _, default, bounds, _] in TABLE {
        let is_number = default.parse::<u64>().is_ok() || key.ends_with("_mib");
        assert!(
            !is_number || !bounds.is_empty() || *key == "account_id",
            "{key} has no bounds"
        );
    }
}

#[test]
fn user_numbers_end_before_the_last() {
    let first = ["--sandbox-uid-first", "4294967000", "--sandbox-uids"];
    let error = load(&[&first[..], &["296"]].concat()).unwrap_err();
    assert!(error.to_string().contains("4294967294"), "{error}");
    let users = load(&[&first[..], &["295"]].concat())
        .unwrap()
        .sandbox_users();
    assert_eq!(users, 4_294_967_000..u32::MAX);
}
