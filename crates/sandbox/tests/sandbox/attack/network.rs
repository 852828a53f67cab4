//! Sockets: to the machine's services, its metadata, its hardware, and to code of the kernel that nobody needs.
//!
//! The machine's addresses that are tried are those of a network name space that the harness made.

use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::{Duration, Instant};

use super::Layer::{Landlock, Network, Rights, Seccomp};
use super::{Attack, Outcome, World, address, call, must_fail, must_hold, none_of, stopped};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "network::loopback_of_the_machine",
        aims_at: "a service of the machine",
        stopped_by: &[Network],
        run: loopback_of_the_machine,
    },
    Attack {
        name: "network::loopback_by_other_names",
        aims_at: "a service of the machine",
        stopped_by: &[Network],
        run: loopback_by_other_names,
    },
    Attack {
        name: "network::datagram_to_the_machine",
        aims_at: "a service of the machine",
        stopped_by: &[Network],
        run: datagram_to_the_machine,
    },
    Attack {
        name: "network::metadata",
        aims_at: "the machine's metadata",
        stopped_by: &[Network],
        run: metadata,
    },
    Attack {
        name: "network::elsewhere",
        aims_at: "other machines",
        stopped_by: &[Network],
        run: elsewhere,
    },
    Attack {
        name: "network::abstract_socket",
        aims_at: "a socket of the machine",
        stopped_by: &[Network, Landlock],
        run: abstract_socket,
    },
    Attack {
        name: "network::known_abstract_sockets",
        aims_at: "services of the machine",
        stopped_by: &[Network, Landlock],
        run: known_abstract_sockets,
    },
    Attack {
        name: "network::only_loopback_is_there",
        aims_at: "interfaces of the machine",
        stopped_by: &[Network],
        run: only_loopback_is_there,
    },
    Attack {
        name: "network::change_interfaces",
        aims_at: "own network",
        stopped_by: &[Rights],
        run: change_interfaces,
    },
    Attack {
        name: "network::change_routes",
        aims_at: "own network",
        stopped_by: &[Rights],
        run: change_routes,
    },
    Attack {
        name: "network::raw",
        aims_at: "whole packets",
        stopped_by: &[Seccomp, Rights],
        run: raw,
    },
    Attack {
        name: "network::packets",
        aims_at: "whole packets",
        stopped_by: &[Seccomp, Rights],
        run: packets,
    },
    Attack {
        name: "network::ping",
        aims_at: "other machines",
        stopped_by: &[Seccomp, super::Layer::Kernel],
        run: ping,
    },
    Attack {
        name: "network::ciphers",
        aims_at: "code of the kernel",
        stopped_by: &[Seccomp],
        run: ciphers,
    },
    Attack {
        name: "network::hypervisor",
        aims_at: "the machine beneath",
        stopped_by: &[Seccomp],
        run: hypervisor,
    },
    Attack {
        name: "network::tables_of_packets",
        aims_at: "the machine's firewall",
        stopped_by: &[Seccomp],
        run: tables_of_packets,
    },
    Attack {
        name: "network::audit_and_events",
        aims_at: "what the machine does",
        stopped_by: &[Seccomp],
        run: audit_and_events,
    },
    Attack {
        name: "network::other_families",
        aims_at: "code of the kernel",
        stopped_by: &[Seccomp],
        run: other_families,
    },
    Attack {
        name: "network::other_protocols",
        aims_at: "code of the kernel",
        stopped_by: &[Seccomp],
        run: other_protocols,
    },
    Attack {
        name: "network::pairs_of_others",
        aims_at: "code of the kernel",
        stopped_by: &[Seccomp, super::Layer::Kernel],
        run: pairs_of_others,
    },
    Attack {
        name: "network::options_with_power",
        aims_at: "marks, buffers, foreign addresses",
        stopped_by: &[Rights],
        run: options_with_power,
    },
    Attack {
        name: "network::program_on_a_socket",
        aims_at: "the kernel",
        stopped_by: &[Seccomp, Rights],
        run: program_on_a_socket,
    },
    Attack {
        name: "network::another_name_space_by_option",
        aims_at: "the machine's network",
        stopped_by: &[Network, Rights],
        run: another_name_space_by_option,
    },
    Attack {
        name: "network::nothing_slowly",
        aims_at: "time",
        stopped_by: &[Network],
        run: nothing_slowly,
    },
];

