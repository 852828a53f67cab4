//! Rules of settings that need the machine or the domain; the service model's constraints were held before.

use super::Error;
use crate::runtimes::Runtimes;
use lambkin_model::{Limits, Runtime, Settings, SnapStart};

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

/// An initialised environment can be copied where its runtime can: that of Python can, in all of its versions. The
/// words about a runtime are AWS's, which has more such runtimes and begins with Python 3.12; those about `/tmp` are
/// like them.
pub(super) fn check_snap_start(settings: &Settings) -> Result<(), Error> {
    let runtime = settings.runtime;
    let what = match settings.snap_start {
        SnapStart::None => return Ok(()),
        SnapStart::PublishedVersions if !matches!(runtime, Runtime::Python { .. }) => {
            runtime.to_string()
        }
        SnapStart::PublishedVersions if settings.ephemeral_mb > Limits::EPHEMERAL_MB_INCLUDED => {
            format!(
                "EphemeralStorage of more than {} MB",
                Limits::EPHEMERAL_MB_INCLUDED
            )
        }
        SnapStart::PublishedVersions => return Ok(()),
    };
    Err(Error::Invalid(format!(
        "{what} is not supported for SnapStart enabled functions."
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snap_start_is_for_python_with_a_tmp_of_ordinary_size() {
        let mut settings = crate::testing::function("f", Default::default()).settings;
        settings.snap_start = SnapStart::PublishedVersions;
        assert_eq!(check_snap_start(&settings), Ok(()));
        settings.ephemeral_mb = 513;
        let large = check_snap_start(&settings).unwrap_err().to_string();
        assert!(large.starts_with("EphemeralStorage of more than 512 MB is not"));
        settings.runtime = Runtime::Node { major: 22 };
        assert_eq!(
            check_snap_start(&settings).unwrap_err().to_string(),
            "nodejs22.x is not supported for SnapStart enabled functions."
        );
        settings.snap_start = SnapStart::None;
        assert_eq!(check_snap_start(&settings), Ok(()));
    }
}
