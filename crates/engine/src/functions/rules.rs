//! Rules of settings that need the machine or the domain; the service model's constraints were held before.

use super::Error;
use crate::runtimes::Runtimes;
use lambkin_model::{Runtime, Settings};

/// Most memory of a function, in MB; the service model allows more, for functions that Lambda's managed
/// instances run.
const MEMORY_MB_MAX: u32 = 10_240;

/// The interpreter must be there; if it is not, the text names the command that installs it.
pub(super) fn check_runtime(
    runtimes: &Runtimes,
    runtime: Runtime,
    memory_mb: u32,
) -> Result<(), Error> {
    match runtimes.launch(runtime, memory_mb) {
        Ok(_) => Ok(()),
        Err(unavailable) => Err(Error::Invalid(unavailable.to_string())),
    }
}

pub(super) fn check_memory(settings: &Settings) -> Result<(), Error> {
    if settings.memory_mb <= MEMORY_MB_MAX {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to {MEMORY_MB_MAX}"
    )))
}
