//! A stopped process's registers: what it was calling, and how it is made to call something else.

use super::check;
use rustix::io::Errno;
use rustix::process::Pid;

/// Of linux/elf.h: the general registers.
const GENERAL: libc::c_int = 1;

/// Registers as they were at one moment.
#[derive(Clone, Copy)]
pub(crate) struct Registers(libc::user_regs_struct);

/// A call as the registers tell it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calling {
    pub(crate) number: i64,
    pub(crate) arguments: [u64; 6],
}

impl Registers {
    pub(super) fn of(process: Pid) -> Result<Self, Errno> {
        // SAFETY: all fields are integers, for which zero is valid.
        let mut registers: libc::user_regs_struct = unsafe { std::mem::zeroed() };
        transfer(libc::PTRACE_GETREGSET, process, &mut registers)?;
        Ok(Self(registers))
    }

    pub(super) fn set(&self, process: Pid) -> Result<(), Errno> {
        let mut registers = self.0;
        transfer(libc::PTRACE_SETREGSET, process, &mut registers)
    }
}

#[cfg(target_arch = "x86_64")]
impl Registers {
    /// The instruction that makes a call.
    pub(crate) const INSTRUCTION: &[u8] = &[0x0f, 0x05];

    /// Where the instruction stands that made the call in which the process is.
    pub(crate) fn instruction(&self) -> u64 {
        self.0.rip.wrapping_sub(Self::INSTRUCTION.len() as u64)
    }

    pub(crate) fn calling(&self) -> Calling {
        let now = &self.0;
        Calling {
            number: now.orig_rax as i64,
            arguments: [now.rdi, now.rsi, now.rdx, now.r10, now.r8, now.r9],
        }
    }

    /// About to make a call by that instruction.
    pub(super) fn about_to(&self, Calling { number, arguments }: Calling) -> Self {
        let mut next = self.0;
        next.rip = self.instruction();
        next.rax = number as u64;
        // No call is to be begun anew.
        next.orig_rax = u64::MAX;
        [next.rdi, next.rsi, next.rdx, next.r10, next.r8, next.r9] = arguments;
        Self(next)
    }

    /// About to run a script whose table lies between these places.
    pub(super) fn about_to_run(&self, script: u64, first: u64, end: u64) -> Self {
        let mut next = self.0;
        next.orig_rax = u64::MAX;
        (next.rip, next.r12, next.r13) = (script, first, end);
        Self(next)
    }

    /// The call of the table that it has come to.
    pub(super) fn reached(&self) -> u64 {
        self.0.r12
    }

    /// The place of the next instruction.
    pub(super) fn place(&self) -> u64 {
        self.0.rip
    }

    pub(super) fn result(&self) -> i64 {
        self.0.rax as i64
    }

    /// Behind the call, with this result.
    pub(crate) fn after(&self, result: u64) -> Self {
        let mut next = self.0;
        next.rax = result;
        next.orig_rax = u64::MAX;
        Self(next)
    }
}

#[cfg(target_arch = "aarch64")]
impl Registers {
    /// The instruction that makes a call.
    pub(crate) const INSTRUCTION: &[u8] = &[0x01, 0x00, 0x00, 0xd4];

    /// Where the instruction stands that made the call in which the process is.
    pub(crate) fn instruction(&self) -> u64 {
        self.0.pc.wrapping_sub(Self::INSTRUCTION.len() as u64)
    }

    pub(crate) fn calling(&self) -> Calling {
        let [a, b, c, d, e, f, _, _, number, ..] = self.0.regs;
        Calling {
            number: number as i64,
            arguments: [a, b, c, d, e, f],
        }
    }

    /// About to make a call by that instruction.
    pub(super) fn about_to(&self, Calling { number, arguments }: Calling) -> Self {
        let mut next = self.0;
        next.pc = self.instruction();
        next.regs[8] = number as u64;
        next.regs[..6].copy_from_slice(&arguments);
        Self(next)
    }

    /// About to run a script whose table lies between these places.
    pub(super) fn about_to_run(&self, script: u64, first: u64, end: u64) -> Self {
        let mut next = self.0;
        (next.pc, next.regs[19], next.regs[20]) = (script, first, end);
        Self(next)
    }

    /// The call of the table that it has come to.
    pub(super) fn reached(&self) -> u64 {
        self.0.regs[19]
    }

    /// The place of the next instruction.
    pub(super) fn place(&self) -> u64 {
        self.0.pc
    }

    pub(super) fn result(&self) -> i64 {
        self.0.regs[0] as i64
    }

    /// Behind the call, with this result.
    pub(crate) fn after(&self, result: u64) -> Self {
        let mut next = self.0;
        next.regs[0] = result;
        Self(next)
    }
}

fn transfer(
    request: libc::c_uint,
    process: Pid,
    registers: &mut libc::user_regs_struct,
) -> Result<(), Errno> {
    let mut place = libc::iovec {
        iov_base: std::ptr::from_mut(registers).cast(),
        iov_len: size_of::<libc::user_regs_struct>(),
    };
    // SAFETY: the kernel reads or writes at most `iov_len` bytes of a structure of that size, which outlives the call.
    check(unsafe { libc::ptrace(request, process.as_raw_pid(), GENERAL, &raw mut place) }).map(drop)
}
