//! What works so far, and which parameters of working operations are refused because they would have
//! no effect. `cargo xtask codegen` makes `docs/coverage.md` of both tables.

use std::fmt;

use serde_json::Value;

use crate::OperationId::{
    self, CreateFunction, DeleteFunction, GetAccountSettings, GetFunction,
    GetFunctionCodeSigningConfig, GetFunctionConfiguration, Invoke, ListFunctions, ListTags,
    ListVersionsByFunction, PublishVersion, TagResource, UntagResource, UpdateFunctionCode,
    UpdateFunctionConfiguration,
};
use Neutral::{Absent, Empty, Machine, Text, Unset};

/// Operations that do what AWS says; every other one answers 501.
pub const IMPLEMENTED: &[OperationId] = &[
    CreateFunction,
    GetFunction,
    GetFunctionConfiguration,
    GetFunctionCodeSigningConfig,
    ListFunctions,
    UpdateFunctionCode,
    UpdateFunctionConfiguration,
    DeleteFunction,
    PublishVersion,
    ListVersionsByFunction,
    TagResource,
    UntagResource,
    ListTags,
    GetAccountSettings,
    Invoke,
];

/// A parameter that has no effect yet.
#[derive(Debug)]
pub struct RefusedParameter {
    /// Of which operation.
    pub operation: OperationId,
    /// Members from the input downwards, joined by dots.
    pub path: &'static str,
    /// What is accepted.
    pub neutral: Neutral,
}

/// The values of a refused parameter that ask for nothing. Absence always does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Neutral {
    /// None: any value asks for something.
    Absent,
    /// An empty string, list, map or structure.
    Empty,
    /// `false`.
    Unset,
    /// These strings.
    Text(&'static [&'static str]),
    /// A list of the machine's own architecture.
    Machine,
}

const fn refuse(operation: OperationId, path: &'static str, neutral: Neutral) -> RefusedParameter {
    RefusedParameter {
        operation,
        path,
        neutral,
    }
}

/// Parameters that are refused unless neutral, in the model's order.
pub const REFUSED_PARAMETERS: &[RefusedParameter] = &[
    refuse(CreateFunction, "Code.S3Bucket", Absent),
    refuse(CreateFunction, "Code.S3Key", Absent),
    refuse(CreateFunction, "Code.S3ObjectVersion", Absent),
    refuse(CreateFunction, "Code.S3ObjectStorageMode", Absent),
    refuse(CreateFunction, "Code.ImageUri", Absent),
    refuse(CreateFunction, "Code.SourceKMSKeyArn", Empty),
    refuse(CreateFunction, "PublishTo", Absent),
    refuse(CreateFunction, "VpcConfig.SubnetIds", Empty),
    refuse(CreateFunction, "VpcConfig.SecurityGroupIds", Empty),
    refuse(CreateFunction, "VpcConfig.Ipv6AllowedForDualStack", Unset),
    refuse(CreateFunction, "PackageType", Text(&["Zip"])),
    refuse(CreateFunction, "DeadLetterConfig.TargetArn", Empty),
    refuse(CreateFunction, "KMSKeyArn", Empty),
    refuse(CreateFunction, "TracingConfig.Mode", Text(&["PassThrough"])),
    refuse(CreateFunction, "Layers", Empty),
    refuse(CreateFunction, "FileSystemConfigs", Empty),
    refuse(CreateFunction, "CodeSigningConfigArn", Empty),
    refuse(CreateFunction, "ImageConfig", Empty),
    refuse(CreateFunction, "Architectures", Machine),
    refuse(CreateFunction, "TenancyConfig", Empty),
    refuse(CreateFunction, "CapacityProviderConfig", Empty),
    refuse(CreateFunction, "DurableConfig", Empty),
    refuse(CreateFunction, "RuntimeConfig", Empty),
    refuse(CreateFunction, "AcceleratorConfig", Empty),
    refuse(ListFunctions, "MasterRegion", Absent),
    refuse(UpdateFunctionCode, "S3Bucket", Absent),
    refuse(UpdateFunctionCode, "S3Key", Absent),
    refuse(UpdateFunctionCode, "S3ObjectVersion", Absent),
    refuse(UpdateFunctionCode, "S3ObjectStorageMode", Absent),
    refuse(UpdateFunctionCode, "ImageUri", Absent),
    refuse(UpdateFunctionCode, "Architectures", Machine),
    refuse(UpdateFunctionCode, "PublishTo", Absent),
    refuse(UpdateFunctionCode, "SourceKMSKeyArn", Empty),
    refuse(UpdateFunctionConfiguration, "VpcConfig.SubnetIds", Empty),
    refuse(
        UpdateFunctionConfiguration,
        "VpcConfig.SecurityGroupIds",
        Empty,
    ),
    refuse(
        UpdateFunctionConfiguration,
        "VpcConfig.Ipv6AllowedForDualStack",
        Unset,
    ),
    refuse(
        UpdateFunctionConfiguration,
        "DeadLetterConfig.TargetArn",
        Empty,
    ),
    refuse(UpdateFunctionConfiguration, "KMSKeyArn", Empty),
    refuse(
        UpdateFunctionConfiguration,
        "TracingConfig.Mode",
        Text(&["PassThrough"]),
    ),
    refuse(UpdateFunctionConfiguration, "Layers", Empty),
    refuse(UpdateFunctionConfiguration, "FileSystemConfigs", Empty),
    refuse(UpdateFunctionConfiguration, "ImageConfig", Empty),
    refuse(UpdateFunctionConfiguration, "CapacityProviderConfig", Empty),
    refuse(UpdateFunctionConfiguration, "DurableConfig", Empty),
    refuse(UpdateFunctionConfiguration, "RuntimeConfig", Empty),
    refuse(UpdateFunctionConfiguration, "AcceleratorConfig", Empty),
    refuse(PublishVersion, "PublishTo", Absent),
    refuse(Invoke, "DurableExecutionName", Absent),
    refuse(Invoke, "TenantId", Absent),
];

