//! Bytes that went through connections.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use lambkin_sandbox::outbound::{Closings, Flow, Likeness, OpenSockets, Transferred};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::world::{PORT, World};

const PEERS: [([u16; 8], bool); 3] = [
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 2], true),
    ([0, 0, 0, 0, 0, 0xffff, 0xcb00, 0x7102], true),
    ([0, 0, 0, 0, 0, 0xffff, 0xcb00, 0x7102], false),
];

/// Over IPv6, over IPv4 in its form, and over IPv4.
fn connections() -> impl Iterator<Item = (TcpStream, Flow)> {
    PEERS.into_iter().map(|(address, as_ipv6)| {
        let address = SocketAddr::from((address, PORT));
        let (family, to) = match as_ipv6 {
            true => (AddressFamily::INET6, address),
            false => (
                AddressFamily::INET,
                (address.ip().to_canonical(), PORT).into(),
            ),
        };
        let original = socket_with(family, SocketType::STREAM, SocketFlags::empty(), None);
        let like = Likeness::of(original.expect("a socket")).expect("another");
        let begun = like.connect(to).expect("a connection");
        (TcpStream::from(begun.socket), begun.flow)
    })
}

fn echo(stream: &mut TcpStream, bytes: usize) {
    stream.write_all(&vec![7; bytes]).expect("to send");
    stream.read_exact(&mut vec![0; bytes]).expect("to receive");
}

fn both(bytes: u64) -> Transferred {
    Transferred {
        sent: bytes,
        received: bytes,
    }
}

pub(crate) fn bytes_of_open_sockets_are_counted(_: &mut World) {
    let table = OpenSockets::open().expect("the sockets");
    for (mut stream, flow) in connections() {
        echo(&mut stream, 100_000);
        let found = table.transferred(&[flow]).expect("an answer");
        assert_eq!(found, [Some(both(100_000))]);
        echo(&mut stream, 1);
        let found = table.transferred(&[flow]).expect("an answer");
        assert_eq!(found, [Some(both(100_001))]);
        let end = stream.try_clone().expect("a copy");
        drop(stream);
        assert_eq!(
            table.transferred(&[flow]).expect("an answer"),
            found,
            "held elsewhere"
        );
        drop(end);
    }
    // More than one question holds, the last of them gone.
    let mut many: Vec<(TcpStream, Flow)> = (0..50).flat_map(|_| connections()).collect();
    let flows: Vec<Flow> = many.iter().map(|(_, flow)| *flow).collect();
    for (number, (stream, _)) in many.iter_mut().enumerate() {
        echo(stream, number + 1);
    }
    many.pop();
    let found = loop {
        let found = table.transferred(&flows).expect("an answer");
        // A socket that was closed is there until the other side has closed too.
        match found.last().expect("the last one") {
            Some(_) => std::thread::sleep(Duration::from_millis(5)),
            None => break found,
        }
    };
    for (number, one) in found.iter().enumerate() {
        let expected = (number + 1 < found.len()).then(|| both(number as u64 + 1));
        assert_eq!(*one, expected, "{number}");
    }
}

pub(crate) fn bytes_of_closed_sockets_are_told(_: &mut World) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let mut closings = Closings::open().expect("the kernel's word");
        for (mut stream, flow) in connections() {
            echo(&mut stream, 5_000);
            drop(stream);
            let told = async {
                loop {
                    let closed = closings.next().await.expect("a word");
                    if closed.cookie == flow.cookie() {
                        return closed.transferred;
                    }
                }
            };
            let told = tokio::time::timeout(Duration::from_secs(5), told).await;
            let told = told.expect("a word in time");
            assert_eq!(told.sent, 5_000);
            assert!((5_000..=5_001).contains(&told.received), "{told:?}");
        }
    });
}
