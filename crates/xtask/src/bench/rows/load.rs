//! Many connections at once: requests a second at 8 and 64, errors at 2, 8, 64 and 512.

use std::rc::Rc;
use std::time::Duration;

use crate::bench::deploy::{self, Language};
use crate::bench::figures::Figures;
use crate::bench::floors::relay::Relay;
use crate::bench::ground::{Ground, Subject};
use crate::bench::load;
use crate::bench::packages;
use crate::bench::row::Row;

/// Of what is there already.
const WARM_UP: Duration = Duration::from_millis(500);
/// Of functions, for each connection: two cores start no interpreter faster.
const WARM_UP_EACH: Duration = Duration::from_millis(60);
/// Rust's take so little that more connections need no longer.
const WARM_UP_MAX: Duration = Duration::from_secs(5);
/// Until environments that went are gone.
const SETTLED: Duration = Duration::from_secs(2);
/// Of every function at 1,769 MB.
const COMPARED: [usize; 2] = [8, 64];
/// A relay with a program for each connection, as functions have an environment for each.
const CROWD: usize = 64;
/// Of the Rust function alone: with so many environments, larger ones would measure the machine's memory.
const CROWDS: [usize; 2] = [2, 512];

pub(super) struct LoadRow {
    ground: Rc<Ground>,
    others: Vec<Subject>,
    /// Ends with the row.
    _crowd: Relay,
}

impl LoadRow {
    pub(super) fn prepare(ground: Rc<Ground>) -> anyhow::Result<Self> {
        let crowd = Relay::start(&packages::rust_example()?, CROWD)?;
        let mut others = vec![
            Subject::other("echo", ground.echo.address(), "/"),
            Subject::other("relay", ground.relay.address(), "/"),
            Subject::other("relay-of-64", crowd.address(), "/"),
        ];
        others.extend(ground.peers.subjects());
        Ok(Self {
            ground,
            others,
            _crowd: crowd,
        })
    }

    /// One number of connections, everything that takes so many beside each other.
    fn compare(
        &self,
        functions: &[Subject],
        connections: usize,
        mut push: impl FnMut(String, f64),
    ) -> anyhow::Result<()> {
        let mut failed = 0;
        for subject in functions {
            let (per_second, errors) = self.load(subject, connections)?;
            failed += errors;
            let name = subject.name();
            push(format!("load-{connections}/{name}/per_second"), per_second);
        }
        push(format!("errors/{connections}/count"), failed as f64);
        for subject in &self.others {
            let (per_second, errors) = self.load(subject, connections)?;
            let name = subject.name();
            push(format!("load-{connections}/{name}/per_second"), per_second);
            push(format!("load-{connections}/{name}/errors"), errors as f64);
        }
        Ok(())
    }

    /// Requests a second, and how many failed.
    fn load(&self, subject: &Subject, connections: usize) -> anyhow::Result<(f64, usize)> {
        let address = subject.address(&self.ground.server);
        let request = subject.request(&self.ground.server)?;
        let span = match subject {
            Subject::Function(_) => WARM_UP + (WARM_UP_EACH * connections as u32).min(WARM_UP_MAX),
            Subject::Other { .. } => WARM_UP,
        };
        let warm_up = load::run(address, &request, connections, span)?;
        let load = load::run(address, &request, connections, self.ground.span)?;
        if let Some(error) = warm_up.error.or(load.error) {
            println!("{} at {connections} connections: {error}", subject.name());
        }
        Ok((load.per_second, warm_up.errors + load.errors))
    }
}

impl Row for LoadRow {
    /// Its functions go with the round, and with them hundreds of environments that other rows need not carry.
    fn round(&mut self, round: u32, figures: &mut Figures) -> anyhow::Result<()> {
        let server = &self.ground.server;
        let mut functions = Vec::new();
        for language in Language::ALL {
            let function = deploy::function(server, language, language.word(), 1_769)?;
            functions.push(Subject::Function(function));
        }
        for connections in COMPARED {
            self.compare(&functions, connections, |name, value| {
                figures.push(round, name, value);
            })?;
        }
        let rust = functions
            .iter()
            .find(|function| function.name() == Language::Rust.word());
        for (connections, rust) in CROWDS.into_iter().zip(rust.into_iter().cycle()) {
            let (per_second, errors) = self.load(rust, connections)?;
            figures.push(
                round,
                format!("load-{connections}/rust/per_second"),
                per_second,
            );
            figures.push(round, format!("errors/{connections}/count"), errors as f64);
        }
        for function in &functions {
            deploy::delete(server, function.name())?;
        }
        std::thread::sleep(SETTLED);
        Ok(())
    }
}
