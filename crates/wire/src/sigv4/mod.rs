//! AWS Signature Version 4 for service `lambda`: verification, and signing for our own clients.
//!
//! ```text
//!  head ──parse──▶ Signed ──(is the access key known?)──▶ verify ──▶ authentic
//!                    │ payload Declared: verify on the head alone, then hold the body
//!                    │                   against it with `Signed::check_body`
//!                    └ payload Unknown:  read and hash the body first, then verify
//! ```
//!
//! Both forms are taken: the `Authorization` header, valid for five minutes around its date, and
//! presigned queries, valid for 1 to 604,800 seconds from theirs. Refused: unsigned payloads, but for
//! presigned `GET`s; an unsigned `Host`; unsigned `x-amz-` headers; anything given twice.

mod canonical;
mod credentials;
mod date;
mod error;
mod key;
mod parse;
mod presign;
mod sign;
mod verify;

use std::borrow::Cow;
use std::fmt;

use aws_lc_rs::digest;
use http::{HeaderMap, Method, Uri};

pub use credentials::{Credentials, Secret};
pub use date::AmzDate;
pub use error::Error;
pub use key::{SigningKey, Verifier};
pub use parse::parse;
pub use presign::presign;
pub use sign::{SignError, sign};
pub use verify::verify;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "lambda";
const TERMINATOR: &str = "aws4_request";
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// A SHA-256.
pub type Hash = [u8; 32];

/// The hash of a body.
pub fn hash(body: &[u8]) -> Hash {
    let digest = digest::digest(&digest::SHA256, body);
    let mut hash = Hash::default();
    hash.copy_from_slice(digest.as_ref());
    hash
}

/// What of a request is signed, as it came over the wire.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path, percent-encoded.
    pub path: &'a str,
    /// The query, percent-encoded, without its `?`.
    pub query: Option<&'a str>,
    /// The `Host` header, or `:authority` of HTTP/2.
    pub authority: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
}

impl<'a> Parts<'a> {
    /// The parts of a request whose authority is known.
    pub fn new(
        method: &'a Method,
        uri: &'a Uri,
        headers: &'a HeaderMap,
        authority: &'a str,
    ) -> Self {
        Self {
            method,
            path: uri.path(),
            query: uri.query(),
            authority,
            headers,
        }
    }
}

/// Headers and query hold what lets others in, so they are not shown.
impl fmt::Debug for Parts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parts({} {}, ..)", self.method, self.path)
    }
}

/// What a request says about its signature. Nothing of it is true before [`verify`].
#[derive(Clone)]
pub struct Signed<'a> {
    /// Whose signature it claims to be.
    pub access_key_id: Cow<'a, str>,
    /// When it was signed.
    pub date: AmzDate,
    /// What it is good for.
    pub scope: Scope<'a>,
    /// Of temporary credentials.
    pub session_token: Option<Secret>,
    /// What it says of its body.
    pub payload: Payload,
    form: Form,
    /// Names in small letters, joined by semicolons.
    signed_headers: Cow<'a, str>,
    signature: Hash,
}

impl fmt::Debug for Signed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, date, scope) = (&self.access_key_id, &self.date, &self.scope);
        write!(f, "Signed({key}, {date}, {scope:?}, ..)")
    }
}

/// The credential scope, without its fixed end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope<'a> {
    /// `YYYYMMDD`.
    pub date: Cow<'a, str>,
    /// Region.
    pub region: Cow<'a, str>,
    /// Service.
    pub service: Cow<'a, str>,
}

/// What a request says of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Its hash, in `x-amz-content-sha256`.
    Declared(Hash),
    /// Nothing: the signature covers the hash, so the body must be read before [`verify`].
    Unknown,
    /// That it is not signed; only a presigned `GET` may.
    Unsigned,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Header,
    Query { expires_s: i64 },
}
