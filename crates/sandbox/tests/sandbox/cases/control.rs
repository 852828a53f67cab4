//! The control of the attacks: those on the canaries, carried out beside them without a sandbox, arrive.
//!
//! Only such as touch nothing but canaries, which are the harness's own.

use std::collections::BTreeMap;
use std::process::Command;

use crate::attack;
use crate::canaries::Canaries;

/// Attacks on what the harness put outside. Whoever made that may do all this to it.
const ARRIVE: &[&str] = &[
    "descriptors::of_outside_copied",
    "files::fifo_by_its_path",
    "files::secret_by_dots",
    "files::secret_by_its_path",
    "files::secret_by_own_root",
    "files::socket_by_its_path",
    "files::write_the_machine",
    "ipc::mail_of_the_canary",
    "ipc::messages_of_the_canary",
    "ipc::remove_shared_memory",
    "ipc::shared_memory_by_key",
    "ipc::shared_memory_by_number",
    "ipc::shared_memory_listed",
    "network::abstract_socket",
    "network::datagram_to_the_machine",
    "network::loopback_by_other_names",
    "network::loopback_of_the_machine",
    "proc::sockets_of_the_machine",
    "processes::canary_by_number",
    "processes::limits_of_the_canary",
    "processes::read_the_canarys_memory",
    "processes::trace_the_canary",
    "signals::by_descriptor_to_the_canary",
    "signals::join_the_canarys_group",
    "signals::owner_of_a_descriptor",
    "signals::queued_to_the_canary",
    "signals::to_the_canary",
    "signals::to_the_canarys_group",
];
/// The same where the kernel has keys.
const ARRIVE_WITH_KEYS: &[&str] = &[
    "kernel::canarys_key_by_name",
    "kernel::canarys_key_by_number",
];

pub(super) fn attacks_arrive_without_a_sandbox() {
    let folder = tempfile::tempdir().expect("a folder");
    let with_keys = Canaries::place(folder.path(), None)
        .expect("canaries")
        .has_key();
    let more = if with_keys { ARRIVE_WITH_KEYS } else { &[] };
    let all: Vec<_> = ARRIVE.iter().chain(more).collect();
    let stopped: Vec<_> = all.iter().filter(|name| !arrives(name)).collect();
    println!("  {} of {} arrive", all.len() - stopped.len(), all.len());
    assert!(stopped.is_empty(), "{stopped:?}");
}

/// By what the attack tells, or by what it changed.
fn arrives(name: &str) -> bool {
    assert!(
        attack::all().any(|attack| attack.name == name),
        "{name} is no attack"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let mut canaries = Canaries::place(folder.path(), None).expect("canaries");
    let mut facts = canaries.facts().expect("what attacks need to know");
    // The canary process is all there is to reach: this one must go on.
    facts.insert("server", facts["pid"].clone());
    let before = canaries.state();
    let told = carry_out(name, &facts);
    told.contains("breached: ") || canaries.state() != before
}

fn carry_out(name: &str, facts: &BTreeMap<&str, String>) -> String {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program)
        .args(["__attack", name])
        .args(facts.iter().map(|(key, value)| format!("{key}={value}")))
        .output()
        .expect("an attack");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
