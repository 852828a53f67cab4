//! A function as its configuration is shown: which fields are there, and when.

use super::{isolation, snap_start};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambkin_engine::Engine;
use lambkin_engine::runtimes::Runtimes;
use lambkin_model::{Function, LastUpdate, LogFormat, Logging, PackageType, State};
use lambkin_wire::shapes::{
    self, Architecture, EnvironmentResponse, EphemeralStorage, FunctionConfiguration,
    LastUpdateStatus, LoggingConfig, RuntimeVersionConfig, RuntimeVersionError, StateReasonCode,
    TracingConfigResponse, TracingMode,
};
use serde::Serialize;

/// AWS says the same of a function that is created and of one that is updated.
const BEING_CREATED: &str = "The function is being created.";

/// What Create, Get and Update answer.
#[derive(Serialize)]
pub(super) struct Shown {
    #[serde(flatten)]
    configuration: FunctionConfiguration,
    /// AWS sends `Creating` here, a value that its own service model lacks.
    #[serde(
        rename = "LastUpdateStatusReasonCode",
        skip_serializing_if = "Option::is_none"
    )]
    last_update_status_reason_code: Option<&'static str>,
    #[serde(rename = "Isolation", skip_serializing_if = "Option::is_none")]
    isolation: Option<isolation::Shown>,
}

/// A function as it is. The ARN is qualified if the caller's name was.
pub(super) fn shown(engine: &Engine, function: &Function, qualified: bool) -> Shown {
    let updating = function.last_update == Some(LastUpdate::InProgress);
    let version = runtime_version(function, engine.runtimes());
    let optimized = engine.is_cloned(function);
    let mut configuration = configuration(function, version, qualified, optimized);
    if engine.is_loading(function) {
        // As on AWS, whose clients wait for a version to become Active before they invoke it.
        configuration.state = Some(shapes::State::Pending);
        configuration.state_reason = Some(BEING_CREATED.to_owned());
        configuration.state_reason_code = Some(StateReasonCode::Creating);
    }
    Shown {
        configuration,
        last_update_status_reason_code: updating.then_some("Creating"),
        isolation: Some(isolation::shown(engine.isolation())),
    }
}

fn configuration(
    function: &Function,
    runtime_version: RuntimeVersionConfig,
    qualified: bool,
    optimized: bool,
) -> FunctionConfiguration {
    let settings = &function.settings;
    let pending = function.state == State::Pending;
    let updating = function.last_update == Some(LastUpdate::InProgress);
    FunctionConfiguration {
        function_name: Some(function.name.to_string()),
        function_arn: Some(if qualified {
            function.version_arn()
        } else {
            function.arn()
        }),
        runtime: Some(settings.runtime.to_string()),
        role: Some(settings.role.clone()),
        handler: Some(settings.handler.clone()),
        code_size: i64::try_from(function.code.size_bytes).ok(),
        description: Some(settings.description.clone()),
        timeout: i32::try_from(settings.timeout_s).ok(),
        memory_size: i32::try_from(settings.memory_mb).ok(),
        last_modified: Some(function.last_modified.last_modified()),
        code_sha256: Some(STANDARD.encode(function.code.sha256)),
        version: Some(function.version.to_string()),
        environment: environment(function),
        tracing_config: Some(TracingConfigResponse {
            mode: Some(TracingMode::PassThrough),
        }),
        revision_id: Some(function.revision_id.to_string()),
        state: Some(state(function.state)),
        state_reason: pending.then(|| BEING_CREATED.to_owned()),
        state_reason_code: pending.then_some(StateReasonCode::Creating),
        last_update_status: function.last_update.map(last_update_status),
        last_update_status_reason: updating.then(|| BEING_CREATED.to_owned()),
        package_type: Some(match settings.package_type {
            PackageType::Zip => shapes::PackageType::Zip,
        }),
        architectures: Some(vec![match settings.architecture {
            lambkin_model::Architecture::X86_64 => Architecture::X86_64,
            lambkin_model::Architecture::Arm64 => Architecture::Arm64,
        }]),
        ephemeral_storage: i32::try_from(settings.ephemeral_mb)
            .ok()
            .map(|size| EphemeralStorage { size }),
        snap_start: Some(snap_start::shown(function, optimized)),
        runtime_version_config: Some(runtime_version),
        logging_config: Some(logging(&settings.logging)),
        ..FunctionConfiguration::default()
    }
}