/// Invocation types that answer 501 `NotImplementedException`.
pub const REFUSED_INVOCATION_TYPES: &[&str] = &["Event"];

/// The text of an `InvalidParameterValueException` that names the first parameter in use which would
/// have no effect, if there is one. `input` is what [`input`](crate::input()) gave.
pub fn refused(operation: OperationId, input: &Value) -> Option<String> {
    let rows = REFUSED_PARAMETERS
        .iter()
        .filter(|refused| refused.operation == operation);
    let first = rows.into_iter().find(|refused| {
        let value = refused
            .path
            .split('.')
            .try_fold(input, |value, member| value.get(member));
        value.is_some_and(|value| !refused.neutral.holds(value))
    })?;
    let (path, neutral) = (first.path, first.neutral);
    Some(format!(
        "The parameter {path} is not supported yet. Accepted values: {neutral}."
    ))
}

impl Neutral {
    fn holds(self, value: &Value) -> bool {
        match self {
            Absent => value.is_null(),
            Unset => matches!(value, Value::Bool(false) | Value::Null),
            Text(accepted) => value.as_str().is_none_or(|text| accepted.contains(&text)),
            Machine => {
                let list = value.as_array().into_iter().flatten();
                list.filter_map(Value::as_str)
                    .all(|architecture| architecture == machine())
            }
            Empty => match value {
                Value::Null => true,
                Value::String(text) => text.is_empty(),
                Value::Array(list) => list.is_empty(),
                Value::Object(object) => object.values().all(|value| Empty.holds(value)),
                Value::Bool(_) | Value::Number(_) => false,
            },
        }
    }
}

impl fmt::Display for Neutral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Absent => f.write_str("none"),
            Empty => f.write_str("empty"),
            Unset => f.write_str("false"),
            Text(accepted) => f.write_str(&accepted.join(", ")),
            Machine => write!(f, "the machine's own architecture"),
        }
    }
}

