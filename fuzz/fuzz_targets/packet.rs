//! Packets of a sandbox's device for datagrams: what is read of one lies in it, and the answer to it reads back.
#![no_main]

// The engine brings a data base and a spawner; this file of it reads packets.
#[path = "../../crates/engine/src/egress/datagrams/packet.rs"]
#[allow(dead_code)]
mod packet;

use libfuzzer_sys::fuzz_target;
use packet::{Datagram, Ends, HEADERS_BYTES_MAX, Obstacle};

fuzz_target!(|input: &[u8]| {
    let Some(Datagram { ends, payload }) = packet::read(input) else {
        return;
    };
    assert!(payload.len() < input.len() && ends.to.port() != 0);
    let inside = input.as_ptr_range();
    assert!(payload.is_empty() || inside.contains(&payload.as_ptr()));
    let told = packet::failure(ends, Obstacle::Closed).expect("ends of one family");
    assert!(told.len() <= 2 * HEADERS_BYTES_MAX + 8);
    let mut buffer = [&[0; HEADERS_BYTES_MAX][..], payload].concat();
    if let Some(answer) = packet::answer(ends, &mut buffer, payload.len()) {
        let back = Ends { from: ends.to, to: ends.from };
        let read = packet::read(answer);
        // A port of nobody is no destination.
        assert!(ends.from.port() == 0 || read == Some(Datagram { ends: back, payload }));
    }
});
