//! What is done with each packet of one environment's device, and with each answer.

use super::answers;
use super::flows::{Flow, Flows, Verdict};
use super::packet::{self, Datagram, Ends, HEADERS_BYTES_MAX, Obstacle};
use super::share::Share;
use crate::egress::Gateway;
use crate::egress::admission::Refusal;
use crate::egress::denials::Denials;
use crate::egress::traffic::Traffic;
use crate::present_rules::FunctionRules;
use lambkin_model::FunctionName;
use lambkin_model::egress::Denial;
use lambkin_sandbox::outbound::{Drained, OWN_ADDRESSES, PACKET_BYTES_MAX, Tunnel};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recvfrom, send,
    socket_with,
};
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Taken in one turn: as many as the device keeps waiting.
const PACKETS_MAX: usize = 64;
/// The same of answers to one flow.
const ANSWERS_MAX: usize = 16;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; HEADERS_BYTES_MAX + PACKET_BYTES_MAX]);
}

/// One environment's.
#[derive(Debug)]
pub(crate) struct Relay {
    tunnel: Tunnel,
    /// Whether the programs stand still.
    stillness: watch::Receiver<bool>,
    gateway: Arc<Gateway>,
    function: FunctionName,
    rules: Arc<FunctionRules>,
    traffic: Arc<Traffic>,
    denials: Arc<Denials>,
    share: Share,
    flows: Mutex<Flows>,
}

/// Ends all flows when nobody looks after them any more.
struct Attendance<'r>(&'r Relay);

impl Drop for Attendance<'_> {
    fn drop(&mut self) {
        self.0.flows().close();
    }
}

impl Relay {
    pub(in crate::egress) fn new(
        tunnel: Tunnel,
        stillness: watch::Receiver<bool>,
        gateway: Arc<Gateway>,
        function: FunctionName,
        rules: Arc<FunctionRules>,
        traffic: Arc<Traffic>,
        denials: Arc<Denials>,
    ) -> Self {
        let share = Share::new(Arc::clone(&gateway.datagrams));
        Self {
            tunnel,
            stillness,
            gateway,
            function,
            rules,
            traffic,
            denials,
            share,
            flows: Mutex::default(),
        }
    }

    /// Carries datagrams until it is dropped; then every flow has ended.
    pub(in crate::egress) async fn carry(self: &Arc<Self>, note: impl Fn(&str)) {
        let _attendance = Attendance(self);
        loop {
            let drained = tokio::select! {
                drained = self.tunnel.drain(|| self.take_some(&note)) => drained,
                () = self.idle() => {
                    self.flows().remove_idle();
                    continue;
                }
            };
            match drained {
                Ok(Drained::All) => {}
                Ok(Drained::Part) => tokio::task::yield_now().await,
                // The runtime ends.
                Err(_) => return std::future::pending().await,
            }
            self.turn().await;
        }
    }

    /// Takes what programs have sent until now, as far as it is this environment's turn.
    pub(in crate::egress) fn settle(self: &Arc<Self>, note: impl Fn(&str)) {
        if self.share.is_within() {
            self.take_some(&note);
        }
    }

    async fn idle(&self) {
        let next = self.flows().next_idle();
        match next {
            Some(next) => sleep_until(next).await,
            None => std::future::pending().await,
        }
    }

    // ---- out ----

    fn take_some(self: &Arc<Self>, note: &impl Fn(&str)) -> Drained {
        BUFFER.with_borrow_mut(|buffer| {
            for _ in 0..PACKETS_MAX {
                let Ok(bytes) = self.tunnel.receive(buffer) else {
                    return Drained::All;
                };
                self.share.charge_packet(bytes);
                let datagram = packet::read(&buffer[..bytes]);
                let is_own = |one: &Datagram<'_>| OWN_ADDRESSES.contains(&one.ends.from.ip());
                if let Some(datagram) = datagram.filter(is_own) {
                    self.take(datagram, note);
                }
            }
            Drained::Part
        })
    }

    fn take(self: &Arc<Self>, Datagram { ends, payload }: Datagram<'_>, note: &impl Fn(&str)) {
        let sent = self.flow(ends).and_then(|socket| {
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            Ok(send(&*socket, payload, flags).map_err(io::Error::from)?)
        });
        match sent {
            Ok(bytes) => self.traffic.carried(bytes as u64, 0),
            Err(refusal) => {
                if let Refusal::Denied(denial) = &refusal
                    && let Some(line) = self.denials.tell(ends.to, denial)
                {
                    note(&line);
                }
                self.tell(ends, &refusal);
            }
        }
    }

