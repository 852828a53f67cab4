//! Presigned addresses: `GET`s that whoever holds the address may make until it expires.

use http::{HeaderMap, Method};
use jiff::Timestamp;

use super::canonical::{self, encode};
use super::verify::{hexadecimal, signature};
use super::{ALGORITHM, AmzDate, Credentials, Parts, SERVICE, SigningKey, TERMINATOR, hash};

/// Makes an address on `endpoint` (`http://host:port`) for `path`, which is percent-encoded and may
/// have a query. Good for `expires_s` seconds, at most 604,800.
pub fn presign(
    endpoint: &str,
    path: &str,
    credentials: &Credentials,
    region: &str,
    now: Timestamp,
    expires_s: u32,
) -> String {
    let date = AmzDate::new(now);
    let day = date.day();
    let (path, own_query) = path.split_once('?').unwrap_or((path, ""));
    let id = &credentials.access_key_id;
    let credential = format!("{id}/{day}/{region}/{SERVICE}/{TERMINATOR}");
    let mut query = own_query.to_owned();
    let expires = expires_s.to_string();
    let token = credentials.session_token.as_ref();
    let parameters = [
        ("X-Amz-Algorithm", Some(ALGORITHM)),
        ("X-Amz-Credential", Some(credential.as_str())),
        ("X-Amz-Date", Some(date.as_str())),
        ("X-Amz-Expires", Some(expires.as_str())),
        ("X-Amz-Security-Token", token.map(|token| token.expose())),
        ("X-Amz-SignedHeaders", Some("host")),
    ];
    for (name, value) in parameters
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    {
        append(&mut query, name, value);
    }
    let (_, authority) = endpoint.split_once("://").unwrap_or(("", endpoint));
    let authority = authority.trim_end_matches('/');
    let headers = HeaderMap::new();
    let parts = Parts {
        method: &Method::GET,
        path,
        query: Some(&query),
        authority,
        headers: &headers,
    };
    let mut hex = [0; 64];
    let payload = hexadecimal(&hash(b""), &mut hex);
    // Cannot fail: the only signed header is the host.
    let request = canonical::request(&parts, "host", payload).unwrap_or_default();
    let key = SigningKey::derive(&credentials.secret_access_key, day, region);
    append(
        &mut query,
        "X-Amz-Signature",
        &hex::encode(signature(&request, &date, &key)),
    );
    format!("{}{path}?{query}", endpoint.trim_end_matches('/'))
}

fn append(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    let mut encoded = Vec::with_capacity(value.len() * 2);
    encode(value.as_bytes(), &mut encoded);
    query.push_str(name);
    query.push('=');
    query.push_str(&String::from_utf8_lossy(&encoded));
}
