//! A function and an invocation for unit tests.

use crate::admission::Admission;
use crate::invocation::Invocation;
use crate::invoke::Request;
use bytes::Bytes;
use lambkin_model::{
    AccountId, Architecture, Code, Environment, Function, FunctionName, Logging, PackageType,
    Region, RequestId, Runtime, Scope, Settings, SnapStart, State, Tags, Timestamp, Version,
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// An active function with defaults.
pub(crate) fn function(name: &str, environment: BTreeMap<String, String>) -> Function {
    Function {
        scope: Scope {
            account: AccountId::new("000000000000").unwrap(),
            region: Region::new("us-east-1").unwrap(),
        },
        name: FunctionName::new(name).unwrap(),
        version: Version::Latest,
        content_id: Uuid::nil(),
        revision_id: Uuid::nil(),
        last_modified: Timestamp(0),
        state: State::Active,
        last_update: None,
        code: Code {
            sha256: [0; 32],
            size_bytes: 0,
            blob: Uuid::nil(),
        },
        settings: Settings {
            runtime: Runtime::Python { minor: 12 },
            role: "arn:aws:iam::000000000000:role/r".into(),
            handler: "index.handler".into(),
            description: String::new(),
            timeout_s: 3,
            memory_mb: 128,
            ephemeral_mb: 512,
            environment: Some(Environment::new(environment).unwrap()),
            logging: Logging::default_for(name),
            package_type: PackageType::Zip,
            architecture: Architecture::MACHINE,
            snap_start: SnapStart::None,
        },
        tags: Tags::default(),
    }
}

/// Of function `f`, with an empty event.
pub(crate) fn invocation() -> Invocation {
    let request = Request {
        request_id: RequestId::random(),
        function: FunctionName::new("f").unwrap(),
        qualifier: None,
        payload: Bytes::from_static(b"{}"),
        client_context: None,
        trace: None,
        tail: false,
    };
    Invocation::new(request, "arn".into(), Admission::new(1).enter().unwrap()).0
}
