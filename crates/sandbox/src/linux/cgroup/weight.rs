//! Who goes first when more wants to run than there are cores; quotas (`group_files`) say how much it may be at most.
//!
//! All sandboxes together weigh half an ordinary process: the server, for which every function waits, and its callers
//! on the same machine more often wake up before a function that spins, and not a tick of the kernel's later. Less
//! would starve functions where others keep the machine busy. What nobody else wants is theirs all the same. Among
//! themselves they weigh what their memory does.

/// Of a process, and of a group that has not been given another.
const ORDINARY: Weight = Weight {
    shares: 1_024,
    weight: 100,
};
/// Memory that weighs as much as an ordinary process: with so much a function has a core.
const ORDINARY_BYTES: u64 = 1_769 << 20;

/// The same in the units of both interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Weight {
    /// Version 1: `cpu.shares`.
    pub(super) shares: u64,
    /// Version 2: `cpu.weight`.
    pub(super) weight: u64,
}

/// Of all sandboxes together, beside the server.
pub(super) const ALL: Weight = Weight {
    shares: ORDINARY.shares / 2,
    weight: ORDINARY.weight / 2,
};

/// Of one sandbox among the others.
pub(super) fn of_memory(bytes: u64) -> Weight {
    // The smallest and largest that the kernel takes.
    let share = |ordinary: u64, min, max| {
        (u128::from(ordinary) * u128::from(bytes) / u128::from(ORDINARY_BYTES))
            .clamp(min, max)
            .try_into()
            .unwrap_or(ordinary)
    };
    Weight {
        shares: share(ORDINARY.shares, 2, 262_144),
        weight: share(ORDINARY.weight, 1, 10_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weight_goes_with_memory_within_what_the_kernel_takes() {
        assert_eq!(of_memory(ORDINARY_BYTES), ORDINARY);
        let smallest = of_memory(128 << 20);
        assert_eq!((smallest.shares, smallest.weight), (74, 7));
        assert_eq!(
            of_memory(0),
            Weight {
                shares: 2,
                weight: 1
            }
        );
        assert_eq!(of_memory(u64::MAX).shares, 262_144);
    }
}
