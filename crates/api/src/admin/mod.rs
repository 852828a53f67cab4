//! Our own routes beside Lambda's: logs, ledger, starts, network rules, runtimes, packages. Signed like Lambda's calls.

mod code;
mod egress;
mod function;
mod ledger;
mod logs;
mod query;
mod runtimes;
mod starts;

use crate::error::Error;
use crate::lambda::Context;
use crate::response::Body;
use bytes::Bytes;
use http::{Method, Response};
use lambkin_wire::admin::{CODE, EGRESS, LEDGER, LOGS, RUNTIMES, STARTS};

/// One of the routes, with what its path names.
pub(crate) enum Route<'r> {
    /// The log of a function.
    Logs {
        function: &'r str,
    },
    Ledger,
    /// The last starts of a function.
    Starts {
        function: &'r str,
    },
    Runtimes,
    /// The network rules of a function.
    Egress {
        function: &'r str,
    },
    /// A change of them; the body says which.
    EditEgress {
        function: &'r str,
    },
    /// A package, by the function that it belongs to and its own identity.
    Code {
        function: &'r str,
        blob: &'r str,
    },
}

/// Which route a method and path mean; `None` for all that is not ours.
pub(crate) fn route<'r>(method: &Method, path: &'r str) -> Option<Route<'r>> {
    if let Some(function) = path.strip_prefix(EGRESS) {
        return match *method {
            Method::GET => Some(Route::Egress { function }),
            Method::POST => Some(Route::EditEgress { function }),
            _ => None,
        };
    }
    if method != Method::GET {
        return None;
    }
    if let Some(function) = path.strip_prefix(LOGS) {
        return Some(Route::Logs { function });
    }
    if let Some(function) = path.strip_prefix(STARTS) {
        return Some(Route::Starts { function });
    }
    if let Some(rest) = path.strip_prefix(CODE) {
        let (function, blob) = rest.split_once('/')?;
        return Some(Route::Code { function, blob });
    }
    match path {
        LEDGER => Some(Route::Ledger),
        RUNTIMES => Some(Route::Runtimes),
        _ => None,
    }
}

pub(crate) async fn answer(
    context: &Context<'_>,
    route: Route<'_>,
    query: Option<&str>,
    body: &Bytes,
) -> Result<Response<Body>, Error> {
    match route {
        Route::Logs { function } => logs::answer(context, function, query).await,
        Route::Ledger => ledger::answer(context, query).await,
        Route::Starts { function } => starts::answer(context, function),
        Route::Runtimes => runtimes::answer(context),
        Route::Egress { function } => egress::show(context, function),
        Route::EditEgress { function } => egress::edit(context, function, body).await,
        Route::Code { function, blob } => code::answer(context, function, blob).await,
    }
}
