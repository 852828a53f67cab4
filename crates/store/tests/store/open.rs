//! Opening a data folder: one owner, a known schema, the right key.

use super::{Place, function};
use lambkin_store::{Config, MasterKey, MasterKeyError, OpenError, Store};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

#[test]
fn a_second_owner_is_refused_and_told_the_first_ones_pid() {
    let place = Place::new();
    let store = place.open();
    let refused = place.try_open().err().unwrap();
    assert!(
        refused
            .to_string()
            .contains(&std::process::id().to_string()),
        "{refused}"
    );
    store.close();
    place.open();
    drop(store);
}

#[test]
fn the_folder_is_private_and_says_its_schema() {
    let place = Place::new();
    place.open();
    for folder in ["", "blobs", "journal", "logs"] {
        let mode = fs::metadata(place.data_dir().join(folder)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o700, "{folder}");
    }
    assert_eq!(
        fs::read_to_string(place.data_dir().join("VERSION")).unwrap(),
        "4\n"
    );
    let lock = fs::read_to_string(place.data_dir().join("lock")).unwrap();
    assert_eq!(lock.trim(), std::process::id().to_string());
}

#[test]
fn a_newer_or_foreign_version_is_refused_and_left_alone() {
    let place = Place::new();
    place.open();
    let version = place.data_dir().join("VERSION");
    for (content, words) in [("999999\n", "999999"), ("a text of somebody's", "VERSION")] {
        fs::write(&version, content).unwrap();
        let refused = place.try_open().err().unwrap().to_string();
        assert!(refused.contains(words), "{refused}");
        assert_eq!(fs::read_to_string(&version).unwrap(), content);
    }
    // A kill between the database's migration and the stamp.
    fs::remove_file(&version).unwrap();
    place.open();
    assert!(version.exists());
}

#[tokio::test]
async fn another_or_a_lost_key_is_refused() {
    let place = Place::new();
    let inserted = place
        .open()
        .functions()
        .insert(Arc::new(function("f")))
        .await;
    inserted.unwrap();
    let file = place.0.path().join("other.key");
    let lost = MasterKey::load_or_create(&file, &place.data_dir()).unwrap_err();
    assert!(
        matches!(&lost, MasterKeyError::Lost { .. }) && lost.to_string().contains("master key")
    );
    let other = MasterKey::load_or_create(&file, &place.0.path().join("elsewhere")).unwrap();
    let config = Config {
        data_dir: place.data_dir(),
        log_bytes_per_function_max: 1 << 20,
        log_bytes_max: 1 << 20,
    };
    let refused = Store::open(config, other).err().unwrap();
    assert!(refused.to_string().contains("master key"), "{refused}");
    place.open();
}

#[test]
fn log_caps_that_hold_nothing_are_refused() {
    let place = Place::new();
    let config = Config {
        data_dir: place.data_dir(),
        log_bytes_per_function_max: 0,
        log_bytes_max: 1 << 20,
    };
    let refused = Store::open(config, place.key()).err().unwrap();
    assert!(matches!(refused, OpenError::LogCapTooSmall));
}
