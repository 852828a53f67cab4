//! Calls that a stopped process makes one after the other, without a stop between them: their numbers and arguments lie
//! in its memory as a table, and a few instructions go through it. They end at the first call that fails, or at the end.

use std::arch::global_asm;

#[cfg(target_arch = "x86_64")]
global_asm!(
    ".pushsection .rodata",
    "lambkin_script_first:",
    "mov rax, [r12]",
    "mov rdi, [r12 + 8]",
    "mov rsi, [r12 + 16]",
    "mov rdx, [r12 + 24]",
    "mov r10, [r12 + 32]",
    "mov r8, [r12 + 40]",
    "mov r9, [r12 + 48]",
    "syscall",
    "test rax, rax",
    "js 2f",
    "add r12, 56",
    "cmp r12, r13",
    "jb lambkin_script_first",
    "2:",
    "int3",
    "lambkin_script_last:",
    ".popsection",
);

#[cfg(target_arch = "aarch64")]
global_asm!(
    ".pushsection .rodata",
    ".balign 4",
    "lambkin_script_first:",
    "ldr x8, [x19]",
    "ldp x0, x1, [x19, #8]",
    "ldp x2, x3, [x19, #24]",
    "ldp x4, x5, [x19, #40]",
    "svc #0",
    "tbnz x0, #63, 2f",
    "add x19, x19, #56",
    "cmp x19, x20",
    "b.lo lambkin_script_first",
    "2:",
    "brk #0",
    "lambkin_script_last:",
    ".popsection",
);

unsafe extern "C" {
    static lambkin_script_first: u8;
    static lambkin_script_last: u8;
}

/// The instructions. They work wherever they lie.
pub(crate) fn instructions() -> &'static [u8] {
    let (first, last) = (
        &raw const lambkin_script_first,
        &raw const lambkin_script_last,
    );
    // SAFETY: both mark places of one read-only section, the first before the last, between which the bytes lie.
    unsafe { std::slice::from_raw_parts(first, last.offset_from_unsigned(first)) }
}

/// Where a process stands that has come to the end of those at `script`: behind the trap, or at it.
pub(super) fn end(script: u64) -> u64 {
    let at = if cfg!(target_arch = "x86_64") { 0 } else { 4 };
    script + instructions().len() as u64 - at
}

/// How one call lies in the table.
pub(crate) const ENTRY_BYTES: usize = 56;
