//! Signed requests as bytes, made before the clock starts.

use anyhow::Context;
use http::Request;
use lambkin_wire::sigv4::{self, Credentials, Secret};

use super::server::Server;

const REGION: &str = "us-east-1";

/// A whole request with its signature, ready to be sent. Valid for five minutes.
pub(super) fn signed(
    server: &Server,
    method: &str,
    path: &str,
    body: &[u8],
) -> anyhow::Result<Vec<u8>> {
    let (access_key_id, secret) = server.keys();
    let credentials = Credentials {
        access_key_id: access_key_id.to_owned(),
        secret_access_key: Secret::new(secret),
        session_token: None,
    };
    let mut request = Request::builder()
        .method(method)
        .uri(format!("http://{}{path}", server.address))
        .header("content-type", "application/json")
        .body(body)?;
    sigv4::sign(&mut request, &credentials, REGION, jiff::Timestamp::now())
        .context("cannot sign")?;
    let mut bytes = format!(
        "{method} {path} HTTP/1.1\r\ncontent-length: {}\r\n",
        body.len()
    )
    .into_bytes();
    for (name, value) in request.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    Ok(bytes)
}
