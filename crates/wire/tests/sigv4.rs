//! Signatures of botocore and of our own signer, held against verification through the public door.
//!
//! `data/botocore_signatures.json` is what botocore signed; `data/sign_with_botocore.py` remakes it.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use jiff::{SignedDuration, Timestamp};
use lambkin_wire::ErrorCode;
use lambkin_wire::sigv4::{
    Credentials, Error, Parts, Payload, Secret, Verifier, hash, parse, presign, sign,
};
use proptest::prelude::*;
use serde::Deserialize;

const REGION: &str = "us-east-1";

#[derive(Deserialize)]
struct Recorded {
    secret: String,
    authority: String,
    at: String,
    requests: Vec<Sent>,
}

#[derive(Clone, Deserialize)]
struct Sent {
    method: String,
    target: String,
    headers: std::collections::BTreeMap<String, String>,
    body: String,
}

impl Recorded {
    fn at(&self) -> Timestamp {
        self.at.parse().expect("a time")
    }
}

fn recorded() -> Recorded {
    serde_json::from_str(include_str!("data/botocore_signatures.json")).expect("the data")
}

/// Parses and verifies as a server does.
fn verdict(sent: &Sent, authority: &str, verifier: &Verifier, now: Timestamp) -> Result<(), Error> {
    let method: Method = sent.method.parse().expect("a method");
    let uri: Uri = sent.target.parse().expect("a target");
    let mut headers = HeaderMap::new();
    for (name, value) in &sent.headers {
        let name: HeaderName = name.parse().expect("a name");
        headers.append(name, HeaderValue::from_str(value).expect("a value"));
    }
    let parts = Parts::new(&method, &uri, &headers, authority);
    let signed = parse(&parts)?;
    let body = hash(sent.body.as_bytes());
    verifier.verify(
        &signed,
        &parts,
        (signed.payload == Payload::Unknown).then_some(&body),
        now,
    )?;
    signed.check_body(&body)
}

fn after(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(seconds))
        .expect("a time")
}

#[test]
fn what_botocore_signs_is_authentic() {
    let recorded = recorded();
    let verifier = Verifier::new(Secret::new(&recorded.secret), REGION, recorded.at());
    let (unsigned_put, authentic) = recorded.requests.split_last().expect("requests");
    assert_eq!(authentic.len(), 15);
    for sent in authentic {
        let verdict = verdict(sent, &recorded.authority, &verifier, recorded.at());
        assert_eq!(verdict, Ok(()), "{} {}", sent.method, sent.target);
    }
    // Only what is fetched may leave its payload unsigned.
    let refused = verdict(unsigned_put, &recorded.authority, &verifier, recorded.at());
    assert_eq!(refused, Err(Error::Mismatch));
}

#[test]
fn any_change_breaks_it() {
    let recorded = recorded();
    let verifier = Verifier::new(Secret::new(&recorded.secret), REGION, recorded.at());
    let other = Verifier::new(Secret::new("x".repeat(40)), REGION, recorded.at());
    for sent in &recorded.requests {
        let mismatch = |change: &dyn Fn(&mut Sent)| {
            let mut sent = sent.clone();
            change(&mut sent);
            let verdict = verdict(&sent, &recorded.authority, &verifier, recorded.at());
            assert_eq!(
                verdict,
                Err(Error::Mismatch),
                "{} {}",
                sent.method,
                sent.target
            );
        };
        mismatch(&|sent| sent.method = "PATCH".into());
        mismatch(&|sent| sent.target.insert(1, 'x'));
        mismatch(&|sent| sent.body.push(' '));
        mismatch(&|sent| {
            let joint = if sent.target.contains('?') { "&" } else { "?" };
            sent.target += &format!("{joint}x=y");
        });
        assert_eq!(
            verdict(sent, &recorded.authority, &other, recorded.at()),
            Err(Error::Mismatch)
        );
        assert_eq!(
            verdict(sent, "elsewhere:9550", &verifier, recorded.at()),
            Err(Error::Mismatch)
        );
    }
}

