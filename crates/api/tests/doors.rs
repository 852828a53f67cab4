//! The way of a request up to the engine, over a real socket: what is refused, in which order, in whose
//! words. The server is never told that it is ready, so what passes every door is answered 503.

#![allow(clippy::unwrap_used)]

use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderName, Method, Request};
use jiff::{Timestamp, ToSpan};
use lambkin_api::{Config, Credentials, Limits, Listener, Server};
use lambkin_model::{AccountId, Region};
use lambkin_wire::sigv4::{self, Secret};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const KEY: &str = "AKIATESTTESTTESTTEST";
const SECRET: &str = "not a secret";
const FUNCTIONS: &str = "/2015-03-31/functions";
const INVOKE: &str = "/2015-03-31/functions/f/invocations";

struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

fn serve(limits: Limits) -> Served {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.address();
    let credentials = Credentials {
        access_key_id: KEY.into(),
        secret_access_key: SECRET.into(),
        region: Region::new("us-east-1").unwrap(),
        account: AccountId::new("000000000000").unwrap(),
    };
    let config = Config {
        limits,
        ..Config::default()
    };
    let server = Server::new(listener, config, credentials).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async move { drop(stopped.await) }));
    Served {
        address,
        stop,
        running,
    }
}

impl Served {
    fn request(&self, method: Method, path: &str, body: impl Into<Vec<u8>>) -> Request<Vec<u8>> {
        let uri = format!("http://{}{path}", self.address);
        Request::builder()
            .method(method)
            .uri(uri)
            .body(body.into())
            .unwrap()
    }

    fn signed(&self, method: Method, path: &str, body: impl Into<Vec<u8>>) -> Request<Vec<u8>> {
        let mut request = self.request(method, path, body);
        sign(&mut request, KEY, SECRET, Timestamp::now());
        request
    }

    async fn send(&self, request: Request<Vec<u8>>) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(&head(&request)).await.unwrap();
        stream.write_all(request.body()).await.unwrap();
        read(&mut stream).await
    }

    async fn assert_refused(&self, request: Request<Vec<u8>>, status: u16, code: &str) -> String {
        let answer = self.send(request).await;
        let found = answer
            .headers
            .get("x-amzn-errortype")
            .map(|code| code.to_str().unwrap());
        assert_eq!(
            (answer.status, found),
            (status, Some(code)),
            "{}",
            answer.body
        );
        assert_eq!(answer.headers["x-amzn-requestid"].len(), 36);
        answer.body
    }
}

fn sign(request: &mut Request<Vec<u8>>, key: &str, secret: &str, at: Timestamp) {
    let credentials = sigv4::Credentials {
        access_key_id: key.into(),
        secret_access_key: Secret::new(secret),
        session_token: None,
    };
    sigv4::sign(request, &credentials, "us-east-1", at).unwrap();
}

/// The request's head as it goes over the wire; the connection ends with the answer.
fn head(request: &Request<Vec<u8>>) -> Vec<u8> {
    let mut headers = request.headers().clone();
    let host = request.uri().authority().unwrap().as_str().parse().unwrap();
    headers.entry(HOST).or_insert(host);
    headers
        .entry(CONTENT_LENGTH)
        .or_insert(request.body().len().into());
    headers.insert("connection", "close".parse().unwrap());
    let target = request.uri().path_and_query().unwrap();
    let mut text = format!("{} {target} HTTP/1.1\r\n", request.method());
    for (name, value) in &headers {
        text += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    text += "\r\n";
    text.into_bytes()
}

async fn read(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    timeout(Duration::from_secs(10), stream.read_to_end(&mut bytes))
        .await
        .unwrap()
        .unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let pair = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())
    };
    Answer {
        status,
        headers: lines.map(pair).collect(),
        body: body.to_owned(),
    }
}

#[tokio::test]
async fn health_needs_no_signature_but_a_known_host() {
    let served = serve(Limits::default());
    let answer = served
        .send(served.request(Method::GET, "/health", ""))
        .await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (503, r#"{"status":"starting"}"#)
    );
    let mut foreign = served.request(Method::GET, "/health", "");
    foreign
        .headers_mut()
        .insert(HOST, "rebound.example".parse().unwrap());
    served
        .assert_refused(foreign, 403, "AccessDeniedException")
        .await;
}

