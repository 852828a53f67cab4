//! Warm invokes over one connection, between two echoes of the same round.

use std::rc::Rc;
use std::time::Duration;

use crate::bench::deploy::{self, Language};
use crate::bench::figures::Figures;
use crate::bench::ground::{Ground, Subject};
use crate::bench::load::{self, Load};
use crate::bench::peers::Up;
use crate::bench::row::Row;

/// Environments exist and paths are hot before the clock starts.
const WARM_UP: Duration = Duration::from_millis(300);
/// The echo has two speeds, by where the scheduler puts it; a round that saw both says nothing.
const ECHOES_APART_MAX: f64 = 1.5;
/// Then the machine is as it is.
const TRIES: u32 = 2;

pub(super) struct Warm {
    ground: Rc<Ground>,
    subjects: Vec<Subject>,
    /// End with the row.
    _emulators: Vec<Up>,
}

impl Warm {
    pub(super) fn prepare(ground: Rc<Ground>) -> anyhow::Result<Self> {
        let mut subjects = vec![Subject::other("relay", ground.relay.address(), "/")];
        for language in Language::ALL {
            for memory_mb in [1_769, 128] {
                let name = format!("{}-{memory_mb}", language.word());
                let function = deploy::function(&ground.server, language, &name, memory_mb)?;
                subjects.push(Subject::Function(function));
            }
        }
        for (language, package) in ground.peers.official() {
            let name = format!("official-{}", language.word());
            let function = deploy::wrapped(&ground.server, language, &name, package)?;
            subjects.push(Subject::Function(function));
        }
        subjects.extend(ground.peers.subjects());
        let (emulated, emulators): (Vec<_>, Vec<_>) = ground.peers.emulated()?.into_iter().unzip();
        subjects.extend(emulated);
        Ok(Self {
            ground,
            subjects,
            _emulators: emulators,
        })
    }

    fn echo(&self) -> anyhow::Result<Load> {
        self.load(&Subject::other("echo", self.ground.echo.address(), "/"))
    }

    fn load(&self, subject: &Subject) -> anyhow::Result<Load> {
        let address = subject.address(&self.ground.server);
        let request = subject.request(&self.ground.server)?;
        load::run(address, &request, 1, WARM_UP)?;
        load::run(address, &request, 1, self.ground.span)?.without_errors()
    }
}

impl Row for Warm {
    fn round(&mut self, round: u32, figures: &mut Figures) -> anyhow::Result<()> {
        for _ in 0..TRIES {
            let before = self.echo()?;
            for subject in &self.subjects {
                let load = self.load(subject)?;
                push(figures, round, subject.name(), load.p50_us, load.p99_us);
            }
            let after = self.echo()?;
            let (p50, p99) = (
                mean(before.p50_us, after.p50_us),
                mean(before.p99_us, after.p99_us),
            );
            push(figures, round, "echo", p50, p99);
            let apart = before.p50_us.max(after.p50_us) / before.p50_us.min(after.p50_us);
            if apart <= ECHOES_APART_MAX {
                break;
            }
            println!(
                "the echo took {:.0} and then {:.0} us",
                before.p50_us, after.p50_us
            );
        }
        Ok(())
    }
}

fn push(figures: &mut Figures, round: u32, subject: &str, p50_us: f64, p99_us: f64) {
    figures.push(round, format!("warm/{subject}/p50_us"), p50_us);
    figures.push(round, format!("warm/{subject}/p99_us"), p99_us);
}

fn mean(one: f64, other: f64) -> f64 {
    f64::midpoint(one, other)
}
