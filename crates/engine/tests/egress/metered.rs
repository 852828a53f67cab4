//! What usage records say of connections.

use crate::Scene;
use crate::world::PORT;
use lambkin_model::{FunctionName, NetworkUsage, Timestamp};

async fn used(scene: &Scene, name: &FunctionName) -> NetworkUsage {
    let engine = &scene.place.engine;
    let all = (Timestamp(0), Timestamp(i64::MAX));
    let usage = engine
        .store()
        .usage()
        .totals(engine.scope(), all.0, all.1)
        .await;
    let mut usage = usage.expect("usage").into_iter();
    let found = usage.find(|usage| usage.function == *name);
    found.expect("the function's usage").totals.network
}

/// What an invocation added.
async fn adds(scene: &Scene, function: &crate::place::Deployed<'_>, source: &str) -> NetworkUsage {
    let before = used(scene, &function.name).await;
    scene.run(function, source).await;
    let after = used(scene, &function.name).await;
    NetworkUsage {
        connections: after.connections - before.connections,
        sent_bytes: after.sent_bytes - before.sent_bytes,
        received_bytes: after.received_bytes - before.received_bytes,
    }
}

fn is_about(used: NetworkUsage, connections: u64, sent: u64, received: u64) {
    assert_eq!(
        (used.connections, used.sent_bytes),
        (connections, sent),
        "{used:?}"
    );
    // The other side's end may count as a byte, also that of the connection before.
    let received = received..=received + connections + 1;
    assert!(received.contains(&used.received_bytes), "{used:?}");
}

pub(crate) async fn connections_and_bytes_are_in_the_record(scene: &Scene) {
    let function = scene.place.deploy("metered", None).await;
    scene.run(&function, "out = 1").await;
    for way in ["blocking", "reach"] {
        let closed = format!("s = {way}('203.0.113.2', {PORT})\necho(s, 100_000)\ns.close()");
        is_about(adds(scene, &function, &closed).await, 1, 100_000, 100_000);
    }
    let several = format!(
        "for host in ['203.0.113.2', '2001:db8::2', '::ffff:203.0.113.2'] * 5:\n    \
         s = blocking(host, {PORT})\n    echo(s, 1_000)\n    s.close()"
    );
    is_about(adds(scene, &function, &several).await, 15, 15_000, 15_000);
    // Bytes that were not read, and a connection that is broken off.
    let unread = format!(
        "s = blocking('203.0.113.2', {PORT})\ns.sendall(b'x' * 2_000)\ntime.sleep(0.2)\n\
         s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))\ns.close()"
    );
    is_about(adds(scene, &function, &unread).await, 1, 2_000, 2_000);
    let in_another = format!(
        "if os.fork() == 0:\n    s = blocking('203.0.113.2', {PORT})\n    echo(s, 3_000)\n    os._exit(0)\nos.wait()"
    );
    is_about(adds(scene, &function, &in_another).await, 1, 3_000, 3_000);
}

pub(crate) async fn a_connection_that_stays_is_counted_where_it_is_used(scene: &Scene) {
    let function = scene.place.deploy("stays", None).await;
    let opened = format!("kept = blocking('203.0.113.2', {PORT})\necho(kept, 500)");
    scene.run(&function, "out = 1").await;
    is_about(adds(scene, &function, &opened).await, 1, 500, 500);
    for bytes in [70_000, 1, 40] {
        let source = format!("echo(kept, {bytes})");
        is_about(adds(scene, &function, &source).await, 0, bytes, bytes);
    }
    is_about(adds(scene, &function, "out = 2").await, 0, 0, 0);
    is_about(
        adds(scene, &function, "echo(kept, 7)\nkept.close()").await,
        0,
        7,
        7,
    );
}

pub(crate) async fn functions_without_connections_count_nothing(scene: &Scene) {
    let function = scene.place.deploy("inside", None).await;
    let inside = "l = socket.create_server(('127.0.0.1', 0))\ns = reach('127.0.0.1', l.getsockname()[1])\n\
                  s.sendall(b'x' * 1_000)\nout = errno_of(reach, '203.0.113.2', 25)";
    let ended = scene.run(&function, inside).await;
    assert_eq!(ended.json, "EACCES");
    assert_eq!(used(scene, &function.name).await, NetworkUsage::default());
}