/// What a list shows: neither states nor the runtime's version.
pub(super) fn listed(
    engine: &Engine,
    function: &Function,
    qualified: bool,
) -> FunctionConfiguration {
    let optimized = engine.is_cloned(function);
    without_states(configuration(
        function,
        RuntimeVersionConfig::default(),
        qualified,
        optimized,
    ))
}

fn without_states(configuration: FunctionConfiguration) -> FunctionConfiguration {
    FunctionConfiguration {
        state: None,
        state_reason: None,
        state_reason_code: None,
        last_update_status: None,
        last_update_status_reason: None,
        runtime_version_config: None,
        ..configuration
    }
}

/// Variables that were set, even to none.
fn environment(function: &Function) -> Option<EnvironmentResponse> {
    let environment = function.settings.environment.as_ref()?;
    Some(EnvironmentResponse {
        variables: Some(environment.variables().clone()),
        error: None,
    })
}

/// The interpreter that runs the function. If it is not the one that was asked for, the error says so.
fn runtime_version(function: &Function, runtimes: &Runtimes) -> RuntimeVersionConfig {
    let settings = &function.settings;
    let note = match runtimes.launch(settings.runtime, settings.memory_mb) {
        Ok(launch) => launch.nearest_note.map(|note| ("NearestRuntime", note)),
        Err(unavailable) => Some(("RuntimeNotInstalled", unavailable.to_string())),
    };
    RuntimeVersionConfig {
        runtime_version_arn: Some(format!(
            "arn:aws:lambda:{}::runtime:{}",
            function.scope.region,
            runtimes.version_hex(settings.runtime)
        )),
        error: note.map(|(code, message)| RuntimeVersionError {
            error_code: Some(code.to_owned()),
            message: Some(message),
        }),
    }
}

/// Levels are JSON's alone.
fn logging(logging: &Logging) -> LoggingConfig {
    let json = logging.format == LogFormat::Json;
    let level = |text: &'static str| json.then_some(text);
    LoggingConfig {
        log_format: Some(match logging.format {
            LogFormat::Text => shapes::LogFormat::Text,
            LogFormat::Json => shapes::LogFormat::Json,
        }),
        application_log_level: level(logging.application_level.as_str())
            .and_then(shapes::ApplicationLogLevel::parse),
        system_log_level: level(logging.system_level.as_str())
            .and_then(shapes::SystemLogLevel::parse),
        log_group: Some(logging.group.clone()),
    }
}

fn state(state: State) -> shapes::State {
    match state {
        State::Pending => shapes::State::Pending,
        State::Active => shapes::State::Active,
        State::Failed => shapes::State::Failed,
    }
}

