//! Where functions get to, and where they do not.

use crate::world::PORT;
use crate::{API_PORT, MAIL_PORT, Scene};
use lambkin_engine::functions::EgressEdit;
use lambkin_model::egress::Action;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;

pub(crate) async fn a_function_reaches_the_world(scene: &Scene) {
    let function = scene.place.deploy("reaches", None).await;
    for host in ["203.0.113.2", "2001:db8::2", "::ffff:203.0.113.2"] {
        for way in ["blocking", "reach"] {
            let source =
                format!("s = {way}('{host}', {PORT})\necho(s, 50_000)\nout = s.getpeername()[:2]");
            let ended = scene.run(&function, &source).await;
            assert_eq!(ended.json, serde_json::json!([host, PORT]), "{way} {host}");
        }
    }
    let closed = "out = [errno_of(blocking, '203.0.113.2', 9), errno_of(reach, '2001:db8::2', 9)]";
    let ended = scene.run(&function, closed).await;
    assert_eq!(
        ended.json,
        serde_json::json!(["ECONNREFUSED", "ECONNREFUSED"])
    );
    let nowhere =
        "out = [errno_of(blocking, '198.51.100.1', 9), errno_of(reach, '2001:db8:9::1', 9)]";
    let ended = scene.run(&function, nowhere).await;
    assert_eq!(
        ended.json,
        serde_json::json!(["ENETUNREACH", "ENETUNREACH"])
    );
}

/// What is closed can be reached from the machine, or it would be no test.
pub(crate) async fn no_function_reaches_what_is_closed_to_all(scene: &Scene) {
    let own = TcpListener::bind(("::", 0))
        .await
        .expect("a service of the machine");
    let port = own.local_addr().expect("its address").port();
    tokio::spawn(async move { while own.accept().await.is_ok() {} });
    let function = scene.place.deploy("closed", None).await;
    let closed = [
        ("203.0.113.1", port, "ENETUNREACH"),
        ("::ffff:203.0.113.1", port, "ENETUNREACH"),
        ("2001:db8::1", port, "ENETUNREACH"),
        ("203.0.113.1", API_PORT, "ENETUNREACH"),
        ("169.254.169.254", PORT, "ENETUNREACH"),
        ("::ffff:169.254.169.254", PORT, "ENETUNREACH"),
        ("203.0.113.2", MAIL_PORT, "EACCES"),
        ("2001:db8::2", MAIL_PORT, "EACCES"),
        ("::ffff:203.0.113.2", MAIL_PORT, "EACCES"),
    ];
    for (host, port, errno) in closed {
        let address: SocketAddr =
            (host.parse::<std::net::IpAddr>().expect("an address"), port).into();
        let control = TcpStream::connect_timeout(&address, Duration::from_secs(2));
        assert!(control.is_ok(), "{address}: {control:?}");
        let source = format!(
            "out = [errno_of(blocking, '{host}', {port}), errno_of(reach, '{host}', {port})]"
        );
        let ended = scene.run(&function, &source).await;
        assert_eq!(ended.json, serde_json::json!([errno, errno]), "{address}");
    }
    // Behind a translator, an address of the machine and what clouds tell of it; and what cannot be tried.
    for host in [
        "64:ff9b::203.0.113.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b::127.0.0.1",
        "203.0.113.255",
        "224.0.0.1",
        "255.255.255.255",
        "fe80::1",
        "ff02::1",
        "fd00:ec2::254",
        "::127.0.0.1",
        "2002:cb00:7101::1",
    ] {
        let source = format!("out = errno_of(reach, '{host}', {port})");
        let ended = scene.run(&function, &source).await;
        assert_eq!(ended.json, "ENETUNREACH", "{host}");
    }
}

pub(crate) async fn rules_are_in_force_at_the_next_connection(scene: &Scene) {
    let function = scene.place.deploy("ruled", None).await;
    let functions = scene.place.engine.functions();
    let deny =
        |target: &str| EgressEdit::Add(Action::Deny, vec![target.parse().expect("a target")]);
    let kept = format!("kept = reach('203.0.113.2', {PORT})");
    scene.run(&function, &kept).await;
    let running = format!(
        "first = time.time()\nout = None\n\
         while not out and time.time() < first + 8:\n    out = errno_of(reach, '203.0.113.2', {PORT})\n    \
         time.sleep(0.01)\necho(kept, 10)\nprint(time.time())"
    );
    let running = scene.run(&function, &running);
    let edited = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        functions
            .edit_egress(&function.name, deny("203.0.113.0/24"))
            .await
            .expect("an edit");
        Instant::now()
    };
    let (ended, edited) = tokio::join!(running, edited);
    assert_eq!(ended.json, "EACCES", "a rule meets a running function");
    assert!(
        edited.elapsed() < Duration::from_secs(1),
        "{:?}",
        edited.elapsed()
    );
    let tried = format!(
        "out = [errno_of(reach, '203.0.113.2', {PORT}), errno_of(reach, '2001:db8::2', {PORT})]"
    );
    let ended = scene.run(&function, &tried).await;
    assert_eq!(ended.json, serde_json::json!(["EACCES", null]));
    let narrow = EgressEdit::Add(
        Action::Allow,
        vec![format!("203.0.113.2:{PORT}").parse().expect("a target")],
    );
    for edit in [narrow, deny("2001:db8::/64")] {
        functions
            .edit_egress(&function.name, edit)
            .await
            .expect("an edit");
    }
    let ended = scene.run(&function, &tried).await;
    assert_eq!(ended.json, serde_json::json!([null, "EACCES"]));
    functions
        .edit_egress(&function.name, EgressEdit::Reset)
        .await
        .expect("an edit");
    let ended = scene.run(&function, &tried).await;
    assert_eq!(ended.json, serde_json::json!([null, null]));
}

