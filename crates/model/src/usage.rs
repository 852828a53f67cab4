//! Usage: what one invoke is billed, as AWS bills it today, and the sums a bill is made of.
//!
//! Sums are whole numbers of MB-milliseconds, so that adding is exact in any order; GB-seconds are only
//! a way to show them.

use crate::{Architecture, FunctionName, Limits, RequestId, Scope, Timestamp, Version};
use serde::{Deserialize, Serialize};

/// MB-milliseconds of one GB-second (GB = 1,024 MB).
const MB_MS_PER_GB_SECOND: f64 = 1_024_000.0;

/// One invoke's usage. Written once, before the last byte of its answer; made, cloned and encoded
/// without an allocation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsageRecord {
    /// Account and region.
    pub scope: Scope,
    /// The function.
    pub function: FunctionName,
    /// The version that ran.
    pub version: Version,
    /// The invoke.
    pub request_id: RequestId,
    /// When it was accepted.
    pub start: Timestamp,
    /// Time the handler had, in microseconds.
    pub duration_us: u64,
    /// What is billed, in whole milliseconds.
    pub billed_ms: u64,
    /// Length of the INIT phase in microseconds, when this invoke had one that succeeded.
    pub init_us: Option<u64>,
    /// Memory configured, in MB.
    pub memory_mb: u32,
    /// Size of `/tmp` configured, in MB; billed above 512.
    pub ephemeral_mb: u32,
    /// What it ran on: the price depends on it.
    pub architecture: Architecture,
    /// Highest memory of the environment's life, in bytes.
    pub memory_peak_bytes: u64,
    /// CPU time that the environment used for this invoke, in microseconds.
    pub cpu_us: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// How it got its environment.
    pub start_kind: Start,
    /// What it sent and got through the machine's network.
    pub network: NetworkUsage,
}

impl UsageRecord {
    /// Whole milliseconds billed for a handler's time and the INIT before it: rounded up, at least 1.
    /// INIT is billed for every package type since August 2025.
    pub fn billed_ms(duration_us: u64, init_us: Option<u64>) -> u64 {
        duration_us
            .saturating_add(init_us.unwrap_or(0))
            .div_ceil(1_000)
            .max(1)
    }

    /// Memory times billed time, in GB-seconds (GB = 1,024 MB).
    pub fn gb_seconds(&self) -> f64 {
        self.memory_mb_ms() as f64 / MB_MS_PER_GB_SECOND
    }

    fn memory_mb_ms(&self) -> u64 {
        u64::from(self.memory_mb).saturating_mul(self.billed_ms)
    }

    /// AWS includes 512 MB of `/tmp` in the price of memory.
    fn ephemeral_mb_ms(&self) -> u64 {
        u64::from(
            self.ephemeral_mb
                .saturating_sub(Limits::EPHEMERAL_MB_INCLUDED),
        )
        .saturating_mul(self.billed_ms)
    }
}

/// What went through connections out of an environment, while an invoke had it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkUsage {
    /// Connections that were made.
    pub connections: u64,
    /// Bytes that the function sent and the other side acknowledged, as TCP counts them.
    pub sent_bytes: u64,
    /// Bytes that the function received.
    pub received_bytes: u64,
}

impl NetworkUsage {
    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        self.connections += other.connections;
        self.sent_bytes += other.sent_bytes;
        self.received_bytes += other.received_bytes;
    }
}

/// How an invoke ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The function answered.
    Success,
    /// The function failed.
    Error,
    /// Its time was up.
    Timeout,
    /// Its memory was not enough.
    OutOfMemory,
}

impl Outcome {
    /// A word for tables and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::OutOfMemory => "out-of-memory",
        }
    }
}

/// How an invoke got its environment. The journal holds the position of a kind in this list: new ones come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Start {
    /// One that was made for its function from nothing.
    Cold,
    /// One that had served before.
    Warm,
    /// One of its function that was made out of what had been prepared for any function.
    Pooled,
    /// One that was forked from an environment of its function.
    Cloned,
}

impl Start {
    /// A word for tables and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Warm => "warm",
            Self::Pooled => "pooled",
            Self::Cloned => "cloned",
        }
    }
}

/// How many invokes got their environments in each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StartCounts {
    /// [`Start::Cold`].
    pub cold: u64,
    /// [`Start::Warm`].
    pub warm: u64,
    /// [`Start::Pooled`].
    pub pooled: u64,
    /// [`Start::Cloned`].
    pub cloned: u64,
}

impl StartCounts {
    /// Counts one invoke.
    pub fn record(&mut self, start: Start) {
        match start {
            Start::Cold => self.cold += 1,
            Start::Warm => self.warm += 1,
            Start::Pooled => self.pooled += 1,
            Start::Cloned => self.cloned += 1,
        }
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.cold += other.cold;
        self.warm += other.warm;
        self.pooled += other.pooled;
        self.cloned += other.cloned;
    }
}

/// The sum of many invokes: all that a bill needs. Exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageTotals {
    /// Invokes.
    pub requests: u64,
    /// Of which failed, timed out or ran out of memory.
    pub errors: u64,
    /// How they got their environments.
    pub starts: StartCounts,
    /// Billed milliseconds.
    pub billed_ms: u64,
    /// Memory times billed time on x86-64, in MB-milliseconds.
    pub x86_64_mb_ms: u64,
    /// Memory times billed time on ARM, in MB-milliseconds.
    pub arm64_mb_ms: u64,
    /// `/tmp` above 512 MB times billed time, in MB-milliseconds.
    pub ephemeral_mb_ms: u64,
    /// What went through the machine's network.
    pub network: NetworkUsage,
}

