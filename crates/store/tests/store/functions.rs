//! Rows of functions: compare and swap, scopes, restarts, and what is on disk.

use super::{Place, SECRET, function, name, scope};
use lambkin_model::egress::{Action, Rules};
use lambkin_model::{AccountId, Environment, Function, Scope, Settings};
use lambkin_store::Error;
use std::sync::Arc;
use uuid::Uuid;

#[tokio::test]
async fn a_row_comes_back_after_a_restart_with_its_variables() {
    let place = Place::new();
    let with = function("with");
    let settings = Settings {
        environment: None,
        ..function("without").settings
    };
    let without = Function {
        settings,
        ..function("without")
    };
    let settings = Settings {
        environment: Some(Environment::default()),
        ..function("empty").settings
    };
    let empty = Function {
        settings,
        ..function("empty")
    };
    {
        let store = place.open();
        for one in [&without, &with, &empty] {
            store
                .functions()
                .insert(Arc::new(one.clone()))
                .await
                .unwrap();
        }
    }
    let store = place.open();
    assert_eq!(
        store.functions().all(&scope()).await.unwrap(),
        [empty, with, without],
        "by name"
    );
    let elsewhere = Scope {
        account: AccountId::new("111111111111").unwrap(),
        ..scope()
    };
    assert_eq!(store.functions().all(&elsewhere).await.unwrap(), []);
}

#[tokio::test]
async fn a_change_needs_the_revision_it_was_made_from() {
    let place = Place::new();
    let store = place.open();
    let first = function("f");
    let next = Function {
        revision_id: Uuid::new_v4(),
        ..first.clone()
    };
    let functions = store.functions();
    let absent = functions
        .replace(Arc::new(next.clone()), first.revision_id)
        .await;
    assert!(matches!(absent, Err(Error::NotFound)));
    functions.insert(Arc::new(first.clone())).await.unwrap();
    assert!(matches!(
        functions.insert(Arc::new(first.clone())).await,
        Err(Error::Exists)
    ));
    functions
        .replace(Arc::new(next.clone()), first.revision_id)
        .await
        .unwrap();
    let stale = functions
        .replace(Arc::new(first.clone()), first.revision_id)
        .await;
    assert!(matches!(stale, Err(Error::Stale)));
    assert_eq!(functions.all(&scope()).await.unwrap(), [next]);
    functions.remove(&scope(), &name("f")).await.unwrap();
    assert!(matches!(
        functions.remove(&scope(), &name("f")).await,
        Err(Error::NotFound)
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_changes_from_one_revision_one_wins() {
    let place = Place::new();
    let store = place.open();
    let first = function("f");
    store
        .functions()
        .insert(Arc::new(first.clone()))
        .await
        .unwrap();
    let changes: Vec<_> = (0..32)
        .map(|_| {
            let (store, expected) = (store.clone(), first.revision_id);
            let next = Arc::new(Function {
                revision_id: Uuid::new_v4(),
                ..first.clone()
            });
            tokio::spawn(async move {
                (
                    store.functions().replace(Arc::clone(&next), expected).await,
                    next,
                )
            })
        })
        .collect();
    let mut winners = Vec::new();
    for change in changes {
        match change.await.unwrap() {
            (Ok(()), next) => winners.push(Function::clone(&next)),
            (Err(error), _) => assert!(matches!(error, Error::Stale), "{error}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(store.functions().all(&scope()).await.unwrap(), winners);
}

#[tokio::test]
async fn variables_are_on_disk_in_no_file_while_open_and_after() {
    let place = Place::new();
    let store = place.open();
    let first = function("seen-name");
    store
        .functions()
        .insert(Arc::new(first.clone()))
        .await
        .unwrap();
    let next = Function {
        revision_id: Uuid::new_v4(),
        ..first.clone()
    };
    store
        .functions()
        .replace(Arc::new(next), first.revision_id)
        .await
        .unwrap();
    assert!(
        !place.files_with("seen-name").is_empty(),
        "the search finds what is there"
    );
    assert_eq!(place.files_with(SECRET), [] as [std::path::PathBuf; 0]);
    store.close();
    assert_eq!(place.files_with(SECRET), [] as [std::path::PathBuf; 0]);
}

#[tokio::test]
async fn rules_outlive_changes_and_restarts_and_go_with_the_function() {
    let place = Place::new();
    let (first, target) = (function("f"), "10.0.0.0/8:443".parse().unwrap());
    let rules = Rules::default().with(Action::Deny, &[target]).unwrap();
    {
        let store = place.open();
        let functions = store.functions();
        let absent = functions.set_egress(&scope(), &first.name, &rules).await;
        assert!(matches!(absent, Err(Error::NotFound)));
        functions.insert(Arc::new(first.clone())).await.unwrap();
        functions
            .set_egress(&scope(), &first.name, &rules)
            .await
            .unwrap();
        let next = Function {
            revision_id: Uuid::new_v4(),
            ..first.clone()
        };
        functions
            .replace(Arc::new(next), first.revision_id)
            .await
            .unwrap();
    }
    let store = place.open();
    let functions = store.functions();
    let kept = functions.egress(&scope()).await.unwrap();
    assert_eq!(kept, [(first.name.clone(), rules)]);
    functions.remove(&scope(), &first.name).await.unwrap();
    functions.insert(Arc::new(first.clone())).await.unwrap();
    assert_eq!(functions.egress(&scope()).await.unwrap(), []);
}
