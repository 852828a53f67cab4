//! Packets as the kernel writes them, and as nobody should.

use super::*;

fn ends(from: &str, to: &str) -> Ends {
    Ends {
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
    }
}

fn both() -> [Ends; 2] {
    [
        ends("192.0.0.2:40000", "203.0.113.7:53"),
        ends("[fd4c::1]:40000", "[2001:db8::7]:53"),
    ]
}

/// As a program would send it: the answer to the one that goes the other way.
fn packet(Ends { from, to }: Ends, payload: &[u8]) -> Vec<u8> {
    let mut buffer = [&[0; HEADERS_BYTES_MAX][..], payload].concat();
    let back = Ends { from: to, to: from };
    answer(back, &mut buffer, payload.len()).unwrap().to_vec()
}

#[test]
fn what_is_written_is_read_again() {
    for ends in both() {
        for payload in [&b""[..], b"hello", &[7; 60_000]] {
            let packet = packet(ends, payload);
            assert_eq!(read(&packet), Some(Datagram { ends, payload }));
        }
    }
}

#[test]
fn what_is_cut_anywhere_is_nothing() {
    for ends in both() {
        let whole = packet(ends, b"hello");
        for end in 0..whole.len() {
            assert_eq!(read(&whole[..end]), None, "{end}");
        }
    }
}

#[test]
fn lengths_that_lead_out_of_the_packet_are_nothing() {
    for (ends, header) in both().into_iter().zip([20, 40]) {
        let mut long = packet(ends, b"hello");
        long[header + 4..header + 6].copy_from_slice(&u16::MAX.to_be_bytes());
        assert_eq!(read(&long), None);
        let mut short = packet(ends, b"hello");
        short[header + 4..header + 6].copy_from_slice(&7_u16.to_be_bytes());
        assert_eq!(read(&short), None);
    }
}

#[test]
fn fragments_options_headers_between_and_other_protocols_are_nothing() {
    let [of_v4, of_v6] = both();
    let v4 = |at: usize, byte| {
        let mut packet = packet(of_v4, &[0; 60]);
        packet[at] = byte;
        read(&packet).is_some()
    };
    // Don't fragment alone; more to come; an offset; TCP; room for options.
    assert!(v4(6, 0x40));
    assert!(!v4(6, 0x20) && !v4(7, 1) && !v4(9, 6) && !v4(0, 0x46));
    // Options of a hop, a fragment, options of the destination, TCP, nothing.
    for next in [0, 44, 60, 6, 59] {
        let mut packet = packet(of_v6, &[17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        packet[6] = next;
        assert_eq!(read(&packet), None, "{next}");
    }
    assert_eq!(
        read(&packet(ends("192.0.0.2:1", "203.0.113.7:0"), b"")),
        None
    );
}

#[test]
fn an_answer_that_is_too_long_for_a_packet_is_none() {
    let mut buffer = vec![0; HEADERS_BYTES_MAX + 70_000];
    for ends in both() {
        assert!(answer(ends, &mut buffer, 70_000).is_none());
        assert!(answer(ends, &mut buffer, 70_001).is_none());
    }
    assert!(answer(both()[0], &mut buffer, 65_507).is_some());
}

#[test]
fn a_failure_names_the_datagram() {
    for (ends, (header, kind)) in both().into_iter().zip([(20, 3), (40, 1)]) {
        let told = failure(ends, Obstacle::Closed).unwrap();
        assert_eq!(told[header], kind);
        let lost = read(&told[header + 8..]).unwrap();
        assert_eq!((lost.ends, lost.payload), (ends, &b""[..]));
    }
    let mixed = ends("192.0.0.2:1", "[2001:db8::7]:53");
    assert_eq!(failure(mixed, Obstacle::NoWay), None);
}
