//! Ways around the filter of system calls: other architectures, other numbers, halves that a filter does not see.

use super::Layer::{Kernel, Seccomp};
use super::{
    Attack, Outcome, World, breached, call, in_child, must_fail, must_hold, none_of, stopped,
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "calls::of_32_bits",
        aims_at: "the filter",
        stopped_by: &[Seccomp],
        run: of_32_bits,
    },
    Attack {
        name: "calls::of_x32",
        aims_at: "the filter",
        stopped_by: &[Seccomp],
        run: of_x32,
    },
    Attack {
        name: "calls::upper_half_of_the_number",
        aims_at: "the filter",
        stopped_by: &[Seccomp],
        run: upper_half_of_the_number,
    },
    Attack {
        name: "calls::upper_half_of_an_argument",
        aims_at: "the filter",
        stopped_by: &[Seccomp],
        run: upper_half_of_an_argument,
    },
    Attack {
        name: "calls::beyond_the_table",
        aims_at: "calls of newer kernels",
        stopped_by: &[Seccomp],
        run: beyond_the_table,
    },
    Attack {
        name: "calls::negative_number",
        aims_at: "the filter",
        stopped_by: &[Kernel, Seccomp],
        run: negative_number,
    },
    Attack {
        name: "calls::old_page_of_calls",
        aims_at: "code at a known address",
        stopped_by: &[Kernel],
        run: old_page_of_calls,
    },
    Attack {
        name: "calls::from_another_thread",
        aims_at: "the filter",
        stopped_by: &[Seccomp],
        run: from_another_thread,
    },
    Attack {
        name: "calls::after_vfork",
        aims_at: "the filter",
        stopped_by: &[Seccomp, super::Layer::UserSpace],
        run: after_vfork,
    },
];

/// The end of a child that makes a call and would answer 7 if it worked.
fn ended(child: impl FnOnce() -> bool) -> Outcome {
    match in_child(|| if child() { 7 } else { 0 }) {
        Ok((_, status)) if libc::WIFSIGNALED(status) => {
            stopped(format!("killed by signal {}", libc::WTERMSIG(status)))
        }
        Ok((_, status)) => must_hold(
            libc::WEXITSTATUS(status) != 7,
            format!("it ended with {}", libc::WEXITSTATUS(status)),
        ),
        Err(error) => breached(format!("the try itself failed: {error}")),
    }
}

/// The number of `getpid` in the old interface, which every kernel that has it answers.
#[cfg(target_arch = "x86_64")]
fn of_32_bits(_: &World) -> Outcome {
    ended(|| {
        let result: i64;
        // SAFETY: the interrupt changes this register, and those of 64 bits that are named.
        unsafe {
            std::arch::asm!("int 0x80", inlateout("rax") 20i64 => result, out("r8") _, out("r9") _, out("r10") _, out("r11") _);
        }
        result > 0
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn of_32_bits(_: &World) -> Outcome {
    stopped("this processor has none")
}

fn of_x32(_: &World) -> Outcome {
    none_of([39, 101, 57].map(|number: i64| {
        (
            number.to_string(),
            ended(|| call(number | 0x4000_0000, []).is_ok()),
        )
    }))
}

fn upper_half_of_the_number(_: &World) -> Outcome {
    none_of([1i64 << 32, 1 << 40, i64::MIN].map(|upper| {
        let outcome = ended(|| call(libc::SYS_keyctl | upper, [0, -3, 1]).is_ok());
        (format!("{upper:x}"), outcome)
    }))
}

/// The kernel takes the lower half of these arguments, whatever the upper says.
fn upper_half_of_an_argument(_: &World) -> Outcome {
    let upper = 1i64 << 32;
    none_of([
        (
            "family".to_owned(),
            must_fail(call(
                libc::SYS_socket,
                [
                    i64::from(libc::AF_ALG) | upper,
                    libc::SOCK_SEQPACKET.into(),
                    0,
                ],
            )),
        ),
        (
            "kind".to_owned(),
            must_fail(call(
                libc::SYS_socket,
                [libc::AF_INET.into(), i64::from(libc::SOCK_RAW) | upper, 1],
            )),
        ),
        (
            "protocol".to_owned(),
            must_fail(call(
                libc::SYS_socket,
                [libc::AF_INET.into(), libc::SOCK_STREAM.into(), 262 | upper],
            )),
        ),
        (
            "personality".to_owned(),
            must_fail(call(libc::SYS_personality, [0x40_0000 | upper])),
        ),
    ])
}

fn beyond_the_table(_: &World) -> Outcome {
    none_of((450..600).chain([1000, 4096, 100_000]).map(|number| {
        let outcome = match call(number, [0, 0, 0, 0, 0, 0]) {
            Err(error)
                if [libc::ENOSYS, libc::EPERM].contains(&error.raw_os_error().unwrap_or(0)) =>
            {
                stopped(error)
            }
            other => allowed(number, &format!("{other:?}")),
        };
        (number.to_string(), outcome)
    }))
}

/// The few new calls that the table allows.
fn allowed(number: i64, result: &str) -> Outcome {
    // fchmodat2 and futex_wake, which new C libraries make: nothing that their older forms do not.
    const KNOWN: [i64; 6] = [452, 454, 455, 456, 462, 463];
    must_hold(KNOWN.contains(&number), result)
}

fn negative_number(_: &World) -> Outcome {
    none_of(
        [-1i64, -2, i64::from(i32::MIN)]
            .map(|number| (number.to_string(), ended(|| call(number, []).is_ok()))),
    )
}

/// Executable code at the same address in every process, on kernels that still have it.
#[cfg(target_arch = "x86_64")]
fn old_page_of_calls(_: &World) -> Outcome {
    const PAGE: usize = 0xffff_ffff_ff60_0000;
    ended(|| {
        // SAFETY: a read that the processor refuses ends this child, which is the point.
        let byte = unsafe { std::ptr::with_exposed_provenance::<u8>(PAGE).read_volatile() };
        byte != 0
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn old_page_of_calls(_: &World) -> Outcome {
    stopped("this processor has none")
}

fn from_another_thread(_: &World) -> Outcome {
    let tried = std::thread::spawn(|| call(libc::SYS_keyctl, [0, -3, 1]));
    must_fail(tried.join().expect("a thread"))
}

fn after_vfork(_: &World) -> Outcome {
    let status = std::process::Command::new("/usr/bin/unshare")
        .args(["-U", "true"])
        .status();
    must_hold(
        !status.as_ref().is_ok_and(|status| status.success()),
        format!("{status:?}"),
    )
}
