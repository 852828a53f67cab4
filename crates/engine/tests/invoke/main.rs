//! Invocations through the whole engine: a real store, a real spawner, real programs in real sandboxes.
//!
//! This program is its own spawner, as the binary is, so it has a `main` of its own.

mod environments;
mod failures;
mod place;
mod runtime_api;

use place::Place;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::time::Instant;

/// One case: a name, and what it does in a place that all share.
type Case = (
    &'static str,
    fn(Arc<Place>) -> Pin<Box<dyn Future<Output = ()> + Send>>,
);

macro_rules! cases {
    ($($module:ident::$case:ident),* $(,)?) => {
        &[$((stringify!($case), |place| Box::pin(async move { $module::$case(&place).await }))),*]
    };
}

const CASES: &[Case] = cases![
    runtime_api::an_event_comes_with_awss_headers,
    runtime_api::calls_out_of_turn_are_refused_as_aws_refuses_them,
    runtime_api::a_stream_is_collected_and_its_trailers_are_heard,
    failures::exits_are_reported_and_the_next_invoke_works,
    failures::a_failing_init_runs_again_inside_the_invoke,
    failures::a_reported_init_error_is_the_callers_payload,
    failures::a_timeout_comes_in_time_and_tmp_outlives_it,
    failures::memory_that_is_used_up_is_named,
    failures::a_missing_bootstrap_is_named,
    failures::a_response_over_six_megabytes_is_refused,
    failures::a_flood_of_log_is_bounded,
    environments::a_warm_environment_is_used_again_and_only_the_first_invoke_pays_init,
    environments::a_burst_gets_environments_of_its_own_and_the_limit_throttles,
    environments::an_invoke_whose_caller_left_is_run_and_metered,
    environments::a_changed_function_gets_new_environments,
    environments::an_environment_that_exits_between_invokes_is_started_again,
    // The last one: nothing runs after it.
    environments::what_still_runs_at_the_end_is_killed_and_metered,
];

fn main() -> ExitCode {
    let argument = std::env::args().nth(1);
    if argument.as_deref() == Some("__spawner") {
        return lambkin_sandbox::run_spawner();
    }
    let filter = argument
        .filter(|text| !text.starts_with('-'))
        .unwrap_or_default();
    let folder = tempfile::tempdir().expect("a folder");
    let foundation = place::Foundation::lay(folder.path());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("threads");
    let failed = runtime.block_on(async {
        let place = Arc::new(foundation.open().await);
        let mut failed = 0;
        for (name, case) in CASES.iter().filter(|(name, _)| name.contains(&filter)) {
            let ok = tokio::spawn(case(Arc::clone(&place))).await.is_ok();
            println!("test {name} ... {}", if ok { "ok" } else { "FAILED" });
            failed += u32::from(!ok);
        }
        place.engine.shutdown(Instant::now()).await;
        failed
    });
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
