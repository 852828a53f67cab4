//! Signals meant for the server: a Ctrl-C in its terminal, a stop of its service.

/// The spawner ends when the server does and not before, so that a server which finishes its work still has
/// its sandboxes. Handled and not ignored: what is ignored stays so in programs that are executed.
///
/// What whoever started the server ignores (`nohup`, a shell's `&`) is not ignored in sandboxes.
pub(crate) fn outlive_the_terminal() {
    for signal in [libc::SIGQUIT, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU] {
        // SAFETY: sets the default action; no handler is involved.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: the handler does nothing, which is safe at any moment.
        unsafe {
            libc::signal(
                signal,
                nothing as extern "C" fn(libc::c_int) as libc::sighandler_t,
            )
        };
    }
}

/// Undoes what the Rust runtime ignores, before another program is executed.
pub(crate) fn restore() {
    // SAFETY: sets the default action; no handler is involved.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

extern "C" fn nothing(_signal: libc::c_int) {}
