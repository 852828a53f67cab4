//! Where the pages of idle environments may go when memory is short.
//!
//! Swap on a disk would have code and variables on it unsealed, so it is used only where the operator says so; swap
//! that is compressed memory (zram without a device behind it) gives back half or more of what goes there.

use std::fs;
use std::io;
use std::path::Path;

/// One part in so many stays free, for whatever else the machine runs.
const LEFT_FREE: u64 = 4;

/// Which swap takes pages of idle environments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap {
    /// None.
    Off,
    /// That which is compressed memory, where the machine has no other.
    Zram,
    /// Any.
    Any,
}

impl Swap {
    /// Bytes that may go there now: 0 on a machine without.
    pub(crate) fn room_bytes(self) -> u64 {
        match fs::read_to_string("/proc/swaps") {
            Ok(text) => self.room_in(&text, |device| {
                is_compressed_memory(Path::new("/sys/block"), device)
            }),
            Err(_) => 0,
        }
    }

    /// As the kernel lists them; which one a page goes to is the kernel's choice, so one that may not be used
    /// closes all.
    fn room_in(self, text: &str, is_memory: impl Fn(&str) -> bool) -> u64 {
        let mut room = 0;
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [name, _, size, used, ..] = fields[..] else {
                continue;
            };
            let (Ok(size), Ok(used)) = (size.parse::<u64>(), used.parse::<u64>()) else {
                continue;
            };
            match self {
                Self::Off => return 0,
                Self::Zram if !is_memory(name) => return 0,
                Self::Zram | Self::Any => {}
            }
            room += (size - size / LEFT_FREE).saturating_sub(used) * 1_024;
        }
        room
    }
}

/// By what the kernel says of its block devices; one of which it says nothing is none.
fn is_compressed_memory(devices: &Path, device: &str) -> bool {
    let Some(name) = device
        .strip_prefix("/dev/")
        .filter(|name| name.starts_with("zram"))
    else {
        return false;
    };
    let device = devices.join(name);
    if !device.join("disksize").exists() {
        return false;
    }
    // Only kernels that can write back to a disk have the file.
    match fs::read_to_string(device.join("backing_dev")) {
        Ok(device) => device.trim() == "none",
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
    const ZRAM: &str =
        "/dev/zram0                              partition\t1048576\t\t262144\t\t100\n";
    const FILE: &str = "/swapfile                               file\t\t4194304\t\t0\t\t-2\n";

    fn room_mib(swap: Swap, devices: &[&str]) -> u64 {
        let text = HEAD.to_owned() + &devices.concat();
        swap.room_in(&text, |name| name == "/dev/zram0") >> 20
    }

    #[test]
    fn a_disk_is_used_only_where_that_is_said() {
        assert_eq!(room_mib(Swap::Zram, &[ZRAM]), 512);
        assert_eq!(room_mib(Swap::Zram, &[FILE]), 0);
        assert_eq!(room_mib(Swap::Zram, &[ZRAM, FILE]), 0, "the kernel chooses");
        assert_eq!(room_mib(Swap::Any, &[ZRAM, FILE]), 512 + 3_072);
        assert_eq!(room_mib(Swap::Off, &[ZRAM]), 0);
        assert_eq!(room_mib(Swap::Any, &[]), 0);
    }

    #[test]
    fn only_what_the_kernel_knows_as_compressed_memory_is_it() {
        let devices = tempfile::tempdir().unwrap();
        let is_memory = |device: &str| is_compressed_memory(devices.path(), device);
        let say = |file: &str, text: &str| fs::write(devices.path().join(file), text).unwrap();
        fs::create_dir_all(devices.path().join("zram0/zram0p1")).unwrap();
        assert!(!is_memory("/dev/zram0"), "nothing is said of it");
        say("zram0/disksize", "1073741824\n");
        assert!(is_memory("/dev/zram0"));
        assert!(!is_memory("/dev/zram0p1"), "a part of one");
        assert!(!is_memory("/dev/zram-swapfile"));
        assert!(!is_memory("/swap/zram0"));
        say("zram0/backing_dev", "none\n");
        assert!(is_memory("/dev/zram0"));
        say("zram0/backing_dev", "/dev/sda3\n");
        assert!(!is_memory("/dev/zram0"), "it is written to a disk");
    }

    #[test]
    fn a_part_stays_free() {
        let full = ZRAM.replace("262144", "900000");
        assert_eq!(room_mib(Swap::Any, &[&full]), 0);
    }
}
