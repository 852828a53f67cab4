//! Questions to resolvers on loopback, of which some are broken.

use super::*;
use message::is_cut;
use resolvers::Resolvers;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

/// A query for the address of `a.test`, under the number 1.
const QUERY: &[u8] = b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x01a\x04test\0\0\x01\0\x01";

/// What a resolver sends for what it gets.
type Answers = fn(&[u8]) -> Vec<Vec<u8>>;

/// An answer to a question, with a code and so many bytes of records.
fn answer(question: &[u8], code: u8, bytes: usize) -> Vec<u8> {
    let mut answer = question.to_vec();
    answer[2] |= 0x80;
    answer[3] |= code;
    answer.extend(vec![7; bytes]);
    answer
}

fn good(question: &[u8]) -> Vec<Vec<u8>> {
    vec![answer(question, 0, 16)]
}

fn failing(question: &[u8]) -> Vec<Vec<u8>> {
    vec![answer(question, 2, 0)]
}

fn silent(_: &[u8]) -> Vec<Vec<u8>> {
    Vec::new()
}

/// Noise, answers to others' questions, and the right one at last.
fn spoofed(question: &[u8]) -> Vec<Vec<u8>> {
    let mut number = answer(question, 0, 4);
    number[0] ^= 1;
    let mut name = answer(question, 0, 4);
    name[13] = b'b';
    vec![
        vec![],
        vec![0; 700],
        number,
        name,
        question.to_vec(),
        answer(question, 0, 16),
    ]
}

fn long(question: &[u8]) -> Vec<Vec<u8>> {
    let mut cut = answer(question, 0, 0);
    cut[2] |= 2;
    vec![cut]
}

async fn resolver(answers: Answers) -> SocketAddr {
    // Somebody else may have the port of the other protocol.
    let (socket, whole) = loop {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        if let Ok(whole) = TcpListener::bind(address).await {
            break (socket, whole);
        }
    };
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 1_000];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            for answer in answers(&buffer[..length]) {
                socket.send_to(&answer, from).await.unwrap();
            }
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = whole.accept().await {
            let length = stream.read_u16().await.unwrap();
            let mut question = vec![0; usize::from(length)];
            stream.read_exact(&mut question).await.unwrap();
            let answer = answer(&question, 0, 5_000);
            stream.write_u16(answer.len() as u16).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    });
    address
}

async fn ask(servers: &[SocketAddr], over_tcp: bool) -> Option<Vec<u8>> {
    let resolvers = Resolvers {
        servers: servers.to_vec(),
        timeout: Duration::from_millis(300),
        attempts: 2,
    };
    let query = Query::parse(QUERY).unwrap();
    let deadline = Instant::now() + Duration::from_secs(4);
    let asked = exchange::ask(&resolvers, &query, over_tcp, deadline).await;
    asked.ok().map(|answer| query.relayed(answer, over_tcp))
}

#[tokio::test]
async fn the_first_that_answers_counts() {
    let expected = Some(answer(QUERY, 0, 16));
    let [good, failing, silent, spoofed] = [
        resolver(good).await,
        resolver(failing).await,
        resolver(silent).await,
        resolver(spoofed).await,
    ];
    // Nobody listens there any more.
    let closed = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    assert_eq!(ask(&[good], false).await, expected);
    assert_eq!(ask(&[spoofed], false).await, expected);
    for broken in [failing, silent, closed] {
        assert_eq!(ask(&[broken, good], false).await, expected, "{broken}");
    }
    assert_eq!(ask(&[failing], false).await.unwrap()[3] & 15, 2);
    assert_eq!(ask(&[silent, failing], false).await.unwrap()[3] & 15, 2);
    assert_eq!(ask(&[silent, closed], false).await, None);
}

#[tokio::test]
async fn all_of_a_long_answer_comes_over_tcp_alone() {
    let server = resolver(long).await;
    let over_udp = ask(&[server], false).await.unwrap();
    assert!(is_cut(&over_udp));
    assert_eq!(ask(&[server], true).await, Some(answer(QUERY, 0, 5_000)));
}

/// Asks nobody.
fn names(api_is_open: bool) -> Names {
    Names::new("/nonexistent/resolv.conf".into(), api_is_open)
}

#[tokio::test]
async fn the_api_has_a_name_where_functions_may_reach_it() {
    let function = FunctionName::new("f").unwrap();
    let allowance = Allowance::new();
    let question = b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x07lambkin\x08Internal\0\0\x01\0\x01";
    let open = names(true);
    let Asked::Answer(told) = open
        .answer(&function, Some(&allowance), question, false)
        .await
    else {
        panic!("no answer");
    };
    assert!(told.ends_with(&[0, 0, 0, 60, 0, 4, 169, 254, 100, 1]));
    let mut for_ipv6 = question.to_vec();
    let at = for_ipv6.len() - 3;
    for_ipv6[at] = 28;
    let Asked::Answer(told) = open
        .answer(&function, Some(&allowance), &for_ipv6, false)
        .await
    else {
        panic!("no answer");
    };
    assert_eq!(
        (told[3] & 15, told[7]),
        (0, 0),
        "a name without such an address"
    );
    let closed = names(false);
    let Asked::Answer(told) = closed
        .answer(&function, Some(&allowance), question, false)
        .await
    else {
        panic!("no answer");
    };
    assert_eq!((told[3] & 15, told[7]), (3, 0), "no such name");
}

#[tokio::test]
async fn who_may_reach_nothing_is_told_no_name_but_the_apis() {
    let function = FunctionName::new("f").unwrap();
    let open = names(true);
    let Asked::Answer(told) = open.answer(&function, None, QUERY, false).await else {
        panic!("no answer");
    };
    assert_eq!((told[3] & 15, told[7]), (5, 0), "refused");
    let api = b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x07lambkin\x08internal\0\0\x01\0\x01";
    let Asked::Answer(told) = open.answer(&function, None, api, false).await else {
        panic!("no answer");
    };
    assert_eq!((told[3] & 15, told[7]), (0, 1));
}
