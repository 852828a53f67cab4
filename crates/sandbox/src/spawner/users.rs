//! The host's user ids that sandboxes run as: each for one sandbox at a time, used again last.

use std::collections::VecDeque;
use std::ops::Range;

use rustix::io::Errno;

use crate::failure::Failure;

/// User ids as root; without root's rights all sandboxes share the spawner's own, seen from its name space.
pub(super) enum Users {
    Range(VecDeque<u32>),
    Own,
}

impl Users {
    /// As root. The server's own id stays out of it.
    pub(super) fn from_range(range: Range<u32>, server: Option<(u32, u32)>) -> Self {
        let forbidden = |uid: &u32| *uid == 0 || server.is_some_and(|(own, _)| own == *uid);
        Self::Range(range.filter(|uid| !forbidden(uid)).collect())
    }

    pub(super) fn take(&mut self) -> Result<u32, Failure> {
        match self {
            Self::Range(free) => free
                .pop_front()
                .ok_or_else(|| Failure::new("find a free user id", Errno::AGAIN)),
            Self::Own => Ok(0),
        }
    }

    pub(super) fn give_back(&mut self, uid: u32) {
        if let Self::Range(free) = self {
            free.push_back(uid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_sandboxs_at_a_time_and_never_the_servers() {
        let mut users = Users::from_range(10..13, Some((11, 11)));
        assert_eq!((users.take().unwrap(), users.take().unwrap()), (10, 12));
        assert!(users.take().is_err());
        users.give_back(12);
        assert_eq!(users.take().unwrap(), 12);
    }
}
