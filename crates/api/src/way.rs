//! Which way a request goes, by its method and path, and how large a body that way takes.

use crate::admin;
use crate::lambda::Target;
use crate::memory::Memory;
use http::Method;
use http::request::Parts;
use lambkin_model::Limits;
use lambkin_wire::{OperationId, Route};

/// Bytes of a request that carries a package: AWS's, for 50 MB as base64 and the rest.
const PACKAGE_REQUEST_BYTES: usize = 70_167_211;

/// Bytes of any other request; AWS's largest legal one has some 50 KB.
const OTHER_REQUEST_BYTES: usize = 1024 * 1024;

/// Where a request goes.
pub(crate) enum Way<'r> {
    /// An invoke whose path this connection has seen before.
    Known(Target),
    /// An operation of Lambda's.
    Operation(Route),
    /// A route of our own.
    Admin(admin::Route<'r>),
    /// Nowhere.
    Unknown,
}

impl<'r> Way<'r> {
    pub(crate) fn find(head: &'r Parts, memory: &Memory) -> Self {
        let (path, query) = (head.uri.path(), head.uri.query());
        if head.method == Method::POST
            && let Some(known) = path_and_query(head).and_then(|text| memory.target(text))
        {
            return Self::Known(known);
        }
        if let Some(route) = lambkin_wire::route(&head.method, path, query) {
            return Self::Operation(route);
        }
        admin::route(&head.method, path).map_or(Self::Unknown, Self::Admin)
    }

    /// Bytes of body, and the name that AWS's refusal of more gives the operation.
    pub(crate) fn limit(&self) -> (usize, &'static str) {
        match self {
            Self::Known(_) => (Limits::REQUEST_PAYLOAD_BYTES, "InvokeFunction"),
            Self::Operation(route) => match route.operation {
                OperationId::Invoke => (Limits::REQUEST_PAYLOAD_BYTES, "InvokeFunction"),
                operation @ (OperationId::CreateFunction | OperationId::UpdateFunctionCode) => {
                    (PACKAGE_REQUEST_BYTES, operation.name())
                }
                operation => (OTHER_REQUEST_BYTES, operation.name()),
            },
            Self::Admin(_) => (OTHER_REQUEST_BYTES, "Lambkin"),
            Self::Unknown => (OTHER_REQUEST_BYTES, "unknown"),
        }
    }
}

/// What a connection remembers an invoke by.
pub(crate) fn path_and_query(head: &Parts) -> Option<&str> {
    head.uri.path_and_query().map(|text| text.as_str())
}
