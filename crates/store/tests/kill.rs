//! `kill -9` of a process that writes to the store, again and again: what it acknowledged is there.
//!
//! No harness: the program starts itself as the process to be killed, which prints each acknowledgement.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use bytes::Bytes;
use lambkin_model::{
    AccountId, Architecture, Code, Function, FunctionName, Logging, NetworkUsage, Outcome,
    PackageType, Region, RequestId, Runtime, Scope, Settings, SnapStart, Start, State, Tags,
    Timestamp, UsageRecord, Version,
};
use lambkin_store::{Config, MasterKey, Store};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const KILLS: u64 = 25;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match arguments.iter().position(|argument| argument == "--victim") {
        Some(at) => runtime.block_on(victim(Path::new(&arguments[at + 1]))),
        None => runtime.block_on(kill_again_and_again()),
    }
}

fn open(root: &Path) -> Store {
    let data_dir = root.join("data");
    let key = MasterKey::load_or_create(&root.join("master.key"), &data_dir).unwrap();
    let mebibyte = 1 << 20;
    let config = Config {
        data_dir,
        log_bytes_per_function_max: mebibyte,
        log_bytes_max: mebibyte,
    };
    Store::open(config, key).unwrap()
}

/// Adds a function with its package and first version, then some usage, without an end; one line per acknowledgement.
async fn victim(root: &Path) {
    let store = open(root);
    let mut out = std::io::stdout();
    loop {
        let function = function(&format!("f{}", Uuid::new_v4().simple()));
        let (name, blob) = (function.name.clone(), function.code.blob);
        let package = Bytes::from(blob.to_string());
        store
            .packages()
            .put(&scope(), &name, blob, package)
            .await
            .unwrap();
        let version = Function {
            version: Version::Published(1),
            ..function.clone()
        };
        let rows = store.functions();
        let published = rows.publish(Arc::new(function), None, Arc::new(version));
        published.await.unwrap();
        writeln!(out, "function {name}").unwrap();
        for _ in 0..20 {
            store.journal().append(&record(&name)).unwrap();
            writeln!(out, "usage {name}").unwrap();
        }
    }
}

async fn kill_again_and_again() {
    let root = tempfile::tempdir().unwrap();
    let mut invokes = HashMap::<String, u64>::new();
    for round in 0..KILLS {
        for line in one_life(root.path(), Duration::from_millis(20 + 29 * round % 400)) {
            match line.split_once(' ') {
                Some(("function", name)) => invokes.entry(name.to_owned()).or_default(),
                Some(("usage", name)) => {
                    let count = invokes.entry(name.to_owned()).or_default();
                    *count += 1;
                    count
                }
                _ => panic!("an unknown line {line:?}"),
            };
        }
        check(&open(root.path()), &invokes).await;
    }
    let usage: u64 = invokes.values().sum();
    assert!(
        invokes.len() as u64 > KILLS && usage > KILLS,
        "the victim did something"
    );
    println!(
        "{KILLS} kills, {} functions and {usage} usage records kept",
        invokes.len()
    );
}

/// What a process acknowledged before it was killed.
fn one_life(root: &Path, span: Duration) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg("--victim")
        .arg(root)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let reader =
        std::thread::spawn(move || output.lines().map_while(Result::ok).collect::<Vec<_>>());
    std::thread::sleep(span);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

/// Everything acknowledged is there, and at most what was under way besides.
async fn check(store: &Store, invokes: &HashMap<String, u64>) {
    let rows = store.functions().all(&scope()).await.unwrap();
    for function in &rows {
        let package = store
            .packages()
            .get(&scope(), &function.name, function.code.blob)
            .await
            .unwrap();
        assert_eq!(
            package,
            function.code.blob.to_string(),
            "a row names a whole package"
        );
    }
    let versions = store.functions().versions(&scope()).await.unwrap();
    let owners = |all: &[Function]| all.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
    assert_eq!(owners(&versions), owners(&rows), "both rows or none");
    let totals = store
        .usage()
        .totals(&scope(), Timestamp(i64::MIN), Timestamp(i64::MAX))
        .await
        .unwrap();
    let kept: HashMap<&str, u64> = totals
        .iter()
        .map(|one| (one.function.as_str(), one.totals.requests))
        .collect();
    for (name, acknowledged) in invokes {
        assert!(
            rows.iter().any(|row| row.name.as_str() == name),
            "{name} was acknowledged and is gone"
        );
        let found = kept.get(name.as_str()).copied().unwrap_or(0);
        // One more may have been appended, but not yet printed.
        assert!(
            (*acknowledged..=acknowledged + 1).contains(&found),
            "{name}: {found} of {acknowledged}"
        );
    }
}

fn scope() -> Scope {
    Scope {
        account: AccountId::new("000000000000").unwrap(),
        region: Region::new("us-east-1").unwrap(),
    }
}

fn function(name: &str) -> Function {
    Function {
        scope: scope(),
        name: FunctionName::new(name).unwrap(),
        version: Version::Latest,
        content_id: Uuid::nil(),
        revision_id: Uuid::new_v4(),
        last_modified: Timestamp(1),
        state: State::Active,
        last_update: None,
        code: Code {
            sha256: [1; 32],
            size_bytes: 1,
            blob: Uuid::new_v4(),
        },
        settings: Settings {
            runtime: Runtime::ProvidedAl2023,
            role: String::new(),
            handler: String::new(),
            description: String::new(),
            timeout_s: 3,
            memory_mb: 128,
            ephemeral_mb: 512,
            environment: None,
            logging: Logging::default_for(name),
            package_type: PackageType::Zip,
            architecture: Architecture::X86_64,
            snap_start: SnapStart::None,
        },
        tags: Tags::default(),
    }
}

fn record(function: &FunctionName) -> UsageRecord {
    UsageRecord {
        scope: scope(),
        function: function.clone(),
        version: Version::Latest,
        request_id: RequestId::random(),
        start: Timestamp(1),
        duration_us: 1,
        billed_ms: 1,
        init_us: None,
        memory_mb: 128,
        ephemeral_mb: 512,
        architecture: Architecture::X86_64,
        memory_peak_bytes: 1,
        cpu_us: 1,
        outcome: Outcome::Success,
        start_kind: Start::Warm,
        network: NetworkUsage::default(),
    }
}