    /// The socket of a flow, which is new if there was none, and gone if it may not be any more.
    fn flow(self: &Arc<Self>, ends: Ends) -> Result<Arc<UdpSocket>, Refusal> {
        let mut flows = self.flows();
        let verdict = self.judge(&mut flows, ends)?;
        if let Some(flow) = flows.get(ends) {
            flow.sent = Instant::now();
            return Ok(Arc::clone(&flow.socket));
        }
        self.share.charge_flow();
        let place = flows.make_room(|| self.gateway.places.take(&self.function));
        let place = place.ok_or(io::Error::from(Errno::NOBUFS))?;
        let socket = Arc::new(connected(ends)?);
        let reader = answers::carry(Arc::downgrade(self), ends, Arc::clone(&socket));
        let flow = Flow {
            socket: Arc::clone(&socket),
            reader: tokio::spawn(reader).abort_handle(),
            verdict,
            sent: Instant::now(),
            _place: place,
        };
        flows.insert(ends, flow);
        self.traffic.begun();
        Ok(socket)
    }

    /// Whether a flow may be, asked anew where its verdict does not hold any more. One that may not is gone.
    fn judge(&self, flows: &mut Flows, ends: Ends) -> Result<Verdict, Refusal> {
        let rules = self.rules.now();
        if let Some(flow) = flows.get(ends)
            && flow.verdict.holds(&rules)
        {
            return Ok(flow.verdict.clone());
        }
        if let Some(denial) = flows.denied(ends.to, &rules) {
            flows.remove(ends);
            return Err(Refusal::Denied(denial));
        }
        let allowed = self.gateway.admission.may_leave(&rules, ends.to);
        let verdict = Verdict::now(rules);
        if let Err(refusal) = allowed {
            flows.remove(ends);
            if let Refusal::Denied(denial) = &refusal {
                flows.deny(ends.to, *denial, verdict);
            }
            return Err(refusal);
        }
        if let Some(flow) = flows.get(ends) {
            flow.verdict = verdict.clone();
        }
        Ok(verdict)
    }

    // ---- back ----

    /// Takes what has come for a flow, as far as one turn goes.
    pub(super) fn give_some(&self, ends: Ends, socket: &UdpSocket, kind: Interest) {
        BUFFER.with_borrow_mut(|buffer| {
            for _ in 0..ANSWERS_MAX {
                let place = &mut buffer[HEADERS_BYTES_MAX..];
                let answer = socket.try_io(kind, || receive(socket, place));
                match answer {
                    Ok((bytes, from)) if from == Some(ends.to) => self.give(ends, buffer, bytes),
                    // What came while it was not connected yet is from anybody.
                    Ok(_) => self.share.charge_packet(0),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                    Err(error) => self.tell(ends, &error.into()),
                }
            }
        });
    }

    fn give(&self, ends: Ends, buffer: &mut [u8], bytes: usize) {
        self.share.charge_packet(bytes);
        let may = self.judge(&mut self.flows(), ends).is_ok();
        if let Some(packet) = packet::answer(ends, buffer, bytes).filter(|_| may)
            && self.tunnel.send(packet).is_ok()
        {
            self.traffic.carried(0, bytes as u64);
        }
    }

    /// Has the kernel inside tell a program that its datagram has not arrived, where it would anywhere.
    fn tell(&self, ends: Ends, refusal: &Refusal) {
        self.share.charge_failure();
        let packet = obstacle(refusal).and_then(|obstacle| packet::failure(ends, obstacle));
        if let Some(packet) = packet {
            // It is told as it can be, which is never promised.
            let _ = self.tunnel.send(&packet);
        }
    }

    /// Waits until somebody is there to be answered. What comes meanwhile stays in the sockets, as far as these hold.
    pub(super) async fn awake(&self) {
        // An environment without a slot has ended, and its flows with it.
        let _ = self.stillness.clone().wait_for(|still| !still).await;
    }

    /// Waits for this environment's turn.
    pub(super) async fn turn(&self) {
        self.share.within().await;
    }

    fn flows(&self) -> MutexGuard<'_, Flows> {
        self.flows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connected(ends: Ends) -> io::Result<UdpSocket> {
    let family = match ends.to.is_ipv4() {
        true => AddressFamily::INET,
        false => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::DGRAM, flags, None)?;
    connect(&socket, &ends.to)?;
    UdpSocket::from_std(socket.into())
}

fn receive(socket: &UdpSocket, place: &mut [u8]) -> io::Result<(usize, Option<SocketAddr>)> {
    let (bytes, _, from) = recvfrom(socket, place, RecvFlags::DONTWAIT)?;
    let from = from.map(SocketAddr::try_from).transpose()?;
    Ok((bytes, from))
}

/// `None` where it is a want of the server's own, or of a moment.
fn obstacle(refusal: &Refusal) -> Option<Obstacle> {
    let error = match refusal {
        Refusal::Denied(Denial::Address(_) | Denial::Machine) => {
            return Some(Obstacle::NoDestination);
        }
        Refusal::Denied(Denial::Mail | Denial::Rule(_)) => return Some(Obstacle::Closed),
        Refusal::Unreachable(error) => Errno::from_io_error(error)?,
    };
    match error {
        Errno::CONNREFUSED => Some(Obstacle::NobodyListens),
        Errno::NETUNREACH | Errno::HOSTUNREACH => Some(Obstacle::NoWay),
        Errno::ACCESS | Errno::PERM => Some(Obstacle::Closed),
        _ => None,
    }
}
