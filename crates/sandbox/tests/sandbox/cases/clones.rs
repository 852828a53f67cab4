//! Clones of initialised programs, in fresh sandboxes.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use lambkin_sandbox::{
    Event, Exit, Input, Lineage, Program, Sandbox, SpawnerConfig, SpawnerProcess, Spec,
    allowed_calls, decided_calls,
};

use crate::outside::wait;
use crate::place::{self, Inside, Patience, Place};
use crate::world::{self, Server, V4};

/// What a program does to become a template; its clones run on behind it, and what they read is Python.
const FORK: &str = "
import os, signal, sys
def become_a_template():
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGSTOP)
    if os.fork():
        os._exit(9)
    run(sys.stdin.read())
def run(script):
    try:
        exec(script, globals())
    except Exception as error:
        print(repr(error), '=end=', sep='\\n', flush=True)
        raise
";

impl Place {
    /// A template that has run `before`.
    pub(super) async fn template(&self, before: &str) -> Inside {
        let inside = self.unsettled(before).await;
        assert_eq!(inside.sandbox.event().await, Event::Settled);
        inside
    }

    pub(super) async fn unsettled(&self, before: &str) -> Inside {
        let inside = self
            .sandbox_of(Spec {
                lineage: Lineage::Template,
                ..self.spec()
            })
            .await;
        let script = format!("{FORK}\n{before}\nbecome_a_template()\n");
        let program = Program {
            argv: ["/usr/bin/python3", "-S", "-c", &script]
                .map(str::to_owned)
                .to_vec(),
            env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            cwd: "/var/task".into(),
        };
        inside.sandbox.start(&program).await.expect("a start");
        inside
    }

    /// The place of a clone.
    pub(super) async fn fresh(&self, template: &Sandbox) -> Inside {
        self.sandbox_of(Spec {
            lineage: Lineage::CloneOf(template),
            ..self.spec()
        })
        .await
    }

    /// A clone that runs `script`, up to its end.
    pub(super) async fn clone_of(&self, template: &Sandbox, script: &str) -> Inside {
        let mut patience = Patience::new();
        loop {
            let fresh = self.fresh(template).await;
            let input = script.as_bytes().to_vec();
            let cloned = template.clone_into(&fresh.sandbox, input).await;
            if !patience.bears(&cloned) {
                cloned.expect("a clone");
                return fresh;
            }
            fresh.sandbox.destroy().await;
        }
    }
}

impl<S: Borrow<Sandbox>> Inside<S> {
    pub(super) async fn end(&mut self) -> (String, Event) {
        // What it writes fits into the pipe.
        let end = self.sandbox.borrow().event().await;
        let mut bytes = vec![0; 64 << 10];
        let count = self.output.try_read(&mut bytes).unwrap_or(0);
        let text = String::from_utf8_lossy(&bytes[..count]);
        let text = text
            .strip_suffix("=end=\n")
            .unwrap_or_else(|| panic!("{end:?} {text}"));
        (text.to_owned(), end)
    }
}

pub(super) fn a_clone_goes_on_where_its_template_stands() {
    place::with(|place| async move {
        let template = place.template("memory = ['of the template']").await;
        for number in 0..3 {
            let script = format!(
                "memory.append({number}); print(memory, os.getcwd(), len(os.listdir('/proc/self/fd'))); print('=end='); sys.exit({number})"
            );
            let mut clone = place.clone_of(&template.sandbox, &script).await;
            let (text, end) = clone.end().await;
            assert_eq!(text, format!("['of the template', {number}] /var/task 4\n"));
            assert_eq!(end, Event::Exited(Exit::Code(number)));
            clone.sandbox.destroy().await;
        }
    });
}

pub(super) fn nobody_is_below_what_runs() {
    place::with(|place| async move {
        let running = place.unsettled("import time; time.sleep(60)").await;
        let below = Spec {
            lineage: Lineage::CloneOf(&running.sandbox),
            ..place.spec()
        };
        assert!(place.spawner.create(&below).await.is_err());
        let template = place.template("").await;
        let clone = place
            .clone_of(&template.sandbox, "import time; time.sleep(60)")
            .await;
        template.sandbox.kill_programs().await.expect("killed");
        assert_eq!(
            template.sandbox.event().await,
            Event::Exited(Exit::Signal(9))
        );
        template.start("sleep 60").await;
        let refused = template.sandbox.event().await;
        assert!(matches!(refused, Event::StartFailed { .. }), "{refused:?}");
        assert!(clone.sandbox.is_quiet());
    });
}

