//! How an invocation failed: AWS's error types and the objects that callers get.
//!
//! The texts are those that AWS answers with; an error that the function's own runtime reported is passed
//! on as it came.

use bytes::Bytes;
use lambkin_model::{Limits, Outcome, RequestId};
use lambkin_sandbox::Exit;
use std::borrow::Cow;
use std::time::Duration;

/// SIGKILL: by us, by the kernel for want of memory, or by whoever else may.
pub(crate) const KILLED: i32 = 9;

/// A failed invocation or INIT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The runtime said so; the payload is its own.
    Reported {
        /// `Lambda-Runtime-Function-Error-Type`, as AWS keeps it.
        error_type: Cow<'static, str>,
        /// What the caller gets.
        payload: Bytes,
    },
    /// The time was up.
    TimedOut(Duration),
    /// The program ended; `None` when only its absence is known.
    Exited(Option<Exit>),
    /// The program was killed because the memory was used up.
    OutOfMemory,
    /// The program could not be executed.
    InvalidEntrypoint {
        /// Which one.
        program: String,
        /// errno of exec.
        errno: i32,
    },
    /// The response is over the limit.
    ResponseTooLarge,
    /// The response broke off.
    Truncated,
    /// The response came in a mode that does not exist.
    InvalidResponseMode,
}

impl Failure {
    /// The `errorType` of REPORT and of the payload.
    pub(crate) fn error_type(&self) -> &str {
        match self {
            Self::Reported { error_type, .. } => error_type,
            Self::TimedOut(_) => "Sandbox.Timedout",
            Self::Exited(_) => "Runtime.ExitError",
            Self::OutOfMemory => "Runtime.OutOfMemory",
            Self::InvalidEntrypoint { .. } => "Runtime.InvalidEntrypoint",
            Self::ResponseTooLarge => "Function.ResponseSizeTooLarge",
            Self::Truncated => "Runtime.TruncatedResponse",
            Self::InvalidResponseMode => "Runtime.InvalidResponseModeHeader",
        }
    }

    /// How it counts.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::TimedOut(_) => Outcome::Timeout,
            Self::OutOfMemory => Outcome::OutOfMemory,
            _ => Outcome::Error,
        }
    }

    /// The text, without the request's id; `None` when the payload is the runtime's own.
    pub(crate) fn message(&self) -> Option<String> {
        Some(match self {
            Self::Reported { .. } => return None,
            Self::TimedOut(limit) => {
                format!("Task timed out after {:.2} seconds", limit.as_secs_f64())
            }
            Self::Exited(exit) => exit_text(*exit),
            Self::OutOfMemory => exit_text(Some(Exit::Signal(KILLED))),
            Self::InvalidEntrypoint { program, errno } => {
                format!("fork/exec {program}: {}", errno_text(*errno))
            }
            Self::ResponseTooLarge => format!(
                "Response payload size exceeded maximum allowed payload size ({} bytes).",
                Limits::RESPONSE_PAYLOAD_BYTES
            ),
            Self::Truncated => "HTTP request detected as truncated".to_owned(),
            Self::InvalidResponseMode => "Invalid function response mode".to_owned(),
        })
    }

    /// The error object that the caller gets.
    pub(crate) fn payload(&self, id: RequestId) -> Bytes {
        let Some(message) = self.message() else {
            let Self::Reported { payload, .. } = self else {
                return Bytes::new();
            };
            return payload.clone();
        };
        let object = match self {
            // These two are recorded without the request's id, and with the message first.
            Self::ResponseTooLarge | Self::Truncated | Self::InvalidResponseMode => {
                format!(
                    r#"{{"errorMessage":{},"errorType":"{}"}}"#,
                    quoted(&message),
                    self.error_type()
                )
            }
            _ => format!(
                r#"{{"errorType":"{}","errorMessage":{}}}"#,
                self.error_type(),
                quoted(&format!("RequestId: {id} Error: {message}"))
            ),
        };
        object.into()
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn exit_text(exit: Option<Exit>) -> String {
    match exit {
        None | Some(Exit::Code(0)) => "Runtime exited without providing a reason".to_owned(),
        Some(Exit::Code(code)) => format!("Runtime exited with error: exit status {code}"),
        Some(Exit::Signal(signal)) => {
            format!("Runtime exited with error: signal: {}", signal_name(signal))
        }
    }
}

/// A signal in the words of Go's runtime, which AWS's texts use.
fn signal_name(signal: i32) -> Cow<'static, str> {
    Cow::Borrowed(match signal {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        5 => "trace/breakpoint trap",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        10 => "user defined signal 1",
        11 => "segmentation fault",
        12 => "user defined signal 2",
        13 => "broken pipe",
        14 => "alarm clock",
        15 => "terminated",
        31 => "bad system call",
        _ => return Cow::Owned(format!("signal {signal}")),
    })
}

/// An error of exec, likewise.
fn errno_text(errno: i32) -> String {
    let errno = rustix::io::Errno::from_raw_os_error(errno);
    match errno {
        rustix::io::Errno::NOENT => "no such file or directory".to_owned(),
        rustix::io::Errno::NOEXEC => "exec format error".to_owned(),
        rustix::io::Errno::ACCESS => "permission denied".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "8f507cfc-a9b6-4b1e-8b0c-3a9ad1d0a111";

    fn payload(failure: &Failure) -> String {
        let id = RequestId::parse(ID).unwrap();
        String::from_utf8(failure.payload(id).to_vec()).unwrap()
    }

    #[test]
    fn payloads_are_the_recorded_ones() {
        let prefix = format!("RequestId: {ID} Error: ");
        let object = |error_type: &str, text: &str| {
            format!(r#"{{"errorType":"{error_type}","errorMessage":"{prefix}{text}"}}"#)
        };
        let exited = |exit| payload(&Failure::Exited(exit));
        assert_eq!(
            payload(&Failure::TimedOut(Duration::from_secs(30))),
            object("Sandbox.Timedout", "Task timed out after 30.00 seconds")
        );
        assert_eq!(
            exited(Some(Exit::Code(0))),
            object(
                "Runtime.ExitError",
                "Runtime exited without providing a reason"
            )
        );
        assert_eq!(
            exited(Some(Exit::Code(127))),
            object(
                "Runtime.ExitError",
                "Runtime exited with error: exit status 127"
            )
        );
        assert_eq!(
            exited(Some(Exit::Signal(11))),
            object(
                "Runtime.ExitError",
                "Runtime exited with error: signal: segmentation fault"
            )
        );
        assert_eq!(
            payload(&Failure::OutOfMemory),
            object(
                "Runtime.OutOfMemory",
                "Runtime exited with error: signal: killed"
            )
        );
        assert_eq!(
            payload(&Failure::InvalidEntrypoint {
                program: "/var/task/bootstrap".into(),
                errno: 2
            }),
            object(
                "Runtime.InvalidEntrypoint",
                "fork/exec /var/task/bootstrap: no such file or directory"
            )
        );
        assert_eq!(
            payload(&Failure::ResponseTooLarge),
            concat!(
                r#"{"errorMessage":"Response payload size exceeded maximum allowed payload size "#,
                r#"(6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#
            )
        );
    }

    #[test]
    fn what_the_runtime_reported_is_passed_on() {
        let reported = Failure::Reported {
            error_type: "Function.Unknown".into(),
            payload: Bytes::from_static(b"{\"a\":1}"),
        };
        assert_eq!(payload(&reported), "{\"a\":1}");
        assert_eq!(reported.outcome(), Outcome::Error);
    }
}