#[test]
fn clocks_scopes_and_headers_are_checked_first() {
    let recorded = recorded();
    let (at, authority) = (recorded.at(), &recorded.authority);
    let verifier = Verifier::new(Secret::new(&recorded.secret), REGION, at);
    let sent = &recorded.requests[1];
    for (seconds, opens) in [(-300, true), (300, true)] {
        assert_eq!(
            verdict(sent, authority, &verifier, after(at, seconds)).is_ok(),
            opens
        );
    }
    let text = |seconds| {
        let error = verdict(sent, authority, &verifier, after(at, seconds)).expect_err("refused");
        assert_eq!(error.code(), ErrorCode::InvalidSignature);
        error.to_string()
    };
    assert_eq!(
        text(301),
        "Signature expired: 20261125T123005Z is now earlier than 20261125T123006Z (20261125T123506Z - 5 min.)"
    );
    assert_eq!(
        text(-301),
        "Signature not yet current: 20261125T123005Z is still later than 20261125T123004Z (20261125T122504Z + 5 min.)"
    );
    let elsewhere = Verifier::new(Secret::new(&recorded.secret), "eu-west-1", at);
    assert_eq!(verdict(sent, authority, &elsewhere, at), Err(Error::Region));
    let mut steered = sent.clone();
    steered
        .headers
        .insert("x-amz-client-context".into(), "e30=".into());
    let refused = verdict(&steered, authority, &verifier, at);
    assert_eq!(
        refused,
        Err(Error::UnsignedHeader("x-amz-client-context".into()))
    );
    let mut hostless = sent.clone();
    let authorization = hostless.headers.get_mut("authorization").expect("signed");
    *authorization = authorization.replace("host;", "");
    assert_eq!(
        verdict(&hostless, authority, &verifier, at),
        Err(Error::UnsignedHost)
    );
}

#[test]
fn presigned_addresses_expire() {
    let recorded = recorded();
    let verifier = Verifier::new(Secret::new(&recorded.secret), REGION, recorded.at());
    let verdict = |index: usize, seconds| {
        let sent = &recorded.requests[index];
        verdict(
            sent,
            &recorded.authority,
            &verifier,
            after(recorded.at(), seconds),
        )
    };
    assert_eq!(verdict(11, 600), Ok(()));
    assert!(matches!(
        verdict(11, 601),
        Err(Error::PresignExpired { .. })
    ));
    assert_eq!(verdict(12, 604_800), Ok(()));
    assert!(matches!(
        verdict(12, 604_801),
        Err(Error::PresignExpired { .. })
    ));
}

#[test]
fn incomplete_signatures_are_told_what_they_lack() {
    let recorded = recorded();
    let verifier = Verifier::new(Secret::new(&recorded.secret), REGION, recorded.at());
    let text = |change: &dyn Fn(&mut Sent)| {
        let mut sent = recorded.requests[0].clone();
        change(&mut sent);
        let error =
            verdict(&sent, &recorded.authority, &verifier, recorded.at()).expect_err("refused");
        (error.code(), error.to_string())
    };
    let header = |value: &'static str| {
        move |sent: &mut Sent| {
            sent.headers.insert("authorization".into(), value.into());
        }
    };
    assert_eq!(
        text(&|sent| drop(sent.headers.remove("authorization"))),
        (
            ErrorCode::MissingAuthenticationToken,
            "Missing Authentication Token".into()
        )
    );
    assert_eq!(
        text(&|sent| { header("AWS4-HMAC-SHA256 ")(sent); sent.headers.remove("x-amz-date"); }),
        (ErrorCode::IncompleteSignature, "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256 ".into())
    );
    assert_eq!(
        text(&header("Bearer abc")).1,
        "'abc' not a valid key=value pair (missing equal-sign) in Authorization header: 'Bearer abc'."
    );
    let code = |change: &dyn Fn(&mut Sent)| text(change).0;
    assert_eq!(
        code(&|sent| sent.target += "?X-Amz-Signature=00"),
        ErrorCode::IncompleteSignature
    );
    assert_eq!(
        code(&|sent| {
            let value = sent.headers["authorization"].clone() + ", Signature=00";
            sent.headers.insert("authorization".into(), value);
        }),
        ErrorCode::IncompleteSignature
    );
    assert_eq!(
        code(&|sent| {
            sent.headers
                .insert("x-amz-content-sha256".into(), "UNSIGNED-PAYLOAD".into());
        }),
        ErrorCode::InvalidSignature
    );
    for expires in ["0", "604801", "x", "-1"] {
        let mut sent = recorded.requests[11].clone();
        sent.target = sent
            .target
            .replace("Expires=600", &format!("Expires={expires}"));
        let refused = verdict(&sent, &recorded.authority, &verifier, recorded.at());
        assert!(matches!(refused, Err(Error::Incomplete(_))), "{expires}");
    }
}