pub(super) fn templates_are_confined_while_they_load() {
    place::with(|place| async move {
        // Marks of packets, flags of interfaces, data with the first packet, questions, and name spaces.
        let attempts = "import fcntl, socket
def attempt(deed):
    try: return deed()
    except OSError as error: return error.errno
s = socket.socket()
print(attempt(lambda: s.setsockopt(socket.SOL_SOCKET, 36, 1)))
print(attempt(lambda: fcntl.ioctl(s, 0x8914, bytes(40))))
print(attempt(lambda: s.sendto(b'x', 0x20000000, ('127.0.0.1', 1))))
print(attempt(lambda: fcntl.ioctl(s, 0x8913, b'lo'.ljust(40, b'\\0'))[16]))
for name in ('user', 'net', 'mnt'):
    print(open(f'/proc/sys/user/max_{name}_namespaces').read().strip())
print('=end=')
del s";
        let mut template = place.template(attempts).await;
        let told = template.read_until("=end=\n").await;
        assert_eq!(told, "92\n95\n95\n73\n0\n0\n0\n");
        let mut clone = place.clone_of(&template.sandbox, "print('=end=')").await;
        clone.end().await;
    });
}

pub(super) fn what_cannot_be_put_below_leaves_nothing() {
    // Two of these are numbers that sandboxes use inside, for which a template's users have no room.
    let folder = tempfile::tempdir().expect("a folder");
    let config = SpawnerConfig {
        uids: 988..994,
        ..place::config(&folder)
    };
    let process = SpawnerProcess::start(&config).expect("a spawner");
    place::serve(process, folder, |place| async move {
        let template = place.template("").await;
        let mut failed = 0;
        for _ in 0..5 {
            let below = Spec {
                lineage: Lineage::CloneOf(&template.sandbox),
                ..place.spec()
            };
            match place.try_create(&below).await {
                Ok(fresh) => fresh.destroy().await,
                Err(_) => failed += 1,
            }
        }
        assert_eq!(failed > 0, place.has_users(), "{failed}");
        let gone = tokio::time::timeout(Duration::from_secs(5), template.sandbox.destroy());
        gone.await.expect("nothing keeps it from ending");
        assert!(place.traces().processes.is_empty());
    });
}

/// Tells what a program can learn of what it is and may, and what becomes of each call that it may not make.
const TELL: &str = r"
import ctypes, os, resource, socket
wanted = ('Uid', 'Gid', 'Groups', 'NoNewPrivs', 'Seccomp:', 'Umask', 'Threads', 'SigBlk', 'SigIgn', 'SigPnd', 'Cap')
print([line for line in open('/proc/self/status') if line.startswith(wanted)])
print(sorted(line.split()[4:6] for line in open('/proc/self/mountinfo')))
print([resource.getrlimit(which) for which in range(16)])
print(os.uname().nodename, os.getcwd(), os.getresuid(), os.getresgid(), sorted(os.listdir('/')))
print(sorted(os.listdir('/proc/self/fd')), os.readlink('/proc/self/fd/1')[:5], os.listdir('/tmp'))
print([name for name in os.listdir('/proc') if name.isdigit() and int(name) not in (1, os.getpid(), os.getppid())])
print(sorted(name for _, name in socket.if_nameindex()), os.getsid(0) == os.getpid())
def attempt(deed):
    try: return deed()
    except OSError as error: return error.errno
for path in ('/var/task/x', '/usr/x', '/x', '/etc/passwd', '/tmp/x', '/dev/shm/x', '/proc/sys/kernel/hostname', '/proc/1/environ', '/proc/1/mem'):
    print(path, attempt(lambda: open(path, 'a').write('x')))
call = ctypes.CDLL(None, use_errno=True).syscall
def errno(number):
    ctypes.set_errno(0)
    return call(number, 0, 0, 0, 0, 0, 0) == -1 and ctypes.get_errno()
print([(number, errno(number)) for number in range(600) if number not in others])
own = socket.socket()
print(attempt(lambda: own.connect(('127.0.0.1', 1))), attempt(lambda: own.connect(('203.0.113.9', 1))))
print(call(157, 4, 0), call(157, 3))
print('=end=')
";

