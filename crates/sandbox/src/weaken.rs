//! Layers that a test build (`--features weaken`) can switch off one at a time, to show that the others hold and
//! that the attacks of the tests would succeed. Any other build has neither the switch nor its name.

/// A layer of the defence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// The system-call filter.
    Seccomp,
    /// Rules for files, signals and abstract sockets.
    Landlock,
    /// That pid 1 makes programs' calls with addresses: they make them themselves.
    Calls,
    /// The user name space. Needs root: sandboxes keep a user of their own, without capabilities.
    Userns,
}

/// Whether a layer is switched off.
#[cfg(not(feature = "weaken"))]
pub(crate) const fn is_off(_: Layer) -> bool {
    false
}

#[cfg(feature = "weaken")]
pub(crate) use switch::{check, is_off};

#[cfg(feature = "weaken")]
mod switch {
    use std::sync::OnceLock;

    use super::Layer;
    use crate::failure::Failure;

    /// Names of layers, separated by commas.
    const VARIABLE: &str = "LAMBKIN_WEAKEN";

    /// Read once, by the spawner before it makes anything; its copies inherit the value.
    static OFF: OnceLock<Vec<Layer>> = OnceLock::new();

    pub(crate) fn is_off(layer: Layer) -> bool {
        OFF.get().is_some_and(|off| off.contains(&layer))
    }

    /// Reads the variable; says loudly what is off.
    pub(crate) fn check(rootless: bool) -> Result<(), Failure> {
        let text = std::env::var(VARIABLE).unwrap_or_default();
        let names = text.split(',').filter(|name| !name.is_empty());
        let layers = names.map(|name| match name {
            "seccomp" => Ok(Layer::Seccomp),
            "landlock" => Ok(Layer::Landlock),
            "calls" => Ok(Layer::Calls),
            "userns" if !rootless => Ok(Layer::Userns),
            _ => Err(Failure::new(
                format!("weaken {name:?}, which is none of seccomp, landlock, calls and (as root) userns"),
                rustix::io::Errno::INVAL,
            )),
        });
        let off = layers.collect::<Result<Vec<_>, _>>()?;
        if !off.is_empty() {
            eprintln!("lambkin: THIS IS A TEST BUILD AND SANDBOXES ARE WEAKENED: {text}");
        }
        // Set once: a spawner starts once in its life.
        let _ = OFF.set(off);
        Ok(())
    }
}
