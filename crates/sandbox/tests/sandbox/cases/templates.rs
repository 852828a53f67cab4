//! Programs that become templates in order to have power over their clones.

use lambkin_sandbox::Event;

use crate::place;

/// Answers calls in the kernel's place: `fake` has one answered with success, and not done.
const FILTER: &str = r"
import ctypes, platform, struct
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

pub(super) fn a_hostile_program_is_no_template() {
    place::with(|place| async move {
        for (program, reason) in [
            ("fake(SETRESUID)", "filter of system calls"),
            ("filter(ALLOW)", "filter of system calls"),
        ] {
            let inside = place.unsettled(&format!("{FILTER}\n{program}")).await;
            match inside.sandbox.event().await {
                Event::Unfit(why) => assert!(why.contains(reason), "{why}"),
                other => panic!("{other:?} of {program}"),
            }
            inside.sandbox.destroy().await;
        }
    });
}
