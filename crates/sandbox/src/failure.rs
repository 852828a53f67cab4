//! A failed step of the spawner: what was being done, and what the kernel answered.

use std::borrow::Cow;
use std::io;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Crosses process borders, so it holds the error number and not an `io::Error`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) step: Cow<'static, str>,
    pub(crate) errno: i32,
}

impl Failure {
    pub(crate) fn new(step: impl Into<Cow<'static, str>>, errno: rustix::io::Errno) -> Self {
        Self {
            step: step.into(),
            errno: errno.raw_os_error(),
        }
    }

    pub(crate) fn source(&self) -> io::Error {
        io::Error::from_raw_os_error(self.errno)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let source = failure.source();
        Self::Creation {
            step: failure.step.into_owned(),
            source,
        }
    }
}

/// Names the step for `map_err`. An error without a number becomes EIO.
pub(crate) fn at<E: Into<io::Error>>(
    step: impl Into<Cow<'static, str>>,
) -> impl FnOnce(E) -> Failure {
    move |error| Failure {
        step: step.into(),
        errno: error.into().raw_os_error().unwrap_or(libc::EIO),
    }
}
