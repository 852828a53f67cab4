//! Which environment serves an invoke, and what is metered.

use crate::place::{CONCURRENCY, Place};
use lambkin_engine::functions::Update;
use lambkin_engine::invoke::{Error, ThrottleReason};
use lambkin_model::{FunctionName, Timestamp, UsageTotals};
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;
use tokio::time::Instant;

const WHO: &str = "out = [os.environ['AWS_LAMBDA_LOG_STREAM_NAME'], runs]";

pub(crate) async fn a_warm_environment_is_used_again_and_only_the_first_invoke_pays_init(
    place: &Place,
) {
    let function = place.deploy("warm", Some("time.sleep(0.2)")).await;
    let mut seen = HashSet::new();
    for number in 1..=20 {
        let ended = function.run(WHO).await;
        seen.insert(ended.json[0].to_string());
        assert_eq!(ended.json[1], number, "{ended:?}");
        let init_ms = init_ms(&ended.tail);
        assert_eq!(init_ms.is_some(), number == 1, "{ended:?}");
        assert!(init_ms.is_none_or(|init| init >= 200.0), "{ended:?}");
    }
    assert_eq!(seen.len(), 1);
}

/// Of a log's tail, if an INIT was part of the invoke.
fn init_ms(tail: &str) -> Option<f64> {
    let (_, rest) = tail.split_once("Init Duration: ")?;
    rest.split(' ').next()?.parse().ok()
}

pub(crate) async fn a_burst_gets_environments_of_its_own_and_the_limit_throttles(place: &Place) {
    let function = place.deploy("burst", None).await;
    let all = (0..CONCURRENCY + 2).map(|_| {
        function.try_run("time.sleep(1.5)\nout = os.environ['AWS_LAMBDA_LOG_STREAM_NAME']")
    });
    let answers = futures_util::future::join_all(all).await;
    let mut streams = HashSet::new();
    let mut throttled = 0;
    for answer in answers {
        match answer {
            Ok(ended) => assert!(streams.insert(ended.json.to_string()), "{ended:?}"),
            Err(Error::Throttled(ThrottleReason::ConcurrentInvocationLimitExceeded)) => {
                throttled += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((streams.len(), throttled), (CONCURRENCY as usize, 2));
    assert!(
        streams.contains(
            &function
                .run("out = os.environ['AWS_LAMBDA_LOG_STREAM_NAME']")
                .await
                .json
                .to_string()
        )
    );
}

pub(crate) async fn an_invoke_whose_caller_left_is_run_and_metered(place: &Place) {
    let function = place.deploy("left", None).await;
    function.run("out = 1").await;
    let left = function.run("time.sleep(0.5)\nopen('/tmp/done', 'w')");
    assert!(
        tokio::time::timeout(Duration::from_millis(100), left)
            .await
            .is_err()
    );
    tokio::time::sleep(Duration::from_millis(900)).await;
    let ended = function.run("out = os.path.exists('/tmp/done')").await;
    assert_eq!(ended.json, true);
    let usage = usage(place, &function.name).await;
    assert_eq!(
        (
            usage.requests,
            usage.starts.cold,
            usage.starts.warm,
            usage.errors
        ),
        (3, 1, 2, 0)
    );
    assert!(usage.billed_ms >= 500, "{}", usage.billed_ms);
}

pub(crate) async fn a_changed_function_gets_new_environments(place: &Place) {
    let function = place.deploy("changed", None).await;
    let source = "out = [os.environ.get('MINE'), runs]";
    assert_eq!(
        function.run(source).await.json,
        serde_json::json!([null, 1])
    );
    let environment = BTreeMap::from([("MINE".to_owned(), "1".to_owned())]);
    let update = Update {
        environment: Some(environment),
        ..Update::default()
    };
    let functions = place.engine.functions();
    functions
        .update_configuration(&function.name, update)
        .await
        .expect("an update");
    place.settled(&function.name).await;
    assert_eq!(function.run(source).await.json, serde_json::json!(["1", 1]));
    functions.delete(&function.name).await.expect("a deletion");
    assert!(matches!(
        function.try_run(source).await,
        Err(Error::NotFound)
    ));
}

pub(crate) async fn an_environment_that_exits_between_invokes_is_started_again(place: &Place) {
    let function = place.deploy("one-shot", None).await;
    for _ in 0..5 {
        let ended = function
            .run("answered = True\ncall('POST', here + '/response', json.dumps(runs))\nos._exit(0)")
            .await;
        assert_eq!((ended.failed, &ended.json), (false, &1.into()), "{ended:?}");
    }
}

pub(crate) async fn what_still_runs_at_the_end_is_killed_and_metered(place: &Place) {
    let function = place.deploy("endless", None).await;
    function.run("out = 1").await;
    let endless = function.run("print('on', flush=True)\ntime.sleep(60)");
    let deadline = Instant::now() + Duration::from_millis(300);
    let (ended, ()) = tokio::join!(endless, place.engine.shutdown(deadline));
    ended.assert_failed(
        "Runtime.ExitError",
        "{id}Runtime exited with error: signal: killed",
    );
    assert!(ended.tail.contains("\non\n"), "{ended:?}");
    let usage = usage(place, &function.name).await;
    assert_eq!((usage.requests, usage.errors), (2, 1));
    assert!(usage.billed_ms >= 250, "{}", usage.billed_ms);
    assert!(matches!(
        function.try_run("out = 1").await,
        Err(Error::Internal(_))
    ));
}

async fn usage(place: &Place, name: &FunctionName) -> UsageTotals {
    let (from, to) = (Timestamp(0), Timestamp(i64::MAX));
    let usage = place.engine.store().usage();
    let usage = usage.totals(place.engine.scope(), from, to).await;
    let mut usage = usage.expect("usage").into_iter();
    let usage = usage.find(|usage| usage.function == *name);
    usage.expect("the function's usage").totals
}
