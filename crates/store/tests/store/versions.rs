//! Rows of versions: beside their function's, under numbers that never come again.

use super::{Place, SECRET, function, name, scope};
use lambkin_model::{Function, Version};
use lambkin_store::{Error, Store};
use std::sync::Arc;
use uuid::Uuid;

fn version(of: &Function, number: u64) -> Arc<Function> {
    Arc::new(Function {
        version: Version::Published(number),
        revision_id: Uuid::new_v4(),
        ..of.clone()
    })
}

fn next(of: &Function) -> Arc<Function> {
    Arc::new(Function {
        revision_id: Uuid::new_v4(),
        ..of.clone()
    })
}

async fn numbers(store: &Store) -> Vec<String> {
    let versions = store.functions().versions(&scope()).await.unwrap();
    let number = |one: &Function| format!("{}:{}", one.name, one.version);
    versions.iter().map(number).collect()
}

#[tokio::test]
async fn a_version_comes_back_after_a_restart_and_goes_with_its_function() {
    let place = Place::new();
    let (first, other) = (function("f"), function("a"));
    let (ninth, tenth, of_other) = (version(&first, 9), version(&first, 10), version(&other, 1));
    {
        let store = place.open();
        let rows = store.functions();
        let (row, second) = (Arc::new(first.clone()), next(&first));
        rows.publish(row, None, Arc::clone(&ninth)).await.unwrap();
        let expected = Some(first.revision_id);
        rows.publish(second, expected, Arc::clone(&tenth))
            .await
            .unwrap();
        let row = Arc::new(other.clone());
        rows.publish(row, None, Arc::clone(&of_other))
            .await
            .unwrap();
        assert_eq!(place.files_with(SECRET), [] as [std::path::PathBuf; 0]);
    }
    let store = place.open();
    let rows = store.functions();
    let kept = rows.versions(&scope()).await.unwrap();
    let expected = [of_other, ninth, tenth].map(|one| Function::clone(&one));
    assert_eq!(kept, expected, "by name and number, with their variables");
    rows.remove(&scope(), &first.name).await.unwrap();
    assert_eq!(numbers(&store).await, ["a:1"]);
    assert_eq!(rows.next_version(&scope(), &first.name).await.unwrap(), 11);
}

#[tokio::test]
async fn both_rows_are_written_or_none() {
    let place = Place::new();
    let store = place.open();
    let (rows, first) = (store.functions(), function("f"));
    assert_eq!(rows.next_version(&scope(), &first.name).await.unwrap(), 1);
    let absent = rows
        .publish(next(&first), Some(first.revision_id), version(&first, 1))
        .await;
    assert!(matches!(absent, Err(Error::NotFound)));
    rows.insert(Arc::new(first.clone())).await.unwrap();
    let stale = rows
        .publish(next(&first), Some(Uuid::nil()), version(&first, 1))
        .await;
    assert!(matches!(stale, Err(Error::Stale)));
    let exists = rows.publish(next(&first), None, version(&first, 1)).await;
    assert!(matches!(exists, Err(Error::Exists)));
    assert_eq!(numbers(&store).await, [] as [String; 0]);
    assert_eq!(rows.next_version(&scope(), &first.name).await.unwrap(), 1);

    let second = next(&first);
    let expected = Some(first.revision_id);
    rows.publish(Arc::clone(&second), expected, version(&first, 2))
        .await
        .unwrap();
    rows.remove_version(&scope(), &first.name, 2).await.unwrap();
    let gone = rows.remove_version(&scope(), &first.name, 2).await;
    assert!(matches!(gone, Err(Error::NotFound)));
    for used in [1, 2] {
        let expected = Some(second.revision_id);
        let again = rows
            .publish(next(&first), expected, version(&first, used))
            .await;
        assert!(matches!(again, Err(Error::Exists)), "{used}");
    }
    let all = rows.all(&scope()).await.unwrap();
    assert_eq!(all, [Function::clone(&second)], "the function's row stayed");
    assert_eq!(rows.next_version(&scope(), &name("f")).await.unwrap(), 3);
}
