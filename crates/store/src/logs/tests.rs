//! Events are found again, live and later; caps hold; a torn line costs itself alone.

use super::*;

fn function(name: &str) -> FunctionName {
    FunctionName::new(name).unwrap()
}

fn event(at: i64, message: &str) -> LogEvent {
    LogEvent {
        timestamp: Timestamp(at),
        request_id: Some(RequestId::random()),
        stream: "s".into(),
        message: message.to_owned(),
    }
}

fn open(folder: &tempfile::TempDir, function_max: u64, total_max: u64) -> Logs {
    Logs::open(folder.path(), function_max, total_max).unwrap()
}

async fn messages(logs: &Logs, name: &str, since: Option<i64>, limit: usize) -> Vec<String> {
    let events = logs
        .read(&function(name), since.map(Timestamp), None, limit)
        .await
        .unwrap();
    events.into_iter().map(|event| event.message).collect()
}

#[tokio::test]
async fn events_are_read_back_filtered_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let logs = open(&folder, 1 << 20, 1 << 20);
    let second = event(2, "zwei\nLinien \u{1}");
    logs.append(&function("f"), vec![event(1, "eins"), second.clone()]);
    logs.append(&function("f"), vec![event(3, "drei")]);
    assert_eq!(
        messages(&logs, "f", None, 10).await,
        ["eins", "zwei\nLinien \u{1}", "drei"]
    );
    assert_eq!(messages(&logs, "f", Some(3), 10).await, ["drei"]);
    assert_eq!(
        messages(&logs, "f", None, 2).await,
        ["zwei\nLinien \u{1}", "drei"]
    );
    let found = logs
        .read(&function("f"), None, second.request_id, 10)
        .await
        .unwrap();
    assert_eq!(found, [second]);
    logs.close(Duration::from_secs(5));
    let logs = open(&folder, 1 << 20, 1 << 20);
    assert_eq!(messages(&logs, "f", None, 1).await, ["drei"]);
    assert_eq!(logs.functions(), [function("f")]);
}

#[tokio::test]
async fn subscribers_get_what_comes_after() {
    let folder = tempfile::tempdir().unwrap();
    let logs = open(&folder, 1 << 20, 1 << 20);
    logs.append(&function("f"), vec![event(1, "before")]);
    messages(&logs, "f", None, 1).await;
    let mut live = logs.subscribe(&function("f"));
    logs.append(&function("g"), vec![event(2, "other")]);
    logs.append(&function("f"), vec![event(3, "after")]);
    assert_eq!(live.recv().await.unwrap().message, "after");
}

#[tokio::test]
async fn the_oldest_go_beyond_the_caps() {
    let folder = tempfile::tempdir().unwrap();
    let logs = open(&folder, 8_000, 12_000);
    for at in 0..100 {
        logs.append(&function("f"), vec![event(at, &"x".repeat(200))]);
        messages(&logs, "f", None, 1).await;
    }
    let kept = messages(&logs, "f", None, 1_000).await.len();
    assert!((10..40).contains(&kept), "{kept}");
    let newest = logs.read(&function("f"), None, None, 1).await.unwrap();
    assert_eq!(newest[0].timestamp, Timestamp(99));
    for at in 100..150 {
        logs.append(&function("g"), vec![event(at, &"x".repeat(200))]);
        messages(&logs, "g", None, 1).await;
    }
    let total: u64 = walk(folder.path())
        .iter()
        .map(|file| file.metadata().unwrap().len())
        .sum();
    assert!(total <= 12_000, "{total}");
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let logs = std::fs::read_dir(folder.join(FOLDER)).unwrap();
    logs.flat_map(|entry| std::fs::read_dir(entry.unwrap().path()).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect()
}

#[tokio::test]
async fn a_torn_line_costs_itself_alone() {
    let folder = tempfile::tempdir().unwrap();
    let logs = open(&folder, 1 << 20, 1 << 20);
    logs.append(&function("f"), vec![event(1, "whole")]);
    messages(&logs, "f", None, 1).await;
    logs.close(Duration::from_secs(5));
    let file = walk(folder.path()).remove(0);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.extend(b"{\"t\":2,\"s\":\"s\",\"m\":\"to");
    std::fs::write(&file, bytes).unwrap();
    let logs = open(&folder, 1 << 20, 1 << 20);
    assert_eq!(messages(&logs, "f", None, 10).await, ["whole"]);
    logs.append(&function("f"), vec![event(3, "next")]);
    logs.append(&function("f"), vec![event(4, "last")]);
    assert!(
        messages(&logs, "f", None, 10)
            .await
            .contains(&"last".to_owned())
    );
}

#[tokio::test]
async fn what_finds_no_place_is_counted_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let logs = open(&folder, 1 << 30, 1 << 30);
    let large = "x".repeat(1 << 20);
    let flood: Vec<LogEvent> = (0..80).map(|at| event(at, &large)).collect();
    logs.append(&function("f"), flood);
    let found = messages(&logs, "f", None, 10).await;
    assert!(
        found[0].starts_with("80 log events were dropped"),
        "{found:?}"
    );
    logs.append(&function("f"), vec![event(1, &large)]);
    let found = messages(&logs, "f", None, 1).await;
    assert!(found[0].len() == 256 * 1024 && found[0].ends_with(" [cut]"));
}
