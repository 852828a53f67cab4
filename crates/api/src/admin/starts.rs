//! Where the time of a function's last starts went.

use super::function;
use crate::error::Error;
use crate::lambda::Context;
use crate::response::{self, Body};
use http::{Response, StatusCode};
use lambkin_engine::start::{Module, PastStart, Told};
use lambkin_wire::admin::{ProgramStart, StartLine, StartModule, Starts};
use std::time::Duration;

pub(super) fn answer(context: &Context<'_>, function: &str) -> Result<Response<Body>, Error> {
    let (name, qualifier) = function::qualified(context, function)?;
    let shown = match &qualifier {
        None => name.to_string(),
        Some(qualifier) => format!("{name}:{qualifier}"),
    };
    let starts = context.engine.starts(&name, qualifier.as_ref());
    let starts = starts.ok_or_else(|| function::not_found(context, &shown))?;
    let starts = Starts {
        function: shown,
        starts: starts.into_iter().map(line).collect(),
    };
    response::json(StatusCode::OK, &starts)
}

fn line(start: PastStart) -> StartLine {
    let times = start.times;
    let (queue_us, code_us) = (us(times.queue), us(times.code));
    let (sandbox_us, mounts_us) = (us(times.sandbox), us(times.mounts));
    let made_us = queue_us + code_us + sandbox_us + mounts_us;
    let (failed_init_us, program_us) = (us(times.failed_init), us(times.program));
    let handler_us = us(times.handler);
    StartLine {
        at_ms: start.at.0,
        request_id: start.request_id.to_string(),
        start: start.kind.as_str().to_owned(),
        outcome: start.outcome.as_str().to_owned(),
        total_us: made_us + failed_init_us + program_us + handler_us,
        queue_us,
        code_us,
        sandbox_us,
        mounts_us,
        failed_init_us,
        program_us,
        handler_us,
        program: start.told.map(|told| program(told, program_us)),
    }
}

/// Whole microseconds that still add up.
fn program(told: Told, program_us: u64) -> ProgramStart {
    let bootstrap_us = us(told.runtime);
    let (imports_us, init_us) = (us(told.imports), us(told.init));
    ProgramStart {
        interpreter_us: program_us.saturating_sub(bootstrap_us + imports_us + init_us),
        bootstrap_us,
        imports_us,
        init_us,
        modules: told.modules.into_iter().map(module).collect(),
    }
}

fn module(module: Module) -> StartModule {
    StartModule {
        start_us: us(module.start),
        total_us: us(module.total),
        self_us: us(module.own),
        name: module.name,
        depth: module.depth,
    }
}

fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
