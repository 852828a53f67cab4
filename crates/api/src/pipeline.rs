//! The way of every request, in the order that AWS has: head, signature, body, validation, operation.
//!
//! ```text
//! head rules -> /health
//!            -> signature claimed -> way and body limit -> body read -> signature verified
//!               -> input held against the model -> 501, refused parameters -> ready? -> operation
//! ```

use crate::admin;
use crate::body;
use crate::error::Error;
use crate::lambda::{self, Context};
use crate::memory::Memory;
use crate::offload;
use crate::response::{self, Body};
use crate::server::Shared;
use crate::strangers::Standing;
use crate::way::{Way, path_and_query};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use lambkin_model::RequestId;
use lambkin_wire::coverage::{IMPLEMENTED, refused};
use lambkin_wire::sigv4::{self, Payload, Signed};
use lambkin_wire::{OperationId, Route};
use serde_json::Value;
use std::sync::Arc;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// What is known of whoever has a connection.
pub(crate) struct Client {
    pub(crate) standing: Standing,
    pub(crate) memory: Memory,
}

/// Answers one request; errors are answers too, and every answer names the request.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    client: Arc<Client>,
    request: Request<Incoming>,
) -> Response<Body> {
    let id = RequestId::random();
    let (head, body) = request.into_parts();
    let served = serve(&shared, &client, &head, body, id).await;
    let mut response = served.unwrap_or_else(|error| error.into_response(&head.headers, id));
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

async fn serve(
    shared: &Shared,
    client: &Client,
    head: &Parts,
    body: Incoming,
    id: RequestId,
) -> Result<Response<Body>, Error> {
    let authority = shared.rules.check(&head.uri, &head.headers)?;
    if head.method == Method::GET && head.uri.path() == "/health" {
        return Ok(health(shared.engine().is_ok()));
    }
    let parts = sigv4::Parts::new(&head.method, &head.uri, &head.headers, authority);
    let signed = shared.keys.claimed(&parts)?;
    if signed.payload != Payload::Unknown {
        client.standing.vouch();
    }
    let memory = &client.memory;
    let way = Way::find(head, memory);
    let (limit, operation) = way.limit();
    let (body, _share) = body::read(body, limit, &shared.limits, &shared.bodies)
        .await
        .map_err(|error| Error::Body { operation, error })?;
    verify(shared, &signed, &parts, &body).await?;
    client.standing.vouch();
    match way {
        Way::Known(target) => match lambda::InvokeOptions::known(&head.headers) {
            Some(options) => lambda::invoke(shared.engine()?, target, options?, body, id).await,
            None => {
                let route = lambkin_wire::route(&head.method, head.uri.path(), head.uri.query());
                let call = Call {
                    shared,
                    memory,
                    head,
                    authority,
                    id,
                };
                Box::pin(call.operate(route.ok_or(Error::UnknownOperation)?, body)).await
            }
        },
        Way::Operation(route) => {
            let call = Call {
                shared,
                memory,
                head,
                authority,
                id,
            };
            Box::pin(call.operate(route, body)).await
        }
        Way::Admin(route) => {
            let context = Context {
                shared,
                engine: shared.engine()?,
                authority,
            };
            Box::pin(admin::answer(&context, route, head.uri.query(), &body)).await
        }
        Way::Unknown => Err(Error::UnknownOperation),
    }
}

async fn verify(
    shared: &Shared,
    signed: &Signed<'_>,
    parts: &sigv4::Parts<'_>,
    body: &Bytes,
) -> Result<(), Error> {
    let hash = if offload::is_large(body.len()) {
        let body = body.clone();
        offload::run(move || sigv4::hash(&body)).await?
    } else {
        sigv4::hash(body)
    };
    Ok(shared.keys.verify(signed, parts, &hash)?)
}

/// An authentic request whose input is yet to be held against the model.
struct Call<'c> {
    shared: &'c Shared,
    memory: &'c Memory,
    head: &'c Parts,
    authority: &'c str,
    id: RequestId,
}

impl Call<'_> {
    async fn operate(self, route: Route, body: Bytes) -> Result<Response<Body>, Error> {
        let operation = route.operation;
        // An invoke's payload is used as it came.
        let (document, payload) = match operation {
            OperationId::Invoke => (Bytes::new(), body),
            _ => (body, Bytes::new()),
        };
        let input = input(route, self.head, document).await?;
        if !IMPLEMENTED.contains(&operation) {
            return Err(Error::NotImplemented(operation.name().into()));
        }
        if let Some(text) = refused(operation, &input) {
            return Err(Error::Parameter(text.into()));
        }
        let engine = self.shared.engine()?;
        if operation != OperationId::Invoke {
            let context = Context {
                shared: self.shared,
                engine,
                authority: self.authority,
            };
            return lambda::answer(&context, operation, input).await;
        }
        let (target, options) = lambda::InvokeOptions::of_input(engine, input, &self.head.headers)?;
        if let Some(path) = path_and_query(self.head) {
            self.memory.remember(path, &target);
        }
        lambda::invoke(engine, target, options, payload, self.id).await
    }
}

async fn input(route: Route, head: &Parts, body: Bytes) -> Result<Value, Error> {
    if !offload::is_large(body.len()) {
        return Ok(lambkin_wire::input(
            &route,
            head.uri.query(),
            &head.headers,
            &body,
        )?);
    }
    let (uri, headers) = (head.uri.clone(), head.headers.clone());
    let read = move || lambkin_wire::input(&route, uri.query(), &headers, &body);
    Ok(offload::run(read).await??)
}

fn health(ready: bool) -> Response<Body> {
    let (status, text) = match ready {
        true => (StatusCode::OK, r#"{"status":"ready"}"#),
        false => (StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"starting"}"#),
    };
    response::whole(status, response::JSON, text)
}
