//! Capabilities: a sandbox holds none, in no set, and can gain none.

use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities,
};
use std::io;

/// Empties the bounding set first, which itself needs a capability, then all others.
pub(crate) fn drop_all() -> io::Result<()> {
    clear_ambient_capability_set()?;
    for number in 0..64 {
        let Some(one) = CapabilitySet::from_bits(1 << number) else {
            continue;
        };
        match remove_capability_from_bounding_set(one) {
            Ok(()) => {}
            // Unknown to this kernel, as are all beyond it.
            Err(rustix::io::Errno::INVAL) => break,
            Err(error) => return Err(error.into()),
        }
    }
    let none = CapabilitySet::empty();
    set_capabilities(
        None,
        CapabilitySets {
            effective: none,
            permitted: none,
            inheritable: none,
        },
    )?;
    Ok(())
}
