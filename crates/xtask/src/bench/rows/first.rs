//! First invokes of functions that were never invoked, beside a bare start of the very program that runs them.

use std::rc::Rc;
use std::time::Duration;

use crate::bench::deploy::{self, Function, Language};
use crate::bench::figures::Figures;
use crate::bench::floors::start::Floor;
use crate::bench::ground::Ground;
use crate::bench::row::Row;
use crate::bench::server::Server;
use crate::bench::statistics::median;

/// Long enough for a server that makes sandboxes ahead to have made the next one.
const REFILLED: Duration = Duration::from_millis(300);
/// Measured in each round; their median is the round's figure.
const STARTS: usize = 5;

pub(super) struct First {
    ground: Rc<Ground>,
    floors: Vec<(Language, Floor)>,
}

impl First {
    pub(super) fn prepare(ground: Rc<Ground>) -> anyhow::Result<Self> {
        let mut floors = Vec::new();
        for language in Language::ALL {
            floors.push((language, Floor::of(&ground.server, language)?));
        }
        Ok(Self { ground, floors })
    }

    /// Servers under measurement, by what stands before a figure's name.
    fn servers(&self) -> Vec<(&'static str, &Server)> {
        match &self.ground.pool_less {
            Some(pool_less) => vec![("", pool_less), ("pooled-", &self.ground.server)],
            None => vec![("", &self.ground.server)],
        }
    }
}

impl Row for First {
    fn round(&mut self, round: u32, figures: &mut Figures) -> anyhow::Result<()> {
        for (language, package) in self.ground.peers.official() {
            let (_, server) = self.servers()[0];
            let word = language.word();
            let took = first_invokes_ms(server, &mut Vec::new(), None, |number| {
                deploy::wrapped(
                    server,
                    language,
                    &format!("first-official-{word}-{number}"),
                    package,
                )
            })?;
            figures.push(round, format!("first/official-{word}/ms"), took);
        }
        for (language, floor) in &self.floors {
            let word = language.word();
            let mut bare = Vec::new();
            for memory_mb in [1_769, 128] {
                for (prefix, server) in self.servers() {
                    let took = first_invokes_ms(server, &mut bare, Some(floor), |number| {
                        let name = format!("first-{word}-{memory_mb}-{number}");
                        deploy::function(server, *language, &name, memory_mb)
                    })?;
                    figures.push(round, format!("first/{prefix}{word}-{memory_mb}/ms"), took);
                }
            }
            figures.push(round, format!("first/bare-{word}/ms"), median(&bare));
            if let Some(took) = self.ground.peers.first_emulated_ms(*language, STARTS)? {
                figures.push(round, format!("first/emulator-{word}/ms"), took);
            }
        }
        Ok(())
    }
}

/// The median of several functions, all there before the first is invoked; before each is a start of the floor.
fn first_invokes_ms(
    server: &Server,
    bare: &mut Vec<f64>,
    floor: Option<&Floor>,
    deploy: impl FnMut(usize) -> anyhow::Result<Function>,
) -> anyhow::Result<f64> {
    let functions: anyhow::Result<Vec<Function>> = (0..STARTS).map(deploy).collect();
    let (functions, mut times) = (functions?, Vec::new());
    for function in &functions {
        std::thread::sleep(REFILLED);
        if let Some(floor) = floor {
            bare.push(floor.run_ms()?);
        }
        times.push(function.timed_invoke_ms(server)?);
    }
    for function in &functions {
        deploy::delete(server, &function.name)?;
    }
    Ok(median(&times))
}
