//! The socket options that programs may set: those that change how a socket's own data are sent, and nothing of where.
//!
//! A socket of a program may be one of the machine's network, made by the server after a look at where it leads. What
//! could lead it elsewhere afterwards, take an address of the machine, or reach code of the kernel that functions have
//! no use for, is not here. To add one, say who needs it by putting it into a group; `tests` try every entry.

use libc::c_int;

/// Options of one level.
pub(super) struct Level {
    pub(super) level: c_int,
    pub(super) names: &'static [c_int],
}

// Of asm-generic/socket.h, linux/in.h, linux/in6.h, linux/tcp.h and linux/udp.h; libc has them not or not everywhere.
const SO_RCVTIMEO_NEW: c_int = 66;
const SO_SNDTIMEO_NEW: c_int = 67;
const SO_TIMESTAMP_NEW: c_int = 63;
const SO_TIMESTAMPNS_NEW: c_int = 64;
const IP_MULTICAST_ALL: c_int = 49;
const IPV6_MULTICAST_ALL: c_int = 29;
const TCP_INQ: c_int = 36;
const UDP_NO_CHECK6_TX: c_int = 101;
const UDP_NO_CHECK6_RX: c_int = 102;
const NETLINK_GET_STRICT_CHK: c_int = 12;

/// All there is.
pub(super) const SETTABLE: &[Level] = &[
    Level {
        level: libc::SOL_SOCKET,
        names: &[
            // Servers and clients of every runtime.
            libc::SO_REUSEADDR,
            libc::SO_REUSEPORT,
            libc::SO_KEEPALIVE,
            libc::SO_LINGER,
            libc::SO_OOBINLINE,
            libc::SO_SNDBUF,
            libc::SO_RCVBUF,
            libc::SO_RCVLOWAT,
            libc::SO_SNDLOWAT,
            libc::SO_RCVTIMEO,
            libc::SO_SNDTIMEO,
            SO_RCVTIMEO_NEW,
            SO_SNDTIMEO_NEW,
            libc::SO_BROADCAST,
            libc::SO_PRIORITY,
            // Local sockets: D-Bus, systemd's notifications, Wayland.
            libc::SO_PASSCRED,
            libc::SO_PASSSEC,
            libc::SO_PEEK_OFF,
            // Time stamps and lost datagrams: DNS, NTP and QUIC libraries.
            libc::SO_TIMESTAMP,
            libc::SO_TIMESTAMPNS,
            libc::SO_TIMESTAMPING,
            SO_TIMESTAMP_NEW,
            SO_TIMESTAMPNS_NEW,
            libc::SO_RXQ_OVFL,
            libc::SO_NO_CHECK,
            // How fast: HTTP/3 and media libraries, database drivers.
            libc::SO_MAX_PACING_RATE,
            libc::SO_INCOMING_CPU,
            libc::SO_BUSY_POLL,
            libc::SO_ZEROCOPY,
        ],
    },
    Level {
        level: libc::IPPROTO_TCP,
        names: &[
            libc::TCP_NODELAY,
            libc::TCP_MAXSEG,
            libc::TCP_CORK,
            libc::TCP_KEEPIDLE,
            libc::TCP_KEEPINTVL,
            libc::TCP_KEEPCNT,
            libc::TCP_SYNCNT,
            libc::TCP_LINGER2,
            libc::TCP_DEFER_ACCEPT,
            libc::TCP_WINDOW_CLAMP,
            libc::TCP_QUICKACK,
            libc::TCP_CONGESTION,
            libc::TCP_THIN_LINEAR_TIMEOUTS,
            libc::TCP_THIN_DUPACK,
            libc::TCP_USER_TIMEOUT,
            libc::TCP_NOTSENT_LOWAT,
            TCP_INQ,
        ],
    },
    Level {
        level: libc::IPPROTO_IP,
        names: &[
            libc::IP_TOS,
            libc::IP_TTL,
            libc::IP_MTU_DISCOVER,
            libc::IP_RECVERR,
            libc::IP_RECVTTL,
            libc::IP_RECVTOS,
            libc::IP_PKTINFO,
            libc::IP_MINTTL,
            libc::IP_BIND_ADDRESS_NO_PORT,
            // What Java sets on every datagram socket; TCP refuses to join groups.
            libc::IP_MULTICAST_IF,
            libc::IP_MULTICAST_TTL,
            libc::IP_MULTICAST_LOOP,
            IP_MULTICAST_ALL,
            libc::IP_ADD_MEMBERSHIP,
            libc::IP_DROP_MEMBERSHIP,
        ],
    },
    Level {
        level: libc::IPPROTO_IPV6,
        names: &[
            libc::IPV6_V6ONLY,
            libc::IPV6_UNICAST_HOPS,
            libc::IPV6_MTU_DISCOVER,
            libc::IPV6_RECVERR,
            libc::IPV6_RECVPKTINFO,
            libc::IPV6_RECVHOPLIMIT,
            libc::IPV6_RECVTCLASS,
            libc::IPV6_TCLASS,
            libc::IPV6_DONTFRAG,
            libc::IPV6_MULTICAST_IF,
            libc::IPV6_MULTICAST_HOPS,
            libc::IPV6_MULTICAST_LOOP,
            IPV6_MULTICAST_ALL,
            libc::IPV6_ADD_MEMBERSHIP,
            libc::IPV6_DROP_MEMBERSHIP,
        ],
    },
    Level {
        level: libc::IPPROTO_UDP,
        names: &[
            libc::UDP_CORK,
            libc::UDP_SEGMENT,
            libc::UDP_GRO,
            UDP_NO_CHECK6_TX,
            UDP_NO_CHECK6_RX,
        ],
    },
    Level {
        level: libc::SOL_NETLINK,
        // Lists of addresses and routes, and their changes.
        names: &[
            libc::NETLINK_ADD_MEMBERSHIP,
            libc::NETLINK_DROP_MEMBERSHIP,
            libc::NETLINK_PKTINFO,
            libc::NETLINK_BROADCAST_ERROR,
            libc::NETLINK_NO_ENOBUFS,
            libc::NETLINK_CAP_ACK,
            libc::NETLINK_EXT_ACK,
            NETLINK_GET_STRICT_CHK,
        ],
    },
];