pub(super) fn a_clone_is_confined_as_any_program() {
    place::with(|place| async move {
        let others: Vec<i64> = allowed_calls()
            .map(|(_, number)| *number)
            .chain(decided_calls())
            // The kernel's probes call them, which no filter hears of.
            .chain([335, 336])
            .collect();
        let script = format!(
            "others = {others:?}\nos.setsid() if os.getsid(0) != os.getpid() else 0\n{TELL}"
        );
        let template = place.template("").await;
        let fresh = place.fresh(&template.sandbox).await.shared();
        let refuses = Server::only(fresh.sandbox.clone(), (V4, 2).into());
        let cloned = template
            .sandbox
            .clone_into(&fresh.sandbox, script.clone().into_bytes());
        cloned.await.expect("a clone");
        let mut fresh = fresh;
        let (told, end) = fresh.end().await;
        assert_eq!(end, Event::Exited(Exit::Code(0)));
        let ahead = Spec {
            code: None,
            ..place.spec()
        };
        let plain = place.sandbox_of(ahead).await.shared();
        let _refuses = Server::only(plain.sandbox.clone(), (V4, 2).into());
        let late = format!("{FORK}\nif os.fork(): os._exit(os.wait()[1])\nrun(sys.stdin.read())");
        let program = Program {
            argv: ["/usr/bin/python3", "-S", "-c", &late]
                .map(str::to_owned)
                .to_vec(),
            env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            cwd: "/var/task".into(),
        };
        plain
            .sandbox
            .start_waiting(&program)
            .await
            .expect("a start");
        let given = plain
            .sandbox
            .mount_code(&place.code, Input::Bytes(script.into_bytes()));
        given.await.expect("its input");
        let mut plain = plain;
        let (expected, _) = plain.end().await;
        for (told, expected) in told.lines().zip(expected.lines()) {
            assert_eq!(told, expected);
        }
        assert_eq!(told.lines().count(), expected.lines().count());
        assert!(told.contains("(308, 1)"), "setns: {told}");
        assert!(refuses.asked() > 0);
    });
}

pub(super) fn clones_connect_by_their_own_agents() {
    world::with(|place| async move {
        let address = world::echo((V4, 0)).await;
        let template = place
            .template("import socket\ns = socket.socket()\nprint(s.connect_ex(('203.0.113.1', 1)))\ndel s")
            .await;
        for _ in 0..2 {
            let fresh = place.fresh(&template.sandbox).await.shared();
            let server = Server::of(fresh.sandbox.clone());
            let script = format!(
                "s = socket.create_connection(('{}', {}))\ns.sendall(b'hello')\nprint(s.recv(9).decode())\nprint('=end=')",
                address.ip(),
                address.port()
            );
            let cloned = template
                .sandbox
                .clone_into(&fresh.sandbox, script.into_bytes());
            cloned.await.expect("a clone");
            let mut fresh = fresh;
            assert_eq!(fresh.end().await.0, "hello\n");
            assert_eq!(server.asked(), 1);
        }
        let mut template = template;
        // ENETUNREACH: a template has loopback alone.
        assert_eq!(template.read_until("\n").await, "101");
    });
}

/// Stays until it is killed, and has left traces of itself wherever it can.
const STAY: &str = r"
import socket, time
name = socket.socket(socket.AF_UNIX)
name.bind('\0a name')
port = socket.socket()
port.bind(('127.0.0.1', 4321))
port.listen()
open('/tmp/a file', 'w').close()
open('/dev/shm/a file', 'w').close()
os.environ['secret'] = 'a secret'
memory.append('a secret')
import _ssl
print(os.urandom(8).hex(), os.getpid() < 1000 < first, _ssl.RAND_bytes(8).hex(), sorted(int(n) for n in os.listdir('/proc') if n.isdigit()) == [1, os.getpid()])
print('=end=', flush=True)
time.sleep(60)
";