fn last_update_status(status: LastUpdate) -> LastUpdateStatus {
    match status {
        LastUpdate::InProgress => LastUpdateStatus::InProgress,
        LastUpdate::Successful => LastUpdateStatus::Successful,
        LastUpdate::Failed => LastUpdateStatus::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambkin_model::{
        AccountId, ApplicationLogLevel, Code, Environment, FunctionName, Region, Runtime, Scope,
        Settings, SnapStart, SystemLogLevel, Tags, Timestamp, Version,
    };
    use serde_json::{Value, json};
    use std::collections::BTreeMap;
    use uuid::Uuid;

    fn function(state: State, last_update: Option<LastUpdate>) -> Function {
        Function {
            scope: Scope {
                account: AccountId::new("111111111111").unwrap(),
                region: Region::new("us-east-1").unwrap(),
            },
            name: FunctionName::new("f").unwrap(),
            version: Version::Latest,
            content_id: Uuid::nil(),
            revision_id: Uuid::nil(),
            last_modified: Timestamp(1_768_232_098_000),
            state,
            last_update,
            code: Code {
                sha256: [0; 32],
                size_bytes: 262,
                blob: Uuid::nil(),
            },
            settings: Settings {
                runtime: Runtime::Python { minor: 12 },
                role: "arn:aws:iam::111111111111:role/r".into(),
                handler: "handler.handler".into(),
                description: String::new(),
                timeout_s: 3,
                memory_mb: 128,
                ephemeral_mb: 512,
                environment: None,
                logging: Logging::default_for("f"),
                package_type: PackageType::Zip,
                architecture: lambkin_model::Architecture::X86_64,
                snap_start: SnapStart::None,
            },
            tags: Tags::default(),
        }
    }

    fn json(function: &Function) -> Value {
        json_of(function, false)
    }

    fn json_of(function: &Function, optimized: bool) -> Value {
        let arn = Some("arn:aws:lambda:us-east-1::runtime:00".to_owned());
        let version = RuntimeVersionConfig {
            runtime_version_arn: arn,
            error: None,
        };
        let updating = function.last_update == Some(LastUpdate::InProgress);
        let shown = Shown {
            configuration: configuration(function, version, false, optimized),
            last_update_status_reason_code: updating.then_some("Creating"),
            isolation: None,
        };
        serde_json::to_value(&shown).unwrap()
    }

    /// What AWS shows of a bare function in every state.
    fn bare() -> Value {
        json!({
            "Architectures": ["x86_64"],
            "CodeSha256": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "CodeSize": 262,
            "Description": "",
            "EphemeralStorage": {"Size": 512},
            "FunctionArn": "arn:aws:lambda:us-east-1:111111111111:function:f",
            "FunctionName": "f",
            "Handler": "handler.handler",
            "LastModified": "2026-01-12T15:34:58.000+0000",
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"},
            "MemorySize": 128,
            "PackageType": "Zip",
            "RevisionId": "00000000-0000-0000-0000-000000000000",
            "Role": "arn:aws:iam::111111111111:role/r",
            "Runtime": "python3.12",
            "RuntimeVersionConfig": {"RuntimeVersionArn": "arn:aws:lambda:us-east-1::runtime:00"},
            "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
            "Timeout": 3,
            "TracingConfig": {"Mode": "PassThrough"},
            "Version": "$LATEST",
        })
    }

    fn bare_with(more: Value) -> Value {
        let mut whole = bare();
        let fields = whole.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        whole
    }

    #[test]
    fn each_state_shows_the_recorded_fields() {
        assert_eq!(
            json(&function(State::Pending, None)),
            bare_with(json!({
                "State": "Pending",
                "StateReason": "The function is being created.",
                "StateReasonCode": "Creating",
            }))
        );
        assert_eq!(
            json(&function(State::Active, Some(LastUpdate::Successful))),
            bare_with(json!({"State": "Active", "LastUpdateStatus": "Successful"}))
        );
        assert_eq!(
            json(&function(State::Active, Some(LastUpdate::InProgress))),
            bare_with(json!({
                "State": "Active",
                "LastUpdateStatus": "InProgress",
                "LastUpdateStatusReason": "The function is being created.",
                "LastUpdateStatusReasonCode": "Creating",
            }))
        );
    }

    #[test]
    fn what_was_set_is_shown_even_if_empty() {
        let mut function = function(State::Active, Some(LastUpdate::Successful));
        function.settings.environment = Some(Environment::new(BTreeMap::new()).unwrap());
        function.settings.logging = Logging {
            format: LogFormat::Json,
            application_level: ApplicationLogLevel::Info,
            system_level: SystemLogLevel::Debug,
            group: "cool".into(),
        };
        let shown = json(&function);
        assert_eq!(shown["Environment"], json!({"Variables": {}}));
        assert_eq!(
            shown["LoggingConfig"],
            json!({
                "LogFormat": "JSON",
                "ApplicationLogLevel": "INFO",
                "SystemLogLevel": "DEBUG",
                "LogGroup": "cool",
            })
        );
    }

    #[test]
    fn a_version_has_its_number_and_is_optimised_if_it_is_cloned() {
        let mut function = function(State::Active, Some(LastUpdate::Successful));
        function.settings.snap_start = SnapStart::PublishedVersions;
        let published = "PublishedVersions";
        assert_eq!(
            json(&function)["SnapStart"],
            json!({"ApplyOn": published, "OptimizationStatus": "Off"})
        );
        function.version = Version::Published(3);
        let shown = json_of(&function, true);
        assert_eq!(shown["Version"], "3");
        assert_eq!(
            shown["SnapStart"],
            json!({"ApplyOn": published, "OptimizationStatus": "On"})
        );
    }

    #[test]
    fn a_list_shows_no_states() {
        let function = function(State::Active, Some(LastUpdate::InProgress));
        let mut expected = bare();
        expected
            .as_object_mut()
            .unwrap()
            .remove("RuntimeVersionConfig");
        expected["FunctionArn"] = "arn:aws:lambda:us-east-1:111111111111:function:f:$LATEST".into();
        let whole = configuration(&function, RuntimeVersionConfig::default(), true, false);
        assert_eq!(
            serde_json::to_value(without_states(whole)).unwrap(),
            expected
        );
    }
}
