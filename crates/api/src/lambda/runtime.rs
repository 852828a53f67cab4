//! The runtime that a caller asks for: one that is known here, or the reason why it is not.

use crate::error::Error;
use lambkin_model::Runtime;
use lambkin_wire::runtime_enum_message;

/// What AWS offers and this server does not know yet.
const NOT_YET: &[&str] = &[
    "dotnet10",
    "dotnet6",
    "dotnet8",
    "java11",
    "java17",
    "java21",
    "java25",
    "java8.al2",
    "nodejs16.x",
    "ruby3.2",
    "ruby3.3",
    "ruby3.4",
];

/// What AWS has given up.
const RETIRED: &[&str] = &[
    "dotnet5.0",
    "dotnet7",
    "dotnetcore1.0",
    "dotnetcore2.0",
    "dotnetcore2.1",
    "dotnetcore3.1",
    "go1.x",
    "java8",
    "nodejs",
    "nodejs10.x",
    "nodejs12.x",
    "nodejs14.x",
    "nodejs4.3",
    "nodejs6.10",
    "nodejs8.10",
    "provided",
    "python2.7",
    "python3.6",
    "python3.7",
    "ruby2.5",
    "ruby2.7",
];

/// Reads an identifier.
pub(super) fn parse(identifier: &str) -> Result<Runtime, Error> {
    Runtime::parse(identifier).ok_or_else(|| Error::Parameter(refusal(identifier).into()))
}

fn refusal(identifier: &str) -> String {
    if NOT_YET.contains(&identifier) {
        format!("The runtime {identifier} is not supported yet.")
    } else if RETIRED.contains(&identifier) {
        format!(
            "The runtime parameter of {identifier} is no longer supported for creating or updating AWS Lambda functions. We recommend you use a supported runtime while creating or updating functions."
        )
    } else {
        runtime_enum_message(identifier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_refused_for_what_it_is() {
        let refused = |identifier| parse(identifier).unwrap_err().to_string();
        assert!(parse("python3.12").is_ok());
        assert_eq!(
            refused("java21"),
            "The runtime java21 is not supported yet."
        );
        assert!(
            refused("python3.7").starts_with("The runtime parameter of python3.7 is no longer")
        );
        assert!(
            refused("foo").starts_with("Value foo at 'runtime' failed to satisfy constraint: ")
        );
        for known in NOT_YET.iter().chain(RETIRED) {
            assert!(Runtime::parse(known).is_none(), "{known} is known");
        }
    }
}
