//! The floor of an invoke: a hyper front and a Runtime API that pass events to the same Rust program, and nothing else.
//!
//! No sandbox, no signature, no record and no log. An event goes straight to the program that asked last; when none
//! waits it is queued. A process of its own, with as many programs as it was told.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::served::{self, Served};

const NEXT: &str = "/2018-06-01/runtime/invocation/next";
/// Far beyond any run of the bench, in milliseconds since 1970.
const DEADLINE_MS: &str = "4102444800000";

type Answer = Response<Full<Bytes>>;

/// A running relay; ends with this value.
pub(crate) struct Relay(Served);

impl Relay {
    /// With so many copies of `program` behind it.
    pub(crate) fn start(program: &Path, copies: usize) -> anyhow::Result<Self> {
        let copies = copies.to_string();
        let arguments: [&OsStr; 3] = ["relay".as_ref(), program.as_os_str(), copies.as_ref()];
        Ok(Self(Served::start(&arguments)?))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address
    }
}

struct Event {
    body: Bytes,
    answer: oneshot::Sender<Bytes>,
}

/// Who waits for whom. Bounded by the connections of the bench and the copies of the program.
#[derive(Default)]
struct State {
    events: VecDeque<Event>,
    programs: Vec<oneshot::Sender<Event>>,
    running: HashMap<u64, oneshot::Sender<Bytes>>,
    last_id: u64,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<State>>);

impl Shared {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// To the program that asked last, or into the queue.
    fn offer(&self, mut event: Event) {
        self.with(|state| {
            while let Some(program) = state.programs.pop() {
                match program.send(event) {
                    Ok(()) => return,
                    Err(back) => event = back,
                }
            }
            state.events.push_back(event);
        });
    }

    async fn take(&self) -> Option<Event> {
        let waiting = self.with(|state| match state.events.pop_front() {
            Some(event) => Err(event),
            None => {
                let (sender, receiver) = oneshot::channel();
                state.programs.push(sender);
                Ok(receiver)
            }
        });
        match waiting {
            Ok(receiver) => receiver.await.ok(),
            Err(event) => Some(event),
        }
    }
}

/// Programs end with the relay.
struct Programs(Vec<Child>);

impl Programs {
    fn start(program: &Path, copies: usize, api: SocketAddr) -> anyhow::Result<Self> {
        let mut programs = Self(Vec::new());
        for _ in 0..copies {
            let child = Command::new(program)
                .env("AWS_LAMBDA_RUNTIME_API", api.to_string())
                .env("AWS_LAMBDA_FUNCTION_NAME", "hello")
                .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
                .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")
                .env("AWS_LAMBDA_LOG_GROUP_NAME", "hello")
                .env("AWS_LAMBDA_LOG_STREAM_NAME", "hello")
                .env("_HANDLER", "hello")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()?;
            programs.0.push(child);
        }
        Ok(programs)
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The body of the relay process: prints its address and serves until its input ends.
pub(crate) fn serve(program: &Path, copies: usize) -> anyhow::Result<()> {
    served::until_input_ends(async {
        let front = TcpListener::bind("127.0.0.1:0").await?;
        let api = TcpListener::bind("127.0.0.1:0").await?;
        let _programs = Programs::start(program, copies, api.local_addr()?)?;
        println!("{}", front.local_addr()?);
        let shared = Shared::default();
        tokio::try_join!(
            accept(&front, &shared, invoke),
            accept(&api, &shared, runtime_api)
        )?;
        Ok(())
    })
}

async fn accept<F>(
    listener: &TcpListener,
    shared: &Shared,
    serve: fn(Request<Incoming>, Shared) -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = Result<Answer, Infallible>> + Send + 'static,
{
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let shared = shared.clone();
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(
            TokioIo::new(stream),
            service_fn(move |request| serve(request, shared.clone())),
        ));
    }
}

async fn invoke(request: Request<Incoming>, shared: Shared) -> Result<Answer, Infallible> {
    let body = whole(request).await;
    let (answer, answered) = oneshot::channel();
    shared.offer(Event { body, answer });
    Ok(match answered.await {
        Ok(body) => Response::new(Full::new(body)),
        Err(_) => status(StatusCode::BAD_GATEWAY),
    })
}

async fn runtime_api(request: Request<Incoming>, shared: Shared) -> Result<Answer, Infallible> {
    if request.method() == Method::GET && request.uri().path() == NEXT {
        return Ok(next(&shared).await);
    }
    let path = request.uri().path();
    let id = path.rsplit('/').nth(1).and_then(|id| id.parse().ok());
    let answer = id.and_then(|id: u64| shared.with(|state| state.running.remove(&id)));
    let body = whole(request).await;
    if let Some(answer) = answer {
        let _ = answer.send(body);
    }
    Ok(status(StatusCode::ACCEPTED))
}

async fn next(shared: &Shared) -> Answer {
    let Some(event) = shared.take().await else {
        return status(StatusCode::GONE);
    };
    let id = shared.with(|state| {
        state.last_id += 1;
        state.running.insert(state.last_id, event.answer);
        state.last_id
    });
    let mut response = Response::new(Full::new(event.body));
    let headers = response.headers_mut();
    headers.insert("lambda-runtime-aws-request-id", id.into());
    // New for each event, as everywhere: clients set a variable of their process from it.
    let trace = format!("Root=1-{id:08x}-{id:024x};Parent={id:016x};Sampled=0");
    if let Ok(trace) = trace.parse() {
        headers.insert("lambda-runtime-trace-id", trace);
    }
    for (name, value) in [
        ("content-type", "application/json"),
        ("lambda-runtime-deadline-ms", DEADLINE_MS),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:000000000000:function:hello",
        ),
    ] {
        headers.insert(name, hyper::header::HeaderValue::from_static(value));
    }
    response
}

async fn whole(request: Request<Incoming>) -> Bytes {
    match request.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::new(),
    }
}

fn status(code: StatusCode) -> Answer {
    let mut response = Response::new(Full::default());
    *response.status_mut() = code;
    response
}
