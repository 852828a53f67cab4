//! GetAccountSettings: limits, and what is used of them.

use crate::error::Error;
use crate::response::{self, Body};
use http::{Response, StatusCode};
use lambkin_engine::Engine;
use lambkin_wire::shapes::{AccountLimit, AccountUsage, GetAccountSettingsResponse};

pub(super) fn answer(engine: &Engine) -> Result<Response<Body>, Error> {
    let limits = engine.functions().limits();
    let (functions, code_bytes) = engine.functions().totals();
    let concurrency = i32::try_from(limits.concurrent_executions).ok();
    let answer = GetAccountSettingsResponse {
        account_limit: Some(AccountLimit {
            total_code_size: i64::try_from(limits.total_code_size_bytes).ok(),
            code_size_unzipped: i64::try_from(limits.code_size_unzipped_bytes).ok(),
            code_size_zipped: i64::try_from(limits.code_size_zipped_bytes).ok(),
            concurrent_executions: concurrency,
            // Nothing reserves concurrency yet.
            unreserved_concurrent_executions: concurrency,
        }),
        account_usage: Some(AccountUsage {
            total_code_size: i64::try_from(code_bytes).ok(),
            function_count: i64::try_from(functions).ok(),
        }),
    };
    response::json(StatusCode::OK, &answer)
}
