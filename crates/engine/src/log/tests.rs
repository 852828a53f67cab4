//! Whole logs of an environment, held against recorded ones.

use super::*;
use std::collections::BTreeMap;

const ID: &str = "8f507cfc-a9b6-4b1e-8b0c-3a9ad1d0a111";
const NOW: Timestamp = Timestamp(1_780_000_000_123);

fn id() -> RequestId {
    RequestId::parse(ID).unwrap()
}

fn recorder(format: LogFormat, level: SystemLogLevel) -> Recorder {
    recorder_of(Beginning::Start, format, level)
}

fn recorder_of(beginning: Beginning, format: LogFormat, level: SystemLogLevel) -> Recorder {
    let mut function = crate::testing::function("f", BTreeMap::new());
    function.settings.logging.format = format;
    function.settings.logging.system_level = level;
    let origin = Origin {
        function: function.name.clone(),
        arn: function.arn(),
        version: "$LATEST".into(),
        memory_bytes: 128 << 20,
        runtime_version: "python:3.11.2".into(),
        runtime_version_arn: "arn:aws:lambda:us-east-1::runtime:00".into(),
        stream: "2026/05/28/[$LATEST]0".into(),
    };
    Recorder::new(&function, origin, beginning)
}

fn report(failure: Option<&Failure>) -> Report<'_> {
    Report {
        id: id(),
        duration: Duration::from_micros(3_009),
        billed_ms: 114,
        memory_mb: 128,
        memory_peak_mb: 36,
        init: Some(Duration::from_micros(110_104)),
        start: lambkin_model::Start::Pooled,
        failure,
    }
}

fn messages(recorder: &mut Recorder) -> Vec<String> {
    recorder
        .take_events()
        .into_iter()
        .map(|event| event.message)
        .collect()
}

#[test]
fn a_cold_start_in_text_is_as_recorded() {
    let mut log = recorder(LogFormat::Text, SystemLogLevel::Info);
    log.init_start(NOW);
    log.output(NOW, b"from init\n");
    log.init_report(NOW, Phase::Init, Duration::from_millis(110), None);
    log.start(NOW, id(), true);
    log.output(NOW, b"one\ntw");
    log.output(NOW, b"o");
    let tail = String::from_utf8(log.report(NOW, &report(None)).unwrap()).unwrap();
    assert_eq!(
        tail,
        format!(
            "START RequestId: {ID} Version: $LATEST\none\ntwo\nEND RequestId: {ID}\n\
             REPORT RequestId: {ID}\tDuration: 3.01 ms\tBilled Duration: 114 ms\tMemory Size: 128 MB\t\
             Max Memory Used: 36 MB\tInit Duration: 110.10 ms\t\n"
        )
    );
    let events = log.take_events();
    assert_eq!(
        events[0].message,
        "INIT_START Runtime Version: python:3.11.2\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:00"
    );
    let attributed: Vec<_> = events
        .iter()
        .map(|event| event.request_id.is_some())
        .collect();
    assert_eq!(attributed, [false, false, true, true, true, true, true]);
}

/// A whole start without an invoke before it, in either outcome.
fn start_of(beginning: Beginning, format: LogFormat) -> Vec<String> {
    let mut log = recorder_of(beginning, format, SystemLogLevel::Debug);
    log.init_start(NOW);
    log.init_report(NOW, Phase::Init, Duration::from_micros(110_104), None);
    let exit = Failure::Exited(Some(lambkin_sandbox::Exit::Code(1)));
    log.init_report(
        NOW,
        Phase::Init,
        Duration::from_micros(1_236_040),
        Some(&exit),
    );
    log.report(NOW, &report(None));
    messages(&mut log)
}

#[test]
fn a_clones_restoration_in_text_is_as_aws_tells_it() {
    let version =
        "Runtime Version: python:3.11.2\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:00";
    let lines = start_of(Beginning::Clone, LogFormat::Text);
    assert_eq!(lines[0], format!("RESTORE_START {version}"));
    assert_eq!(lines[1], "RESTORE_REPORT Restore Duration: 110.10 ms");
    assert_eq!(
        lines[2],
        "RESTORE_REPORT Restore Duration: 1236.04 ms\tStatus: error\tError Type: Runtime.ExitError"
    );
    assert!(lines[4].ends_with(
        "Max Memory Used: 36 MB\tRestore Duration: 110.10 ms\tBilled Restore Duration: 111 ms\t"
    ));

    let lines = start_of(Beginning::Load, LogFormat::Text);
    assert_eq!(lines[0], format!("INIT_START {version}"));
    assert_eq!(lines[1], "INIT_REPORT Init Duration: 110.10 ms");
    assert!(
        lines[2].ends_with("1236.04 ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError")
    );
}

