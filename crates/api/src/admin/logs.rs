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
use lambkin_model::{FunctionName, Qualifier, RequestId, Timestamp, Version};
use lambkin_store::{LogEvent, LogFilter};
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
    let (function, version) = known(context, function).await?;
    let wanted = LogFilter {
        since: query::parsed(parameters, "since_ms")?.map(Timestamp),
        request_id: request_id(parameters)?,
        version,
    };
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
    let kept = logs.read(&function, wanted, LINES_MAX).await;
    let kept = kept.map_err(internal)?;
    let mut text = Vec::new();
    kept.iter().for_each(|event| write_line(&mut text, event));
    Ok(match live {
        None => response::whole(StatusCode::OK, NDJSON, text),
        Some(live) => response::streamed(NDJSON, StreamBody::new(followed(text, live.past(kept)))),
    })
}

/// A function that is there, or one that was and left a log; and which version's part of it is meant.
async fn known(
    context: &Context<'_>,
    text: &str,
) -> Result<(FunctionName, Option<Version>), Error> {
    let engine = context.engine;
    let (name, qualifier) = function::qualified(context, text)?;
    let is_known = engine.functions().get(&name).is_some()
        || engine.store().logs().functions().contains(&name);
    if !is_known {
        return Err(function::not_found(context, name.as_str()));
    }
    let Some(qualifier) = qualifier else {
        return Ok((name, None));
    };
    match version(context, &name, &qualifier).await? {
        Some(version) => Ok((name, Some(version))),
        None => Err(function::not_found(context, &format!("{name}:{qualifier}"))),
    }
}

/// A version that is there or was: any number that its name has had. Others have written nothing.
async fn version(
    context: &Context<'_>,
    name: &FunctionName,
    qualifier: &Qualifier,
) -> Result<Option<Version>, Error> {
    let rows = context.engine.store().functions();
    match qualifier {
        Qualifier::Latest => Ok(Some(Version::Latest)),
        Qualifier::Alias(_) => Ok(None),
        Qualifier::Version(number) => {
            let next = rows.next_version(context.engine.scope(), name).await;
            let had = *number < next.map_err(internal)?;
            Ok(had.then_some(Version::Published(*number)))
        }
    }
}

fn internal(error: lambkin_store::Error) -> Error {
    Error::Internal(error.to_string())
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
    wanted: LogFilter,
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
        wanted: LogFilter,
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
        self.wanted.wants(event)
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
        start: event.start.map(|start| start.as_str().to_owned()),
    };
    // Neither strings nor memory can fail to be written.
    if serde_json::to_writer(&mut *out, &line).is_ok() {
        out.push(b'\n');
    }
}
