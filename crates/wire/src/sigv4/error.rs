//! Why a signature is refused, in AWS's words.

use super::AmzDate;
use crate::ErrorCode;

/// A refusal; its text is the client's, and holds nothing that the client did not send.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Neither an `Authorization` header nor a presigned query.
    #[error("Missing Authentication Token")]
    Missing,
    /// A part of the signature is missing, twice there, or not readable.
    #[error("{0}")]
    Incomplete(String),
    /// The signature is not the one that this request must have.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your \
         AWS Secret Access Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
    /// Older than five minutes.
    #[error("Signature expired: {date} is now earlier than {limit} ({now} - 5 min.)")]
    Expired {
        /// The signature's.
        date: AmzDate,
        /// Five minutes ago.
        limit: AmzDate,
        /// The server's clock.
        now: AmzDate,
    },
    /// A presigned address whose time is over.
    #[error("Signature expired: {end} is now earlier than {now}")]
    PresignExpired {
        /// Until when it was good.
        end: AmzDate,
        /// The server's clock.
        now: AmzDate,
    },
    /// From more than five minutes in the future.
    #[error("Signature not yet current: {date} is still later than {limit} ({now} + 5 min.)")]
    NotYetCurrent {
        /// The signature's.
        date: AmzDate,
        /// In five minutes.
        limit: AmzDate,
        /// The server's clock.
        now: AmzDate,
    },
    /// Scoped to another region.
    #[error("Credential should be scoped to a valid region.")]
    Region,
    /// Scoped to another service.
    #[error("Credential should be scoped to correct service: 'lambda'.")]
    Service,
    /// Scoped to another day than the signature's date.
    #[error(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
         '{scope}' != '{day}', from '{date}'."
    )]
    Day {
        /// The scope's.
        scope: String,
        /// The date's.
        day: String,
        /// The date.
        date: AmzDate,
    },
    /// The `Host` header is not among the signed ones.
    #[error("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")]
    UnsignedHost,
    /// An `x-amz-` header is not among the signed ones.
    #[error("There were headers present in the request which were not signed: {0}")]
    UnsignedHeader(String),
    /// Nobody has this access key, or its session token is not the one it came with.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// The session's time is over.
    #[error("The security token included in the request is expired")]
    ExpiredToken,
}

impl Error {
    /// The code that goes with the text.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Missing => ErrorCode::MissingAuthenticationToken,
            Self::Incomplete(_) => ErrorCode::IncompleteSignature,
            Self::UnknownKey => ErrorCode::UnrecognizedClient,
            Self::ExpiredToken => ErrorCode::ExpiredToken,
            _ => ErrorCode::InvalidSignature,
        }
    }
}

impl From<&Error> for ErrorCode {
    fn from(error: &Error) -> Self {
        error.code()
    }
}