#[test]
fn nothing_shows_a_secret() {
    let credentials = Credentials {
        access_key_id: "AKID".into(),
        secret_access_key: Secret::new("hidden-key"),
        session_token: Some(Secret::new("hidden-token")),
    };
    let verifier = Verifier::new(
        credentials.secret_access_key.clone(),
        REGION,
        Timestamp::UNIX_EPOCH,
    );
    let mut request = Request::post("http://h/p")
        .body(Vec::new())
        .expect("a request");
    sign(&mut request, &credentials, REGION, Timestamp::UNIX_EPOCH).expect("signed");
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    let parts = Parts::new(method, uri, headers, "h");
    let signed = parse(&parts).expect("a signature");
    let shown = format!("{credentials:?} {verifier:?} {parts:?} {signed:?}");
    assert!(!shown.contains("hidden"), "{shown}");
    assert_eq!(
        signed.session_token.expect("a token").expose(),
        "hidden-token"
    );
}

proptest! {
    #[test]
    fn what_we_sign_is_authentic(
        path in "(/[a-zA-Z0-9._~:%-]{0,8}){1,4}",
        query in "([a-z]{1,3}=[a-zA-Z0-9+._~:%/-]{0,6}&){0,3}",
        context in "[ -~]{0,12}",
        body in proptest::collection::vec(any::<u8>(), 0..40),
        token in proptest::option::of("[a-zA-Z0-9/+=]{1,20}"),
        seconds in 0i64..4_000_000_000,
    ) {
        let now = Timestamp::from_second(seconds).expect("a time");
        let credentials = Credentials {
            access_key_id: "AKID".into(),
            secret_access_key: Secret::new("secret"),
            session_token: token.map(Secret::new),
        };
        let verifier = Verifier::new(Secret::new("secret"), REGION, now);
        let Ok(uri) = format!("http://localhost:1{path}?{query}").parse::<Uri>() else { return Ok(()) };
        let mut request = Request::post(uri).header("x-amz-client-context", context).body(body).expect("a request");
        sign(&mut request, &credentials, REGION, now).expect("signed");
        let parts = Parts::new(request.method(), request.uri(), request.headers(), "localhost:1");
        let signed = parse(&parts).expect("a signature");
        prop_assert!(matches!(signed.payload, Payload::Declared(_)));
        prop_assert_eq!(verifier.verify(&signed, &parts, None, now), Ok(()));
        prop_assert_eq!(signed.check_body(&hash(request.body())), Ok(()));
        prop_assert_eq!(signed.check_body(&hash(b"another body, longer than any of these")), Err(Error::Mismatch));

        let address = presign("http://localhost:1", &format!("{path}?{query}"), &credentials, REGION, now, 60);
        let uri: Uri = address.parse().expect("an address");
        let headers = HeaderMap::new();
        let parts = Parts::new(&Method::GET, &uri, &headers, "localhost:1");
        let signed = parse(&parts).expect("a signature");
        prop_assert_eq!(verifier.verify(&signed, &parts, Some(&hash(b"")), now), Ok(()));
    }

    #[test]
    fn any_header_is_survived(value in "(AWS4-HMAC-SHA256 )?[ -~]{0,60}", query in "[ -~&&[^ #]]{0,60}") {
        let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, HeaderValue::from_str(&value).expect("ASCII"))]);
        let parts = Parts { method: &Method::GET, path: "/", query: Some(&query), authority: "h", headers: &headers };
        prop_assert!(parse(&parts).is_err());
    }
}
