//! Programs that become templates in order to have power over their clones.

use lambkin_sandbox::Event;

use crate::place;

/// Answers calls in the kernel's place: `fake` has one answered with success, and not done.
const FILTER: &str = r"
import ctypes, os, platform, resource, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
SETRESUID = 117 if platform.machine() == 'x86_64' else 147
def filter(*instructions):
    code = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *one) for one in instructions))
    program = ctypes.create_string_buffer(struct.pack('HxxxxxxP', len(instructions), ctypes.addressof(code)))
    assert libc.prctl(22, 2, program, 0, 0) == 0, ctypes.get_errno()
ALLOW = (0x06, 0, 0, 0x7fff0000)
def fake(number):
    filter((0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050000), ALLOW)
";

/// Python, from a file in memory that can be opened and written by whoever runs it.
const RUNS_NAMELESS: &str = r"
if 'again' not in os.environ:
    file = os.memfd_create('python')
    os.write(file, open(sys.executable, 'rb').read())
    words = open('/proc/self/cmdline').read().split('\0')[:-1]
    os.execve(file, words, {'again': '1', 'PYTHONHOME': sys.prefix})
";

const MAPS_NAMELESS: &str = r"
with open('/tmp/x', 'w+b') as file:
    file.write(b'x' * 4096)
    file.flush()
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap(None, ctypes.c_size_t(4096), 3, 2, file.fileno(), ctypes.c_long(0))
os.unlink('/tmp/x')
";

const LIMITS_PID_1: &str = "resource.prlimit(1, resource.RLIMIT_SIGPENDING, (7, 7))";

/// Sends traps to the process that is to be the template, as soon as it is there.
const TRAPS: &str = r"
import os, time
if not os.fork():
    own = os.getpid()
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try: os.kill(own + 1, 5)
        except OSError: pass
    os._exit(0)
";

/// Forks in a sequence that the kernel begins anew, elsewhere: in all of the C library around its fork.
const BEGINS_ANEW: &str = r"
area = libc.pthread_self
area.restype = ctypes.c_void_p
area = area() + ctypes.c_ssize_t.in_dll(libc, '__rseq_offset').value
place = ctypes.cast(libc.fork, ctypes.c_void_p).value & ~0xffff
sequence = ctypes.create_string_buffer(96)
at = (ctypes.addressof(sequence) + 31) & ~31
ctypes.memmove(at, struct.pack('IIQQQ', 0, 0, place, 0x1000000, place + 0x2000000), 32)
pointer = ctypes.c_uint64.from_address(area + 8)
def begin(): pointer.value = at
os.register_at_fork(before=begin)
";

pub(super) fn who_forks_in_a_restartable_sequence_is_no_template() {
    place::with(|place| async move {
        // One that is interrupted on its way to the fork has left the sequence.
        let mut told = Vec::new();
        for _ in 0..5 {
            let inside = place.unsettled(&format!("{FILTER}\n{BEGINS_ANEW}")).await;
            let event = inside.sandbox.event().await;
            inside.sandbox.destroy().await;
            if matches!(&event, Event::Unfit(why) if why.contains("restartable")) {
                return;
            }
            told.push(event);
        }
        panic!("{told:?}");
    });
}

pub(super) fn signals_of_others_make_no_calls() {
    place::with(|place| async move {
        for _ in 0..3 {
            let inside = place.unsettled(TRAPS).await;
            if inside.sandbox.event().await == Event::Settled {
                for _ in 0..2 {
                    let mut clone = place
                        .clone_of(&inside.sandbox, "print('lives')\nprint('=end=')")
                        .await;
                    assert_eq!(clone.end().await.0, "lives\n");
                }
            }
            inside.sandbox.destroy().await;
        }
    });
}

pub(super) fn a_hostile_program_is_no_template() {
    place::with(|place| async move {
        let mut wrong = Vec::new();
        for (program, reason) in [
            ("fake(SETRESUID)", "filter of system calls"),
            ("filter(ALLOW)", "filter of system calls"),
            (RUNS_NAMELESS, "which can be written"),
            (MAPS_NAMELESS, "which can be written"),
            (
                "resource.setrlimit(resource.RLIMIT_STACK, (7, 7))",
                "changed its limits",
            ),
            (LIMITS_PID_1, "changed its limits"),
            ("os.close(0)", "closed a standard stream"),
        ] {
            let inside = place.unsettled(&format!("{FILTER}\n{program}")).await;
            match inside.sandbox.event().await {
                Event::Unfit(why) if why.contains(reason) => {}
                other => wrong.push(format!("{other:?} of {program}")),
            }
            inside.sandbox.destroy().await;
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    });
}
