//! The environment variables that a function's program gets: AWS's names, values and precedence.
//!
//! Later wins: defaults that a customer may override, the customer's, what only Lambda sets.

use super::credentials::Credentials;
use lambkin_model::{Function, LogFormat, Runtime, SnapStart, Version};
use std::collections::BTreeMap;

/// Where the runtime finds the Runtime API: its own loopback, port 9001.
const RUNTIME_API: &str = "127.0.0.1:9001";
/// Where AWS's X-Ray daemon listens; here nobody does, and clients drop what they would have sent.
const XRAY_HOST: &str = "169.254.100.1";
const XRAY_PORT: &str = "2000";
const XRAY_ADDRESS: &str = "169.254.100.1:2000";

/// How the environment came to be, for its program.
const INITIALIZATION_TYPE: &str = "AWS_LAMBDA_INITIALIZATION_TYPE";
const SNAP_START: &str = "snap-start";
const ON_DEMAND: &str = "on-demand";

/// What any function gets unless it has its own.
const LANGUAGE: (&str, &str) = ("LANG", "en_US.UTF-8");
const TIME_ZONE: (&str, &str) = ("TZ", ":UTC");
/// What a program of any function can do with before the rest is known.
pub(crate) const SHARED: [(&str, &str); 3] =
    [LANGUAGE, TIME_ZONE, ("AWS_LAMBDA_RUNTIME_API", RUNTIME_API)];

/// All variables of one program, each name once.
pub(crate) fn variables(
    function: &Function,
    stream: &str,
    runtime: &[(String, String)],
    credentials: &Credentials,
) -> Vec<(String, String)> {
    let mut all = BTreeMap::new();
    set(&mut all, overridable(function));
    all.extend(runtime.iter().cloned());
    if let Some(environment) = &function.settings.environment {
        all.extend(environment.variables().clone());
    }
    set(&mut all, credentials.variables());
    let memory_mb = function.settings.memory_mb.to_string();
    let version = function.version.to_string();
    set(&mut all, platform(function, &memory_mb, &version, stream));
    all.into_iter().collect()
}

/// Those of a program that becomes a template, which the bootstrap knows by its having no log stream. Its clones get
/// others, with credentials and a log stream of their own.
pub(crate) fn of_template(
    function: &Function,
    runtime: &[(String, String)],
) -> Vec<(String, String)> {
    of_clone(variables(function, "", runtime, &Credentials::random()))
}

/// The same variables for a clone.
pub(super) fn of_clone(mut variables: Vec<(String, String)>) -> Vec<(String, String)> {
    for (name, value) in &mut variables {
        if name == INITIALIZATION_TYPE {
            SNAP_START.clone_into(value);
        }
    }
    variables
}

fn set<'v>(
    all: &mut BTreeMap<String, String>,
    more: impl IntoIterator<Item = (&'static str, &'v str)>,
) {
    all.extend(
        more.into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
}

/// What the customer may override.
fn overridable(function: &Function) -> Vec<(&'static str, &str)> {
    let mut variables = vec![
        LANGUAGE,
        TIME_ZONE,
        ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
        ("AWS_XRAY_DAEMON_ADDRESS", XRAY_ADDRESS),
    ];
    let settings = &function.settings;
    if settings.logging.format == LogFormat::Json {
        variables.push(("AWS_LAMBDA_LOG_FORMAT", "JSON"));
        variables.push((
            "AWS_LAMBDA_LOG_LEVEL",
            settings.logging.application_level.as_str(),
        ));
    }
    if !matches!(
        settings.runtime,
        Runtime::ProvidedAl2 | Runtime::ProvidedAl2023
    ) {
        // A shell starts managed runtimes on AWS; these two are its traces.
        variables.extend([("PWD", "/var/task"), ("SHLVL", "0")]);
    }
    variables
}

/// What only Lambda sets.
fn platform<'f>(
    function: &'f Function,
    memory_mb: &'f str,
    version: &'f str,
    stream: &'f str,
) -> [(&'static str, &'f str); 14] {
    let region = function.scope.region.as_str();
    [
        ("_AWS_XRAY_DAEMON_ADDRESS", XRAY_HOST),
        ("_AWS_XRAY_DAEMON_PORT", XRAY_PORT),
        ("_HANDLER", &function.settings.handler),
        ("AWS_DEFAULT_REGION", region),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory_mb),
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.as_str()),
        ("AWS_LAMBDA_FUNCTION_VERSION", version),
        (INITIALIZATION_TYPE, initialization_type(function)),
        (
            "AWS_LAMBDA_LOG_GROUP_NAME",
            &function.settings.logging.group,
        ),
        ("AWS_LAMBDA_LOG_STREAM_NAME", stream),
        ("AWS_LAMBDA_RUNTIME_API", RUNTIME_API),
        ("AWS_REGION", region),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        ("LAMBDA_TASK_ROOT", "/var/task"),
    ]
}

