//! Names that functions ask for.

use crate::Scene;
use crate::resolver::LONG_BYTES;
use crate::world::PORT;
use std::time::Duration;
use tokio::time::Instant;

/// Of the machine, as the engine reads it.
pub(crate) const RESOLV_CONF: &str = "nameserver 203.0.113.2\n";

/// Sends a message to the resolver that functions see, and waits for an answer.
const ASK: &str = r"
def ask(name, kind=1, flags=0x0100, tail=b'', seconds=6):
    labels = b''.join(bytes([len(label)]) + label.encode() for label in name.split('.'))
    return send(struct.pack('>6H', 7, flags, 1, 0, 0, 0) + labels + b'\0' + struct.pack('>2H', kind, 1) + tail, seconds)
def send(message, seconds=6):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(seconds)
    s.connect(('127.0.0.1', 53))
    s.send(message)
    try:
        answer = s.recv(65_535)
    except TimeoutError:
        return None
    assert answer[:2] == message[:2]
    return answer[3] & 15
";

async fn ask(scene: &Scene, name: &str, source: &str) -> crate::place::Ended {
    let function = scene.place.deploy(name, None).await;
    scene.run(&function, &format!("{ASK}{source}")).await
}

pub(crate) async fn names_are_answered_by_the_machines_resolvers(scene: &Scene) {
    let source = format!(
        "def of(name):\n    return sorted({{found[4][0] for found in socket.getaddrinfo(name, {PORT})}})\n\
         echo(socket.create_connection(('www.test', {PORT})), 10)\n\
         try:\n    of('nowhere.invalid')\n    missing = 'found'\nexcept socket.gaierror as error:\n    \
         missing = error.errno == socket.EAI_NONAME\n\
         out = [of('www.test'), of('one.test'), missing]"
    );
    let ended = ask(scene, "resolves", &source).await;
    let expected = serde_json::json!([["2001:db8::2", "203.0.113.2"], ["203.0.113.2"], true]);
    assert_eq!(ended.json, expected);
}

pub(crate) async fn a_long_answer_comes_whole_over_tcp(scene: &Scene) {
    let source = "question = struct.pack('>6H', 7, 0x100, 1, 0, 0, 0) + b'\\4long\\4test\\0' + struct.pack('>2H', 16, 1)\n\
        u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nu.settimeout(5)\nu.sendto(question, ('127.0.0.1', 53))\n\
        cut = bool(u.recv(65_535)[2] & 2)\n\
        s = reach('127.0.0.1', 53, 5)\ns.sendall(struct.pack('>H', len(question)) + question)\n\
        f = s.makefile('rb')\nlength, = struct.unpack('>H', f.read(2))\nout = [cut, len(f.read(length))]";
    let ended = ask(scene, "asks-long", source).await;
    let bytes = ended.json[1].as_u64().expect("a number") as usize;
    assert!(ended.json[0] == true && bytes > LONG_BYTES, "{ended:?}");
}

pub(crate) async fn a_resolver_that_is_down_is_a_failure_in_time(scene: &Scene) {
    let begun = Instant::now();
    let ended = ask(scene, "waits", "out = ask('slow.test')").await;
    assert_eq!(ended.json, 2, "SERVFAIL");
    let took = begun.elapsed();
    assert!(
        took > Duration::from_secs(4) && took < Duration::from_millis(6_000),
        "{took:?}"
    );
}

pub(crate) async fn another_resolver_is_asked_when_the_file_changes(scene: &Scene) {
    let function = scene.place.deploy("follows", None).await;
    let source = format!("{ASK}out = ask('www.test')");
    assert_eq!(scene.run(&function, &source).await.json, 0);
    // Nobody listens there: the first that answers is the second.
    std::fs::write(
        &scene.resolv_conf,
        "nameserver 127.0.0.9\nnameserver 2001:db8::2\n",
    )
    .expect("a file");
    assert_eq!(scene.run(&function, &source).await.json, 0);
    std::fs::write(&scene.resolv_conf, "nameserver 127.0.0.9\n").expect("a file");
    let begun = Instant::now();
    assert_eq!(scene.run(&function, &source).await.json, 2);
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "a refusal is heard at once"
    );
    std::fs::write(&scene.resolv_conf, RESOLV_CONF).expect("a file");
    assert_eq!(scene.run(&function, &source).await.json, 0);
}

pub(crate) async fn noise_is_refused_and_zones_are_not_given(scene: &Scene) {
    let source = "out = [ask('www.test', 252), ask('www.test', 1, 0x2900), ask('www.test', 1, 0x100, b'more'),\n\
                  send(b'\\0' * 12, 1), send(b'xx', 1), ask('www.test', 1, 0x8100, b'', 1)]";
    let ended = ask(scene, "noisy", source).await;
    assert_eq!(ended.json, serde_json::json!([4, 4, 1, 1, null, null]));
}

pub(crate) async fn names_do_not_carry_data_without_end(scene: &Scene) {
    let source = "first = time.time()\n\
        codes = [ask(f'{n}.secret.test') for n in range(100)]\nat_once = time.time() - first\n\
        def more(n):\n    codes.append(ask(f'{n}.more.test'))\n\
        threads = [threading.Thread(target=more, args=[n]) for n in range(110)]\n\
        [t.start() for t in threads]\n[t.join() for t in threads]\n\
        out = [codes[:100] == [0] * 100, at_once, codes.count(0), codes.count(2), time.time() - first]";
    let ended = ask(scene, "tunnels", source).await;
    let number = |at: usize| ended.json[at].as_f64().expect("a number");
    assert_eq!(ended.json[0], true, "{ended:?}");
    assert!(number(1) < 3.0, "a hundred go at once: {ended:?}");
    let answered = number(2);
    let most = 100.0 + 20.0 * number(4) + 1.0;
    assert!(answered >= 150.0 && answered <= most, "{ended:?}");
    assert!(
        number(3) >= 1.0 && answered + number(3) <= 210.0,
        "{ended:?}"
    );
    assert_eq!(
        ended
            .tail
            .matches("lambkin: new names are asked for faster")
            .count(),
        1,
        "{ended:?}"
    );
}

pub(crate) async fn a_name_that_leads_inside_does_not_open_it(scene: &Scene) {
    let source = format!(
        "out = []\nfor name in ['meta.test', 'own.test']:\n    where = socket.gethostbyname(name)\n    \
         out += [where, errno_of(reach, where, {PORT}), errno_of(socket.create_connection, (name, {PORT}))]"
    );
    let ended = ask(scene, "rebinds", &source).await;
    let unreachable = "ENETUNREACH";
    assert_eq!(
        ended.json,
        serde_json::json!([
            "169.254.169.254",
            unreachable,
            unreachable,
            "203.0.113.1",
            unreachable,
            unreachable
        ])
    );
}
