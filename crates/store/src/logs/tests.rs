//! Events in and out: order, filters, followers, caps, overflow, and what a kill leaves.

use super::*;
use lambkin_model::{RequestId, Timestamp, Version};
use std::fs;

const MIB: u64 = 1 << 20;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn open(&self, function_bytes: u64, total_bytes: u64) -> Logs {
        let folder = Arc::new(Folder::open(self.folder.path()).unwrap());
        Logs::open(
            &folder,
            Caps {
                function_bytes,
                total_bytes,
            },
        )
        .unwrap()
    }

    /// Bytes of all segment files below `logs/`.
    fn bytes(&self, below: &str) -> u64 {
        let entries = fs::read_dir(self.folder.path().join(FOLDER).join(below))
            .into_iter()
            .flatten();
        let sizes = entries.map(|entry| {
            let entry = entry.unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => self.bytes(entry.file_name().to_str().unwrap()),
                false => entry.metadata().unwrap().len(),
            }
        });
        sizes.sum()
    }
}

fn name(text: &str) -> FunctionName {
    FunctionName::new(text).unwrap()
}

fn event(timestamp: i64, message: impl Into<String>) -> LogEvent {
    LogEvent {
        timestamp: Timestamp(timestamp),
        request_id: None,
        stream: "s".into(),
        message: message.into(),
        start: None,
    }
}

fn since(timestamp: i64) -> LogFilter {
    LogFilter {
        since: Some(Timestamp(timestamp)),
        ..LogFilter::default()
    }
}

async fn messages(logs: &Logs, function: &str, limit: usize) -> Vec<String> {
    let events = logs
        .read(&name(function), LogFilter::default(), limit)
        .await
        .unwrap();
    events.into_iter().map(|event| event.message).collect()
}

#[tokio::test]
async fn a_read_sees_what_was_appended_before_it_in_order() {
    let place = Place::new();
    let logs = place.open(MIB, MIB);
    for n in 0..100 {
        logs.append(
            &name("f"),
            vec![event(n, format!("{n}a")), event(n, format!("{n}b"))],
        );
        let seen = messages(&logs, "f", 3).await;
        assert_eq!(seen[seen.len() - 2..], [format!("{n}a"), format!("{n}b")]);
    }
    assert_eq!(messages(&logs, "f", 1_000).await.len(), 200);
    assert_eq!(messages(&logs, "g", 1_000).await, [] as [&str; 0]);
}

#[tokio::test]
async fn the_limit_counts_lines_of_the_version_that_is_asked_for() {
    let place = Place::new();
    let logs = place.open(MIB, MIB);
    for (n, version) in ["1", "11", "$LATEST", "$LATEST"].iter().enumerate() {
        let stream = format!("2026/10/08/[{version}]0").into();
        let event = event(n as i64, *version);
        logs.append(&name("f"), vec![LogEvent { stream, ..event }]);
    }
    for version in [Version::Published(1), Version::Latest] {
        let wanted = LogFilter {
            version: Some(version),
            ..LogFilter::default()
        };
        let events = logs.read(&name("f"), wanted, 1).await.unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].message, version.to_string());
    }
}