pub(super) fn clones_do_not_reach_each_other() {
    place::with(|place| async move {
        let template = place
            .template("import _ssl\n_ssl.RAND_bytes(1)\nmemory, first = [], os.getpid()")
            .await;
        let mut seen = BTreeSet::new();
        let mut clones = Vec::new();
        for _ in 0..3 {
            let mut clone = place.clone_of(&template.sandbox, STAY).await;
            let told = clone.read_until("=end=\n").await;
            let words: Vec<_> = told.split_whitespace().map(str::to_owned).collect();
            assert_eq!((&*words[1], &*words[3]), ("True", "True"), "{told}");
            for random in [&words[0], &words[2]] {
                assert!(
                    seen.insert(random.clone()),
                    "each has randomness of its own"
                );
            }
            clones.push(clone);
        }
        let looks = r"
import socket
def fails(deed):
    try: deed()
    except OSError: return True
print(memory, 'secret' in os.environ, os.listdir('/tmp'), os.listdir('/dev/shm'))
print([number for number in range(2, 5000) if number != os.getpid() and not fails(lambda: os.kill(number, 0))])
print(fails(lambda: socket.socket(socket.AF_UNIX).connect('\0a name')), fails(lambda: socket.socket().connect(('127.0.0.1', 4321))))
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(fails(lambda: os.kill(-1, signal.SIGKILL)))
print('=end=')";
        let mut other = place.clone_of(&template.sandbox, looks).await;
        let told = other.end().await.0;
        assert_eq!(told, "[] False [] []\n[]\nTrue True\nTrue\n");
        for clone in clones {
            assert!(clone.sandbox.is_quiet(), "still there");
            clone.sandbox.destroy().await;
        }
    });
}

pub(super) fn clones_end_like_programs() {
    place::with(|place| async move {
        let template = place.template("").await;
        let mut ends = Vec::new();
        for script in [
            "sys.exit(7)",
            "os.kill(os.getpid(), signal.SIGSEGV)",
            "import time; os.fork(); time.sleep(60)",
        ] {
            let clone = place.clone_of(&template.sandbox, script).await;
            if script.contains("sleep") {
                clone.sandbox.kill_programs().await.expect("killed");
            }
            ends.push(clone.sandbox.event().await);
            // What it leaves is a sandbox, in which nothing runs.
            clone.sandbox.kill_programs().await.expect("killed");
            clone.sandbox.destroy().await;
        }
        let [code, fault, killed] = [Exit::Code(7), Exit::Signal(11), Exit::Signal(9)];
        assert_eq!(ends, [code, fault, killed].map(Event::Exited));
        if place.has_groups() {
            let hungry = "print('=end=', flush=True)\nx = bytearray(600 << 20)";
            let mut clone = place.clone_of(&template.sandbox, hungry).await;
            clone.read_until("=end=\n").await;
            assert_eq!(clone.sandbox.event().await, Event::Exited(Exit::Signal(9)));
            let usage = clone.sandbox.usage().expect("usage");
            assert!(usage.oom_kills > 0 && usage.cpu_us > 0, "{usage:?}");
            let modest = place.clone_of(&template.sandbox, "pass").await;
            modest.sandbox.event().await;
            let usage = modest.sandbox.usage().expect("usage");
            let peak = usage.memory_peak_bytes;
            assert!((64 << 10..8 << 20).contains(&peak), "{usage:?}");
        }
    });
}

pub(super) fn clones_outlive_their_template() {
    place::with(|place| async move {
        let template = place.template("memory, first = [], os.getpid()").await;
        let stays = "import time\nwhile not os.path.exists('/tmp/end'): time.sleep(0.01)";
        let clone = place.clone_of(&template.sandbox, stays).await;
        let other = place.clone_of(&template.sandbox, STAY).await;
        let before = place.traces().processes;
        template.sandbox.kill_programs().await.expect("killed");
        assert_eq!(
            template.sandbox.event().await,
            Event::Exited(Exit::Signal(9))
        );
        let late = place.fresh(&template.sandbox).await;
        let cloned = template.sandbox.clone_into(&late.sandbox, Vec::new()).await;
        assert!(cloned.is_err(), "there is nothing to clone");
        late.sandbox.destroy().await;
        drop(template);
        std::thread::sleep(Duration::from_millis(50));
        // One process less: pid 1 of the template stays.
        let after = place.traces().processes;
        assert_eq!(before.len(), after.len() + 1, "{before:?} {after:?}");
        assert!(clone.sandbox.is_quiet() && other.sandbox.is_quiet());
        clone.sandbox.destroy().await;
        assert!(other.sandbox.is_quiet());
        other.sandbox.destroy().await;
        wait(Duration::from_secs(5), "nothing is left", || {
            place.traces().processes.is_empty()
        });
    });
}

