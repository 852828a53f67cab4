//! One question to the machine's resolvers: over UDP from a port of its own under a number of its own, over TCP where
//! an answer is cut and the program can take all of it.

use super::message::{Query, is_cut, is_failure};
use super::resolvers::Resolvers;
use lambkin_sandbox::DNS_MESSAGE_BYTES_MAX;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout_at};

/// Asks one after the other until one answers; a failure counts where nobody does better. None by the deadline is an
/// error.
pub(super) async fn ask(
    resolvers: &Resolvers,
    query: &Query,
    over_tcp: bool,
    deadline: Instant,
) -> io::Result<Vec<u8>> {
    let mut failure = None;
    let rounds = (0..resolvers.attempts).flat_map(|_| &resolvers.servers);
    let mut tries_left = resolvers.attempts * resolvers.servers.len() as u32;
    for server in rounds {
        // What is left is shared, so that each resolver is asked in time.
        let share = deadline.saturating_duration_since(Instant::now()) / tries_left;
        let until = Instant::now() + share.min(resolvers.timeout);
        tries_left -= 1;
        match timeout_at(until, ask_one(*server, query, over_tcp)).await {
            Ok(Ok(answer)) if is_failure(&answer) => failure = Some(answer),
            Ok(Ok(answer)) => return Ok(answer),
            // Silence or an error: the next one.
            Ok(Err(_)) | Err(_) => {}
        }
    }
    failure.ok_or_else(|| io::ErrorKind::TimedOut.into())
}

async fn ask_one(server: SocketAddr, query: &Query, over_tcp: bool) -> io::Result<Vec<u8>> {
    let answer = over_udp(server, query).await?;
    let is_part = is_cut(&answer) || answer.len() > query.udp_bytes_max();
    match over_tcp && is_part {
        true => whole(server, query).await,
        false => Ok(answer),
    }
}

async fn over_udp(server: SocketAddr, query: &Query) -> io::Result<Vec<u8>> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // The kernel takes a random port, and lets in what comes from the resolver alone.
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    let id = rand::random();
    socket.send(&query.for_resolver(id)).await?;
    // One byte more tells of a message that is longer than agreed.
    let mut buffer = vec![0; query.udp_bytes_max() + 1];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if query.is_answered_by(id, &buffer[..length]) {
            buffer.truncate(length);
            return Ok(buffer);
        }
    }
}

async fn whole(server: SocketAddr, query: &Query) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let id = rand::random();
    let question = query.for_resolver(id);
    let mut framed = (question.len() as u16).to_be_bytes().to_vec();
    framed.extend(question);
    stream.write_all(&framed).await?;
    let length = usize::from(stream.read_u16().await?);
    if length > DNS_MESSAGE_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await?;
    match query.is_answered_by(id, &answer) {
        true => Ok(answer),
        false => Err(io::ErrorKind::InvalidData.into()),
    }
}
