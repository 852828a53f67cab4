//! The programs' way to the network, with a world of the test's own and a server that refuses nothing.

pub(super) mod fidelity;
pub(super) mod hostile;
pub(super) mod inside;
pub(super) mod none;
pub(super) mod out;

use std::net::SocketAddr;
use std::sync::Arc;

use lambkin_sandbox::Sandbox;

use crate::place::Inside;

/// Runs a program that must succeed; `told` are the arguments that it finds.
pub(super) async fn python(
    inside: &mut Inside<Arc<Sandbox>>,
    told: &[String],
    program: &str,
) -> String {
    let told = told.join(" ");
    let modules = "import errno, os, select, signal, socket, struct, sys, threading, time";
    inside
        .sh(&format!(
            "timeout -s KILL 60 python3 -u - {told} <<'EOF'\n{modules}\n{program}\nEOF\n"
        ))
        .await
}

fn arguments(address: SocketAddr) -> [String; 2] {
    [address.ip().to_string(), address.port().to_string()]
}
