//! Lambkin's own routes beside AWS's: their paths and JSON bodies, shared by the server and the command line.
//!
//! All are signed like Lambda's own calls (SigV4, service `lambda`).

use serde::{Deserialize, Serialize};

/// `GET`: log lines of a function, oldest first, one [`LogLine`] a line (`application/x-ndjson`).
/// Query: `since_ms`, `request_id`, `follow=true` (the answer then has no end).
pub const LOGS: &str = "/lambkin/v1/logs/";
/// `GET`: a [`Ledger`]. Query: `from_ms`, `to_ms` (default: the current calendar month, UTC).
pub const LEDGER: &str = "/lambkin/v1/ledger";
/// `GET`: the [`Starts`] of a function.
pub const STARTS: &str = "/lambkin/v1/starts/";
/// `GET`: a list of [`RuntimeLine`].
pub const RUNTIMES: &str = "/lambkin/v1/runtimes";
/// `GET`: an [`Egress`] of a function. `POST` of an [`EgressEdit`]: the [`Egress`] that it leaves.
pub const EGRESS: &str = "/lambkin/v1/egress/";
/// `GET`, presigned: the package of a function, as it was uploaded.
pub const CODE: &str = "/lambkin/v1/code/";

/// One log event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Milliseconds since 1970.
    pub timestamp_ms: i64,
    /// The invoke it belongs to; absent during INIT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The log stream: one per environment.
    pub stream: String,
    /// The text, without its last line feed.
    pub message: String,
    /// Of a REPORT: how its invoke got its environment (`cold`, `warm`, `pooled` or `cloned`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
}

/// Usage and its price over a period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// Start of the period, milliseconds since 1970.
    pub from_ms: i64,
    /// End of the period, exclusive.
    pub to_ms: i64,
    /// Invokes.
    pub requests: u64,
    /// Memory times billed time.
    pub gb_seconds: f64,
    /// Price in US dollars by AWS's public table.
    pub cost: f64,
    /// What went through the machine's network.
    #[serde(default)]
    pub network: NetworkLine,
    /// The same, function by function.
    pub functions: Vec<LedgerLine>,
}

/// One function's part of a ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LedgerLine {
    /// Its name.
    pub function: String,
    /// Its invokes.
    pub requests: u64,
    /// Of which failed, timed out or ran out of memory.
    pub errors: u64,
    /// Of which got an environment that was made from nothing.
    pub cold: u64,
    /// Of which got one that had served before.
    #[serde(default)]
    pub warm: u64,
    /// Of which got one made out of what was prepared for any function.
    #[serde(default)]
    pub pooled: u64,
    /// Of which got one forked from an environment of the function.
    #[serde(default)]
    pub cloned: u64,
    /// Memory times billed time.
    pub gb_seconds: f64,
    /// Price in US dollars.
    pub cost: f64,
    /// What went through the machine's network; AWS bills it apart from Lambda, so it has no price here.
    #[serde(default)]
    pub network: NetworkLine,
}

/// What functions sent and got through the machine's network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkLine {
    /// Connections that were made.
    pub connections: u64,
    /// Bytes that functions sent.
    pub sent_bytes: u64,
    /// Bytes that functions received.
    pub received_bytes: u64,
}

/// The last starts of a function's environments, since its code or configuration changed and the server began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Starts {
    /// The function's name.
    pub function: String,
    /// Newest first, at most eight; fewer where programs tell much.
    pub starts: Vec<StartLine>,
}

/// Where the time of one start went, from the acceptance of the invoke that wanted an environment to the first answer
/// of it. All times are microseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartLine {
    /// When its first invoke was accepted, milliseconds since 1970.
    pub at_ms: i64,
    /// That invoke.
    pub request_id: String,
    /// `cold`, `pooled` or `cloned`.
    pub start: String,
    /// `success`, `error`, `timeout` or `out-of-memory`.
    pub outcome: String,
    /// The whole: the sum of the seven that follow.
    pub total_us: u64,
    /// Until an environment was begun to be made.
    pub queue_us: u64,
    /// Until the code was there: unpacked, or found unpacked.
    pub code_us: u64,
    /// Making of the sandbox; where it was made ahead, its preparation for the function.
    pub sandbox_us: u64,
    /// Mounts inside the sandbox; where it was made ahead, of the code alone.
    pub mounts_us: u64,
    /// INITs that failed before.
    pub failed_init_us: u64,
    /// From the program's start until it asked for its first event.
    pub program_us: u64,
    /// From that event to its answer.
    pub handler_us: u64,
    /// How the program divides its part, if it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<ProgramStart>,
}

/// How a program divides the time until it asks for its first event; the four parts are the whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramStart {
    /// The interpreter's own start.
    pub interpreter_us: u64,
    /// Preparations of the bootstrap.
    pub bootstrap_us: u64,
    /// Modules that the handler's module loads.
    pub imports_us: u64,
    /// The handler's module without them.
    pub init_us: u64,
    /// The modules that took longest, longest first, at most 32; those within others are part of them.
    pub modules: Vec<StartModule>,
}

/// A module that was loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartModule {
    /// Its name, as its language has it; cut at 128 bytes.
    pub name: String,
    /// From the begin of the handler's module to the begin of this one.
    pub start_us: u64,
    /// With all modules that it loads.
    pub total_us: u64,
    /// Without.
    pub self_us: u64,
    /// How many modules are being loaded around it: 0 is the handler's.
    pub depth: u8,
}

/// One interpreter that was found, or the absence of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeLine {
    /// AWS's identifier, for instance `python3.11`.
    pub runtime: String,
    /// Full version, for instance `3.11.7`.
    pub version: String,
    /// Where it is installed.
    pub path: String,
    /// Whether the AWS SDK that functions import without shipping is installed for it.
    pub sdk: bool,
}

/// The network rules of a function: an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Egress {
    /// The function's name; its rules hold for all versions.
    pub function: String,
    /// How connections leave its environments: `Notification` where the server makes them, `None` where the
    /// machine has no way out.
    #[serde(default)]
    pub network: String,
    /// The rules, in the order in which they are weighed: the first that covers a destination decides. What
    /// none covers is allowed.
    pub rules: Vec<EgressRule>,
    /// What no rule opens; weighed first.
    pub closed: Vec<EgressClosed>,
}

/// One network rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EgressRule {
    /// `allow` or `deny`.
    pub action: String,
    /// Networks and ports, for instance `10.0.0.0/8:443`.
    pub target: String,
}

/// Destinations that are closed to every function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EgressClosed {
    /// What they are, for people.
    pub what: String,
    /// Networks, in the form of rules; none where they depend on the machine.
    pub targets: Vec<String>,
}

/// A change of a function's network rules: a request. Made whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EgressEdit {
    /// What to do.
    pub edit: EgressVerb,
    /// With which rules: addresses, networks, `all`, `private`, each with ports if need be. None for a reset.
    #[serde(default)]
    pub rules: Vec<String>,
}

/// What is done with network rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EgressVerb {
    /// Add rules that allow.
    Allow,
    /// Add rules that deny.
    Deny,
    /// Remove rules.
    Remove,
    /// Remove all rules.
    Reset,
}
