//! What has to work in spite of everything: threads, processes, files and loopback.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use super::{Aims, Found};

pub(super) fn ordinary(_: &Aims) -> Found {
    step(
        "start a thread",
        std::thread::spawn(|| 1).join().map_err(|_| "it panicked"),
    )?;
    let output = step(
        "run /bin/sh",
        Command::new("/bin/sh")
            .args(["-c", "echo $((6*7))"])
            .output(),
    )?;
    if output.stdout != b"42\n" {
        return Err("/bin/sh gave a wrong answer".into());
    }
    for file in ["/tmp/lambkin-self-test", "/dev/shm/lambkin-self-test"] {
        step(
            file,
            fs::write(file, "x").and_then(|()| fs::remove_file(file)),
        )?;
    }
    for address in ["127.0.0.1:0", "[::1]:0"] {
        step(address, echo(address))?;
    }
    Ok("they do".into())
}

fn echo(address: &str) -> std::io::Result<()> {
    let listener = TcpListener::bind(address)?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    listener.accept()?.0.write_all(b"x")?;
    client.read_exact(&mut [0])
}

fn step<T, E: std::fmt::Display>(what: &str, result: Result<T, E>) -> Result<T, String> {
    result.map_err(|error| format!("{what}: {error}"))
}
