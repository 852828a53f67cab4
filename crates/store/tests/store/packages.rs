//! Packages: sealed, bound to their function, swept, and never served torn.

use super::{Place, SECRET, name, scope};
use bytes::Bytes;
use lambkin_store::Error;
use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use uuid::Uuid;

fn files(place: &Place) -> Vec<PathBuf> {
    fs::read_dir(place.data_dir().join("blobs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

#[tokio::test]
async fn a_package_is_sealed_and_comes_back() {
    let place = Place::new();
    let (blob, package) = (Uuid::new_v4(), Bytes::from(SECRET.repeat(5_000)));
    {
        let store = place.open();
        store
            .packages()
            .put(&scope(), &name("f"), blob, package.clone())
            .await
            .unwrap();
    }
    assert_eq!(place.files_with(SECRET), [] as [PathBuf; 0]);
    assert_eq!(files(&place).len(), 1);
    let store = place.open();
    assert_eq!(
        store
            .packages()
            .get(&scope(), &name("f"), blob)
            .await
            .unwrap(),
        package
    );
    let absent = store
        .packages()
        .get(&scope(), &name("f"), Uuid::new_v4())
        .await;
    assert!(matches!(absent, Err(Error::NotFound)));
}

#[tokio::test]
async fn another_functions_package_and_a_torn_one_are_refused() {
    let place = Place::new();
    let store = place.open();
    let blobs = [Uuid::new_v4(), Uuid::new_v4()];
    for (function, blob) in ["f", "g"].into_iter().zip(blobs) {
        store
            .packages()
            .put(&scope(), &name(function), blob, Bytes::from(function))
            .await
            .unwrap();
    }
    let path = |blob: Uuid| {
        place
            .data_dir()
            .join("blobs")
            .join(blob.simple().to_string())
    };
    let refused = async |function, blob| {
        matches!(
            store.packages().get(&scope(), &name(function), blob).await,
            Err(Error::Unavailable(_))
        )
    };
    assert!(refused("g", blobs[0]).await);
    let content = fs::read(path(blobs[0])).unwrap();
    fs::copy(path(blobs[1]), path(blobs[0])).unwrap();
    assert!(refused("f", blobs[0]).await, "swapped");
    for len in [0, 10, content.len() - 1] {
        fs::write(path(blobs[0]), &content[..len]).unwrap();
        assert!(refused("f", blobs[0]).await, "{len} bytes");
    }
    fs::write(path(blobs[0]), &content).unwrap();
    assert!(!refused("f", blobs[0]).await);
}

#[tokio::test]
async fn what_no_row_names_is_swept() {
    let place = Place::new();
    let store = place.open();
    let (kept, orphan) = (Uuid::new_v4(), Uuid::new_v4());
    for blob in [kept, orphan] {
        store
            .packages()
            .put(&scope(), &name("f"), blob, Bytes::from("zip"))
            .await
            .unwrap();
    }
    fs::write(place.data_dir().join("blobs/.tmpKilled"), "torn").unwrap();
    store
        .packages()
        .sweep(&HashSet::from([kept]))
        .await
        .unwrap();
    assert_eq!(files(&place).len(), 1);
    assert!(
        store
            .packages()
            .get(&scope(), &name("f"), kept)
            .await
            .is_ok()
    );
    store.packages().remove(kept).await.unwrap();
    store.packages().remove(kept).await.unwrap();
    assert!(files(&place).is_empty());
}

#[tokio::test]
async fn a_package_beyond_awss_limit_is_refused() {
    let place = Place::new();
    let store = place.open();
    let put = store
        .packages()
        .put(
            &scope(),
            &name("f"),
            Uuid::new_v4(),
            vec![0; 262_144_001].into(),
        )
        .await;
    assert!(put.unwrap_err().to_string().contains("262144000"));
    assert!(files(&place).is_empty());
}
