//! One connection: HTTP/1.1 with keep-alive or HTTP/2 by prior knowledge, told apart by its first bytes.
//!
//! ```text
//! accepted -> (first bytes, head_timeout) -> serving <-> idle -> closed
//!                                               \-> draining at shutdown -> closed
//! ```
//! A client without a right signature has to go when it dawdles or places are short (`strangers`).
//! HTTP/1.1 closes by itself when a head or the pause before one takes too long. An HTTP/2 connection
//! without requests is closed by the idle watch, a dead one by pings.

use crate::config::Limits;
use crate::response::Body;
use crate::strangers::Standing;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

/// How often the first byte is looked at again while a client sends one byte at a time.
const PEEK_PAUSE: Duration = Duration::from_millis(20);

/// Builds hyper's side of all connections from the limits.
pub(crate) fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_headers(limits.head_lines_max)
        .max_buf_size(limits.head_bytes_max)
        // As AWS writes most of them. No `pipeline_flush`: with it, a head that is no HTTP gets no answer.
        .title_case_headers(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits.streams_max)
        .keep_alive_interval(limits.head_timeout * 2)
        .keep_alive_timeout(limits.head_timeout);
    builder
}

/// Requests of one connection, for its idle watch.
#[derive(Default)]
struct Activity {
    open: AtomicUsize,
    seen: AtomicU64,
}

impl Activity {
    /// No head has come.
    fn is_untouched(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0 && self.seen.load(Ordering::Relaxed) == 0
    }
}

/// Serves a connection until it closes, idles too long, wears out its welcome, or `drain` asks it to finish.
pub(crate) async fn serve<F, R>(
    stream: TcpStream,
    standing: &Standing,
    builder: &auto::Builder<TokioExecutor>,
    limits: &Limits,
    drain: &CancellationToken,
    answer: F,
) where
    F: Fn(Request<Incoming>) -> R,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    let first = timeout(limits.head_timeout, speaks_http2(&stream));
    let http2 = tokio::select! {
        first = first => match first {
            Ok(Ok(http2)) => http2,
            _ => return,
        },
        () = standing.sent_away() => return,
        () = drain.cancelled() => return,
    };
    let builder = if http2 {
        builder.clone().http2_only()
    } else {
        builder.clone().http1_only()
    };
    let activity = Arc::new(Activity::default());
    let service = service_fn(|request| {
        let (activity, answer) = (activity.clone(), answer(request));
        async move {
            activity.open.fetch_add(1, Ordering::Relaxed);
            let response = answer.await;
            activity.seen.fetch_add(1, Ordering::Relaxed);
            activity.open.fetch_sub(1, Ordering::Relaxed);
            Ok::<_, Infallible>(response)
        }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut unwelcome = pin!(unwelcome(standing, &activity, limits));
    let ended = tokio::select! {
        result = connection.as_mut() => Some(result),
        () = unwelcome.as_mut() => return,
        () = drain.cancelled() => None,
        () = idle(&activity, limits.head_timeout), if http2 => None,
    };
    let result = match ended {
        Some(result) => result,
        None => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                result = connection => result,
                () = unwelcome => return,
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended");
    }
}

/// Resolves when a client that is still unknown has to go. One that became known may stay.
async fn unwelcome(standing: &Standing, activity: &Activity, limits: &Limits) {
    let dawdled = async {
        sleep_until(standing.since + limits.head_timeout).await;
        if activity.is_untouched() {
            return;
        }
        sleep_until(standing.since + limits.head_timeout + limits.body_timeout).await;
        if standing.is_known() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = standing.sent_away() => {}
        () = dawdled => {}
    }
}

/// Whether the client starts with HTTP/2's preface, whose `PR` no HTTP/1.1 method shares.
async fn speaks_http2(stream: &TcpStream) -> std::io::Result<bool> {
    let mut first = [0u8; 2];
    loop {
        match (stream.peek(&mut first).await?, &first) {
            (0, _) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            (2, b"PR") => return Ok(true),
            (1, [b'P', _]) => sleep(PEEK_PAUSE).await,
            _ => return Ok(false),
        }
    }
}

/// Returns when no request was open or ended for `pause`.
async fn idle(activity: &Activity, pause: Duration) {
    let mut seen = activity.seen.load(Ordering::Relaxed);
    let mut since = Instant::now();
    loop {
        sleep(pause).await;
        let now = activity.seen.load(Ordering::Relaxed);
        if now != seen || activity.open.load(Ordering::Relaxed) > 0 {
            (seen, since) = (now, Instant::now());
        } else if since.elapsed() >= pause {
            return;
        }
    }
}
