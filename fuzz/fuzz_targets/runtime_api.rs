//! The Runtime API's side of a connection, given any bytes of a runtime: heads, calls, states and bodies as the
//! server reads them, with an environment that has always another event.
//!
//! Each event is answered at most once, what is taken of a body is within the limit, and what callers are told of an
//! error is sound.
#![no_main]

// The engine brings a data base and a spawner; these files of it read what a runtime sends.
#[path = "../../crates/engine/src/runtime_api/body.rs"]
#[allow(dead_code)]
mod body;
#[path = "../../crates/engine/src/runtime_api/call.rs"]
mod call;
#[path = "../../crates/engine/src/runtime_api/cause.rs"]
mod cause;
#[path = "../../crates/engine/src/runtime_api/dialect.rs"]
mod dialect;
#[path = "../../crates/engine/src/runtime_api/error_type.rs"]
mod error_type;
#[path = "../../crates/engine/src/runtime_api/pace.rs"]
#[allow(dead_code)]
mod pace;
#[path = "../../crates/engine/src/runtime_api/state.rs"]
#[allow(dead_code)]
mod state;

use std::convert::Infallible;
use std::sync::Mutex;

use body::Broken;
use bytes::Bytes;
use call::{Call, Unknown};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use lambkin_model::Limits;
use libfuzzer_sys::fuzz_target;
use pace::Pace;
use state::State;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// As the server gives it to runtimes of unknown make.
const HEAD_BYTES_MAX: usize = 128 << 10;

fuzz_target!(|input: &[u8]| {
    // What the server's pacing waits for passes at once.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let told = runtime.expect("a runtime").block_on(connection(input));
    assert!(
        told.is_empty() || told.starts_with(b"HTTP/1."),
        "no answer begins so"
    );
});

/// Serves one connection to its end, and returns all that was answered.
async fn connection(input: &[u8]) -> Vec<u8> {
    let (mut client, server) = tokio::io::duplex(64 << 10);
    let environment = Environment::default();
    let service =
        service_fn(|request| async { Ok::<_, Infallible>(environment.answer(request).await) });
    let served = dialect::http(HEAD_BYTES_MAX).serve_connection(TokioIo::new(server), service);
    let spoken = async {
        let (mut from, mut to) = tokio::io::split(&mut client);
        let mut told = Vec::new();
        let say = async {
            // The server may have heard enough.
            let _ = to.write_all(input).await;
            let _ = to.shutdown().await;
        };
        let hear = from.read_to_end(&mut told);
        let _ = tokio::join!(say, hear);
        told
    };
    let (_, told) = tokio::join!(served, spoken);
    told
}

struct Environment {
    state: Mutex<State>,
    pace: Pace,
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            state: Mutex::new(State::Started),
            pace: Pace::new(),
        }
    }
}

impl Environment {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, mut incoming) = request.into_parts();
        let path = head.uri.path().to_owned();
        let status = match Call::of(&head.method, &path) {
            Ok(Call::Next) => self.next(),
            Ok(Call::Ping) => StatusCode::OK,
            Ok(Call::InitError) => {
                self.told(State::InitError, &head.headers, &mut incoming)
                    .await
            }
            Ok(Call::Response(id)) => {
                assert!(!id.contains('/'));
                self.told(State::InvocationResponse, &head.headers, &mut incoming)
                    .await
            }
            Ok(Call::Error(id)) => {
                assert!(!id.contains('/'));
                self.told(State::InvocationErrorResponse, &head.headers, &mut incoming)
                    .await
            }
            Err(Unknown::Path) => StatusCode::NOT_FOUND,
            Err(Unknown::Method) => StatusCode::METHOD_NOT_ALLOWED,
        };
        body::discard(&mut incoming, &self.pace).await;
        let mut response = Response::new(Full::default());
        *response.status_mut() = status;
        response
    }

    fn step(&self, to: State) -> bool {
        let mut state = self.state.lock().expect("no call panics");
        let stepped = state.step(to);
        if let Ok(new) = stepped {
            *state = new;
        }
        stepped.is_ok()
    }

    fn set(&self, to: State) {
        *self.state.lock().expect("no call panics") = to;
    }

    fn next(&self) -> StatusCode {
        if self.step(State::Ready) {
            self.set(State::Running);
            StatusCode::OK
        } else {
            StatusCode::FORBIDDEN
        }
    }

    /// A response or an error: taken whole, once.
    async fn told(&self, to: State, headers: &HeaderMap, incoming: &mut Incoming) -> StatusCode {
        if !self.step(to) {
            return StatusCode::FORBIDDEN;
        }
        let read = body::read(incoming, &self.pace).await;
        assert!(!self.step(to), "taken twice");
        if to != State::InitError {
            self.set(State::ResponseSent);
            assert!(!self.step(to), "taken again");
        }
        match read {
            Ok(whole) => {
                assert!(whole.bytes.len() <= Limits::RESPONSE_PAYLOAD_BYTES);
                is_sound(headers, &whole.bytes);
                whole
                    .trailers
                    .iter()
                    .for_each(|trailers| is_sound(trailers, &whole.bytes));
                StatusCode::ACCEPTED
            }
            Err(Broken::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Err(Broken::Truncated) => StatusCode::BAD_REQUEST,
        }
    }
}

/// What callers hear of an error: a type of known form, and JSON.
fn is_sound(headers: &HeaderMap, error: &[u8]) {
    let kind = error_type::error_type(headers);
    assert!(
        kind.len() <= 256 && (kind.contains("Runtime.") || kind.contains("Function.")),
        "{kind:?}"
    );
    let told = cause::without_cause(error);
    serde_json::from_slice::<serde_json::Value>(&told)
        .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&told)));
}
