//! Sandboxes made by a real spawner, looked at from inside and from outside.
//!
//! This program is its own spawner, as the binary is, so it has a `main` of its own. Each case runs in a
//! process of its own: a spawner must be started before there is a thread, and one case kills its server.

mod attack;
mod cases;
mod outside;
mod place;

use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("__spawner") => lambkin_sandbox::run_spawner(),
        Some("__case") => run_case(&arguments[2]),
        Some("__attack") => attack::all(&arguments[2..]),
        filter => run_all(filter.filter(|text| !text.starts_with('-')).unwrap_or("")),
    }
}

fn run_case(name: &str) -> ExitCode {
    match cases::ALL
        .iter()
        .chain(cases::INNER)
        .find(|(known, _)| *known == name)
    {
        Some((_, case)) => {
            case();
            ExitCode::SUCCESS
        }
        None => ExitCode::FAILURE,
    }
}

fn run_all(filter: &str) -> ExitCode {
    let program = std::env::current_exe().expect("the path of this program");
    let (mut passed, mut failed) = (0, 0);
    for (name, _) in cases::ALL.iter().filter(|(name, _)| name.contains(filter)) {
        let status = Command::new(&program).args(["__case", name]).status();
        let ok = status.is_ok_and(|status| status.success());
        println!("test {name} ... {}", if ok { "ok" } else { "FAILED" });
        *(if ok { &mut passed } else { &mut failed }) += 1;
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out\n"
    );
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
