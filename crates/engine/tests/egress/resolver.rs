//! The peer's resolver: `*.test` are names with addresses, some of them odd.
//!
//! `www` is the peer itself, `meta` what clouds have, `long` has a text that fits over TCP alone, `slow` has no answer.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::thread::spawn;

const PORT: u16 = 53;
/// Of `long`.
pub(crate) const LONG_BYTES: usize = 4_000;

/// On all addresses.
pub(crate) fn serve() {
    let socket = UdpSocket::bind(("::", PORT)).expect("a port");
    let listener = TcpListener::bind(("::", PORT)).expect("a port");
    spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            if let Some(answer) = answer(&buffer[..length], false) {
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut length = [0; 2];
            if stream.read_exact(&mut length).is_err() {
                continue;
            }
            let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut question).expect("a question");
            let answer = answer(&question, true).expect("an answer");
            let mut framed = (answer.len() as u16).to_be_bytes().to_vec();
            framed.extend(answer);
            let _ = stream.write_all(&framed);
        }
    });
}

fn answer(question: &[u8], over_tcp: bool) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(&question[12..]).to_ascii_lowercase();
    let kind = question[question.len() - 3];
    let mut answer = question.to_vec();
    answer[2..4].copy_from_slice(&[0x81, 0x80]);
    let label =
        |label: &str| text.starts_with(&format!("{}{label}\u{4}test", label.len() as u8 as char));
    let data: Vec<u8> = match kind {
        _ if label("slow") => return None,
        16 if label("long") && !over_tcp => {
            answer[2] |= 2;
            return Some(answer);
        }
        16 if label("long") => [&[200][..], &[b'x'; 200]].concat().repeat(LONG_BYTES / 200),
        1 if label("meta") => vec![169, 254, 169, 254],
        1 if label("own") => vec![203, 0, 113, 1],
        1 if text.contains("test") => vec![203, 0, 113, 2],
        28 if label("www") => [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[2]].concat(),
        28 if text.contains("test") => return Some(answer),
        _ => {
            answer[3] |= 3;
            return Some(answer);
        }
    };
    answer[7] = 1;
    answer.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60]);
    answer.extend((data.len() as u16).to_be_bytes());
    answer.extend(data);
    Some(answer)
}
