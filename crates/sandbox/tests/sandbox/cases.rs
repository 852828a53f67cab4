//! The cases, by name.

mod ahead;
mod allowed;
mod attacks;
mod clones;
mod control;
mod ends;
mod full;
mod keepers;
mod limits;
mod many;
mod network;
mod packages;
mod programs;
mod rights;
mod roots;
mod suite;
mod templates;
mod view;
#[cfg(feature = "weaken")]
mod weakened;

use crate::mode::Mode;

pub(crate) type Case = (&'static str, fn());

pub(crate) const ALL: &[Case] = &[
    (
        "programs_run_and_their_ends_are_told",
        programs::run_and_their_ends_are_told,
    ),
    (
        "kill_programs_keeps_the_sandbox",
        programs::kill_keeps_the_sandbox,
    ),
    (
        "programs_start_whatever_became_of_what_waited",
        programs::start_whatever_became_of_what_waited,
    ),
    (
        "the_c_library_lies_in_lib64_alone",
        roots::the_c_library_lies_in_lib64_alone,
    ),
    (
        "the_runtime_api_is_reached_from_inside",
        programs::reach_the_runtime_api,
    ),
    (
        "code_comes_to_sandboxes_that_wait",
        ahead::code_comes_to_sandboxes_that_wait,
    ),
    (
        "a_process_waits_to_be_told_what_it_becomes",
        ahead::a_process_waits_to_be_told_what_it_becomes,
    ),
    (
        "code_comes_once_and_to_its_own_sandbox",
        ahead::code_comes_once_and_to_its_own_sandbox,
    ),
    (
        "nobody_is_below_what_runs",
        clones::nobody_is_below_what_runs,
    ),
    (
        "templates_are_confined_while_they_load",
        clones::templates_are_confined_while_they_load,
    ),
    (
        "what_cannot_be_put_below_leaves_nothing",
        clones::what_cannot_be_put_below_leaves_nothing,
    ),
    (
        "a_clone_goes_on_where_its_template_stands",
        clones::a_clone_goes_on_where_its_template_stands,
    ),
    (
        "a_clone_is_confined_as_any_program",
        clones::a_clone_is_confined_as_any_program,
    ),
    (
        "clones_connect_by_their_own_agents",
        clones::clones_connect_by_their_own_agents,
    ),
    (
        "clones_do_not_reach_each_other",
        clones::clones_do_not_reach_each_other,
    ),
    ("clones_end_like_programs", clones::clones_end_like_programs),
    (
        "clones_outlive_their_template",
        clones::clones_outlive_their_template,
    ),
    (
        "a_keeper_that_nobody_hears_stays_with_its_clones",
        keepers::a_keeper_that_nobody_hears_stays_with_its_clones,
    ),
    (
        "who_ends_together_with_its_template_is_told_of",
        keepers::who_ends_together_with_its_template_is_told_of,
    ),
    (
        "what_clones_would_share_is_no_template",
        clones::what_clones_would_share_is_no_template,
    ),
    (
        "a_hostile_program_is_no_template",
        templates::a_hostile_program_is_no_template,
    ),
    (
        "nothing_hides_from_settling",
        clones::nothing_hides_from_settling,
    ),
    (
        "who_forks_in_a_restartable_sequence_is_no_template",
        templates::who_forks_in_a_restartable_sequence_is_no_template,
    ),
    (
        "signals_of_others_make_no_calls",
        templates::signals_of_others_make_no_calls,
    ),
    (
        "a_clone_full_of_processes_is_in_nobodys_way",
        clones::a_clone_full_of_processes_is_in_nobodys_way,
    ),
    (
        "a_bomb_does_not_keep_a_template_from_an_end",
        keepers::a_bomb_does_not_keep_a_template_from_an_end,
    ),
    ("connections_lead_out", network::out::connections_lead_out),
    (
        "local_sockets_are_the_caller_s",
        network::inside::local_sockets_are_the_caller_s,
    ),
    (
        "interfaces_are_the_sandbox_s_own",
        network::inside::interfaces_are_the_sandbox_s_own,
    ),
    (
        "who_waits_for_events_hears_of_them",
        network::fidelity::who_waits_for_events_hears_of_them,
    ),
    (
        "flags_and_numbers_are_kept",
        network::fidelity::flags_and_numbers_are_kept,
    ),
    (
        "failures_are_the_kernel_s",
        network::fidelity::failures_are_the_kernel_s,
    ),
    ("signals_interrupt", network::fidelity::signals_interrupt),
    (
        "a_connection_stays_where_it_is",
        network::hostile::a_connection_stays_where_it_is,
    ),
    (
        "no_other_call_begins_a_connection",
        network::hostile::no_other_call_begins_a_connection,
    ),
    (
        "no_option_leads_a_connection_elsewhere",
        network::hostile::no_option_leads_a_connection_elsewhere,
    ),
    (
        "a_second_thought_changes_nothing",
        network::hostile::a_second_thought_changes_nothing,
    ),
    (
        "a_socket_that_is_swapped_changes_nothing",
        network::hostile::a_socket_that_is_swapped_changes_nothing,
    ),
    (
        "no_filter_of_its_own_frees_a_program",
        network::hostile::no_filter_of_its_own_frees_a_program,
    ),
    (
        "pid_1_is_not_held_up",
        network::hostile::pid_1_is_not_held_up,
    ),
    (
        "requests_are_bounded",
        network::hostile::requests_are_bounded,
    ),
    (
        "ten_thousand_connections_leave_nothing",
        network::hostile::ten_thousand_connections_leave_nothing,
    ),
    (
        "no_network_is_missing_and_named",
        network::none::it_is_missing_and_named,
    ),
    (
        "names_are_asked_of_the_server",
        network::inside::names_are_asked_of_the_server,
    ),
    (
        "waits_are_the_program_s",
        network::out::waits_are_the_program_s,
    ),
    (
        "loopback_is_the_sandbox_s_own",
        network::inside::loopback_is_the_sandbox_s_own,
    ),
    (
        "every_allowed_call_is_answered_by_the_kernel",
        allowed::answered_by_the_kernel,
    ),
    (
        "only_what_is_meant_to_be_seen_is_seen",
        view::only_what_is_meant_to_be_seen,
    ),
    (
        "only_tmp_and_shm_can_be_written",
        view::only_tmp_and_shm_can_be_written,
    ),
    (
        "nothing_is_held_that_gives_power",
        view::nothing_is_held_that_gives_power,
    ),
    ("attacks_on_files_are_stopped", suite::files),
    ("attacks_on_processes_are_stopped", suite::processes),
    ("attacks_on_the_kernel_are_stopped", suite::the_kernel),
    ("attacks_by_resources_are_stopped", suite::resources),
    ("attacks_on_neighbours_are_stopped", suite::neighbours),
    ("attacks_on_visitors_are_stopped", suite::visitors),
    ("a_hoarder_starves_nobody", suite::a_hoarder_starves_nobody),
    ("attacks_by_the_network_are_stopped", suite::the_network),
    (
        "attacks_arrive_without_a_sandbox",
        control::attacks_arrive_without_a_sandbox,
    ),
    (
        "bombs_hurt_only_themselves",
        attacks::bombs_hurt_only_themselves,
    ),
    (
        "real_time_signals_are_ends_too",
        attacks::real_time_signals_are_ends_too,
    ),
    (
        "the_log_is_reached_by_its_names",
        attacks::the_log_is_reached_by_its_names,
    ),
    (
        "a_killed_pid_1_leaves_nothing",
        attacks::a_killed_pid_1_leaves_nothing,
    ),
    ("binds_are_made_in_order", roots::binds_are_made_in_order),
    (
        "a_bind_never_changes_the_machine",
        roots::a_bind_never_changes_the_machine,
    ),
    ("a_copy_hides_its_source", roots::a_copy_hides_its_source),
    (
        "tmp_is_bounded_and_not_memory",
        limits::tmp_is_bounded_and_not_memory,
    ),
    ("memory_is_bounded", limits::memory_is_bounded),
    ("processes_are_bounded", limits::processes_are_bounded),
    (
        "hostile_packages_are_refused",
        packages::hostile_ones_are_refused,
    ),
    (
        "a_package_is_freed_and_its_users_live_on",
        packages::freed_while_in_use,
    ),
    (
        "forty_at_once_leave_nothing",
        many::forty_at_once_leave_nothing,
    ),
    (
        "disks_of_several_sizes_are_kept_ready",
        many::disks_of_several_sizes_are_kept_ready,
    ),
    (
        "nobody_waits_for_ever_for_an_end",
        ends::nobody_waits_for_ever,
    ),
    (
        "a_sandbox_for_nobody_is_destroyed",
        many::a_sandbox_for_nobody_is_destroyed,
    ),
    (
        "a_full_server_loses_sandboxes_and_no_spawner",
        full::a_full_server_loses_sandboxes_and_no_spawner,
    ),
    ("the_end_of_the_server_ends_all", ends::of_the_server),
    ("the_end_of_the_spawner_ends_all", ends::of_the_spawner),
    (
        "what_is_missing_is_named_and_no_more",
        rights::what_is_missing_is_named,
    ),
];

/// For those who can give rights away.
pub(crate) const AS_ROOT: &[Case] = &[
    (
        "ten_thousand_leave_nothing",
        many::ten_thousand_leave_nothing,
    ),
    (
        "a_thousand_clones_leave_nothing",
        clones::a_thousand_clones_leave_nothing,
    ),
    (
        "who_hangs_on_the_way_is_given_up",
        keepers::who_hangs_on_the_way_is_given_up,
    ),
    (
        "who_is_not_where_it_belongs_never_runs",
        keepers::who_is_not_where_it_belongs_never_runs,
    ),
    (
        "a_server_without_rights_makes_sandboxes",
        rights::a_server_without_rights,
    ),
];

/// Run by other cases, in a process of another kind.
pub(crate) const INNER: &[Case] = &[("a_server_to_be_killed", ends::a_server_to_be_killed)];

/// All there is to do for a build that can be weakened.
#[cfg(feature = "weaken")]
pub(crate) const WEAKENED: &[Case] = &[
    ("attacks_without_the_filter", weakened::without_the_filter),
    ("attacks_without_landlock", weakened::without_landlock),
    (
        "attacks_without_the_user_space",
        weakened::without_the_user_space,
    ),
    ("attacks_without_all_of_them", weakened::without_all_of_them),
    ("tcp_without_the_calls", weakened::without_the_calls),
    (
        "tcp_without_the_calls_and_landlock",
        weakened::without_the_calls_and_landlock,
    ),
];
#[cfg(not(feature = "weaken"))]
pub(crate) const WEAKENED: &[Case] = &[];

/// The cases of a mode.
pub(crate) fn of(mode: Mode) -> impl Iterator<Item = &'static Case> {
    let as_root: &[Case] = if mode == Mode::Root { AS_ROOT } else { &[] };
    let all = ALL.iter().chain(as_root);
    let weakened = WEAKENED.iter();
    weakened.chain(all.filter(|_| WEAKENED.is_empty()))
}
