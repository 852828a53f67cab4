//! An engine on a temporary folder, and short ways to what the cases do most.

use bytes::Bytes;
use lambkin_engine::egress;
use lambkin_engine::functions::Create;
use lambkin_engine::invoke::{Answer, Error, Request};
use lambkin_engine::runtimes::{self, Runtimes};
use lambkin_engine::{Config, Engine};
use lambkin_model::{
    AccountId, Architecture, Function, FunctionName, Limits, Logging, PackageType, Region,
    RequestId, Runtime, Scope, Settings, SnapStart, State,
};
use lambkin_sandbox::{SpawnerConfig, SpawnerProcess};
use lambkin_store::{MasterKey, Store};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Invocations that may run at once.
pub(crate) const CONCURRENCY: u32 = 6;

/// A runtime whose handler is the Python source in the event's `run`; what it leaves in `out` is the answer.
/// `init`, if the package has it, runs before the first event.
const BOOTSTRAP: &str = r#"#!/usr/bin/python3 -SE
import base64, http.client, json, os, socket, sys, time
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def call(method, path, body=None, headers={}):
    api.request(method, "/2018-06-01" + path, body, headers)
    answer = api.getresponse()
    return [answer.status, answer.read().decode(), {k: v for k, v in answer.getheaders()}]
NEXT = "/runtime/invocation/next"
runs = 0
if os.path.exists("init"):
    exec(open("init").read())
while True:
    status, body, head = call("GET", NEXT)
    id = head["Lambda-Runtime-Aws-Request-Id"]
    here = "/runtime/invocation/" + id
    runs += 1
    out = None
    answered = False
    exec(json.loads(body)["run"])
    if not answered:
        call("POST", here + "/response", json.dumps(out))
"#;

/// What must be made before there is a thread.
pub(crate) struct Foundation {
    data_dir: PathBuf,
    spawner: SpawnerProcess,
    runtimes: Runtimes,
    key: MasterKey,
}

impl Foundation {
    pub(crate) fn lay(folder: &Path) -> Self {
        let data_dir = folder.join("data");
        std::fs::create_dir(&data_dir).expect("the data folder");
        let spawner = SpawnerProcess::start(&SpawnerConfig {
            work_dir: data_dir.join("sandbox"),
            server: None,
            uids: 730_000..731_000,
            datagrams: false,
        });
        let config = runtimes::Config {
            dir: data_dir.join("runtimes"),
            ..Default::default()
        };
        Self {
            spawner: spawner.expect("a spawner"),
            runtimes: Runtimes::discover(config).expect("runtimes"),
            key: MasterKey::load_or_create(&folder.join("key"), &data_dir).expect("a key"),
            data_dir,
        }
    }

    pub(crate) async fn open(self) -> Place {
        self.open_with(egress::Config::default()).await
    }

    pub(crate) async fn open_with(self, egress: egress::Config) -> Place {
        let mebibyte = 1 << 20;
        let store = lambkin_store::Config {
            data_dir: self.data_dir,
            log_bytes_per_function_max: 64 * mebibyte,
            log_bytes_max: 256 * mebibyte,
        };
        let store = Store::open(store, self.key).expect("a store");
        let spawner = self.spawner.connect().expect("the spawner");
        let config = Config {
            scope: scope(),
            limits: Limits {
                concurrent_executions: CONCURRENCY,
                ..Limits::default()
            },
            idle_timeout: Duration::from_secs(600),
            memory_reserve_bytes: 0,
            swap: lambkin_engine::Swap::Off,
            pool_bytes_max: Some(0),
            snap_start: lambkin_engine::Cloning::Published,
            code_cache_bytes_max: 64 * mebibyte,
            users_max: 1_024,
            egress,
        };
        let engine = Engine::start(config, store, spawner, self.runtimes)
            .await
            .expect("an engine");
        Place { engine }
    }
}

fn scope() -> Scope {
    let account = AccountId::new("000000000000").expect("an account");
    Scope {
        account,
        region: Region::new("us-east-1").expect("a region"),
    }
}

pub(crate) struct Place {
    pub(crate) engine: Engine,
}

/// A function that was made for a case.
pub(crate) struct Deployed<'p> {
    place: &'p Place,
    pub(crate) name: FunctionName,
}

