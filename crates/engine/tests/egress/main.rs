//! Functions that reach out, through the whole engine: real sandboxes, and a world of two network name spaces.
//!
//! It has a `main` of its own: it is its own spawner and peer, and starts itself anew in a name space.

mod destinations;
mod metered;
mod names;
#[path = "../invoke/place.rs"]
#[allow(dead_code)]
mod place;
mod resolver;
#[path = "../../../sandbox/tests/outbound/world.rs"]
#[allow(dead_code)]
mod world;

use lambkin_engine::egress::Config;
use place::{Ended, Foundation, Place};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::time::Instant;
use world::World;

/// Where the API's stand-in listens, which functions may reach.
pub(crate) const API_PORT: u16 = 9_550;
/// Of mail, where the peer has a server.
pub(crate) const MAIL_PORT: u16 = 25;

/// An engine in a world.
pub(crate) struct Scene {
    pub(crate) place: Place,
    pub(crate) resolv_conf: PathBuf,
}

type Case = (
    &'static str,
    fn(Arc<Scene>) -> Pin<Box<dyn Future<Output = ()> + Send>>,
);

macro_rules! cases {
    ($($module:ident::$case:ident),* $(,)?) => {
        &[$((stringify!($case), |scene| Box::pin(async move { $module::$case(&scene).await }))),*]
    };
}

const CASES: &[Case] = cases![
    destinations::a_function_reaches_the_world,
    destinations::no_function_reaches_what_is_closed_to_all,
    destinations::rules_are_in_force_at_the_next_connection,
    destinations::the_api_is_reached_by_its_name_alone,
    destinations::denials_are_told_once_each,
    destinations::a_connection_without_an_end_costs_its_own_invocation,
    destinations::open_connections_are_bounded,
    names::names_are_answered_by_the_machines_resolvers,
    names::a_long_answer_comes_whole_over_tcp,
    names::a_resolver_that_is_down_is_a_failure_in_time,
    names::another_resolver_is_asked_when_the_file_changes,
    names::noise_is_refused_and_zones_are_not_given,
    names::names_do_not_carry_data_without_end,
    names::a_name_that_leads_inside_does_not_open_it,
    metered::connections_and_bytes_are_in_the_record,
    metered::a_connection_that_stays_is_counted_where_it_is_used,
    metered::functions_without_connections_count_nothing,
];

fn main() -> ExitCode {
    let arguments = world::enter();
    let argument = arguments.first().map_or("", String::as_str);
    match argument {
        "__spawner" => return lambkin_sandbox::run_spawner(),
        world::PEER => return world::peer(serve_at_the_peer),
        _ => {}
    }
    let filter = if argument.starts_with('-') {
        ""
    } else {
        argument
    };
    let mut world = World::make();
    // A translator's network and a site's own, both behind the peer.
    world.change(
        "ip -6 route add 64:ff9b::/96 via 2001:db8::2
         ip route add 192.168.0.0/16 via 203.0.113.2",
    );
    let folder = tempfile::tempdir().expect("a folder");
    let foundation = Foundation::lay(folder.path());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("threads");
    let failed = runtime.block_on(run(foundation, folder.path().join("resolv.conf"), filter));
    match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// A mail server, and a resolver.
fn serve_at_the_peer() {
    world::echo_at(MAIL_PORT);
    resolver::serve();
}

async fn run(foundation: Foundation, resolv_conf: PathBuf, filter: &str) -> u32 {
    let config = Config {
        api: Some(SocketAddr::from((Ipv4Addr::UNSPECIFIED, API_PORT))),
        resolv_conf: resolv_conf.clone(),
    };
    std::fs::write(&resolv_conf, names::RESOLV_CONF).expect("a file");
    let listener = TcpListener::bind(("::", API_PORT)).await.expect("a port");
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let place = foundation.open_with(config).await;
    let scene = Arc::new(Scene { place, resolv_conf });
    let mut failed = 0;
    for (name, case) in CASES.iter().filter(|(name, _)| name.contains(filter)) {
        let ok = tokio::spawn(case(Arc::clone(&scene))).await.is_ok();
        println!("test {name} ... {}", if ok { "ok" } else { "FAILED" });
        failed += u32::from(!ok);
    }
    scene.place.engine.shutdown(Instant::now()).await;
    failed
}

/// What the Python source inside functions begins with.
pub(crate) const PRELUDE: &str = r"
import errno, socket, struct, time, threading
def errno_of(call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error.errno))
def reach(host, port, timeout=2):
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    s = socket.socket(family)
    s.settimeout(timeout)
    s.connect((host, port))
    return s
def blocking(host, port):
    s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET)
    s.connect((host, port))
    return s
def echo(s, count):
    s.sendall(b'x' * count)
    left = count
    while left:
        left -= len(s.recv(left)) or 1 / 0
";

impl Scene {
    /// Runs Python source in a function, which must not fail.
    pub(crate) async fn run(&self, function: &place::Deployed<'_>, source: &str) -> Ended {
        let ended = function.run(&format!("{PRELUDE}\n{source}")).await;
        assert!(!ended.failed, "{source}: {ended:?}");
        ended
    }
}
