//! What the routing tables say of a destination.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use lambkin_sandbox::outbound::{Route, Routes};

use crate::world::World;

fn look_up(address: &str) -> Result<Route, i32> {
    let routes = Routes::open().expect("the routes");
    let address: IpAddr = address.parse().expect("an address");
    routes
        .look_up(address)
        .map_err(|error| error.raw_os_error().expect("an error number"))
}

pub(crate) fn own_addresses_are_known(_: &mut World) {
    for own in [
        "127.0.0.1",
        "127.255.255.254",
        "203.0.113.1",
        "203.0.113.255",
        "198.51.100.177",
        "0.0.0.0",
        "::1",
        "2001:db8::1",
        "2001:db8:3::7",
        "ff02::1",
    ] {
        assert_eq!(look_up(own), Ok(Route::Own), "{own}");
    }
}

pub(crate) fn destinations_away_are_known(_: &mut World) {
    for away in [
        "203.0.113.2",
        "198.51.100.7",
        "2001:db8::2",
        "2001:db8:1::7",
    ] {
        assert_eq!(look_up(away), Ok(Route::Away), "{away}");
    }
}

pub(crate) fn errors_are_those_of_connect(_: &mut World) {
    for nowhere in [
        "192.0.2.1",
        "198.51.100.129",
        "198.51.100.145",
        "198.51.100.161",
        "2001:db8:2::1",
        "2001:db8:4::1",
    ] {
        let found = look_up(nowhere).expect_err(nowhere);
        let address: SocketAddr = (nowhere.parse::<IpAddr>().expect("an address"), 80).into();
        let tried = TcpStream::connect_timeout(&address, Duration::from_secs(1));
        let tried = tried.expect_err(nowhere).raw_os_error();
        assert_eq!(Some(found), tried, "{nowhere}");
    }
}

pub(crate) fn a_changed_address_is_seen_at_once(world: &mut World) {
    let routes = Routes::open().expect("the routes");
    let address = IpAddr::from([203, 0, 113, 77]);
    assert_eq!(routes.look_up(address).expect("a route"), Route::Away);
    world.change("ip address add 203.0.113.77/32 dev wire");
    assert_eq!(routes.look_up(address).expect("a route"), Route::Own);
    world.change("ip address del 203.0.113.77/32 dev wire");
    assert_eq!(routes.look_up(address).expect("a route"), Route::Away);
}