impl Place {
    /// A function of [`BOOTSTRAP`] and, maybe, an `init`.
    pub(crate) async fn deploy(&self, name: &str, init: Option<&str>) -> Deployed<'_> {
        self.deploy_with(name, init, |_| ()).await
    }

    pub(crate) async fn deploy_with(
        &self,
        name: &str,
        init: Option<&str>,
        change: impl FnOnce(&mut Settings),
    ) -> Deployed<'_> {
        let mut files = vec![("bootstrap", BOOTSTRAP)];
        files.extend(init.map(|source| ("init", source)));
        self.deploy_files(name, &files, change).await
    }

    pub(crate) async fn deploy_files(
        &self,
        name: &str,
        files: &[(&str, &str)],
        change: impl FnOnce(&mut Settings),
    ) -> Deployed<'_> {
        let name = FunctionName::new(name).expect("a name");
        let mut settings = settings(&name);
        change(&mut settings);
        let create = Create {
            name: name.clone(),
            settings,
            package: zip(files),
            tags: BTreeMap::new(),
            publish: false,
        };
        self.engine
            .functions()
            .create(create)
            .await
            .expect("a function");
        self.settled(&name).await;
        Deployed { place: self, name }
    }

    /// Waits as AWS's waiters do.
    pub(crate) async fn settled(&self, name: &FunctionName) -> Arc<Function> {
        for _ in 0..500 {
            let function = self.engine.functions().get(name).expect("the function");
            let in_progress = function.last_update == Some(lambkin_model::LastUpdate::InProgress);
            if function.state == State::Active && !in_progress {
                return function;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{name} does not settle");
    }
}

impl Deployed<'_> {
    /// Runs Python source inside the function.
    pub(crate) async fn run(&self, source: &str) -> Ended {
        self.try_run(source).await.expect("an answer")
    }

    pub(crate) async fn try_run(&self, source: &str) -> Result<Ended, Error> {
        let event = serde_json::json!({ "run": source }).to_string();
        let request = self.request(event);
        let id = request.request_id;
        self.place
            .engine
            .invoke(request)
            .await
            .map(|answer| Ended::of(answer, id))
    }

    pub(crate) fn request(&self, event: String) -> Request {
        Request {
            request_id: RequestId::random(),
            function: self.name.clone(),
            qualifier: None,
            payload: event.into(),
            client_context: None,
            trace: None,
            tail: true,
        }
    }
}

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) id: String,
    pub(crate) failed: bool,
    pub(crate) json: Value,
    pub(crate) tail: String,
}

impl Ended {
    pub(crate) fn of(answer: Answer, id: RequestId) -> Self {
        let tail = answer
            .log_tail
            .map(|tail| String::from_utf8(tail.to_vec()).expect("text"));
        Self {
            id: id.to_string(),
            failed: answer.failed,
            json: serde_json::from_slice(&answer.payload).unwrap_or(Value::Null),
            tail: tail.unwrap_or_default(),
        }
    }

    /// That it failed, with this type and, after AWS's prefix, this message.
    #[track_caller]
    pub(crate) fn assert_failed(&self, error_type: &str, message: &str) {
        assert!(self.failed, "{self:?}");
        assert_eq!(self.json["errorType"], error_type, "{self:?}");
        let message = message.replace("{id}", &format!("RequestId: {} Error: ", self.id));
        assert_eq!(self.json["errorMessage"], message, "{self:?}");
        assert!(self.tail.starts_with("START RequestId: "), "{self:?}");
        assert!(
            self.tail.contains(&format!("END RequestId: {}\n", self.id)),
            "{self:?}"
        );
    }
}

fn settings(name: &FunctionName) -> Settings {
    Settings {
        runtime: Runtime::ProvidedAl2023,
        role: "arn:aws:iam::000000000000:role/r".into(),
        handler: "unused".into(),
        description: String::new(),
        timeout_s: 10,
        memory_mb: 512,
        ephemeral_mb: 512,
        environment: None,
        logging: Logging::default_for(name.as_str()),
        package_type: PackageType::Zip,
        architecture: Architecture::MACHINE,
        snap_start: SnapStart::None,
    }
}

fn zip(files: &[(&str, &str)]) -> Bytes {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
        writer.start_file(*name, options).expect("an entry");
        writer.write_all(content.as_bytes()).expect("its content");
    }
    writer.finish().expect("a zip").into_inner().into()
}