/// That of a version with SnapStart whether it is cloned or not: by it the bootstrap knows that hooks are to run.
fn initialization_type(function: &Function) -> &'static str {
    let published = function.version != Version::Latest;
    match function.settings.snap_start {
        SnapStart::PublishedVersions if published => SNAP_START,
        SnapStart::PublishedVersions | SnapStart::None => ON_DEMAND,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(environment: &[(&str, &str)]) -> BTreeMap<String, String> {
        let own = environment
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let function = crate::testing::function("f", own);
        let runtime = [
            ("PATH", "/var/lang/bin"),
            ("AWS_EXECUTION_ENV", "AWS_Lambda_python3.12"),
        ];
        let runtime = runtime.map(|(name, value)| (name.to_owned(), value.to_owned()));
        variables(&function, "s", &runtime, &Credentials::random())
            .into_iter()
            .collect()
    }

    #[test]
    fn the_recorded_set_is_complete() {
        let names: Vec<String> = of(&[]).into_keys().collect();
        let recorded = "AWS_ACCESS_KEY_ID AWS_DEFAULT_REGION AWS_EXECUTION_ENV \
            AWS_LAMBDA_FUNCTION_MEMORY_SIZE AWS_LAMBDA_FUNCTION_NAME AWS_LAMBDA_FUNCTION_VERSION \
            AWS_LAMBDA_INITIALIZATION_TYPE AWS_LAMBDA_LOG_GROUP_NAME AWS_LAMBDA_LOG_STREAM_NAME \
            AWS_LAMBDA_RUNTIME_API AWS_REGION AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN \
            AWS_XRAY_CONTEXT_MISSING AWS_XRAY_DAEMON_ADDRESS LAMBDA_RUNTIME_DIR LAMBDA_TASK_ROOT \
            LANG PATH PWD SHLVL TZ _AWS_XRAY_DAEMON_ADDRESS _AWS_XRAY_DAEMON_PORT _HANDLER";
        assert_eq!(names, recorded.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn customers_override_what_aws_lets_them() {
        let variables = of(&[("TZ", "Europe/Paris"), ("PATH", "/opt/bin"), ("MINE", "1")]);
        assert_eq!(variables["TZ"], "Europe/Paris");
        assert_eq!(variables["PATH"], "/opt/bin");
        assert_eq!(variables["MINE"], "1");
        assert_eq!(variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "128");
    }

    #[test]
    fn keys_look_like_aws_and_differ() {
        let (one, two) = (of(&[]), of(&[]));
        let id = &one["AWS_ACCESS_KEY_ID"];
        assert!(id.starts_with("ASIA") && id.len() == 20, "{id}");
        assert_ne!(*id, two["AWS_ACCESS_KEY_ID"]);
        assert_eq!(one["AWS_SECRET_ACCESS_KEY"].len(), 40);
    }
}