const PATIENCE: Duration = Duration::from_millis(200);

fn connect(place: &str) -> Outcome {
    match place.parse::<SocketAddr>() {
        Ok(place) => must_fail(TcpStream::connect_timeout(&place, PATIENCE)),
        Err(error) => super::breached(format!("the try itself failed: {error}")),
    }
}

fn loopback_of_the_machine(world: &World) -> Outcome {
    none_of(
        [("127.0.0.1", "port"), ("[::1]", "port6")].map(|(host, port)| {
            let place = format!("{host}:{}", world.port(port).max(1));
            (place.clone(), connect(&place))
        }),
    )
}

fn loopback_by_other_names(world: &World) -> Outcome {
    let names = [
        "0.0.0.0",
        "127.0.0.2",
        "127.255.255.254",
        "[::ffff:127.0.0.1]",
        "[::]",
        "[64:ff9b::7f00:1]",
    ];
    none_of(names.map(|name| {
        let place = format!("{name}:{}", world.port("port"));
        (place.clone(), connect(&place))
    }))
}

/// Whether one arrived, the harness sees: to nobody's port it goes as well.
fn datagram_to_the_machine(world: &World) -> Outcome {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    let place = format!("127.0.0.1:{}", world.port("port"));
    let sent = [socket.send_to(b"x", &place), socket.send_to(b"x", &place)];
    stopped(format!("{sent:?}, here"))
}

fn metadata(_: &World) -> Outcome {
    none_of(
        [
            "169.254.169.254:80",
            "169.254.170.2:80",
            "[fd00:ec2::254]:80",
        ]
        .map(|place| (place.to_owned(), connect(place))),
    )
}

fn elsewhere(_: &World) -> Outcome {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    let six = UdpSocket::bind("[::]:0").expect("a socket");
    none_of([
        ("TCP".to_owned(), connect("192.0.2.1:443")),
        ("TCP 6".to_owned(), connect("[2001:db8::1]:443")),
        (
            "UDP".to_owned(),
            must_fail(socket.send_to(b"x", "192.0.2.1:53")),
        ),
        (
            "UDP 6".to_owned(),
            must_fail(six.send_to(b"x", "[2001:db8::1]:53")),
        ),
        (
            "multicast".to_owned(),
            must_fail(socket.send_to(b"x", "224.0.0.251:5353")),
        ),
        (
            "broadcast".to_owned(),
            must_fail(socket.send_to(b"x", "255.255.255.255:67")),
        ),
    ])
}

pub(super) fn connect_by_name(name: &str) -> Outcome {
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name).expect("a name");
    let datagram = UnixDatagram::unbound().expect("a socket");
    none_of([
        (
            "stream".to_owned(),
            must_fail(UnixStream::connect_addr(&address)),
        ),
        (
            "datagram".to_owned(),
            must_fail(datagram.send_to_addr(b"x", &address)),
        ),
    ])
}

fn abstract_socket(world: &World) -> Outcome {
    connect_by_name(world.text("abstract"))
}

fn known_abstract_sockets(_: &World) -> Outcome {
    let names = [
        "/containerd-shim/moby/x/shim.sock",
        "/tmp/.X11-unix/X0",
        "/com/ubuntu/upstart",
        "/org/kernel/linux/storage/multipathd",
    ];
    none_of(names.map(|name| (name.to_owned(), connect_by_name(name))))
}

