//! The store through its public door, on real files.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod functions;
mod open;
mod packages;
mod versions;

use lambkin_model::{
    AccountId, Architecture, Code, Environment, Function, FunctionName, Logging, PackageType,
    Region, Runtime, Scope, Settings, SnapStart, State, Tags, Timestamp, Version,
};
use lambkin_store::{Config, MasterKey, OpenError, Store};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// What must never be on disk in plain.
const SECRET: &str = "marker-that-must-not-be-readable-on-disk";

/// A folder for the data and, beside it, the key.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn data_dir(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn key(&self) -> MasterKey {
        MasterKey::load_or_create(&self.0.path().join("master.key"), &self.data_dir()).unwrap()
    }

    fn try_open(&self) -> Result<Store, OpenError> {
        let mebibyte = 1 << 20;
        let config = Config {
            data_dir: self.data_dir(),
            log_bytes_per_function_max: mebibyte,
            log_bytes_max: mebibyte,
        };
        Store::open(config, self.key())
    }

    fn open(&self) -> Store {
        self.try_open().unwrap()
    }

    /// Files below the data folder that hold `text`.
    fn files_with(&self, text: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        collect(&self.data_dir(), text.as_bytes(), &mut found);
        found
    }
}

fn collect(folder: &Path, text: &[u8], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, text, found);
        } else if std::fs::read(&path)
            .unwrap()
            .windows(text.len())
            .any(|window| window == text)
        {
            found.push(path);
        }
    }
}

fn scope() -> Scope {
    Scope {
        account: AccountId::new("000000000000").unwrap(),
        region: Region::new("us-east-1").unwrap(),
    }
}

fn name(text: &str) -> FunctionName {
    FunctionName::new(text).unwrap()
}

fn function(function: &str) -> Function {
    let variables = BTreeMap::from([("SECRET".to_owned(), SECRET.to_owned())]);
    Function {
        scope: scope(),
        name: name(function),
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
            runtime: Runtime::Python { minor: 11 },
            role: "arn:aws:iam::000000000000:role/r".to_owned(),
            handler: "index.handler".to_owned(),
            description: String::new(),
            timeout_s: 3,
            memory_mb: 128,
            ephemeral_mb: 512,
            environment: Some(Environment::new(variables).unwrap()),
            logging: Logging::default_for(function),
            package_type: PackageType::Zip,
            architecture: Architecture::X86_64,
            snap_start: SnapStart::None,
        },
        tags: Tags::default(),
    }
}
