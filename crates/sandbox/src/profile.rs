//! Where the time of a sandbox's making goes, for the bench: both processes note each step in memory that they share.
//!
//! Only builds with the feature `profile` do so. In all others a note is nothing.

/// A step, and what it is called in the table.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    Copies,
    Group,
    Sockets,
    Clone,
    Maps,
    Joined,
    Released,
    Identity,
    Network,
    Root,
    Devices,
    Proc,
    Pivot,
    Rights,
    Landlock,
    Filter,
}

/// Begins the spawner's part of a creation.
pub(crate) fn begin_outside() {
    #[cfg(feature = "profile")]
    page::begin(0);
}

/// Begins the new process's part.
pub(crate) fn begin_inside() {
    #[cfg(feature = "profile")]
    page::begin(1);
}

/// A step is done.
pub(crate) fn done(step: Step) {
    #[cfg(feature = "profile")]
    page::done(step);
    #[cfg(not(feature = "profile"))]
    let _ = step;
}

/// Makes the memory, before there is anybody to share it with. What was noted is printed when this is dropped.
pub(crate) fn prepare() -> Table {
    #[cfg(feature = "profile")]
    page::make();
    Table
}

/// Held by the spawner until its end.
pub(crate) struct Table;

#[cfg(feature = "profile")]
impl Drop for Table {
    fn drop(&mut self) {
        page::print();
    }
}

#[cfg(feature = "profile")]
mod page {
    use super::Step;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    const STEPS: [(Step, &str); 16] = [
        (Step::Copies, "spawner: copies of root and code, a /tmp"),
        (Step::Group, "spawner: control groups"),
        (Step::Sockets, "spawner: sockets and log pipe"),
        (Step::Clone, "spawner: clone3"),
        (Step::Maps, "spawner: maps of user ids"),
        (Step::Joined, "inside: descriptors, joining groups"),
        (Step::Released, "inside: waiting for the maps"),
        (Step::Identity, "inside: cgroup name space, user"),
        (Step::Network, "inside: loopback, listener"),
        (Step::Root, "inside: root, code and /tmp mounted"),
        (Step::Devices, "inside: terminals, shared memory"),
        (Step::Proc, "inside: /proc and its masks"),
        (Step::Pivot, "inside: change of root"),
        (Step::Rights, "inside: names, limits, capabilities"),
        (Step::Landlock, "inside: Landlock"),
        (Step::Filter, "inside: system-call filter"),
    ];

    #[derive(Default)]
    struct Page {
        creations: AtomicU64,
        last_ns: [AtomicU64; 2],
        sums_ns: [AtomicU64; STEPS.len()],
    }

    static PAGE: OnceLock<&'static Page> = OnceLock::new();

    pub(super) fn make() {
        // SAFETY: new zeroed memory of that size, which is never unmapped; zero is valid for every counter.
        let page = unsafe {
            let address = libc::mmap(
                std::ptr::null_mut(),
                size_of::<Page>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert_ne!(address, libc::MAP_FAILED);
            &*address.cast::<Page>()
        };
        let _ = PAGE.set(page);
    }

    pub(super) fn begin(side: usize) {
        if let Some(page) = PAGE.get() {
            page.creations.fetch_add(u64::from(side == 0), Relaxed);
            page.last_ns[side].store(now_ns(), Relaxed);
        }
    }

    pub(super) fn done(step: Step) {
        if let Some(page) = PAGE.get() {
            let side = usize::from(step as usize >= Step::Joined as usize);
            let now = now_ns();
            let took = now.saturating_sub(page.last_ns[side].swap(now, Relaxed));
            page.sums_ns[step as usize].fetch_add(took, Relaxed);
        }
    }

    fn now_ns() -> u64 {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
    }

    pub(super) fn print() {
        let Some(page) = PAGE.get() else { return };
        let creations = page.creations.load(Relaxed).max(1);
        eprintln!("mean of {creations} creations");
        for (step, name) in STEPS {
            let mean_us = page.sums_ns[step as usize].load(Relaxed) / creations / 1_000;
            eprintln!("{name:<42} {mean_us:>6} us");
        }
    }
}