/// AWS's name of the architecture that this program was built for.
pub fn machine() -> &'static str {
    if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x86_64"
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::{Location, Member, Shape};

    #[test]
    fn neutral_values_pass_and_others_are_named() {
        let neutral = json!({
            "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": [], "Ipv6AllowedForDualStack": false},
            "TracingConfig": {"Mode": "PassThrough"}, "Layers": [], "ImageConfig": {}, "PackageType": "Zip",
            "Architectures": [machine()], "KMSKeyArn": "", "DeadLetterConfig": {"TargetArn": ""},
        });
        assert_eq!(refused(CreateFunction, &neutral), None);
        for (input, path) in [
            (
                json!({"VpcConfig": {"SubnetIds": ["subnet-1"]}}),
                "VpcConfig.SubnetIds",
            ),
            (json!({"PublishTo": "LATEST_PUBLISHED"}), "PublishTo"),
            (json!({"Architectures": ["riscv"]}), "Architectures"),
            (json!({"ImageConfig": {"Command": ["x"]}}), "ImageConfig"),
            (json!({"Code": {"S3Key": "k"}}), "Code.S3Key"),
        ] {
            let text = refused(CreateFunction, &input).expect("refused");
            assert!(text.contains(&format!("parameter {path} ")), "{text}");
        }
    }

    #[test]
    fn every_refused_parameter_is_in_the_model() {
        for refused in REFUSED_PARAMETERS {
            assert!(IMPLEMENTED.contains(&refused.operation));
            let mut shape = refused.operation.input_shape();
            for name in refused.path.split('.') {
                shape = member(shape, name).expect(refused.path).shape;
            }
        }
    }

    /// A member that the model adds must get a decision: it works, or it is refused by name.
    #[test]
    fn every_member_of_a_working_operation_is_decided() {
        for &operation in IMPLEMENTED {
            let Shape::Structure(members) = operation.input_shape() else {
                panic!("a structure")
            };
            for member in *members {
                for path in leaves(member) {
                    let refused = REFUSED_PARAMETERS.iter().any(|refused| {
                        refused.operation == operation
                            && (refused.path == path
                                || path.starts_with(&format!("{}.", refused.path)))
                    });
                    let top = member.name;
                    assert!(
                        works(operation, &path) || works(operation, top) || refused,
                        "{operation:?} {path}"
                    );
                }
            }
        }
    }

    /// What has an effect.
    fn works(operation: OperationId, name: &str) -> bool {
        match operation {
            CreateFunction => matches!(
                name,
                "FunctionName"
                    | "Runtime"
                    | "Role"
                    | "Handler"
                    | "Code.ZipFile"
                    | "Description"
                    | "Timeout"
                    | "MemorySize"
                    | "Environment"
                    | "Tags"
                    | "EphemeralStorage"
                    | "LoggingConfig"
                    | "SnapStart"
                    | "Publish"
            ),
            UpdateFunctionConfiguration => matches!(
                name,
                "FunctionName"
                    | "Runtime"
                    | "Role"
                    | "Handler"
                    | "Description"
                    | "Timeout"
                    | "MemorySize"
                    | "Environment"
                    | "EphemeralStorage"
                    | "LoggingConfig"
                    | "SnapStart"
                    | "RevisionId"
            ),
            UpdateFunctionCode => {
                matches!(
                    name,
                    "FunctionName" | "ZipFile" | "DryRun" | "Publish" | "RevisionId"
                )
            }
            Invoke => matches!(
                name,
                "FunctionName"
                    | "InvocationType"
                    | "LogType"
                    | "ClientContext"
                    | "Payload"
                    | "Qualifier"
            ),
            ListFunctions => matches!(name, "FunctionVersion" | "Marker" | "MaxItems"),
            ListVersionsByFunction => matches!(name, "FunctionName" | "Marker" | "MaxItems"),
            PublishVersion => matches!(
                name,
                "FunctionName" | "CodeSha256" | "Description" | "RevisionId"
            ),
            _ => matches!(
                name,
                "FunctionName" | "Qualifier" | "Resource" | "Tags" | "TagKeys"
            ),
        }
    }

    fn leaves(member: &Member) -> Vec<String> {
        match member.shape {
            Shape::Structure(members)
                if !members.is_empty() && member.location == Location::Body =>
            {
                let inner = members.iter().flat_map(leaves);
                inner
                    .map(|leaf| format!("{}.{leaf}", member.name))
                    .collect()
            }
            _ => vec![member.name.to_owned()],
        }
    }

    fn member(shape: &Shape, name: &str) -> Option<&'static Member> {
        match shape {
            Shape::Structure(members) => members.iter().find(|member| member.name == name),
            _ => None,
        }
    }
}
