//! A function's log, one JSON object a line: what is kept, and on request what is yet to come; all of it, or what one
//! version wrote.

use super::{function, query};
use crate::error::Error;
use crate::lambda::Context;
use crate::response::{self, Body};
use bytes::Bytes;
use futures_util::{Stream, stream};
use http::{HeaderValue, Response, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use lambkin_model::{FunctionName, Qualifier, RequestId, Timestamp};
use lambkin_store::LogEvent;
use lambkin_wire::admin::LogLine;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;

const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");

/// Kept lines of one answer, the newest: some megabytes.
const LINES_MAX: usize = 10_000;

/// Kept lines that are remembered in case they come again: more than are written during one read.
const TOLD_TWICE_MAX: usize = 1_000;

pub(super) async fn answer(
    context: &Context<'_>,
    function: &str,
    parameters: Option<&str>,
) -> Result<Response<Body>, Error> {
    let (function, version) = known(context, function)?;
    let since = query::parsed(parameters, "since_ms")?.map(Timestamp);
    let wanted = Wanted {
        version,
        request_id: request_id(parameters)?,
    };
    let request_id = wanted.request_id;
    let logs = context.engine.store().logs();
    // Subscribed before the kept lines are read, so that none falls in between.
    let live = match query::parsed(parameters, "follow")?.unwrap_or(false) {
        true => Some(Follower::new(
            context,
            logs.subscribe(&function),
            wanted.clone(),
        )?),
        false => None,
    };
    let kept = logs.read(&function, since, request_id, LINES_MAX).await;
    let mut kept = kept.map_err(|error| Error::Internal(error.to_string()))?;
    kept.retain(|event| wanted.is(event));
    let mut text = Vec::new();
    kept.iter().for_each(|event| write_line(&mut text, event));
    Ok(match live {
        None => response::whole(StatusCode::OK, NDJSON, text),
        Some(live) => response::streamed(NDJSON, StreamBody::new(followed(text, live.past(kept)))),
    })
}

/// A function that is there, or one that was and left a log; and which version's part of it is meant.
fn known(context: &Context<'_>, text: &str) -> Result<(FunctionName, Option<Qualifier>), Error> {
    let engine = context.engine;
    let (name, version) = function::qualified(context, text)?;
    let is_known = engine.functions().get(&name).is_some()
        || engine.store().logs().functions().contains(&name);
    if is_known {
        return Ok((name, version));
    }
    Err(function::not_found(context, name.as_str()))
}

/// Which lines a client asks for.
#[derive(Clone)]
struct Wanted {
    version: Option<Qualifier>,
    request_id: Option<RequestId>,
}

impl Wanted {
    fn is(&self, event: &LogEvent) -> bool {
        let of_version = self.version.as_ref().is_none_or(|version| {
            // `2026/10/08/[<version>]<32hex>`
            let part = event.stream.split_once('[').map(|(_, rest)| rest);
            part.and_then(|rest| rest.split_once(']'))
                .is_some_and(|(written, _)| written == version.to_string())
        });
        of_version
            && self
                .request_id
                .is_none_or(|id| event.request_id == Some(id))
    }
}

fn request_id(parameters: Option<&str>) -> Result<Option<RequestId>, Error> {
    let Some(text) = query::text(parameters, "request_id") else {
        return Ok(None);
    };
    match RequestId::parse(&text) {
        Some(id) => Ok(Some(id)),
        None => Err(Error::Parameter(
            format!("'{text}' is not a request id.").into(),
        )),
    }
}

/// A client that is told of events as they come.
struct Follower {
    events: Receiver<Arc<LogEvent>>,
    wanted: Wanted,
    /// Kept events that may come once more, because they were written while they were read. They come
    /// before all others.
    told: Vec<LogEvent>,
    drain: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl Follower {
    fn new(
        context: &Context<'_>,
        events: Receiver<Arc<LogEvent>>,
        wanted: Wanted,
    ) -> Result<Self, Error> {
        let place = Arc::clone(&context.shared.followers).try_acquire_owned();
        let place = place.map_err(|_| Error::TooManyFollowers)?;
        let drain = context.shared.drain.clone();
        Ok(Self {
            events,
            wanted,
            told: Vec::new(),
            drain,
            _place: place,
        })
    }

    fn past(mut self, mut told: Vec<LogEvent>) -> Self {
        self.told = told.split_off(told.len().saturating_sub(TOLD_TWICE_MAX));
        self
    }

    /// The next event that the client wants and has not seen; `None` at the server's end.
    async fn next(&mut self) -> Option<Arc<LogEvent>> {
        loop {
            let event = tokio::select! {
                event = self.events.recv() => event,
                () = self.drain.cancelled() => return None,
            };
            match event {
                Ok(event) if self.wants(&event) => return Some(event),
                // A client that reads too slowly loses the oldest.
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn wants(&mut self, event: &LogEvent) -> bool {
        if let Some(place) = self.told.iter().position(|told| is_same(told, event)) {
            self.told.swap_remove(place);
            return false;
        }
        self.told = Vec::new();
        self.wanted.is(event)
    }
}

fn is_same(one: &LogEvent, other: &LogEvent) -> bool {
    one.timestamp == other.timestamp
        && one.request_id == other.request_id
        && one.stream == other.stream
        && one.message == other.message
}

/// The kept lines, then each new one.
fn followed(
    kept: Vec<u8>,
    follower: Follower,
) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> {
    let first = stream::iter((!kept.is_empty()).then(|| Ok(Frame::data(Bytes::from(kept)))));
    let rest = stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        let mut line = Vec::new();
        write_line(&mut line, &event);
        Some((Ok(Frame::data(Bytes::from(line))), follower))
    });
    futures_util::StreamExt::chain(first, rest)
}

fn write_line(out: &mut Vec<u8>, event: &LogEvent) {
    let line = LogLine {
        timestamp_ms: event.timestamp.0,
        request_id: event.request_id.map(|id| id.to_string()),
        stream: event.stream.to_string(),
        message: event.message.clone(),
    };
    // Neither strings nor memory can fail to be written.
    if serde_json::to_writer(&mut *out, &line).is_ok() {
        out.push(b'\n');
    }
}
