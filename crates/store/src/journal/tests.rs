//! Records through the journal into the tables, over kills, torn ends and a database that fails.

use super::segment::Segment;
use super::*;
use crate::tables::{schema, usage};
use crate::{Config, MasterKey, Store};
use lambkin_model::{
    AccountId, Architecture, FunctionName, NetworkUsage, Outcome, Region, RequestId, Scope, Start,
    Timestamp, Version,
};
use rusqlite::Connection;
use std::fs;

pub(crate) fn scope() -> Scope {
    Scope {
        account: AccountId::new("000000000000").unwrap(),
        region: Region::new("us-east-1").unwrap(),
    }
}

pub(crate) fn record_at(function: &str, start_ms: i64) -> UsageRecord {
    UsageRecord {
        scope: scope(),
        function: FunctionName::new(function).unwrap(),
        version: Version::Latest,
        request_id: RequestId::random(),
        start: Timestamp(start_ms),
        duration_us: 1_500,
        billed_ms: 2,
        init_us: Some(9_000),
        memory_mb: 128,
        ephemeral_mb: 1_024,
        architecture: Architecture::X86_64,
        memory_peak_bytes: 1,
        cpu_us: 1,
        outcome: Outcome::Error,
        start_kind: Start::Cold,
        network: NetworkUsage {
            connections: 1,
            sent_bytes: 20,
            received_bytes: 300,
        },
    }
}

fn open(root: &Path) -> Store {
    let data_dir = root.join("data");
    let key = MasterKey::load_or_create(&root.join("key"), &data_dir).unwrap();
    let mebibyte = 1 << 20;
    Store::open(
        Config {
            data_dir,
            log_bytes_per_function_max: mebibyte,
            log_bytes_max: mebibyte,
        },
        key,
    )
    .unwrap()
}

async fn requests(store: &Store) -> u64 {
    let all = store
        .usage()
        .totals(&scope(), Timestamp(i64::MIN), Timestamp(i64::MAX))
        .await
        .unwrap();
    all.iter().map(|one| one.totals.requests).sum()
}

#[tokio::test]
async fn totals_have_everything_that_was_appended_before() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    for count in 1..=50 {
        store.journal().append(&record_at("f", count)).unwrap();
        assert_eq!(requests(&store).await, count as u64);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_append_side_by_side_over_several_segments() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let name = "n".repeat(64);
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (journal, record) = (store.journal().clone(), record_at(&name, 0));
            std::thread::spawn(move || {
                for n in 0..12_500 {
                    let request_id = RequestId::random();
                    journal
                        .append(&UsageRecord {
                            request_id,
                            start: Timestamp(n),
                            ..record.clone()
                        })
                        .unwrap();
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    assert_eq!(requests(&store).await, 100_000);
    let bytes: u64 = fs::read_dir(root.path().join("data/journal"))
        .unwrap()
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    assert!(bytes < 16 << 20, "drained segments are removed: {bytes}");
    store.close();
    let reopened = open(root.path());
    assert_eq!(requests(&reopened).await, 100_000);
}

/// A database and the segment of a process that was killed: `whole` records and `torn` bytes of one more.
fn killed(root: &Path, whole: usize, torn: usize) -> (Connection, PathBuf) {
    let journal = root.join(FOLDER);
    fs::create_dir_all(&journal).unwrap();
    let mut content = Vec::new();
    let mut buffer = [0; FRAME_BYTES_MAX];
    for n in 0..whole {
        content.extend(frame::encode(&record_at("f", n as i64), &mut buffer).unwrap());
    }
    content.extend(&frame::encode(&record_at("f", 1), &mut buffer).unwrap()[..torn]);
    let path = journal.join(format!("killed.{}", segment::EXTENSION));
    fs::write(&path, content).unwrap();
    let mut connection = Connection::open_in_memory().unwrap();
    schema::migrate(&mut connection, root).unwrap();
    (connection, path)
}

fn kept(connection: &Connection) -> usize {
    connection
        .query_row("SELECT count(*) FROM usage_records", [], |row| {
            row.get::<_, i64>(0)
        })
        .unwrap() as usize
}

#[test]
fn a_torn_end_is_left_out_and_the_rest_counts() {
    for torn in [0, 1, 5, 6, 7, 40] {
        let root = tempfile::tempdir().unwrap();
        let (mut connection, path) = killed(root.path(), 3, torn);
        replay(&mut connection, root.path()).unwrap();
        assert_eq!((kept(&connection), path.exists()), (3, false), "{torn}");
    }
}

#[test]
fn a_kill_between_the_commit_and_the_removal_counts_nothing_twice() {
    let root = tempfile::tempdir().unwrap();
    let (mut connection, path) = killed(root.path(), 5, 0);
    let content = fs::read(&path).unwrap();
    let (records, _) = replay::records(&content);
    let of_two = {
        let mut b = [0; FRAME_BYTES_MAX];
        2 * frame::encode(&records[0], &mut b).unwrap().len() as u64
    };
    usage::record(&connection, &records[..2]).unwrap();
    crate::tables::journal_positions::set(&connection, "killed.usage", of_two).unwrap();
    // Rows are told by their keys as well; without them the position alone must do.
    connection.execute("DELETE FROM usage_records", []).unwrap();
    replay(&mut connection, root.path()).unwrap();
    let hours: i64 = connection
        .query_row("SELECT sum(requests) FROM usage_hours", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!((hours, kept(&connection)), (5, 3));
    fs::write(&path, content).unwrap();
    let positions: i64 = connection
        .query_row("SELECT count(*) FROM journal_positions", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(positions, 0, "positions go with their files");
}

#[test]
fn a_full_journal_refuses_and_says_why() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join(FOLDER)).unwrap();
    let journal = Journal {
        shard_bytes_max: 1_000,
        ..Journal::open(root.path()).unwrap()
    };
    let appended = (0..100)
        .take_while(|n| journal.append(&record_at("f", *n)).is_ok())
        .count();
    assert!((5..20).contains(&appended), "{appended}");
    let refused = journal.append(&record_at("f", 0)).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn what_follows_a_torn_write_takes_its_place() {
    let root = tempfile::tempdir().unwrap();
    let segment = Segment::create(root.path()).unwrap();
    let path = root.path().join(segment.name());
    let shard = Shard::new(root.path()).unwrap();
    shard.replace(segment);
    let mut buffer = [0; FRAME_BYTES_MAX];
    let frame = frame::encode(&record_at("f", 1), &mut buffer).unwrap();
    shard.append(frame, u64::MAX).unwrap();
    fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .and_then(|mut f| io::Write::write_all(&mut f, &frame[..20]))
        .unwrap();
    shard.append(frame, u64::MAX).unwrap();
    let (records, bytes) = replay::records(&fs::read(&path).unwrap());
    assert_eq!((records.len(), bytes), (2, 2 * frame.len() as u64));
}