fn only_loopback_is_there(_: &World) -> Outcome {
    let text = std::fs::read_to_string("/proc/net/dev").expect("interfaces");
    let names: Vec<_> = text
        .lines()
        .skip(2)
        .filter_map(|line| line.split(':').next())
        .map(str::trim)
        .collect();
    let routes = std::fs::read_to_string("/proc/net/route")
        .expect("routes")
        .lines()
        .count();
    must_hold(
        names == ["lo"] && routes <= 1,
        format!("{names:?}, {routes} lines of routes"),
    )
}

fn socket(family: i32, kind: i32, protocol: i32) -> std::io::Result<i64> {
    call(
        libc::SYS_socket,
        [family.into(), kind.into(), protocol.into()],
    )
}

fn change_interfaces(_: &World) -> Outcome {
    let socket = socket(libc::AF_INET, libc::SOCK_DGRAM, 0).expect("a socket");
    let mut request = [0u8; 40];
    request[..2].copy_from_slice(b"lo");
    let tries = [
        ("flags", libc::SIOCSIFFLAGS),
        ("address", libc::SIOCSIFADDR),
        ("mtu", libc::SIOCSIFMTU),
        ("name", libc::SIOCSIFNAME),
        ("hardware", libc::SIOCSIFHWADDR),
        ("ethtool", libc::SIOCETHTOOL),
        ("bridge", 0x89a0),
        ("vlan", 0x8983),
        ("tunnel", 0x89f1),
    ];
    none_of(tries.map(|(what, number)| {
        (
            what.to_owned(),
            must_fail(call(
                libc::SYS_ioctl,
                [socket, number as i64, address(&request)],
            )),
        )
    }))
}

/// Asks the routing tables' socket for a change; the answer is an error number.
fn ask_for_change(kind: u16, flags: u16, body: &[u8]) -> Outcome {
    let socket = match socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE) {
        Ok(socket) => socket,
        Err(error) => return stopped(error),
    };
    let length = (16 + body.len()) as u32;
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    // A request, to be acknowledged.
    message.extend((flags | 5).to_ne_bytes());
    message.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    message.extend(body);
    let bytes = address(message.as_slice());
    if let Err(error) = call(
        libc::SYS_sendto,
        [socket, bytes, message.len() as i64, 0, 0, 0],
    ) {
        return stopped(error);
    }
    let mut answer = [0u8; 256];
    let at = answer.as_mut_ptr().expose_provenance() as i64;
    let received = call(
        libc::SYS_recvfrom,
        [socket, at, 256, libc::MSG_DONTWAIT.into(), 0, 0],
    );
    let code = i32::from_ne_bytes([answer[16], answer[17], answer[18], answer[19]]);
    must_hold(
        received.is_err() || code != 0,
        format!("{received:?}: {code}"),
    )
}

fn change_routes(_: &World) -> Outcome {
    const CREATE: u16 = 0x400;
    // A new link without a kind; an address of loopback; a route to everywhere through it.
    let link = [0u8; 16];
    let loopback = [2, 8, 0, 0, 1, 0, 0, 0, 8, 0, 2, 0, 10, 9, 8, 7];
    let route = [2, 0, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0, 8, 0, 4, 0, 1, 0, 0, 0];
    none_of([
        ("link".to_owned(), ask_for_change(16, CREATE, &link)),
        ("address".to_owned(), ask_for_change(20, CREATE, &loopback)),
        ("route".to_owned(), ask_for_change(24, CREATE, &route)),
        ("qdisc".to_owned(), ask_for_change(36, CREATE, &[0u8; 20])),
    ])
}

fn sockets(kinds: &[(i32, i32, i32)]) -> Outcome {
    none_of(kinds.iter().map(|(family, kind, protocol)| {
        (
            format!("{family} {kind} {protocol}"),
            must_fail(socket(*family, *kind, *protocol)),
        )
    }))
}

fn raw(_: &World) -> Outcome {
    sockets(&[
        (libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP),
        (libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_RAW),
        (libc::AF_INET6, libc::SOCK_RAW, libc::IPPROTO_ICMPV6),
        (libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_TCP),
        (libc::AF_INET, 10, 0x300),
    ])
}

