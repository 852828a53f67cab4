//! What the process's file descriptors suffice for.
//!
//! Owns: raising the soft limit, which shells set low, to the hard one; the shares that environments, clients
//! and questions for names get of it. Asked only before an environment is made: one more than fit is refused before its sandbox is made
//! in vain.

use crate::environment::CONNECTIONS_MAX;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Of one environment, besides its Runtime API connections: listener, log pipe, control socket, and while it runs
/// three files of its control group.
const OWN: u64 = 6;
/// Of one environment.
const PER_ENVIRONMENT: u64 = OWN + CONNECTIONS_MAX as u64;
/// And where datagrams lead out of it, what they come out of.
const TUNNEL: u64 = 1;
/// What remains for clients, names and files: one part of so many.
const REST: u64 = 4;
/// Of that, what files take at most: the database, journals, logs, packages on their way.
const FILES: u64 = 256;
/// Of all: what functions' questions for names take at most is one part of so many.
const QUERIES: u64 = 32;
/// More at once are never on their way to resolvers, which answer in milliseconds.
const QUERIES_MAX: u64 = 1_024;
/// Of all: what flows of datagrams take at most, where they lead out.
const FLOWS: u64 = 16;

/// Raises the limit of open files and tells how many environments it has room for.
pub(crate) fn environments_max(datagrams: bool) -> usize {
    environments(raise(), datagrams)
}

/// Raises the limit of open files and tells how many clients it has room for beside all environments, and with flows
/// of datagrams where those lead out.
pub fn clients_max(datagrams: bool) -> usize {
    clients(raise(), datagrams)
}

/// How many flows of datagrams functions may have.
pub(crate) fn flows_max() -> usize {
    count(raise().map(|all| all / FLOWS))
}

/// How many questions of functions may be on their way to resolvers.
pub(crate) fn queries_max() -> usize {
    count(Some(queries(raise())))
}

/// `None` is no limit.
fn raise() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::warn!(%error, "cannot raise the limit of open files");
            limit.current
        }
    }
}

fn environments(descriptors: Option<u64>, datagrams: bool) -> usize {
    let each = PER_ENVIRONMENT + if datagrams { TUNNEL } else { 0 };
    count(descriptors.map(|all| (all - all / REST) / each))
}

fn clients(descriptors: Option<u64>, datagrams: bool) -> usize {
    count(descriptors.map(|all| {
        let rest = all / REST;
        let flows = if datagrams { all / FLOWS } else { 0 };
        rest - FILES.min(rest / 2) - queries(Some(all)) - flows
    }))
}

fn queries(descriptors: Option<u64>) -> u64 {
    descriptors.map_or(QUERIES_MAX, |all| (all / QUERIES).min(QUERIES_MAX))
}

fn count(share: Option<u64>) -> usize {
    share.map_or(usize::MAX, |share| {
        usize::try_from(share).unwrap_or(usize::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fourth_is_left_for_clients_and_files() {
        assert_eq!(environments(Some(1_024), false), 54);
        assert_eq!(environments(Some(20_000), false), 1_071);
        assert_eq!(environments(None, false), usize::MAX);
        assert_eq!(clients(Some(1_024), false), 96);
        assert_eq!(clients(Some(20_000), false), 4_119);
        assert_eq!(clients(None, false), usize::MAX);
    }

    #[test]
    fn datagrams_take_a_part_of_it_where_they_lead_out() {
        assert_eq!(environments(Some(20_000), true), 1_000);
        assert_eq!(clients(Some(1_024), true), 32);
        assert_eq!(clients(Some(20_000), true), 2_869);
    }

    #[test]
    fn the_soft_limit_is_raised() {
        let hard = getrlimit(Resource::Nofile).maximum;
        let low = Rlimit {
            current: Some(256),
            maximum: hard,
        };
        setrlimit(Resource::Nofile, low).unwrap();
        assert_eq!(environments_max(false), environments(hard, false));
        assert_eq!(getrlimit(Resource::Nofile).current, hard);
    }
}
