//! The rows, one per file, and how they are made.

mod burst;
mod clone;
mod first;
mod frozen;
mod load;
mod memory;
mod network;
mod sandbox;
mod warm;

use std::rc::Rc;

use super::ground::Ground;
use super::row::{Name, Row};

pub(super) use frozen::measure as measure_frozen;
pub(super) use memory::measure as measure_memory;
pub(super) use network::measure as measure_network;

/// Prepares one of those that are measured in every round.
pub(super) fn prepare(name: Name, ground: &Rc<Ground>) -> anyhow::Result<Box<dyn Row>> {
    let ground = Rc::clone(ground);
    Ok(match name {
        Name::Warm => Box::new(warm::Warm::prepare(ground)?),
        Name::Load => Box::new(load::LoadRow::prepare(ground)?),
        Name::First => Box::new(first::First::prepare(ground)?),
        Name::Clone => Box::new(clone::Clone::prepare(ground)?),
        Name::Burst => Box::new(burst::Burst::prepare(ground)?),
        Name::Sandbox => Box::new(sandbox::Sandbox::prepare(ground)?),
        Name::Memory | Name::Frozen | Name::Network => {
            anyhow::bail!("{} is measured alone", name.word())
        }
    })
}
