//! Every way to fail: the payload, the log, and that the next invoke works.

use crate::place::Place;
use std::time::{Duration, Instant};

pub(crate) async fn exits_are_reported_and_the_next_invoke_works(place: &Place) {
    let function = place.deploy("exits", None).await;
    for (source, message) in [
        (
            "os._exit(3)",
            "{id}Runtime exited with error: exit status 3",
        ),
        (
            "os._exit(0)",
            "{id}Runtime exited without providing a reason",
        ),
        (
            "os.kill(os.getpid(), 9)",
            "{id}Runtime exited with error: signal: killed",
        ),
    ] {
        let ended = function.run(source).await;
        ended.assert_failed("Runtime.ExitError", message);
        assert!(
            ended
                .tail
                .contains("\tStatus: error\tError Type: Runtime.ExitError\n")
        );
        assert_eq!(function.run("out = runs").await.json, 1, "a new program");
    }
}

pub(crate) async fn a_failing_init_runs_again_inside_the_invoke(place: &Place) {
    let init = "print('init', flush=True)\nos._exit(3)\n";
    let function = place.deploy("init-exit", Some(init)).await;
    let ended = function.run("out = 1").await;
    ended.assert_failed(
        "Runtime.ExitError",
        "{id}Runtime exited with error: exit status 3",
    );
    let log = log(place, &function.name).await;
    let phases: Vec<_> = log
        .iter()
        .filter(|line| line.starts_with("INIT_REPORT"))
        .collect();
    assert_eq!(phases.len(), 2, "{log:?}");
    let tail = "\tStatus: error\tError Type: Runtime.ExitError";
    assert!(
        phases[0].ends_with(&format!("\tPhase: init{tail}")),
        "{log:?}"
    );
    assert!(
        phases[1].ends_with(&format!("\tPhase: invoke{tail}")),
        "{log:?}"
    );
    assert_eq!(log.iter().filter(|line| *line == "init").count(), 2);

    let init = "if not os.path.exists('/tmp/mark'):\n open('/tmp/mark', 'w')\n os._exit(1)\n";
    let function = place.deploy("init-exit-once", Some(init)).await;
    let ended = function.run("out = 1").await;
    assert_eq!((ended.failed, &ended.json), (false, &1.into()), "{ended:?}");
    assert!(
        !ended.tail.contains("Init Duration"),
        "a failed INIT is not reported: {ended:?}"
    );
}

pub(crate) async fn a_reported_init_error_is_the_callers_payload(place: &Place) {
    let init = concat!(
        "call('POST', '/runtime/init/error', '{\"errorType\":\"Runtime.ImportModuleError\",\"errorMessage\":\"m\"}',\n",
        "  {'Lambda-Runtime-Function-Error-Type': 'Runtime.ImportModuleError'})\nos._exit(1)\n",
    );
    let function = place.deploy("init-error", Some(init)).await;
    for _ in 0..2 {
        let ended = function.run("out = 1").await;
        ended.assert_failed("Runtime.ImportModuleError", "m");
        assert!(
            ended
                .tail
                .contains("\tStatus: error\tError Type: Runtime.ImportModuleError\n")
        );
    }
}

pub(crate) async fn a_timeout_comes_in_time_and_tmp_outlives_it(place: &Place) {
    let function = place
        .deploy_with("timeout", None, |settings| settings.timeout_s = 1)
        .await;
    function.run("open('/tmp/mark', 'w')").await;
    let start = Instant::now();
    let ended = function
        .run("print('before', flush=True); time.sleep(30)")
        .await;
    let took = start.elapsed();
    assert!((1.0..1.5).contains(&took.as_secs_f64()), "{took:?}");
    ended.assert_failed("Sandbox.Timedout", "{id}Task timed out after 1.00 seconds");
    assert!(ended.tail.contains("before\n"), "{ended:?}");
    assert!(
        ended
            .tail
            .contains("\tDuration: 1000.00 ms\tBilled Duration: 1000 ms\t"),
        "{ended:?}"
    );
    assert!(ended.tail.ends_with("\tStatus: timeout\n"), "{ended:?}");
    let ended = function
        .run("out = [os.path.exists('/tmp/mark'), runs]")
        .await;
    assert_eq!(ended.json, serde_json::json!([true, 1]), "{ended:?}");
}

pub(crate) async fn memory_that_is_used_up_is_named(place: &Place) {
    let function = place
        .deploy_with("memory", None, |settings| settings.memory_mb = 128)
        .await;
    let ended = function.run("len(bytearray(400 * 2**20))").await;
    ended.assert_failed(
        "Runtime.OutOfMemory",
        "{id}Runtime exited with error: signal: killed",
    );
    assert!(
        ended.tail.contains("Error Type: Runtime.OutOfMemory\n"),
        "{ended:?}"
    );
    assert_eq!(function.run("out = 1").await.json, 1);
}

pub(crate) async fn a_missing_bootstrap_is_named(place: &Place) {
    let function = place
        .deploy_files("no-bootstrap", &[("readme.txt", "")], |_| ())
        .await;
    let ended = function.run("").await;
    ended.assert_failed(
        "Runtime.InvalidEntrypoint",
        "{id}fork/exec /var/task/bootstrap: no such file or directory",
    );
}

pub(crate) async fn a_response_over_six_megabytes_is_refused(place: &Place) {
    let function = place.deploy("too-large", None).await;
    let source = "answer = call('POST', here + '/response', 'x' * 7_000_000); answered = True\nstatus = answer[0]";
    function.run(source).await.assert_failed(
        "Function.ResponseSizeTooLarge",
        "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
    );
    let ended = function
        .run("out = [answer[0], json.loads(answer[1])['errorType'], runs]")
        .await;
    assert_eq!(
        ended.json,
        serde_json::json!([413, "RequestEntityTooLarge", 2])
    );
}

pub(crate) async fn a_flood_of_log_is_bounded(place: &Place) {
    let function = place
        .deploy_with("flood", None, |settings| settings.timeout_s = 60)
        .await;
    let ended = function
        .run("line = ('x' * 1023 + '\\n') * 1024\nfor _ in range(100): sys.stdout.write(line)\nsys.stdout.flush()")
        .await;
    assert!(!ended.failed, "{ended:?}");
    assert!(
        ended.tail.contains("bytes of log were dropped"),
        "{ended:?}"
    );
    assert_eq!(
        function
            .run("print('quiet', flush=True); out = 1")
            .await
            .json,
        1
    );
}

async fn log(place: &Place, name: &lambkin_model::FunctionName) -> Vec<String> {
    tokio::time::sleep(Duration::from_millis(50)).await;
    let events = place
        .engine
        .store()
        .logs()
        .read(name, lambkin_store::LogFilter::default(), 1_000)
        .await
        .expect("a log");
    events.into_iter().map(|event| event.message).collect()
}