pub(crate) async fn the_api_is_reached_by_its_name_alone(scene: &Scene) {
    let function = scene.place.deploy("asks-the-api", None).await;
    let source = format!(
        "where = socket.gethostbyname('lambkin.internal')\nreach(where, {API_PORT})\n\
         blocking('::ffff:' + where, {API_PORT})\n\
         out = [where, errno_of(reach, where, {PORT}), errno_of(reach, '203.0.113.1', {API_PORT})]"
    );
    let ended = scene.run(&function, &source).await;
    assert_eq!(
        ended.json,
        serde_json::json!(["169.254.100.1", "ENETUNREACH", "ENETUNREACH"])
    );
}

pub(crate) async fn denials_are_told_once_each(scene: &Scene) {
    let function = scene.place.deploy("told", None).await;
    let source = format!(
        "for _ in range(3):\n    errno_of(reach, '203.0.113.2', {MAIL_PORT})\n    \
         errno_of(reach, '203.0.113.1', 80)"
    );
    let ended = scene.run(&function, &source).await;
    let told: Vec<&str> = ended
        .tail
        .lines()
        .filter(|line| line.starts_with("lambkin: "))
        .collect();
    assert_eq!(
        told,
        [
            "lambkin: a connection to 203.0.113.2:25 is denied: port 25 is closed to every function",
            "lambkin: a connection to 203.0.113.1:80 is denied: no function reaches addresses of this machine",
        ]
    );
    let flood = "for port in range(1, 200):\n    errno_of(reach, '203.0.113.1', port)";
    let ended = scene.run(&function, flood).await;
    let told = ended.tail.matches("lambkin: ").count();
    assert!((2..=31).contains(&told), "{told}: {ended:?}");
}

pub(crate) async fn a_connection_without_an_end_costs_its_own_invocation(scene: &Scene) {
    let function = scene
        .place
        .deploy_with("endless", None, |settings| settings.timeout_s = 2);
    let function = function.await;
    scene.run(&function, "out = 1").await;
    // Nobody has the address.
    let begun = Instant::now();
    let ended = function
        .run("import socket\nsocket.create_connection(('203.0.113.99', 80))")
        .await;
    let took = begun.elapsed();
    let timed_out = ended.json["errorMessage"]
        .as_str()
        .is_some_and(|text| text.contains("timed out"));
    assert!(ended.failed && timed_out, "{ended:?}");
    assert!(took < Duration::from_millis(2_500), "{took:?}");
    scene.run(&function, "out = 1").await;
}

pub(crate) async fn open_connections_are_bounded(scene: &Scene) {
    let function = scene.place.deploy("hoards", None).await;
    // More than one program may have descriptors.
    let source = format!(
        "import signal\nmade, why = 0, None\npipes = []\n\
         for _ in range(3):\n    r, w = os.pipe()\n    pid = os.fork()\n    if pid == 0:\n        \
         mine = []\n        why = None\n        while len(mine) < 400 and not why:\n            \
         s = socket.socket()\n            why = errno_of(s.connect, ('203.0.113.2', {PORT}))\n            \
         mine.append(s)\n        os.write(w, json.dumps([len(mine), why]).encode())\n        \
         time.sleep(60)\n    os.close(w)\n    pipes.append((pid, json.loads(os.read(r, 100))))\n\
         for pid, _ in pipes:\n    os.kill(pid, signal.SIGKILL)\n    os.waitpid(pid, 0)\n\
         out = [told for _, told in pipes]"
    );
    let ended = scene.run(&function, &source).await;
    assert_eq!(
        ended.json,
        serde_json::json!([[400, null], [400, null], [225, "EADDRNOTAVAIL"]])
    );
    // Those that were closed make room.
    let again = format!("out = errno_of(reach, '203.0.113.2', {PORT})");
    let ended = scene.run(&function, &again).await;
    assert_eq!(ended.json, serde_json::Value::Null);
}