#[tokio::test]
async fn events_are_found_by_time_request_and_limit_over_segments() {
    let place = Place::new();
    let logs = place.open(MIB, MIB);
    let wanted = RequestId::random();
    for n in 0..1_000 {
        let request_id = (n % 100 == 0).then_some(wanted);
        logs.append(
            &name("f"),
            vec![LogEvent {
                request_id,
                ..event(n, format!("{n:0>400}"))
            }],
        );
        if n % 50 == 0 {
            messages(&logs, "f", 1).await;
        }
    }
    assert!(
        fs::read_dir(place.folder.path().join("logs/f"))
            .unwrap()
            .count()
            > 2
    );
    let times = |events: Vec<LogEvent>| {
        events
            .iter()
            .map(|event| event.timestamp.0)
            .collect::<Vec<_>>()
    };
    let last = logs.read(&name("f"), since(990), 100).await.unwrap();
    assert_eq!(times(last), (990..1_000).collect::<Vec<_>>());
    let newest = logs.read(&name("f"), since(10), 600).await.unwrap();
    assert_eq!(times(newest), (400..1_000).collect::<Vec<_>>());
    let of_request = LogFilter {
        request_id: Some(wanted),
        ..since(150)
    };
    let of_request = logs.read(&name("f"), of_request, 100).await.unwrap();
    assert_eq!(
        times(of_request),
        (2..10).map(|n| n * 100).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn followers_are_told_of_their_function_alone() {
    let place = Place::new();
    let logs = place.open(MIB, MIB);
    let (mut one, mut other) = (logs.subscribe(&name("f")), logs.subscribe(&name("f")));
    logs.append(&name("g"), vec![event(0, "not for you")]);
    logs.append(&name("f"), vec![event(1, "a"), event(2, "b")]);
    for receiver in [&mut one, &mut other] {
        assert_eq!(receiver.recv().await.unwrap().message, "a");
        assert_eq!(receiver.recv().await.unwrap().message, "b");
        assert!(receiver.try_recv().is_err());
    }
    drop((one, other));
    logs.append(&name("f"), vec![event(3, "c")]);
    assert_eq!(messages(&logs, "f", 1).await, ["c"]);
    assert!(logs.shared.followers.of(&name("f")).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_reaches_a_follower_whole_and_one_that_stands_still_holds_nothing_up() {
    let place = Place::new();
    let logs = place.open(MIB, MIB);
    let mut reading = logs.subscribe(&name("f"));
    let burst = 4 * followers::BEHIND_MAX as i64;
    let events = |count| (0..count).map(|n| event(n, "line")).collect::<Vec<_>>();
    let reader = tokio::spawn(async move {
        for n in 0..burst {
            assert_eq!(reading.recv().await.unwrap().timestamp, Timestamp(n));
        }
    });
    logs.append(&name("f"), events(burst));
    reader.await.unwrap();
    let mut still = logs.subscribe(&name("g"));
    logs.append(&name("g"), events(burst));
    assert_eq!(messages(&logs, "g", 10).await.len(), 10);
    assert!(still.recv().await.is_err(), "the oldest are lost to it");
}

#[tokio::test]
async fn caps_hold_per_function_and_in_total_and_the_newest_stays() {
    let place = Place::new();
    let logs = place.open(MIB, 2 * MIB);
    let padding = "x".repeat(10_000);
    for n in 0..200 {
        for function in ["a", "b", "c"] {
            logs.append(&name(function), vec![event(n, format!("{n} {padding}"))]);
        }
        if n % 5 == 4 {
            for function in ["a", "b", "c"] {
                messages(&logs, function, 1).await;
            }
        }
    }
    for function in ["a", "b", "c"] {
        let newest = messages(&logs, function, 1).await;
        assert!(newest[0].starts_with("199 "), "{function}");
        assert!(place.bytes(function) <= MIB, "{function}");
        assert!(messages(&logs, function, 1_000).await.len() > 10);
    }
    assert!(place.bytes("") <= 2 * MIB);
    logs.close(Duration::from_secs(5));
    drop(logs);
    let smaller = place.open(MIB, MIB);
    assert!(place.bytes("") <= MIB, "a smaller cap holds at the start");
    assert!(messages(&smaller, "c", 1).await[0].starts_with("199 "));
}

#[tokio::test]
async fn many_small_logs_are_bounded_too() {
    let place = Place::new();
    let logs = place.open(MIB, MIB);
    for n in 0..600 {
        logs.append(&name(&format!("f{n}")), vec![event(n, "small")]);
        if n % 100 == 99 {
            messages(&logs, "f0", 1).await;
        }
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    logs.append(&name("last"), vec![event(600, "newest")]);
    assert_eq!(messages(&logs, "last", 1).await, ["newest"]);
    assert!(logs.functions().len() <= 256, "{}", logs.functions().len());
}

#[tokio::test]
async fn more_logs_than_open_files_keep_their_segments() {
    let place = Place::new();
    let logs = place.open(MIB, 8 * MIB);
    for round in 0..3 {
        for n in 0..300 {
            logs.append(&name(&format!("f{n}")), vec![event(round, "line")]);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for n in 0..300 {
        let folder = place.folder.path().join(format!("logs/f{n}"));
        assert_eq!(messages(&logs, &format!("f{n}"), 10).await.len(), 3);
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
    }
}

#[tokio::test]
async fn what_a_kill_tore_is_skipped_and_never_continued() {
    let place = Place::new();
    let logs = place.open(MIB, MIB);
    logs.append(&name("f"), vec![event(1, "whole")]);
    messages(&logs, "f", 1).await;
    logs.close(Duration::from_secs(5));
    drop(logs);
    let segment = place.folder.path().join("logs/f/0000000000000000.ndjson");
    let mut content = fs::read(&segment).unwrap();
    content.extend_from_within(..20);
    fs::write(&segment, content).unwrap();
    let again = place.open(MIB, MIB);
    again.append(&name("f"), vec![event(2, "after")]);
    assert_eq!(messages(&again, "f", 10).await, ["whole", "after"]);
}

#[tokio::test]
async fn events_beyond_the_queue_are_counted_in_the_log() {
    let place = Place::new();
    let logs = place.open(MIB, MIB);
    logs.append(&name("f"), vec![event(1, "kept")]);
    let too_large = event(2, "x".repeat(QUEUE_BYTES_MAX));
    logs.append(&name("f"), vec![too_large.clone(), event(3, "with it")]);
    logs.append(&name("f"), vec![too_large]);
    let seen = messages(&logs, "f", 10).await;
    assert_eq!(seen[0], "kept");
    assert!(
        seen[1].starts_with("[lambkin] 3 log events were dropped"),
        "{seen:?}"
    );
    assert_eq!(logs.shared.queued_bytes.load(Ordering::Relaxed), 0);
    logs.append(&name("f"), vec![event(4, "again")]);
    assert_eq!(messages(&logs, "f", 1).await, ["again"]);
}

#[test]
fn a_flood_leaves_room_for_the_lines_of_others() {
    const LINE: usize = 1_000;
    let shared = Shared::new();
    while shared.queue(&name("flood"), LINE) {}
    shared.unqueue(&name("flood"), LINE);
    // By chance two names share an account; not all of these do.
    let others: Vec<_> = (0..9).map(|number| name(&format!("f{number}"))).collect();
    assert!(others.iter().any(|other| shared.queue(other, LINE)));
}