#[tokio::test]
async fn a_right_signature_passes_every_door() {
    let served = serve(Limits::default());
    for request in [
        served.signed(Method::GET, FUNCTIONS, ""),
        served.signed(Method::POST, INVOKE, r#"{"n":1}"#),
        served.signed(Method::GET, "/lambkin/v1/ledger", ""),
    ] {
        served
            .assert_refused(request, 503, "ServiceException")
            .await;
    }
}

#[tokio::test]
async fn signatures_are_refused_before_anything_else() {
    let served = serve(Limits::default());
    let refused = async |request, code| served.assert_refused(request, 403, code).await;
    // What these ask for breaks a constraint, or does not exist: nobody without a key learns that.
    for path in ["/2015-03-31/functions/white%20space", "/nothing/here"] {
        refused(
            served.request(Method::GET, path, ""),
            "MissingAuthenticationTokenException",
        )
        .await;
        let mut unknown = served.request(Method::GET, path, "");
        sign(&mut unknown, "AKIAUNKNOWN", SECRET, Timestamp::now());
        refused(unknown, "UnrecognizedClientException").await;
        let mut forged = served.request(Method::GET, path, "");
        sign(&mut forged, KEY, "guessed", Timestamp::now());
        refused(forged, "InvalidSignatureException").await;
        let mut stale = served.request(Method::GET, path, "");
        sign(&mut stale, KEY, SECRET, Timestamp::now() - 6.minutes());
        refused(stale, "InvalidSignatureException").await;
    }
}

#[tokio::test]
async fn the_body_is_the_signed_one() {
    let served = serve(Limits::default());
    let mut swapped = served.signed(Method::POST, FUNCTIONS, r#"{"a": 1}"#);
    *swapped.body_mut() = br#"{"a": 2}"#.to_vec();
    let body = served
        .assert_refused(swapped, 403, "InvalidSignatureException")
        .await;
    assert!(
        body.starts_with(r#"{"message":"The request signature we calculated"#),
        "{body}"
    );
}

#[tokio::test]
async fn validation_comes_before_what_is_not_there_yet() {
    let served = serve(Limits::default());
    let aliases = |name: &str| format!("{FUNCTIONS}/{name}/aliases");
    let alias = r#"{"Name":"live","FunctionVersion":"1"}"#;
    let invalid = served.signed(Method::POST, &aliases("white%20space"), alias);
    let body = served
        .assert_refused(invalid, 400, "ValidationException")
        .await;
    assert!(
        body.contains("1 validation error detected: Value 'white space' at 'functionName'"),
        "{body}"
    );
    let valid = served.signed(Method::POST, &aliases("f"), alias);
    let body = served
        .assert_refused(valid, 501, "NotImplementedException")
        .await;
    assert!(
        body.contains("CreateAlias is not implemented yet"),
        "{body}"
    );
    let vpc = r#"{"VpcConfig":{"SubnetIds":["subnet-1"],"SecurityGroupIds":["sg-1"]}}"#;
    let refused = served.signed(Method::PUT, &format!("{FUNCTIONS}/f/configuration"), vpc);
    let body = served
        .assert_refused(refused, 400, "InvalidParameterValueException")
        .await;
    assert!(
        body.contains("VpcConfig") && body.contains(r#""Type":"User""#),
        "{body}"
    );
    let unknown = served.signed(Method::GET, "/nothing/here", "");
    served
        .assert_refused(unknown, 404, "UnknownOperationException")
        .await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_in_aws_words_though_the_client_writes_it_all() {
    let served = serve(Limits::default());
    let large = served.signed(Method::POST, INVOKE, vec![b' '; 6_291_457]);
    let body = served
        .assert_refused(large, 413, "RequestEntityTooLargeException")
        .await;
    assert_eq!(
        body,
        r#"{"message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}"#
    );
    // Nothing but a declaration: answered without waiting for 80 MB.
    let mut declared = served.signed(Method::POST, FUNCTIONS, "");
    declared
        .headers_mut()
        .insert(CONTENT_LENGTH, 80_000_000.into());
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(&head(&declared)).await.unwrap();
    stream.shutdown().await.unwrap();
    let answer = read(&mut stream).await;
    assert_eq!(answer.status, 413);
    assert!(
        answer
            .body
            .contains("70167211 bytes for the CreateFunction operation"),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn a_slow_body_and_one_beyond_the_budget_are_refused() {
    let limits = Limits {
        body_gap_timeout: Duration::from_millis(50),
        bodies_bytes_max: 1_000,
        ..Limits::default()
    };
    let served = serve(limits);
    let slow = served.signed(Method::POST, INVOKE, "{}");
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(&head(&slow)).await.unwrap();
    stream.write_all(b"{").await.unwrap();
    assert_eq!(read(&mut stream).await.status, 408);
    let beyond = served.signed(Method::POST, INVOKE, vec![b' '; 1_001]);
    let body = served
        .assert_refused(beyond, 429, "TooManyRequestsException")
        .await;
    assert!(
        body.contains(r#""Reason":"CallerRateLimitExceeded""#),
        "{body}"
    );
}

#[tokio::test]
async fn a_presigned_address_opens_until_it_is_changed_or_expires() {
    let served = serve(Limits::default());
    let credentials = sigv4::Credentials {
        access_key_id: KEY.into(),
        secret_access_key: Secret::new(SECRET),
        session_token: None,
    };
    let presigned = |path: &str, at: Timestamp| {
        let endpoint = format!("http://{}", served.address);
        let address = sigv4::presign(&endpoint, path, &credentials, "us-east-1", at, 600);
        address[endpoint.len()..].to_owned()
    };
    let (now, path) = (
        Timestamp::now(),
        "/lambkin/v1/code/f/00000000-0000-0000-0000-000000000000",
    );
    let get = |target: &str| served.request(Method::GET, target, "");
    let good = presigned(path, now);
    served
        .assert_refused(get(&good), 503, "ServiceException")
        .await;
    let other = good.replace("/code/f/", "/code/g/");
    served
        .assert_refused(get(&other), 403, "InvalidSignatureException")
        .await;
    let expired = presigned(path, now - 11.minutes());
    served
        .assert_refused(get(&expired), 403, "InvalidSignatureException")
        .await;
}

#[tokio::test]
async fn http2_by_prior_knowledge_passes_the_same_doors() {
    let served = serve(Limits::default());
    let stream = TcpStream::connect(served.address).await.unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let client = hyper::client::conn::http2::Builder::new(executor);
    let (mut sender, connection) = client
        .handshake(hyper_util::rt::TokioIo::new(stream))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let sent = async |sender: &mut hyper::client::conn::http2::SendRequest<_>,
                      mut request: Request<Vec<u8>>| {
        // The authority of HTTP/2 stands in for the header.
        request.headers_mut().remove(HOST);
        let (head, body) = request.into_parts();
        let body = http_body_util::Full::new(bytes::Bytes::from(body));
        let answer = sender
            .send_request(Request::from_parts(head, body))
            .await
            .unwrap();
        answer.status().as_u16()
    };
    let signed = served.signed(Method::POST, INVOKE, "{}");
    assert_eq!(sent(&mut sender, signed).await, 503);
    let unsigned = served.request(Method::POST, INVOKE, "{}");
    assert_eq!(sent(&mut sender, unsigned).await, 403);
    drop(sender);
    connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_drained_server_ends_though_connections_are_open() {
    let served = serve(Limits::default());
    let mut idle = TcpStream::connect(served.address).await.unwrap();
    let mut request = head(&served.request(Method::GET, "/health", ""));
    let close = request
        .windows(5)
        .position(|five| five == b"close")
        .unwrap();
    request.splice(close..close + 5, *b"keep-alive");
    idle.write_all(&request).await.unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 503");
    served.stop.send(()).unwrap();
    timeout(Duration::from_secs(5), served.running)
        .await
        .unwrap()
        .unwrap();
}