#[test]
fn a_clones_restoration_in_json_follows_the_schema() {
    let lines = start_of(Beginning::Clone, LogFormat::Json);
    let record = |line: usize| {
        let (_, rest) = lines[line].split_once(r#""type":"platform."#).unwrap();
        rest.trim_end_matches('}').to_owned()
    };
    assert_eq!(
        record(0),
        r#"restoreStart","record":{"runtimeVersion":"python:3.11.2","runtimeVersionArn":"arn:aws:lambda:us-east-1::runtime:00","functionName":"f","functionVersion":"$LATEST","instanceId":"2026/05/28/[$LATEST]0","instanceMaxMemory":134217728"#
    );
    assert_eq!(
        record(1),
        r#"restoreRuntimeDone","record":{"status":"success""#
    );
    assert_eq!(
        record(2),
        r#"restoreReport","record":{"metrics":{"durationMs":110.104},"status":"success""#
    );
    assert!(lines[4].contains(r#""status":"error","errorType":"Runtime.ExitError""#));
    assert!(lines[6].contains(r#""maxMemoryUsedMB":36,"restoreDurationMs":110.104}"#));
    let lines = start_of(Beginning::Load, LogFormat::Json);
    assert!(lines[0].contains(
        r#"platform.initStart","record":{"initializationType":"snap-start","phase":"init""#
    ));
}

#[test]
fn failures_in_text_name_their_status() {
    let mut log = recorder(LogFormat::Text, SystemLogLevel::Info);
    let broken = Failure::Reported {
        error_type: "Runtime.ImportModuleError".into(),
        payload: "{}".into(),
    };
    log.init_report(
        NOW,
        Phase::Invoke,
        Duration::from_micros(137_691),
        Some(&broken),
    );
    log.start(NOW, id(), false);
    assert!(log.report(NOW, &report(Some(&broken))).is_none());
    let lines = messages(&mut log);
    assert_eq!(
        lines[0],
        "INIT_REPORT Init Duration: 137.69 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ImportModuleError"
    );
    assert!(lines[3].ends_with("ms\tStatus: error\tError Type: Runtime.ImportModuleError"));

    log.start(NOW, id(), false);
    let timeout = Failure::TimedOut(Duration::from_secs(3));
    log.report(NOW, &report(Some(&timeout)));
    let lines = messages(&mut log);
    assert_eq!(
        lines[1],
        format!("2026-05-28T20:26:40.123Z {ID} Task timed out after 3.00 seconds\n")
    );
    assert!(lines[3].ends_with("\tStatus: timeout"));

    log.start(NOW, id(), false);
    let exit = Failure::Exited(Some(lambkin_sandbox::Exit::Code(1)));
    log.report(NOW, &report(Some(&exit)));
    assert_eq!(
        messages(&mut log)[1],
        format!(
            "RequestId: {ID} Error: Runtime exited with error: exit status 1\nRuntime.ExitError"
        )
    );
}

#[test]
fn json_lines_are_as_recorded_and_filtered_by_level() {
    let mut log = recorder(LogFormat::Json, SystemLogLevel::Info);
    log.start(NOW, id(), false);
    log.report(NOW, &report(None));
    assert_eq!(
        messages(&mut log),
        [
            format!(
                r#"{{"time":"2026-05-28T20:26:40.123Z","type":"platform.start","record":{{"requestId":"{ID}","functionArn":"arn:aws:lambda:us-east-1:000000000000:function:f","version":"$LATEST"}}}}"#
            ),
            format!(
                r#"{{"time":"2026-05-28T20:26:40.123Z","type":"platform.report","record":{{"requestId":"{ID}","metrics":{{"durationMs":3.009,"billedDurationMs":114,"memorySizeMB":128,"maxMemoryUsedMB":36,"initDurationMs":110.104}},"status":"success"}}}}"#
            ),
        ]
    );
    let mut quiet = recorder(LogFormat::Json, SystemLogLevel::Warn);
    quiet.start(NOW, id(), false);
    quiet.report(NOW, &report(None));
    assert!(messages(&mut quiet).is_empty());
    quiet.start(NOW, id(), false);
    quiet.report(NOW, &report(Some(&Failure::OutOfMemory)));
    let kinds = messages(&mut quiet);
    assert!(kinds[0].contains("platform.runtimeDone") && kinds[1].contains("platform.report"));
    assert!(kinds[1].contains(r#""status":"error","errorType":"Runtime.OutOfMemory""#));
}

#[test]
fn a_flood_is_bounded_and_said() {
    let mut log = recorder(LogFormat::Text, SystemLogLevel::Info);
    log.start(NOW, id(), true);
    log.take_events();
    let block = vec![b'x'; 1 << 20];
    let mut kept = 0;
    for _ in 0..100 {
        log.output(NOW, &block);
        kept += messages(&mut log).iter().map(String::len).sum::<usize>();
    }
    assert!(kept as i64 <= BURST_BYTES);
    let tail = String::from_utf8(log.report(NOW, &report(None)).unwrap()).unwrap();
    assert!(
        tail.contains("lambkin: 88088064 bytes of log were dropped"),
        "{tail}"
    );
}

#[test]
fn a_flood_of_empty_lines_is_bounded_too() {
    let mut log = recorder(LogFormat::Text, SystemLogLevel::Info);
    log.start(NOW, id(), false);
    log.take_events();
    let block = vec![b'\n'; 16 << 10];
    let mut kept = 0;
    for _ in 0..1_000 {
        log.output(NOW, &block);
        kept += messages(&mut log).len();
    }
    assert!(kept as i64 <= BURST_BYTES / LINE_BYTES + block.len() as i64);
}

#[test]
fn what_was_used_up_comes_back_with_time_and_not_with_the_next_invoke() {
    let mut log = recorder(LogFormat::Text, SystemLogLevel::Info);
    let block = vec![b'\n'; 16 << 10];
    let mut lines = |at: i64| {
        log.start(Timestamp(at), id(), false);
        log.take_events();
        (0..1_000).for_each(|_| log.output(Timestamp(at), &block));
        messages(&mut log).len() as i64
    };
    let mut kept = lines(NOW.0);
    assert!(kept >= BURST_BYTES / (LINE_BYTES + 1));
    assert_eq!(lines(NOW.0), 0);
    kept += (1..=10).map(|s| lines(NOW.0 + s * 1_000)).sum::<i64>();
    let room = (BURST_BYTES + BYTES_PER_MS * 10_000) / (LINE_BYTES + 1);
    assert!(
        kept >= room - 1 && kept <= room + 16_384,
        "{kept} of {room}"
    );
    assert_eq!(lines(NOW.0 - 1_000), 0);
}
