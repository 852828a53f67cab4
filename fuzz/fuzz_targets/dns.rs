//! DNS messages of programs, and answers of resolvers to them: what goes out is one sound question, what comes back to
//! the program is an answer to its own and fits.
//!
//! The input is half the length of the program's message, the message, and what a resolver sends.
#![no_main]

// The engine brings a data base and a spawner; this file of it reads messages.
#[path = "../../crates/engine/src/egress/dns/message.rs"]
#[allow(dead_code)]
mod message;

use libfuzzer_sys::fuzz_target;
use message::{Code, Query, Unfit, is_cut};

/// Header, longest name, kind and class, options.
const QUESTION_BYTES_MAX: usize = 12 + 255 + 4 + 11;
/// The number that a resolver is asked under.
const NUMBER: u16 = 0x1234;

fuzz_target!(|input: &[u8]| {
    let Some((&length, rest)) = input.split_first() else {
        return;
    };
    let (asked, sent) = rest.split_at((2 * usize::from(length)).min(rest.len()));
    match Query::parse(asked) {
        Ok(query) => {
            is_sound(&query, asked);
            is_relayed(&query, asked, sent);
        }
        Err(Unfit::Told(told)) => assert!(told[..2] == asked[..2] && told[2] & 0x80 != 0),
        Err(Unfit::Noise) => {}
    }
});

/// The same question goes out, under our number.
fn is_sound(query: &Query, asked: &[u8]) {
    let question = query.for_resolver(NUMBER);
    assert!(question.len() <= QUESTION_BYTES_MAX);
    let again = Query::parse(&question).expect("our own question");
    assert_eq!(again.for_resolver(7), query.for_resolver(7));
    assert_eq!(again.udp_bytes_max(), query.udp_bytes_max());
    let name = query.name();
    assert!(name.bytes().all(|byte| byte.is_ascii_graphic()), "{name}");
    let told = query.told(Code::NoError);
    let number = u16::from_be_bytes([asked[0], asked[1]]);
    assert!(query.is_answered_by(number, &told));
}

/// What is taken for an answer reaches the program under its number.
fn is_relayed(query: &Query, asked: &[u8], sent: &[u8]) {
    // As a rule the fuzzer does not guess numbers and questions.
    let echoed = [&query.for_resolver(NUMBER)[..], sent].concat();
    let mut forged = echoed;
    forged[2] |= 0x80;
    for answer in [sent, &forged] {
        if query.is_answered_by(NUMBER, answer) {
            let relayed = query.relayed(answer.to_vec(), false);
            assert_eq!(relayed[..2], asked[..2]);
            assert!(relayed.len() <= query.udp_bytes_max().max(QUESTION_BYTES_MAX));
            assert!(is_cut(&relayed) || relayed.len() <= query.udp_bytes_max());
            let _ = query.relayed(answer.to_vec(), true);
        }
    }
}
