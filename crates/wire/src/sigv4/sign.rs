//! Signs requests: for the command line and the benches.

use http::Request;
use http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, InvalidHeaderValue};
use jiff::Timestamp;

use super::verify::{hexadecimal, signature};
use super::{
    ALGORITHM, AmzDate, Credentials, Parts, SERVICE, SigningKey, TERMINATOR, canonical, hash,
};

/// Left out of the signature: they change on the way, or mean nothing to the server.
const UNSIGNED_HEADERS: [&str; 5] = [
    "authorization",
    "connection",
    "expect",
    "transfer-encoding",
    "user-agent",
];

/// Why a request cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The address has no authority and there is no `Host` header.
    #[error("the request's address has no host")]
    NoHost,
    /// The key or token cannot stand in a header.
    #[error("the credentials cannot stand in a header: {0}")]
    Header(#[from] InvalidHeaderValue),
}

/// Adds `host`, `x-amz-date`, `x-amz-content-sha256`, the session token if there is one, and
/// `authorization`, over all headers the request has now. Its path must be percent-encoded already.
///
/// # Errors
/// See [`SignError`].
pub fn sign<B: AsRef<[u8]>>(
    request: &mut Request<B>,
    credentials: &Credentials,
    region: &str,
    now: Timestamp,
) -> Result<(), SignError> {
    let date = AmzDate::new(now);
    let mut hex = [0; 64];
    let payload = hexadecimal(&hash(request.body().as_ref()), &mut hex);
    let authority = authority(request)?;
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_str(&authority)?);
    headers.insert(
        HeaderName::from_static("x-amz-date"),
        HeaderValue::from_str(date.as_str())?,
    );
    headers.insert(
        HeaderName::from_static("x-amz-content-sha256"),
        HeaderValue::from_str(payload)?,
    );
    if let Some(token) = &credentials.session_token {
        let mut token = HeaderValue::from_str(token.expose())?;
        token.set_sensitive(true);
        headers.insert(HeaderName::from_static("x-amz-security-token"), token);
    }
    let parts = Parts::new(
        request.method(),
        request.uri(),
        request.headers(),
        &authority,
    );
    let authorization = authorization(&parts, payload, credentials, region, &date);
    request
        .headers_mut()
        .insert(AUTHORIZATION, HeaderValue::from_str(&authorization)?);
    Ok(())
}

fn authority<B>(request: &Request<B>) -> Result<String, SignError> {
    let in_uri = request
        .uri()
        .authority()
        .map(|authority| authority.as_str());
    let in_header = || {
        request
            .headers()
            .get(HOST)
            .and_then(|host| host.to_str().ok())
    };
    in_uri
        .or_else(in_header)
        .map(str::to_owned)
        .ok_or(SignError::NoHost)
}

fn authorization(
    parts: &Parts<'_>,
    payload: &str,
    credentials: &Credentials,
    region: &str,
    date: &AmzDate,
) -> String {
    let names = parts.headers.keys().map(HeaderName::as_str);
    let mut names: Vec<&str> = names
        .filter(|name| !UNSIGNED_HEADERS.contains(name))
        .collect();
    names.sort_unstable();
    let names = names.join(";");
    let key = SigningKey::derive(&credentials.secret_access_key, date.day(), region);
    // Cannot fail: every signed header is there.
    let request = canonical::request(parts, &names, payload).unwrap_or_default();
    let signature = hex::encode(signature(&request, date, &key));
    let (id, day) = (&credentials.access_key_id, date.day());
    format!(
        "{ALGORITHM} Credential={id}/{day}/{region}/{SERVICE}/{TERMINATOR}, SignedHeaders={names}, \
         Signature={signature}"
    )
}
