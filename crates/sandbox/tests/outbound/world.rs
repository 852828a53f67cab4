//! Two machines: this process and its peer, each in a network name space of its own, with one wire between them.
//!
//! ```text
//! machine: 203.0.113.1, 2001:db8::1  ───  peer: 203.0.113.2, 2001:db8::2, echoes on port 7
//! ```

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};

use rustix::thread::{
    CapabilitySet, CapabilitySets, UnshareFlags, set_capabilities, unshare_unsafe,
};

/// The argument that makes the program the peer.
pub(crate) const PEER: &str = "__peer";
pub(crate) const PORT: u16 = 7;
/// Nobody listens there.
pub(crate) const CLOSED_PORT: u16 = 8;

pub(crate) struct World {
    peer: Child,
    /// Changes the machine's network, which this process itself may no longer.
    shell: Child,
    said: BufReader<ChildStdout>,
}

impl World {
    /// Enters it; without any capability from then on.
    pub(crate) fn make() -> Self {
        let (uid, gid) = (rustix::process::getuid(), rustix::process::getgid());
        unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET);
        std::fs::write("/proc/self/setgroups", "deny").expect("setgroups");
        std::fs::write("/proc/self/uid_map", format!("0 {uid} 1")).expect("a user");
        std::fs::write("/proc/self/gid_map", format!("0 {gid} 1")).expect("a group");
        let mut peer = Command::new(std::env::current_exe().expect("this program"))
            .arg(PEER)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a peer");
        let mut told = BufReader::new(peer.stdout.take().expect("its words")).lines();
        let mut next = || told.next().expect("a word").expect("of the peer");
        assert_eq!(next(), "apart");
        let mut shell = Command::new("/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let said = BufReader::new(shell.stdout.take().expect("its words"));
        let mut world = Self { peer, shell, said };
        world.change(&format!(
            "ip link set lo up
             ip link add wire type veth peer name far netns {}
             ip address add 203.0.113.1/24 broadcast 203.0.113.255 dev wire
             ip address add 2001:db8::1/64 dev wire nodad
             ip link set wire up
             ip route add 198.51.100.0/25 via 203.0.113.2
             ip route add unreachable 198.51.100.128/28
             ip route add blackhole 198.51.100.144/28
             ip route add prohibit 198.51.100.160/28
             ip route add local 198.51.100.176/28 dev lo
             ip -6 route add 2001:db8:1::/48 via 2001:db8::2
             ip -6 route add unreachable 2001:db8:2::/48
             ip -6 route add local 2001:db8:3::/48 dev lo",
            world.peer.id()
        ));
        writeln!(world.peer.stdin.as_mut().expect("its ear"), "go").expect("a word to the peer");
        assert_eq!(next(), "listening");
        let none = CapabilitySets {
            effective: CapabilitySet::empty(),
            permitted: CapabilitySet::empty(),
            inheritable: CapabilitySet::empty(),
        };
        set_capabilities(None, none).expect("no capability");
        world
    }

    /// Runs lines of shell with rights over the machine's network; each must succeed.
    pub(crate) fn change(&mut self, lines: &str) {
        let ear = self.shell.stdin.as_mut().expect("the shell's ear");
        for line in lines.lines() {
            writeln!(ear, "{line} || echo cannot: {line}").expect("a line");
        }
        writeln!(ear, "echo").expect("a line");
        let mut answer = String::new();
        self.said.read_line(&mut answer).expect("an answer");
        assert_eq!(answer.trim(), "");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Both end by themselves when this process does.
        let _ = (self.peer.kill(), self.peer.wait());
        let _ = (self.shell.kill(), self.shell.wait());
    }
}

fn unshare(flags: UnshareFlags) {
    // SAFETY: the descriptor table is left alone, and this process has one thread.
    unsafe { unshare_unsafe(flags) }.expect("name spaces");
}

/// Echoes until its standard input ends.
pub(crate) fn peer() -> ExitCode {
    unshare(UnshareFlags::NEWNET);
    println!("apart");
    io::stdin().read_line(&mut String::new()).expect("a word");
    let set_up = "ip link set lo up && ip address add 203.0.113.2/24 dev far \
                  && ip address add 2001:db8::2/64 dev far nodad && ip link set far up";
    let done = Command::new("/bin/sh").args(["-c", set_up]).status();
    assert!(done.expect("a shell").success());
    let listener = TcpListener::bind(("::", PORT)).expect("a port");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(|| echo(stream));
        }
    });
    println!("listening");
    // Ends with the one who started it.
    let _ = io::stdin().read_to_end(&mut Vec::new());
    ExitCode::SUCCESS
}

fn echo(stream: io::Result<TcpStream>) -> io::Result<()> {
    let (mut stream, mut buffer) = (stream?, [0; 4096]);
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..length])?;
    }
}
