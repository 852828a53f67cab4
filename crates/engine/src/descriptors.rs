//! How many environments the process's file descriptors suffice for.
//!
//! Owns: raising the soft limit, which shells set low, to the hard one; the share that environments get of it.
//! Asked only before an environment is made: one more than fit is refused before its sandbox is made in vain.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Of one environment: listener, log pipe, control socket, four files of its control group, and a few Runtime
/// API connections.
const PER_ENVIRONMENT: u64 = 12;
/// What remains for clients and files: one part of so many.
const REST: u64 = 4;

/// Raises the limit of open files and tells how many environments it has room for.
pub(crate) fn environments_max() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let soft = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::warn!(%error, "cannot raise the limit of open files");
            limit.current
        }
    };
    environments(soft)
}

/// `None` is no limit.
fn environments(descriptors: Option<u64>) -> usize {
    let share = descriptors.map(|all| (all - all / REST) / PER_ENVIRONMENT);
    share.map_or(usize::MAX, |share| {
        usize::try_from(share).unwrap_or(usize::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fourth_is_left_for_clients() {
        assert_eq!(environments(Some(1_024)), 64);
        assert_eq!(environments(Some(20_000)), 1_250);
        assert_eq!(environments(None), usize::MAX);
    }

    #[test]
    fn the_soft_limit_is_raised() {
        let hard = getrlimit(Resource::Nofile).maximum;
        let low = Rlimit {
            current: Some(256),
            maximum: hard,
        };
        setrlimit(Resource::Nofile, low).unwrap();
        assert_eq!(environments_max(), environments(hard));
        assert_eq!(getrlimit(Resource::Nofile).current, hard);
    }
}
