//! The machine's side of connections, tried between network name spaces that this program makes, and without any
//! capability.
//!
//! It has a `main` of its own: it starts itself anew in a name space.
#![allow(unsafe_code)]

mod likeness;
mod routes;
mod transferred;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
use world::World;

/// A name, and what is tried.
type Case = (&'static str, fn(&mut World));

const CASES: &[Case] = &[
    ("own_addresses_are_known", routes::own_addresses_are_known),
    (
        "destinations_away_are_known",
        routes::destinations_away_are_known,
    ),
    (
        "errors_are_those_of_connect",
        routes::errors_are_those_of_connect,
    ),
    (
        "a_changed_address_is_seen_at_once",
        routes::a_changed_address_is_seen_at_once,
    ),
    ("options_are_taken_over", likeness::options_are_taken_over),
    ("what_nobody_set_stays", likeness::what_nobody_set_stays),
    (
        "lingering_is_not_taken_over",
        likeness::lingering_is_not_taken_over,
    ),
    ("only_tcp_is_taken", likeness::only_tcp_is_taken),
    (
        "a_connection_is_begun_and_blocks_as_the_original",
        likeness::a_connection_is_begun_and_blocks_as_the_original,
    ),
    (
        "what_fails_at_once_is_told",
        likeness::what_fails_at_once_is_told,
    ),
    (
        "bytes_of_open_sockets_are_counted",
        transferred::bytes_of_open_sockets_are_counted,
    ),
    (
        "bytes_of_closed_sockets_are_told",
        transferred::bytes_of_closed_sockets_are_told,
    ),
];

/// More than what the two ends of a wire have.
const ROUTES: &str = "ip route add 198.51.100.0/25 via 203.0.113.2
    ip route add unreachable 198.51.100.128/28
    ip route add blackhole 198.51.100.144/28
    ip route add prohibit 198.51.100.160/28
    ip route add local 198.51.100.176/28 dev lo
    ip -6 route add 2001:db8:1::/48 via 2001:db8::2
    ip -6 route add unreachable 2001:db8:2::/48
    ip -6 route add local 2001:db8:3::/48 dev lo";

fn main() -> ExitCode {
    let arguments = world::enter();
    let argument = arguments.first().map_or("", String::as_str);
    if argument == world::PEER {
        return world::peer(|| ());
    }
    let filter = if argument.starts_with('-') {
        ""
    } else {
        argument
    };
    let mut world = World::make();
    world.change(ROUTES);
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, none).expect("no capability");
    let mut failed = 0;
    for (name, case) in CASES.iter().filter(|(name, _)| name.contains(filter)) {
        let ok = catch_unwind(AssertUnwindSafe(|| case(&mut world))).is_ok();
        println!("test {name} ... {}", if ok { "ok" } else { "FAILED" });
        failed += u32::from(!ok);
    }
    match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