impl UsageTotals {
    /// Adds one invoke.
    pub fn record(&mut self, record: &UsageRecord) {
        self.requests += 1;
        self.errors += u64::from(record.outcome != Outcome::Success);
        self.starts.record(record.start_kind);
        self.billed_ms += record.billed_ms;
        match record.architecture {
            Architecture::X86_64 => self.x86_64_mb_ms += record.memory_mb_ms(),
            Architecture::Arm64 => self.arm64_mb_ms += record.memory_mb_ms(),
        }
        self.ephemeral_mb_ms += record.ephemeral_mb_ms();
        self.network.add(&record.network);
    }

    /// Adds another sum.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.starts.add(&other.starts);
        self.billed_ms += other.billed_ms;
        self.x86_64_mb_ms += other.x86_64_mb_ms;
        self.arm64_mb_ms += other.arm64_mb_ms;
        self.ephemeral_mb_ms += other.ephemeral_mb_ms;
        self.network.add(&other.network);
    }

    /// Memory times billed time on both architectures, in GB-seconds (GB = 1,024 MB).
    pub fn gb_seconds(&self) -> f64 {
        self.x86_64_gb_seconds() + self.arm64_gb_seconds()
    }

    /// The x86-64 part of [`Self::gb_seconds`].
    pub fn x86_64_gb_seconds(&self) -> f64 {
        self.x86_64_mb_ms as f64 / MB_MS_PER_GB_SECOND
    }

    /// The ARM part of [`Self::gb_seconds`].
    pub fn arm64_gb_seconds(&self) -> f64 {
        self.arm64_mb_ms as f64 / MB_MS_PER_GB_SECOND
    }

    /// `/tmp` above 512 MB times billed time, in GB-seconds.
    pub fn ephemeral_gb_seconds(&self) -> f64 {
        self.ephemeral_mb_ms as f64 / MB_MS_PER_GB_SECOND
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountId, Region};

    fn record(
        architecture: Architecture,
        memory_mb: u32,
        ephemeral_mb: u32,
        billed_ms: u64,
    ) -> UsageRecord {
        UsageRecord {
            scope: Scope {
                account: AccountId::new("000000000000").unwrap(),
                region: Region::new("us-east-1").unwrap(),
            },
            function: FunctionName::new("f").unwrap(),
            version: Version::Latest,
            request_id: RequestId::random(),
            start: Timestamp(0),
            duration_us: billed_ms * 1_000,
            billed_ms,
            init_us: None,
            memory_mb,
            ephemeral_mb,
            architecture,
            memory_peak_bytes: 0,
            cpu_us: 0,
            outcome: Outcome::Success,
            start_kind: Start::Warm,
            network: NetworkUsage {
                connections: 1,
                sent_bytes: 10,
                received_bytes: 100,
            },
        }
    }

    #[test]
    fn billed_time_is_what_aws_reports_for_the_same_times() {
        // Durations and billed durations of REPORT lines that AWS printed.
        assert_eq!(UsageRecord::billed_ms(1_233_960, Some(463_512)), 1_698);
        assert_eq!(UsageRecord::billed_ms(395_990, Some(265_720)), 662);
        assert_eq!(UsageRecord::billed_ms(5_000_000, Some(578_070)), 5_579);
        assert_eq!(UsageRecord::billed_ms(98_710, None), 99);
    }

    #[test]
    fn billed_time_is_rounded_up_once_and_never_nothing() {
        assert_eq!(UsageRecord::billed_ms(0, None), 1);
        assert_eq!(UsageRecord::billed_ms(1_000, None), 1);
        assert_eq!(UsageRecord::billed_ms(1_001, None), 2);
        assert_eq!(
            UsageRecord::billed_ms(500, Some(500)),
            1,
            "not rounded part by part"
        );
        assert_eq!(
            UsageRecord::billed_ms(u64::MAX, Some(1)),
            u64::MAX.div_ceil(1_000)
        );
    }

    #[test]
    fn totals_split_by_architecture_and_count_tmp_above_512_mb() {
        let mut totals = UsageTotals::default();
        totals.record(&record(Architecture::X86_64, 2_048, 512, 1_000));
        totals.record(&UsageRecord {
            outcome: Outcome::Timeout,
            start_kind: Start::Cold,
            ..record(Architecture::Arm64, 512, 1_536, 500)
        });
        assert_eq!(
            (
                totals.requests,
                totals.errors,
                totals.starts.cold,
                totals.starts.warm,
                totals.billed_ms
            ),
            (2, 1, 1, 1, 1_500)
        );
        assert_eq!(
            (totals.x86_64_gb_seconds(), totals.arm64_gb_seconds()),
            (2.0, 0.25)
        );
        assert_eq!(
            (totals.gb_seconds(), totals.ephemeral_gb_seconds()),
            (2.25, 0.5)
        );
        let mut twice = totals;
        twice.add(&totals);
        assert_eq!((twice.requests, twice.gb_seconds()), (4, 4.5));
        let network = NetworkUsage {
            connections: 4,
            sent_bytes: 40,
            received_bytes: 400,
        };
        assert_eq!(twice.network, network);
    }

    #[test]
    fn a_thousand_small_invokes_sum_without_drift() {
        let mut totals = UsageTotals::default();
        let one = record(Architecture::X86_64, 128, 512, 1);
        (0..1_024_000).for_each(|_| totals.record(&one));
        assert_eq!(totals.gb_seconds(), 128.0);
        assert_eq!(one.gb_seconds(), 0.000_125);
    }
}