pub(super) fn what_clones_would_share_is_no_template() {
    const SLOW: &str = "does not fork";
    place::with(|place| async move {
        let began = Instant::now();
        for (program, reason) in [
            ("import mmap; m = mmap.mmap(-1, 4096)", "shares memory"),
            ("f = open('/etc/passwd')", "holds /etc/passwd open"),
            ("p = os.pipe()", "holds pipe:"),
            ("open('/tmp/x', 'w').close()", "has written /tmp/x"),
            (
                "os.kill(os.getpid(), signal.SIGSTOP); os._exit(0)",
                "has ended",
            ),
            (
                "import time; os.kill(os.getpid(), signal.SIGSTOP); time.sleep(60)",
                SLOW,
            ),
        ] {
            let inside = place.unsettled(program).await;
            match inside.sandbox.event().await {
                // The machine may have been too slow for it.
                Event::Hindered(why) if reason == SLOW => assert!(why.contains(SLOW), "{why}"),
                Event::Unfit(why) if reason != SLOW => assert!(why.contains(reason), "{why}"),
                other => panic!("{other:?} of {program}"),
            }
            inside.sandbox.destroy().await;
        }
        assert!(began.elapsed() < Duration::from_secs(20));
        // What it started besides is not cloned, and does not stay.
        let busy = "import threading, time\nif not os.fork(): time.sleep(60)\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()";
        let template = place.template(busy).await;
        let tells = "print(threading.active_count(), os.listdir('/proc/self/task') == [str(os.getpid())])\nprint('=end=')";
        let mut clone = place.clone_of(&template.sandbox, tells).await;
        assert_eq!(clone.end().await.0, "1 True\n");
    });
}

pub(super) fn nothing_hides_from_settling() {
    // Its name is no text.
    let hides = "import ctypes, time
if not os.fork():
    ctypes.CDLL(None).prctl(15, b'\\xff')
    time.sleep(60)
time.sleep(0.2)";
    place::with(|place| async move {
        let template = place.template(hides).await;
        let left = place.traces().processes;
        assert_eq!(left.len(), 2, "pid 1 and the template: {left:?}");
        let mut clone = place.clone_of(&template.sandbox, "print('=end=')").await;
        clone.end().await;
    });
}

/// Has as many processes as it may, and tells how many.
const FILL: &str = r"
count = 1
while True:
    try:
        if not os.fork(): signal.pause()
        count += 1
    except BlockingIOError: break
print(count)
print('=end=', flush=True)
signal.pause()
";

pub(super) fn a_clone_full_of_processes_is_in_nobodys_way() {
    const FEW: u32 = 7;
    place::with(|place| async move {
        // While it loads it is bounded as any program.
        let more = "import ctypes, resource
def fails(deed):
    try: deed()
    except (OSError, ValueError) as error: return True
    return False
most = resource.getrlimit(resource.RLIMIT_NPROC)[1]
limit = (ctypes.c_ulong * 2)(most, most)
call = ctypes.CDLL(None, use_errno=True).syscall
print([fails(lambda: resource.setrlimit(resource.RLIMIT_NPROC, (most, most))),
    fails(lambda: resource.prlimit(1, resource.RLIMIT_NPROC, (most, most))),
    call(160 if os.uname().machine == 'x86_64' else 164, 6, limit)])
print('=end=')
del call";
        let mut template = place.template(more).await;
        assert_eq!(template.read_until("=end=\n").await, "[True, True, -1]\n");
        let mut full = Vec::new();
        for _ in 0..3 {
            let mut clone = place.clone_of(&template.sandbox, FILL).await;
            let told = clone.read_until("=end=\n").await;
            let count: u32 = told.trim().parse().expect("a number");
            let max = place.spec().processes_max;
            assert!((max - FEW..=max).contains(&count), "{count}");
            full.push(clone);
        }
        let mut other = place
            .clone_of(&template.sandbox, "print('lives')\nprint('=end=')")
            .await;
        assert_eq!(other.end().await.0, "lives\n");
    });
}

/// LAMBKIN_TEST_SANDBOXES is for slow machines.
pub(super) fn a_thousand_clones_leave_nothing() {
    let count = std::env::var("LAMBKIN_TEST_SANDBOXES")
        .map_or(1_000_u32, |count| count.parse().expect("a number"));
    place::with(|place| async move {
        let template = place.template("").await;
        let before = place.traces();
        let began = Instant::now();
        for _ in 0..count {
            let clone = place
                .clone_of(&template.sandbox, "import time; time.sleep(60)")
                .await;
            clone.sandbox.destroy().await;
        }
        let after = place.traces();
        assert_eq!(before.processes, after.processes);
        assert_eq!(before.groups, after.groups);
        println!("{:?} for each", began.elapsed() / count);
        template.sandbox.destroy().await;
        assert!(place.traces().processes.is_empty());
    });
}
