//! Rights: what this process holds, and whether it can become somebody else.

use std::fs;

use super::{Aims, Found};

pub(super) fn rights(_: &Aims) -> Found {
    let status = fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.map_or("", str::trim)
    };
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        let held = field(set).trim_matches('0');
        if !held.is_empty() {
            return Err(format!("{set} {}", field(set)));
        }
    }
    if field("NoNewPrivs:") != "1" {
        return Err("new privileges can be gained by execution".into());
    }
    // SAFETY: takes a number only.
    if unsafe { libc::setuid(0) } == 0 {
        return Err("it can become root".into());
    }
    Ok("none held, none to be gained".into())
}