fn packets(_: &World) -> Outcome {
    sockets(&[
        (libc::AF_PACKET, libc::SOCK_RAW, 0x300),
        (libc::AF_PACKET, libc::SOCK_DGRAM, 0x300),
        (libc::AF_XDP, libc::SOCK_RAW, 0),
    ])
}

/// As a kernel gives it to every group where the distribution asks for that.
fn ping(_: &World) -> Outcome {
    sockets(&[
        (libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_ICMP),
        (libc::AF_INET6, libc::SOCK_DGRAM, libc::IPPROTO_ICMPV6),
    ])
}

fn ciphers(_: &World) -> Outcome {
    sockets(&[(libc::AF_ALG, libc::SOCK_SEQPACKET, 0)])
}

fn hypervisor(_: &World) -> Outcome {
    sockets(&[
        (libc::AF_VSOCK, libc::SOCK_STREAM, 0),
        (libc::AF_VSOCK, libc::SOCK_DGRAM, 0),
        (libc::AF_VSOCK, libc::SOCK_SEQPACKET, 0),
    ])
}

fn netlink(kinds: &[i32]) -> Outcome {
    none_of(kinds.iter().map(|kind| {
        (
            kind.to_string(),
            must_fail(socket(libc::AF_NETLINK, libc::SOCK_RAW, *kind)),
        )
    }))
}

fn tables_of_packets(_: &World) -> Outcome {
    netlink(&[libc::NETLINK_NETFILTER, libc::NETLINK_XFRM])
}

fn audit_and_events(_: &World) -> Outcome {
    netlink(&[
        libc::NETLINK_AUDIT,
        libc::NETLINK_KOBJECT_UEVENT,
        libc::NETLINK_CONNECTOR,
        libc::NETLINK_SOCK_DIAG,
        libc::NETLINK_GENERIC,
        libc::NETLINK_CRYPTO,
        libc::NETLINK_SELINUX,
        libc::NETLINK_RDMA,
    ])
}

fn other_families(_: &World) -> Outcome {
    let known = [
        libc::AF_UNIX,
        libc::AF_INET,
        libc::AF_INET6,
        libc::AF_NETLINK,
    ];
    none_of(
        (0..50)
            .filter(|family| !known.contains(family))
            .flat_map(|family| {
                [
                    libc::SOCK_STREAM,
                    libc::SOCK_DGRAM,
                    libc::SOCK_SEQPACKET,
                    libc::SOCK_RAW,
                ]
                .map(|kind| {
                    (
                        format!("{family} {kind}"),
                        must_fail(socket(family, kind, 0)),
                    )
                })
            }),
    )
}

fn other_protocols(_: &World) -> Outcome {
    let kinds = [
        (libc::SOCK_STREAM, libc::IPPROTO_SCTP),
        (libc::SOCK_SEQPACKET, libc::IPPROTO_SCTP),
        (libc::SOCK_STREAM, 262),
        (libc::SOCK_STREAM, 256),
        (libc::SOCK_DCCP, libc::IPPROTO_DCCP),
        (libc::SOCK_DGRAM, libc::IPPROTO_UDPLITE),
        (libc::SOCK_DGRAM, 115),
    ];
    none_of(
        [libc::AF_INET, libc::AF_INET6]
            .into_iter()
            .flat_map(|family| {
                kinds.map(|(kind, protocol)| {
                    (
                        format!("{family} {kind} {protocol}"),
                        must_fail(socket(family, kind, protocol)),
                    )
                })
            }),
    )
}

fn pairs_of_others(_: &World) -> Outcome {
    none_of(
        [libc::AF_INET, libc::AF_TIPC, libc::AF_VSOCK].map(|family| {
            let pair = [0i32; 2];
            let made = call(
                libc::SYS_socketpair,
                [family.into(), libc::SOCK_STREAM.into(), 0, address(&pair)],
            );
            (family.to_string(), must_fail(made))
        }),
    )
}

