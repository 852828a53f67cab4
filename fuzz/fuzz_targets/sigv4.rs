//! Signatures: nobody is let in whose request was not signed with the secret, and everybody whose request was.
//!
//! The input is a request as text: method, target, authority, then a header a line, an empty line, the body.
#![no_main]

use std::sync::OnceLock;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use jiff::Timestamp;
use lambkin_wire::sigv4::{self, Credentials, Parts, Payload, Secret, Verifier};
use libfuzzer_sys::fuzz_target;

const REGION: &str = "us-east-1";
/// A moment that the kept inputs are signed at.
const NOW_S: i64 = 1_795_000_000;

fuzz_target!(|input: &[u8]| {
    let Some(mut request) = request(input) else {
        return;
    };
    let authority = request
        .uri()
        .authority()
        .map_or("host", |a| a.as_str())
        .to_owned();
    let now = Timestamp::from_second(NOW_S).expect("a time");
    assert!(
        !is_let_in(&request, &authority, now),
        "let in without the secret"
    );
    for name in ["authorization", "x-amz-security-token"] {
        request.headers_mut().remove(name);
    }
    if sigv4::sign(&mut request, credentials(), REGION, now).is_err() {
        return;
    }
    if is_let_in(&request, &authority, now) {
        request.body_mut().push(b'x');
        assert!(
            !is_let_in(&request, &authority, now),
            "let in with another body"
        );
    } else {
        assert!(
            may_be_refused(&request),
            "kept out with a signature of ours"
        );
    }
});

/// What no client of ours sends, and the server refuses: a query that says that it is signed too, and headers that
/// are given twice or are no text.
fn may_be_refused(request: &Request<Vec<u8>>) -> bool {
    let headers = request.headers();
    let twice = headers.keys_len() != headers.len();
    let no_text = headers.values().any(|value| value.to_str().is_err());
    twice
        || no_text
        || request
            .uri()
            .query()
            .is_some_and(|query| query.contains('%') || query.contains("X-Amz-"))
}

fn is_let_in(request: &Request<Vec<u8>>, authority: &str, now: Timestamp) -> bool {
    let parts = Parts::new(
        request.method(),
        request.uri(),
        request.headers(),
        authority,
    );
    let Ok(signed) = sigv4::parse(&parts) else {
        return false;
    };
    let body = sigv4::hash(request.body());
    let whole = verifier().verify(&signed, &parts, Some(&body), now).is_ok();
    if signed.payload == Payload::Unknown {
        return whole;
    }
    // The head first, then the body: the same verdict by the server's own way.
    let head = verifier().verify(&signed, &parts, None, now).is_ok();
    assert_eq!(whole, head && signed.check_body(&body).is_ok());
    whole
}

fn request(input: &[u8]) -> Option<Request<Vec<u8>>> {
    let split = input
        .windows(2)
        .position(|two| two == b"\n\n")
        .unwrap_or(input.len());
    let (head, body) = (&input[..split], input.get(split + 2..).unwrap_or_default());
    let mut lines = head.split(|byte| *byte == b'\n');
    let method = Method::from_bytes(lines.next()?).ok()?;
    let target = lines.next()?;
    let authority = lines.next()?;
    let uri = [b"http://", authority, target].concat();
    let uri = Uri::from_maybe_shared(uri).ok()?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
        headers.try_append(name, value).ok()?;
    }
    let mut request = Request::new(body.to_vec());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Some(request)
}

fn secret() -> Secret {
    // Nobody knows it who makes inputs, kept ones included.
    Secret::new(format!(
        "{:x}{:x}",
        std::process::id(),
        rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get())
    ))
}

fn credentials() -> &'static Credentials {
    static CREDENTIALS: OnceLock<Credentials> = OnceLock::new();
    CREDENTIALS.get_or_init(|| Credentials {
        access_key_id: "AKIAFUZZ".to_owned(),
        secret_access_key: secret(),
        session_token: None,
    })
}

fn verifier() -> &'static Verifier {
    static VERIFIER: OnceLock<Verifier> = OnceLock::new();
    VERIFIER.get_or_init(|| {
        let now = Timestamp::from_second(NOW_S).expect("a time");
        Verifier::new(secret(), REGION, now)
    })
}
