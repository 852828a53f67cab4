//! What a sandbox has used and how much CPU it may use, through descriptors alone.
//!
//! The spawner opens the files and sends them; the server tells them apart by their names.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;

/// Time over which a CPU quota is counted, in microseconds: short, so that a function with a small share is
/// slowed down evenly and not stopped for a tenth of a second at a time.
pub(super) const CPU_PERIOD_US: u64 = 20_000;
/// The kernel takes no smaller quota.
const CPU_QUOTA_US_MIN: u64 = 1_000;
/// The longest of these files, `cpu.stat`, stays below a fourth of it.
const FILE_BYTES_MAX: usize = 2_048;

/// What a sandbox has used since its creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) memory_peak_bytes: u64,
    pub(crate) cpu_us: u64,
    pub(crate) oom_kills: u64,
}

/// Where CPU time stands, and in which unit.
pub(crate) enum CpuUsage {
    /// Version 1: one number of nanoseconds.
    Nanoseconds(File),
    /// Version 2: among other numbers, `usage_usec`.
    Statistics(File),
}

/// Where the quota is set.
pub(crate) enum CpuQuota {
    /// Version 1: microseconds in each period, -1 for none.
    Quota(File),
    /// Version 2: quota and period, `max` for none.
    Max(File),
}

/// The files of one group. What the machine does not count is absent, and reads as zero.
#[derive(Default)]
pub(crate) struct Meter {
    pub(super) memory_peak: Option<File>,
    pub(super) memory_events: Option<File>,
    pub(super) cpu_usage: Option<CpuUsage>,
    pub(super) cpu_quota: Option<CpuQuota>,
}

impl Meter {
    /// The descriptors to send.
    pub(crate) fn into_descriptors(self) -> Vec<OwnedFd> {
        let usage = self.cpu_usage.map(|usage| match usage {
            CpuUsage::Nanoseconds(file) | CpuUsage::Statistics(file) => file,
        });
        let quota = self.cpu_quota.map(|quota| match quota {
            CpuQuota::Quota(file) | CpuQuota::Max(file) => file,
        });
        let files = [self.memory_peak, self.memory_events, usage, quota];
        files.into_iter().flatten().map(OwnedFd::from).collect()
    }

    /// The meter whose descriptors were sent; `None` where there are none.
    pub(crate) fn from_descriptors(descriptors: Vec<OwnedFd>) -> io::Result<Option<Self>> {
        if descriptors.is_empty() {
            return Ok(None);
        }
        let mut meter = Self::default();
        for descriptor in descriptors {
            let path = std::fs::read_link(format!("/proc/self/fd/{}", descriptor.as_raw_fd()))?;
            let file = File::from(descriptor);
            match path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default()
            {
                "memory.max_usage_in_bytes" | "memory.peak" | "memory.current" => {
                    meter.memory_peak = Some(file);
                }
                "memory.oom_control" | "memory.events" => meter.memory_events = Some(file),
                "cpuacct.usage" => meter.cpu_usage = Some(CpuUsage::Nanoseconds(file)),
                "cpu.stat" => meter.cpu_usage = Some(CpuUsage::Statistics(file)),
                "cpu.cfs_quota_us" => meter.cpu_quota = Some(CpuQuota::Quota(file)),
                "cpu.max" => meter.cpu_quota = Some(CpuQuota::Max(file)),
                other => return Err(io::Error::other(format!("{other} measures nothing"))),
            }
        }
        Ok(Some(meter))
    }

    /// Reads all of it: at most three small reads, which never wait.
    pub(crate) fn usage(&self) -> io::Result<Usage> {
        let peak = self.memory_peak.as_ref().map(|file| read(file, number));
        let kills = self
            .memory_events
            .as_ref()
            .map(|file| read(file, |text| field(text, "oom_kill")));
        let cpu_us = self.cpu_usage.as_ref().map(|usage| match usage {
            CpuUsage::Nanoseconds(file) => {
                read(file, number).map(|nanoseconds| nanoseconds / 1_000)
            }
            CpuUsage::Statistics(file) => read(file, |text| field(text, "usage_usec")),
        });
        Ok(Usage {
            memory_peak_bytes: peak.transpose()?.unwrap_or_default(),
            cpu_us: cpu_us.transpose()?.unwrap_or_default(),
            oom_kills: kills.transpose()?.unwrap_or_default(),
        })
    }

    /// Sets the quota in thousandths of a core; `None` takes it away.
    pub(crate) fn set_cpu_limit(&self, millicores: Option<u32>) -> io::Result<()> {
        let quota_us = millicores.map(|millicores| {
            (u64::from(millicores) * CPU_PERIOD_US / 1_000).max(CPU_QUOTA_US_MIN)
        });
        let (file, text) = match (&self.cpu_quota, quota_us) {
            (None, _) => return Ok(()),
            (Some(CpuQuota::Quota(file)), Some(quota_us)) => (file, quota_us.to_string()),
            (Some(CpuQuota::Quota(file)), None) => (file, "-1".to_owned()),
            (Some(CpuQuota::Max(file)), Some(quota_us)) => {
                (file, format!("{quota_us} {CPU_PERIOD_US}"))
            }
            (Some(CpuQuota::Max(file)), None) => (file, format!("max {CPU_PERIOD_US}")),
        };
        file.write_all_at(text.as_bytes(), 0)
    }
}

fn read(file: &File, parse: impl FnOnce(&str) -> Option<u64>) -> io::Result<u64> {
    let mut bytes = [0; FILE_BYTES_MAX];
    let length = file.read_at(&mut bytes, 0)?;
    let text = str::from_utf8(&bytes[..length]).map_err(io::Error::other)?;
    parse(text).ok_or_else(|| io::Error::other("a control group's file holds no number"))
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

fn field(text: &str, name: &str) -> Option<u64> {
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines
        .filter(|(key, _)| *key == name)
        .find_map(|(_, value)| number(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n";
        assert_eq!(field(text, "oom_kill"), Some(3));
        assert_eq!(field(text, "oom"), None);
    }
}