fn options_with_power(_: &World) -> Outcome {
    let socket = socket(libc::AF_INET, libc::SOCK_STREAM, 0).expect("a socket");
    let options = [
        ("mark", libc::SOL_SOCKET, libc::SO_MARK),
        ("receive", libc::SOL_SOCKET, libc::SO_RCVBUFFORCE),
        ("send", libc::SOL_SOCKET, libc::SO_SNDBUFFORCE),
        ("transparent", libc::SOL_IP, libc::IP_TRANSPARENT),
        ("repair", libc::SOL_TCP, libc::TCP_REPAIR),
        ("priority", libc::SOL_SOCKET, libc::SO_PRIORITY),
        ("debug", libc::SOL_SOCKET, libc::SO_DEBUG),
    ];
    none_of(options.map(|(name, level, option)| {
        let value = 1 << 20;
        let set = call(
            libc::SYS_setsockopt,
            [socket, level.into(), option.into(), address(&value), 4],
        );
        (name.to_owned(), must_fail(set))
    }))
}

fn program_on_a_socket(_: &World) -> Outcome {
    const TCP_ULP: i32 = 31;
    let socket = socket(libc::AF_INET, libc::SOCK_STREAM, 0).expect("a socket");
    let number = 0i32;
    let attached = call(
        libc::SYS_setsockopt,
        [
            socket,
            libc::SOL_SOCKET.into(),
            libc::SO_ATTACH_BPF.into(),
            address(&number),
            4,
        ],
    );
    let upper = [c"smc", c"espintcp", c"mptcp"].map(|name| {
        let set = call(
            libc::SYS_setsockopt,
            [
                socket,
                libc::SOL_TCP.into(),
                TCP_ULP.into(),
                address(name),
                4,
            ],
        );
        (format!("{name:?}"), must_fail(set))
    });
    none_of(
        [("eBPF".to_owned(), must_fail(attached))]
            .into_iter()
            .chain(upper),
    )
}

/// The interface is told by its name or its number: the machine's have none here.
fn another_name_space_by_option(_: &World) -> Outcome {
    let socket = socket(libc::AF_INET, libc::SOCK_DGRAM, 0).expect("a socket");
    let named = ["eth0", "ens3", "enp1s0", "docker0"].map(|name| {
        let set = call(
            libc::SYS_setsockopt,
            [
                socket,
                libc::SOL_SOCKET.into(),
                libc::SO_BINDTODEVICE.into(),
                address(name),
                name.len() as i64,
            ],
        );
        (name.to_owned(), must_fail(set))
    });
    // 169.254.169.254, port 80.
    let metadata = [2u8, 0, 0, 80, 169, 254, 169, 254, 0, 0, 0, 0, 0, 0, 0, 0];
    let numbered = (2..32).map(|number: i32| {
        let set = call(
            libc::SYS_setsockopt,
            [socket, libc::SOL_SOCKET.into(), 62, address(&number), 4],
        );
        // Any number can be asked for; what it leads to is nowhere.
        let reached = call(libc::SYS_connect, [socket, address(&metadata), 16]);
        let sent = reached.and_then(|_| call(libc::SYS_write, [socket, address("x"), 1]));
        (number.to_string(), must_fail(set.and(sent)))
    });
    none_of(named.into_iter().chain(numbered))
}

/// What does not work does so at once, and loopback works.
fn nothing_slowly(world: &World) -> Outcome {
    let start = Instant::now();
    for place in ["192.0.2.1", "10.0.0.1", "169.254.169.254", "[2001:db8::1]"] {
        let place = format!("{place}:{}", world.port("port"))
            .parse()
            .expect("an address");
        drop(TcpStream::connect_timeout(&place, Duration::from_secs(5)));
    }
    let own = ["127.0.0.1:0", "[::1]:0"].map(|place| {
        let listener = std::net::TcpListener::bind(place).expect("a listener");
        let socket =
            TcpStream::connect(listener.local_addr().expect("an address")).expect("itself");
        socket.as_raw_fd()
    });
    must_hold(
        start.elapsed() < Duration::from_secs(2),
        format!("{:?} {own:?}", start.elapsed()),
    )
}
