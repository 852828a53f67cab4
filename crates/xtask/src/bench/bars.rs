//! The bar: each promised figure, what it is a ratio of, and how far it may go.

/// How far a figure may go.
#[derive(Clone, Copy)]
pub(super) enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// Zero in every round: of these a median would hide some.
    Never,
    /// Printed beside the others, held against nothing.
    Told,
}

/// One line of the table.
pub(super) struct Bar {
    pub(super) what: &'static str,
    /// Figures that are each held against the bound, under the name of what differs.
    pub(super) ours: &'static str,
    /// What it is divided by; nothing for an absolute figure.
    pub(super) floor: Option<&'static str>,
    pub(super) bound: Bound,
}

const fn ratio(what: &'static str, ours: &'static str, floor: &'static str, bound: Bound) -> Bar {
    Bar {
        what,
        ours,
        floor: Some(floor),
        bound,
    }
}

const fn absolute(what: &'static str, ours: &'static str, bound: Bound) -> Bar {
    Bar {
        what,
        ours,
        floor: None,
        bound,
    }
}

use Bound::{AtLeast, AtMost, Never, Told};

/// In the order in which they are printed.
#[rustfmt::skip]
pub(super) const BARS: &[Bar] = &[
    ratio("warm p50, Rust / bare hyper echo", "warm/rust-1769/p50_us", "warm/echo/p50_us", AtMost(5.0)),
    ratio("warm p50, Rust at 128 MB / bare hyper echo", "warm/rust-128/p50_us", "warm/echo/p50_us", Told),
    ratio("warm p50, Rust / bare relay", "warm/rust-1769/p50_us", "warm/relay/p50_us", AtMost(1.35)),
    ratio("warm p50, Python / AWS's emulator + awslambdaric", "warm/python-1769/p50_us", "warm/emulator-python/p50_us", AtMost(0.45)),
    ratio("warm p50, Python at 128 MB / the same", "warm/python-128/p50_us", "warm/emulator-python/p50_us", Told),
    ratio("warm p50, Node.js / AWS's emulator + aws-lambda-ric", "warm/nodejs-1769/p50_us", "warm/emulator-nodejs/p50_us", AtMost(0.45)),
    ratio("warm p50, Node.js at 128 MB / the same", "warm/nodejs-128/p50_us", "warm/emulator-nodejs/p50_us", Told),
    ratio("warm p50, Python with the official client / AWS's emulator + awslambdaric", "warm/official-python/p50_us", "warm/emulator-python/p50_us", Told),
    ratio("warm p50, Node.js with the official client / AWS's emulator + aws-lambda-ric", "warm/official-nodejs/p50_us", "warm/emulator-nodejs/p50_us", Told),
    ratio("warm p50, Rust / AWS's emulator", "warm/rust-1769/p50_us", "warm/emulator-rust/p50_us", Told),
    ratio("warm p50, Node.js / serverless-offline", "warm/nodejs-1769/p50_us", "warm/offline-nodejs/p50_us", Told),
    ratio("warm p50, Rust / workerd", "warm/rust-1769/p50_us", "warm/workerd/p50_us", Told),
    ratio("warm p50, Rust / cargo-lambda watch", "warm/rust-1769/p50_us", "warm/cargo-lambda/p50_us", Told),
    ratio("warm p99, Rust / its own p50", "warm/rust-1769/p99_us", "warm/rust-1769/p50_us", AtMost(4.0)),
    ratio("warm p99, Python / its own p50", "warm/python-1769/p99_us", "warm/python-1769/p50_us", AtMost(4.0)),
    ratio("warm p99, Node.js / its own p50", "warm/nodejs-1769/p99_us", "warm/nodejs-1769/p50_us", AtMost(4.0)),
    ratio("warm p99 of the bare echo / its own p50", "warm/echo/p99_us", "warm/echo/p50_us", Told),
    ratio("requests/s at 64 connections, Rust / cargo-lambda watch", "load-64/rust/per_second", "load-64/cargo-lambda/per_second", AtLeast(3.5)),
    ratio("requests/s at 64 connections, Rust / workerd", "load-64/rust/per_second", "load-64/workerd/per_second", AtLeast(1.1)),
    ratio("requests/s at 64 connections, Node.js / serverless-offline", "load-64/nodejs/per_second", "load-64/offline-nodejs/per_second", Told),
    ratio("requests/s at 64 connections, Rust / bare relay", "load-64/rust/per_second", "load-64/relay/per_second", Told),
    ratio("requests/s at 64 connections, Rust / bare relay with 64 programs", "load-64/rust/per_second", "load-64/relay-of-64/per_second", Told),
    ratio("requests/s at 64 connections, Rust / bare hyper echo", "load-64/rust/per_second", "load-64/echo/per_second", Told),
    ratio("requests/s at 8 connections, Rust / bare relay", "load-8/rust/per_second", "load-8/relay/per_second", Told),
    absolute("errors at 2 connections", "errors/2/count", Never),
    absolute("errors at 8 connections", "errors/8/count", Never),
    absolute("errors at 64 connections", "errors/64/count", Never),
    absolute("errors at 512 connections", "errors/512/count", Never),
    ratio("first invoke, pooled, Python / bare python3 -c pass", "first/pooled-python-1769/ms", "first/bare-python/ms", AtMost(0.35)),
    ratio("first invoke, pooled, Node.js / bare node -e 0", "first/pooled-nodejs-1769/ms", "first/bare-nodejs/ms", AtMost(0.06)),
    ratio("first invoke, pooled, Python at 128 MB", "first/pooled-python-128/ms", "first/bare-python/ms", Told),
    ratio("first invoke, pooled, Node.js at 128 MB", "first/pooled-nodejs-128/ms", "first/bare-nodejs/ms", Told),
    ratio("first invoke, pool empty, Python / bare python3 -c pass", "first/python-1769/ms", "first/bare-python/ms", AtMost(2.2)),
    ratio("first invoke, pool empty, Node.js / bare node -e 0", "first/nodejs-1769/ms", "first/bare-nodejs/ms", AtMost(1.3)),
    ratio("first invoke, pool empty, Python at 128 MB", "first/python-128/ms", "first/bare-python/ms", Told),
    ratio("first invoke, pool empty, Node.js at 128 MB", "first/nodejs-128/ms", "first/bare-nodejs/ms", Told),
    ratio("first invoke, pool empty, Python with the official client", "first/official-python/ms", "first/bare-python/ms", Told),
    ratio("first invoke, pool empty, Node.js with the official client", "first/official-nodejs/ms", "first/bare-nodejs/ms", Told),
    ratio("first invoke, AWS's emulator, Python / bare python3 -c pass", "first/emulator-python/ms", "first/bare-python/ms", Told),
    ratio("first invoke, AWS's emulator, Node.js / bare node -e 0", "first/emulator-nodejs/ms", "first/bare-nodejs/ms", Told),
    ratio("first invoke, clone of a Python function with slow imports / its plain cold start", "clone/cloned/ms", "clone/plain/ms", AtMost(0.03)),
    ratio("first invoke, Rust / vfork and exec of a static hello", "first/rust-1769/ms", "first/bare-rust/ms", AtMost(12.0)),
    ratio("first invoke, Rust / AWS's emulator without sandbox", "first/rust-1769/ms", "first/emulator-rust/ms", AtMost(1.0)),
    ratio("first invoke, pooled, Rust / AWS's emulator without sandbox", "first/pooled-rust-1769/ms", "first/emulator-rust/ms", Told),
    ratio("burst of 200 Python invokes to the last answer / 200 bare interpreter starts", "burst/python/ms", "burst/bare-python/ms", AtMost(0.6)),
    ratio("sandboxed true / bubblewrap's", "sandbox/lambkin/ms", "sandbox/bubblewrap/ms", AtMost(0.35)),
    ratio("sandboxed true / runc's", "sandbox/lambkin/ms", "sandbox/runc/ms", AtMost(0.1)),
    ratio("true in a sandbox made ahead / bubblewrap's", "sandbox/lambkin-once-made/ms", "sandbox/bubblewrap/ms", Told),
    ratio("true in a sandbox made ahead / runc's", "sandbox/lambkin-once-made/ms", "sandbox/runc/ms", Told),
    absolute("private memory per idle cloned Python environment, MiB", "clone/private/mib", AtMost(4.0)),
    absolute("server's own memory with 1,000 functions deployed, none running, MiB", "functions/server/mib", AtMost(64.0)),
    absolute("the spawner's memory beside it, MiB", "functions/spawner/mib", Told),
    absolute("idle CPU with 500 frozen environments, percent of one core", "frozen/all/percent", AtMost(1.0)),
];

impl std::fmt::Display for Bound {
    fn fmt(&self, text: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtMost(most) => write!(text, "at most {most}"),
            Self::AtLeast(least) => write!(text, "at least {least}"),
            Self::Never => text.pad("never"),
            Self::Told => text.pad("-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_those_of_the_specification() {
        let file = crate::workspace::root().join("SPECIFICATION.md");
        let text = std::fs::read_to_string(file).expect("a specification");
        let (_, speed) = text.split_once("## Speed\n").expect("its part on speed");
        let (speed, _) = speed.split_once("\n## ").expect("another part");
        let promised: Vec<&str> = speed
            .lines()
            .filter(|line| line.starts_with("| "))
            .skip(2)
            .collect();
        let measured: Vec<String> = BARS
            .iter()
            .filter(|bar| !matches!(bar.bound, Bound::Told))
            .map(|bar| format!("| {} | {} |", bar.what, bar.bound))
            .collect();
        assert_eq!(promised, measured);
    }
}
