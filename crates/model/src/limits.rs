//! AWS's limits, in one place. Each is a default that the operator may change where it says so.

/// Numbers that AWS documents as quotas of Lambda.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Environments that run at once in the account.
    pub concurrent_executions: u32,
    /// Bytes of all packages of the account.
    pub total_code_size_bytes: u64,
    /// Bytes of one unpacked package.
    pub code_size_unzipped_bytes: u64,
    /// Bytes of one package that comes inside the request.
    pub code_size_zipped_bytes: u64,
}

impl Limits {
    /// Bytes of a synchronous invoke's payload.
    pub const REQUEST_PAYLOAD_BYTES: usize = 6_291_456;
    /// Bytes of a response: 6 MB and 100 bytes.
    pub const RESPONSE_PAYLOAD_BYTES: usize = 6_291_556;
    /// Bytes of a client context before it is decoded.
    pub const CLIENT_CONTEXT_BYTES: usize = 3_583;
    /// Bytes of log that an answer carries.
    pub const LOG_TAIL_BYTES: usize = 4_096;
    /// Longest INIT phase, in seconds, besides the function's own timeout.
    pub const INIT_S: u64 = 10;
    /// Memory that has one whole core, in MB.
    pub const MEMORY_MB_PER_CORE: u32 = 1_769;
    /// Size of `/tmp` that costs nothing beside the memory, in MB.
    pub const EPHEMERAL_MB_INCLUDED: u32 = 512;
    /// Processes and threads of an environment.
    pub const PROCESSES: u32 = 1_024;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrent_executions: 1_000,
            total_code_size_bytes: 80_530_636_800,
            code_size_unzipped_bytes: 262_144_000,
            code_size_zipped_bytes: 52_428_800,
        }
    }
}
