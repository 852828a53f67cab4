//! ListFunctions: pages by name.

use super::{configuration, marker};
use crate::error::Error;
use crate::response::{self, Body};
use http::{Response, StatusCode};
use lambkin_engine::Engine;
use lambkin_wire::shapes::{ListFunctionsRequest, ListFunctionsResponse};

/// Functions of a page, unless the caller wants fewer; AWS's cap is the same.
const PAGE: usize = 50;

pub(super) fn answer(
    engine: &Engine,
    request: ListFunctionsRequest,
) -> Result<Response<Body>, Error> {
    let after = request
        .marker
        .as_deref()
        .filter(|marker| !marker.is_empty());
    let after = after.map(marker::read).transpose()?;
    let wanted = request
        .max_items
        .and_then(|items| usize::try_from(items).ok());
    let limit = wanted.unwrap_or(PAGE).clamp(1, PAGE);
    // `ALL` lists versions beside their functions; `$LATEST` is the only one yet.
    let qualified = request.function_version.is_some();
    let mut page = engine.functions().page(after.as_ref(), limit + 1);
    let more = page.len() > limit;
    page.truncate(limit);
    let answer = ListFunctionsResponse {
        next_marker: page
            .last()
            .filter(|_| more)
            .map(|last| marker::after(&last.name)),
        functions: Some(
            page.iter()
                .map(|function| configuration::listed(function, qualified))
                .collect(),
        ),
    };
    response::json(StatusCode::OK, &answer)
}
