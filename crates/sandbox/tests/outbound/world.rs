//! Two machines: this process and its peer, each in a network name space of its own, with one wire between them.
//!
//! ```text
//! machine: 203.0.113.1, 2001:db8::1  ───  peer: 203.0.113.2, 2001:db8::2, and what clouds have at 169.254.169.254
//! ```
//! Nothing that is sent in it reaches the machine's own network. Programs of other tests are in it too, by its path.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};

/// The argument that makes the program the peer.
pub(crate) const PEER: &str = "__peer";
/// The argument of a program that is in a name space of its own.
const WITHIN: &str = "__within";
/// Where the peer echoes.
pub(crate) const PORT: u16 = 7;

pub(crate) struct World {
    peer: Child,
    /// Changes the machine's network, for those who have given up the right to.
    shell: Child,
    said: BufReader<ChildStdout>,
}

/// Starts the program anew in a network name space of its own; there it returns the arguments.
pub(crate) fn enter() -> Vec<String> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == WITHIN) {
        return arguments.split_off(1);
    }
    if arguments
        .first()
        .is_some_and(|first| first.starts_with("__"))
    {
        return arguments;
    }
    // Without root also in a user name space, which has rights over it.
    let own = match rustix::process::geteuid().is_root() {
        true => "--net",
        false => "-rn",
    };
    let error = apart(own).arg(WITHIN).args(arguments).exec();
    panic!("unshare: {error}");
}

/// This program in other name spaces.
fn apart(own: &str) -> Command {
    let mut command = Command::new("unshare");
    command
        .args([own, "--"])
        .arg(std::env::current_exe().expect("this program"));
    command
}

impl World {
    /// Lays the wire.
    pub(crate) fn make() -> Self {
        let mut peer = apart("--net")
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
             ip route add 169.254.169.254 dev wire",
            world.peer.id()
        ));
        writeln!(world.peer.stdin.as_mut().expect("its ear"), "go").expect("a word to the peer");
        assert_eq!(next(), "listening");
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

/// The other end of the wire: echoes, and whatever `more` starts, until its standard input ends.
pub(crate) fn peer(more: fn()) -> ExitCode {
    println!("apart");
    io::stdin().read_line(&mut String::new()).expect("a word");
    let set_up = "ip link set lo up && ip address add 203.0.113.2/24 dev far \
                  && ip address add 169.254.169.254/32 dev far \
                  && ip address add 2001:db8::2/64 dev far nodad && ip link set far up";
    let done = Command::new("/bin/sh").args(["-c", set_up]).status();
    assert!(done.expect("a shell").success());
    echo_at(PORT);
    more();
    println!("listening");
    // Ends with the one who started it.
    let _ = io::stdin().read_to_end(&mut Vec::new());
    ExitCode::SUCCESS
}

/// Echoes on all addresses.
pub(crate) fn echo_at(port: u16) {
    let listener = TcpListener::bind(("::", port)).expect("a port");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(|| echo(stream));
        }
    });
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
