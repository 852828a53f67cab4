//! AWS's answer to a runtime that it does not have.
//!
//! An unknown `Runtime` passes [`input`](crate::input): AWS refuses it inside the operation, as an
//! `InvalidParameterValueException` and in other words than a `ValidationException`.

/// What AWS offers, in the order of its answer in November 2025.
const OFFERED: &[&str] = &[
    "nodejs20.x",
    "python3.14",
    "provided.al2023",
    "python3.12",
    "python3.13",
    "nodejs24.x",
    "nodejs22.x",
    "java25",
    "python3.10",
    "python3.11",
    "java21",
    "ruby3.3",
    "ruby3.4",
    "ruby3.2",
    "python3.8",
    "python3.9",
    "java17",
    "nodejs16.x",
    "dotnet10",
    "dotnet8",
    "java11",
    "dotnet6",
    "nodejs18.x",
    "provided.al2",
    "java8.al2",
];

/// The text for an unknown runtime.
pub fn runtime_enum_message(value: &str) -> String {
    format!(
        "Value {value} at 'runtime' failed to satisfy constraint: Member must satisfy enum value \
         set: [{}] or be a valid ARN",
        OFFERED.join(", ")
    )
}

/// The constraint as a layer's list of runtimes prints it.
pub(crate) fn offered_constraint() -> String {
    format!(
        "Member must satisfy enum value set: [{}]",
        OFFERED.join(", ")
    )
}

/// Whether a layer may name this runtime.
pub(crate) fn is_offered(runtime: &str) -> bool {
    OFFERED.contains(&runtime)
}
