//! Requests become one JSON object, or AWS's own refusal.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use lambkin_wire::shapes::{
    CreateFunctionRequest, InvocationRequest, InvocationType, ListFunctionsRequest,
    UntagResourceRequest,
};
use lambkin_wire::{InputError, OperationId, input, route};
use serde_json::{Value, json};

/// `METHOD /target` with headers and a body, as it would come over the wire.
fn gather(line: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Value, InputError> {
    let (method, target) = line.split_once(' ').expect("method and target");
    let (path, query) = target
        .split_once('?')
        .map_or((target, None), |(p, q)| (p, Some(q)));
    let method: Method = method.parse().expect("a method");
    let route = route(&method, path, query).expect("a route");
    let headers = headers.iter().map(|(name, value)| {
        (
            name.parse::<HeaderName>().expect("a name"),
            HeaderValue::from_str(value).expect("a value"),
        )
    });
    input(&route, query, &HeaderMap::from_iter(headers), body)
}

fn create(body: &Value) -> Result<Value, InputError> {
    gather(
        "POST /2015-03-31/functions",
        &[],
        body.to_string().as_bytes(),
    )
}

fn function() -> Value {
    json!({
        "FunctionName": "hello", "Role": "arn:aws:iam::000000000000:role/r", "Handler": "a.b",
        "Runtime": "python3.11", "Code": {"ZipFile": "UEsDBA=="},
    })
}

fn with(member: &str, value: Value) -> Value {
    let mut body = function();
    body[member] = value;
    body
}

/// Expects one refusal; `violations` come without AWS's prefix.
fn refused(result: Result<Value, InputError>, violations: &[&str]) {
    let prefix = match violations.len() {
        1 => "1 validation error detected: ".to_owned(),
        more => format!("{more} validation errors detected: "),
    };
    assert_eq!(
        result,
        Err(InputError::Validation(prefix + &violations.join("; ")))
    );
}

fn not_understood(result: Result<Value, InputError>, text: &str) {
    assert_eq!(result, Err(InputError::Serialization(text.to_owned())));
}

#[test]
fn typed_shapes_come_out() {
    let mut body = with("Environment", json!({"Variables": {"KEY": "v"}}));
    body["Unknown"] = json!(1);
    body["Timeout"] = Value::Null;
    body["Code"]["Nothing"] = Value::Null;
    let request: CreateFunctionRequest =
        serde_json::from_value(create(&body).expect("valid")).expect("typed");
    assert_eq!(
        request.code.zip_file.expect("a package").0.as_ref(),
        b"PK\x03\x04"
    );
    assert_eq!(
        (request.timeout, request.runtime.as_deref()),
        (None, Some("python3.11"))
    );

    let headers = [
        ("X-Amz-Invocation-Type", "DryRun"),
        ("X-Amz-Log-Type", "Tail"),
    ];
    let line = "POST /2015-03-31/functions/a%3Ab/invocations?Qualifier=%24LATEST";
    let invoke: InvocationRequest =
        serde_json::from_value(gather(line, &headers, b"\x00raw").expect("valid")).expect("typed");
    assert_eq!(invoke.invocation_type, Some(InvocationType::DryRun));
    assert_eq!(
        (invoke.function_name.as_str(), invoke.qualifier.as_deref()),
        ("a:b", Some("$LATEST"))
    );
    assert_eq!(invoke.payload.expect("a payload").0.as_ref(), b"\x00raw");

    let list = gather(
        "GET /2015-03-31/functions/?MaxItems=5&Marker=a%2Bb+c",
        &[],
        b"",
    )
    .expect("valid");
    let list: ListFunctionsRequest = serde_json::from_value(list).expect("typed");
    assert_eq!(
        (list.max_items, list.marker.as_deref()),
        (Some(5), Some("a+b c"))
    );

    let arn = "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Ahello";
    let untag = gather(
        &format!("DELETE /2017-03-31/tags/{arn}?tagKeys=a&tagKeys=b"),
        &[],
        b"",
    );
    let untag: UntagResourceRequest = serde_json::from_value(untag.expect("valid")).expect("typed");
    assert_eq!(untag.tag_keys, ["a", "b"]);
}

#[test]
fn what_is_serialised_is_the_body() {
    let mut request: InvocationRequest =
        serde_json::from_value(json!({"FunctionName": "f"})).expect("typed");
    request.payload = Some(lambkin_wire::Blob(b"x".as_slice().into()));
    assert_eq!(serde_json::to_value(&request).expect("JSON"), json!({}));
    let request: CreateFunctionRequest = serde_json::from_value(function()).expect("typed");
    let text = serde_json::to_string(&request).expect("JSON");
    assert!(
        text.starts_with(r#"{"FunctionName":"hello","Runtime":"python3.11","Role":"#),
        "{text}"
    );
    assert_eq!(
        serde_json::from_str::<Value>(&text).expect("JSON"),
        function()
    );
}

#[test]
fn violations_read_as_on_aws() {
    refused(
        gather("GET /2021-10-31/functions/f/url?Qualifier=1", &[], b""),
        &[
            r"Value '1' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: ((?!^\d+$)^[0-9a-zA-Z-_]+$)",
        ],
    );
    refused(
        gather(
            "PUT /2019-09-30/functions/f/provisioned-concurrency?Qualifier=a",
            &[],
            br#"{"ProvisionedConcurrentExecutions": 0}"#,
        ),
        &[
            "Value '0' at 'provisionedConcurrentExecutions' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ],
    );
    refused(
        gather(
            "PUT /2024-08-31/functions/f/recursion-config",
            &[],
            br#"{"RecursiveLoop": "InvalidValue"}"#,
        ),
        &[
            "Value 'InvalidValue' at 'recursiveLoop' failed to satisfy constraint: Member must satisfy enum value set: [Terminate, Allow]",
        ],
    );
    refused(
        gather(
            "GET /2018-10-31/layers?CompatibleArchitecture=archdoesnotexist",
            &[],
            b"",
        ),
        &[
            "Value 'archdoesnotexist' at 'compatibleArchitecture' failed to satisfy constraint: Member must satisfy enum value set: [x86_64, arm64]",
        ],
    );
    let layer = json!({
        "Content": {}, "CompatibleRuntimes": ["invalidruntime", "invalidruntime2", "nodejs20.x"],
        "CompatibleArchitectures": ["invalidarch", "x86_64"],
    });
    let runtimes = "Member must satisfy enum value set: [nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2]";
    refused(
        gather(
            "POST /2018-10-31/layers/l/versions",
            &[],
            layer.to_string().as_bytes(),
        ),
        &[
            &format!(
                "Value '[invalidruntime, invalidruntime2, nodejs20.x]' at 'compatibleRuntimes' failed to satisfy constraint: {runtimes}"
            ),
            "Value '[invalidarch, x86_64]' at 'compatibleArchitectures' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]",
        ],
    );
}

#[test]
fn each_kind_of_constraint_is_held() {
    refused(
        create(&with("Role", Value::Null)),
        &["Value null at 'role' failed to satisfy constraint: Member must not be null"],
    );
    refused(
        create(&with("Timeout", json!(0))),
        &[
            "Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ],
    );
    refused(
        create(&with("KMSKeyArn", json!("k"))),
        &[
            "Value 'k' at 'kMSKeyArn' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()",
        ],
    );
    refused(
        create(&with("Environment", json!({"Variables": {"1": "secret"}}))),
        &[
            "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]",
        ],
    );
    refused(
        create(&with("Tags", json!({"k": "x".repeat(257)}))),
        &[&format!(
            r"Value '{{k={}}}' at 'tags' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 256, Member must have length greater than or equal to 0, Member must satisfy regular expression pattern: ([\p{{L}}\p{{Z}}\p{{N}}_.:/=+\-@]*), Member must not be null]",
            "x".repeat(257)
        )],
    );
    refused(
        create(&with("VpcConfig", json!({"SubnetIds": ["subnet-1", null]}))),
        &[
            "Value '[subnet-1, null]' at 'vpcConfig.subnetIds' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 0, Member must satisfy regular expression pattern: subnet-[0-9a-z]*, Member must not be null]",
        ],
    );
    let file_system = json!([{"Arn": "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0", "LocalMountPath": "/x"}]);
    refused(
        create(&with("FileSystemConfigs", file_system)),
        &[
            "Value '/x' at 'fileSystemConfigs.1.member.localMountPath' failed to satisfy constraint: Member must satisfy regular expression pattern: /mnt/[a-zA-Z0-9-_.]+",
        ],
    );
    refused(
        gather("GET /2017-03-31/tags/x", &[], b""),
        &[&format!(
            "Value 'x' at 'resource' failed to satisfy constraint: Member must satisfy regular expression pattern: {}",
            r"arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|(capacity-provider|network-connector):[a-zA-Z0-9-_]{1,64})"
        )],
    );
}

#[test]
fn lengths_count_as_java_counts() {
    let description = |text: String| create(&with("Description", json!(text)));
    assert!(description("x".repeat(256)).is_ok());
    assert!(description("x".repeat(257)).is_err());
    assert!(description("\u{1f600}".repeat(128)).is_ok());
    assert!(description("\u{1f600}".repeat(129)).is_err());
}

#[test]
fn unknown_runtimes_are_left_to_the_operation() {
    assert!(create(&with("Runtime", json!("cobol85"))).is_ok());
    not_understood(
        create(&with("Runtime", json!(3))),
        "NUMBER_VALUE can not be converted to a String",
    );
}

#[test]
fn wrong_json_types_are_not_understood() {
    for (member, value, text) in [
        (
            "Timeout",
            json!("3"),
            "STRING_VALUE can not be converted to an Integer",
        ),
        (
            "Publish",
            json!("true"),
            "STRING_VALUE can not be converted to a Boolean",
        ),
        (
            "Description",
            json!(true),
            "TRUE_VALUE can not be converted to a String",
        ),
        (
            "Description",
            json!({}),
            "Start of structure or map found where not expected.",
        ),
        ("Layers", json!("x"), "Expected list or null"),
        ("Tags", json!([]), "Start of list found where not expected"),
        (
            "Tags",
            json!({"k": 1}),
            "NUMBER_VALUE can not be converted to a String",
        ),
        ("VpcConfig", json!("x"), "Expected structure or null"),
        (
            "Code",
            json!({"ZipFile": "*"}),
            "STRING_VALUE can not be converted to a Blob",
        ),
    ] {
        not_understood(create(&with(member, value)), text);
    }
    let line = "GET /2015-03-31/functions?MaxItems=many";
    not_understood(
        gather(line, &[], b""),
        "STRING_VALUE can not be converted to an Integer",
    );
    let broken = gather("POST /2015-03-31/functions", &[], b"{\"a\" 1}").expect_err("refused");
    assert!(broken.to_string().starts_with("Could not parse request body into json: Unexpected character ('1' (code 49)): was expecting a colon"));
    not_understood(
        gather("POST /2015-03-31/functions", &[], b"[]"),
        "Start of list found where not expected",
    );
}

#[test]
fn a_body_cannot_set_what_travels_elsewhere() {
    let line = "PUT /2015-03-31/functions/mine/configuration";
    let input = gather(line, &[], br#"{"FunctionName": "other", "Timeout": 4}"#);
    assert_eq!(input, Ok(json!({"FunctionName": "mine", "Timeout": 4})));
}

#[test]
fn refusals_stay_small() {
    let body = with(
        "VpcConfig",
        json!({"SubnetIds": vec!["x".repeat(1_000); 5_000]}),
    );
    let text = create(&body).expect_err("refused").to_string();
    assert!(text.len() < 16_384, "{}", text.len());
    let deep = format!(
        r#"{{"Unknown": {}{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert!(gather("POST /2015-03-31/functions", &[], deep.as_bytes()).is_err());
}

#[test]
fn every_operation_is_known_and_has_a_status() {
    assert_eq!(OperationId::ALL.len(), 91);
    for operation in OperationId::ALL {
        assert!(
            (200..205).contains(&operation.success_status()),
            "{}",
            operation.name()
        );
    }
    assert_eq!(OperationId::DeleteFunction.success_status(), 204);
}
