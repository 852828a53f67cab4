//! Messages of programs, well made and hostile.

use super::*;

/// A query for `www.example.com`, with these flags and counts, and what follows the question.
fn message(flags: u16, counts: [u16; 4], kind: u16, rest: &[u8]) -> Vec<u8> {
    let mut message = header(0xabcd, flags, counts);
    message.extend(b"\x03www\x07Example\x03com\0");
    message.extend(kind.to_be_bytes());
    message.extend(INTERNET.to_be_bytes());
    message.extend(rest);
    message
}

fn query() -> Query {
    Query::parse(&message(RECURSION, [1, 0, 0, 0], ADDRESS, &[])).unwrap()
}

/// The code that a message is answered with.
fn refused(message: &[u8]) -> Code {
    match Query::parse(message) {
        Err(Unfit::Told(told)) => {
            assert_eq!(told[..2], message[..2]);
            let codes = [
                Code::FormatError,
                Code::ServerFailure,
                Code::NotImplemented,
                Code::Refused,
            ];
            let code = code_of(&told).unwrap();
            codes.into_iter().find(|one| *one as u16 == code).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

const OPT: &[u8] = b"\0\0\x29\x10\0\0\0\x80\0\0\0";

#[test]
fn a_question_goes_out_under_another_number_and_with_nothing_else() {
    let query = query();
    assert_eq!(query.name(), "www.Example.com");
    assert!(query.wants_ipv4());
    assert_eq!(query.udp_bytes_max(), 512);
    let expected = message(RECURSION, [1, 0, 0, 0], ADDRESS, &[]);
    let sent = query.for_resolver(7);
    assert_eq!((&sent[..2], &sent[2..]), (&[0, 7][..], &expected[2..]));
}

#[test]
fn of_the_options_only_size_and_signatures_go_out() {
    // 4,096 bytes, DNSSEC, and a cookie.
    let options = b"\0\0\x29\xff\xff\0\0\x80\0\0\x0c\0\x0a\0\x08cookies!";
    let query = Query::parse(&message(RECURSION, [1, 0, 0, 1], 28, options)).unwrap();
    assert_eq!(query.udp_bytes_max(), 4_096);
    assert!(!query.wants_ipv4());
    let sent = query.for_resolver(0xabcd);
    assert_eq!(sent, message(RECURSION, [1, 0, 0, 1], 28, OPT));
    let small = b"\0\0\x29\0\x10\0\0\0\0\0\0";
    let query = Query::parse(&message(RECURSION, [1, 0, 0, 1], 28, small)).unwrap();
    assert_eq!(query.udp_bytes_max(), 512);
}

#[test]
fn what_is_no_question_is_refused_by_its_kind() {
    let plain = [1, 0, 0, 0];
    for counts in [
        [0, 0, 0, 0],
        [2, 0, 0, 0],
        [1, 1, 0, 0],
        [1, 0, 1, 0],
        [1, 0, 0, 2],
        [1, 0, 0, 1],
    ] {
        assert_eq!(
            refused(&message(0, counts, 1, &[])),
            Code::FormatError,
            "{counts:?}"
        );
    }
    assert_eq!(refused(&message(0, plain, 1, b"more")), Code::FormatError);
    assert_eq!(
        refused(&message(0, [1, 0, 0, 1], 1, &OPT[1..])),
        Code::FormatError
    );
    assert_eq!(refused(&message(0, plain, OPTIONS, &[])), Code::FormatError);
    assert_eq!(
        refused(&message(0x2800, plain, 1, &[])),
        Code::NotImplemented,
        "an update"
    );
    assert_eq!(
        refused(&message(0, plain, 252, &[])),
        Code::NotImplemented,
        "a zone"
    );
    let mut chaos = message(0, plain, 16, &[]);
    *chaos.last_mut().unwrap() = 3;
    assert_eq!(refused(&chaos), Code::Refused);
    let response = message(RESPONSE, plain, 1, &[]);
    assert_eq!(Query::parse(&response), Err(Unfit::Noise));
    let whole = message(RECURSION, [1, 0, 0, 1], 1, OPT);
    for end in 0..whole.len() {
        match Query::parse(&whole[..end]) {
            Err(Unfit::Noise) if end < HEADER_BYTES => {}
            _ => assert_eq!(refused(&whole[..end]), Code::FormatError, "{end}"),
        }
    }
}

#[test]
fn names_are_written_out_and_bounded() {
    let ask = |name: &[u8]| {
        let mut message = header(1, 0, [1, 0, 0, 0]);
        message.extend(name);
        message.extend([0, 1, 0, 1]);
        Query::parse(&message)
    };
    assert_eq!(ask(b"\0").unwrap().name(), ".");
    assert_eq!(ask(b"\x04a.\n\xff\0").unwrap().name(), "a\\046\\010\\255");
    let label = [&[63][..], &[b'x'; 63]].concat();
    let longest = [label.repeat(3), [&[61][..], &[b'x'; 61], &[0]].concat()].concat();
    assert_eq!(longest.len(), NAME_BYTES_MAX);
    assert_eq!(ask(&longest).unwrap().name().len(), 253);
    let longer = [label.repeat(3), [&[62][..], &[b'x'; 62], &[0]].concat()].concat();
    assert!(ask(&longer).is_err());
    assert!(
        ask(b"\x40xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\0").is_err()
    );
    assert!(ask(b"\xc0\x0c").is_err(), "a name that is elsewhere");
}

#[test]
fn only_the_answer_to_this_question_is_taken() {
    let query = query();
    let answer = message(RESPONSE | RECURSION, [1, 2, 0, 0], ADDRESS, b"records");
    assert!(query.is_answered_by(0xabcd, &answer));
    assert!(!query.is_answered_by(0xabce, &answer), "another number");
    let mut lower = answer.clone();
    lower.make_ascii_lowercase();
    lower[..HEADER_BYTES].copy_from_slice(&answer[..HEADER_BYTES]);
    assert!(query.is_answered_by(0xabcd, &lower));
    let other = message(RESPONSE, [1, 2, 0, 0], 28, b"records");
    assert!(!query.is_answered_by(0xabcd, &other), "another kind");
    let mut name = answer.clone();
    name[13] = b'v';
    assert!(!query.is_answered_by(0xabcd, &name), "another name");
    let same = message(0, [1, 0, 0, 0], ADDRESS, &[]);
    assert!(!query.is_answered_by(0xabcd, &same), "a query");
    let without = |code: u16| header(0xabcd, RESPONSE | code, [0, 0, 0, 0]);
    assert!(
        query.is_answered_by(0xabcd, &without(2)),
        "a failure without its question"
    );
    assert!(!query.is_answered_by(0xabcd, &without(0)));
    assert!(!query.is_answered_by(0xabcd, &without(3)));
    for end in 0..answer.len() - 7 {
        assert!(!query.is_answered_by(0xabcd, &answer[..end]), "{end}");
    }
}

#[test]
fn answers_are_relayed_and_long_ones_cut_over_udp_alone() {
    let query = query();
    let answer = message(RESPONSE | RECURSION, [1, 9, 0, 0], ADDRESS, &[7; 480]);
    let mut other_number = answer.clone();
    other_number[..2].copy_from_slice(&[0, 1]);
    assert_eq!(query.relayed(other_number.clone(), true), answer);
    let cut = query.relayed(other_number, false);
    assert!(is_cut(&cut) && cut.len() == HEADER_BYTES + 21);
    assert_eq!(cut[..2], answer[..2]);
    let failure = header(1, RESPONSE | Code::Refused as u16, [0, 0, 0, 0]);
    assert_eq!(query.relayed(failure, false), query.told(Code::Refused));
}

#[test]
fn an_address_is_an_answer_to_its_question() {
    let query = query();
    let answer = query.address([169, 254, 100, 1], 60);
    assert!(query.is_answered_by(0xabcd, &answer));
    assert_eq!(u16_at(&answer, 6), Some(1));
    let record = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xa9\xfe\x64\x01";
    assert_eq!(&answer[answer.len() - record.len()..], record);
}
