//! A bound on calls that could wait: pid 1 makes them on files that programs share, and a program may take away the
//! flag that keeps them from waiting at any moment, or have the close of a connection wait for its last bytes.

use std::ptr::null_mut;
use std::sync::Once;

/// Far longer than any call takes that does not wait.
const PATIENCE_US: i64 = 20_000;

/// Runs `work`, and interrupts whatever in it waits with EINTR, again and again.
pub(crate) fn guard<T>(work: impl FnOnce() -> T) -> T {
    static HANDLED: Once = Once::new();
    HANDLED.call_once(handle);
    set(PATIENCE_US);
    let result = work();
    set(0);
    result
}

fn set(left_us: i64) {
    let left = libc::timeval {
        tv_sec: 0,
        tv_usec: left_us,
    };
    let timer = libc::itimerval {
        it_interval: left,
        it_value: left,
    };
    // SAFETY: the kernel reads a structure that lives until the call returns.
    unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, null_mut()) };
}

/// Handled, and without SA_RESTART: this is what makes the kernel give up a wait.
fn handle() {
    // SAFETY: all fields are integers, or pointers that may be null; zero means no flags and no mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // SAFETY: the handler does nothing, which is safe at any moment.
    unsafe { libc::sigaction(libc::SIGALRM, &raw const action, null_mut()) };
}

extern "C" fn nothing(_signal: libc::c_int) {}
