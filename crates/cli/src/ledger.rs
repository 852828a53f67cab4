//! `lambkin ledger`.

use std::io::Write;
use std::process::ExitCode;

use lambkin_wire::admin;

use crate::globals::Globals;
use crate::table::{self, Align};
use crate::time;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub struct Ledger {
    /// Start of the period: a date (UTC) or a time [default: of the current month]
    #[arg(long, value_name = "WHEN")]
    from: Option<String>,
    /// End of the period, exclusive
    #[arg(long, value_name = "WHEN")]
    to: Option<String>,
    /// Month such as 2026-01 (UTC)
    #[arg(long, value_name = "MONTH", conflicts_with_all = ["from", "to"])]
    month: Option<String>,
}

impl Ledger {
    pub(crate) async fn run(self, globals: &Globals) -> anyhow::Result<ExitCode> {
        self.check_order().unwrap_or_else(|error| error.exit());
        let (from_ms, to_ms) = self.period()?;
        let ledger = globals.client()?.ledger(from_ms, to_ms).await?;
        let text = match globals.json() {
            true => serde_json::to_string(&ledger)?,
            false => shown(&ledger),
        };
        writeln!(std::io::stdout(), "{text}")?;
        Ok(ExitCode::SUCCESS)
    }

    fn period(&self) -> anyhow::Result<(Option<i64>, Option<i64>)> {
        if let Some(month) = &self.month {
            let (from_ms, to_ms) = time::month(month)?;
            return Ok((Some(from_ms), Some(to_ms)));
        }
        let point = |text: &Option<String>| text.as_deref().map(time::point).transpose();
        Ok((point(&self.from)?, point(&self.to)?))
    }

    /// A period that ends before it begins is a mistake in the line.
    fn check_order(&self) -> Result<(), clap::Error> {
        let Ok((Some(from_ms), Some(to_ms))) = self.period() else {
            return Ok(());
        };
        if from_ms < to_ms {
            return Ok(());
        }
        let (from, to) = (time::shown(from_ms), time::shown(to_ms));
        let text = format!("--to {to} is not after --from {from}; nothing lies between them\n");
        Err(clap::Error::raw(
            clap::error::ErrorKind::ValueValidation,
            text,
        ))
    }
}

/// What is counted of each function, in the order of the columns.
const COUNTS: [fn(&admin::LedgerLine) -> u64; 6] = [
    |line| line.requests,
    |line| line.errors,
    |line| line.cold,
    |line| line.warm,
    |line| line.pooled,
    |line| line.cloned,
];

fn shown(ledger: &admin::Ledger) -> String {
    let mut table = table::new(&[
        ("FUNCTION", Align::Left),
        ("REQUESTS", Align::Right),
        ("ERRORS", Align::Right),
        ("COLD", Align::Right),
        ("WARM", Align::Right),
        ("POOLED", Align::Right),
        ("CLONED", Align::Right),
        ("GB-SECONDS", Align::Right),
        ("USD", Align::Right),
        ("CONNECTIONS", Align::Right),
        ("BYTES OUT", Align::Right),
        ("BYTES IN", Align::Right),
    ]);
    for line in &ledger.functions {
        let counts = COUNTS.map(|count| count(line));
        let bill = (line.gb_seconds, line.cost);
        table.add_row(row(&line.function, counts, bill, line.network));
    }
    let counts = COUNTS.map(|count| ledger.functions.iter().map(count).sum());
    let bill = (ledger.gb_seconds, ledger.cost);
    table.add_row(row("all", counts, bill, ledger.network));
    let (from, to) = (time::shown(ledger.from_ms), time::shown(ledger.to_ms));
    format!("{from} to {to} UTC\n\n{}", table.trim_fmt())
}

/// Thousandths of GB-seconds and millionths of dollars: one short invoke is not zero.
fn row(
    name: &str,
    counts: [u64; COUNTS.len()],
    (gb_seconds, cost): (f64, f64),
    network: admin::NetworkLine,
) -> Vec<String> {
    let mut row = vec![name.to_owned()];
    row.extend(counts.map(|count| count.to_string()));
    row.extend([format!("{gb_seconds:.3}"), format!("{cost:.6}")]);
    let network = [
        network.connections,
        network.sent_bytes,
        network.received_bytes,
    ];
    row.extend(network.map(|count| count.to_string()));
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_stand_above_their_sum() {
        let network = admin::NetworkLine {
            connections: 4,
            sent_bytes: 50,
            received_bytes: 600,
        };
        let line = admin::LedgerLine {
            function: "hello".into(),
            requests: 9,
            errors: 1,
            cold: 2,
            warm: 4,
            pooled: 3,
            cloned: 0,
            gb_seconds: 0.3004,
            cost: 0.0000056,
            network,
        };
        let ledger = admin::Ledger {
            from_ms: 0,
            to_ms: 86_400_000,
            requests: 9,
            gb_seconds: 0.3004,
            cost: 0.0000056,
            network,
            functions: vec![line],
        };
        let text = shown(&ledger);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "1970-01-01 00:00 to 1970-01-02 00:00 UTC");
        let words = |line: &str| {
            line.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let counts = [
            "9", "1", "2", "4", "3", "0", "0.300", "0.000006", "4", "50", "600",
        ];
        assert_eq!(words(lines[3])[0], "hello");
        assert_eq!(words(lines[3])[1..], counts);
        assert_eq!(words(lines[4])[0], "all");
        assert_eq!(words(lines[4])[1..], counts);
    }

    #[test]
    fn a_period_ends_after_it_begins() {
        let check = |from: &str, to: &str| {
            let ledger = Ledger {
                from: Some(from.into()),
                to: Some(to.into()),
                month: None,
            };
            ledger.check_order().map_err(|error| error.exit_code())
        };
        assert_eq!(check("2026-12-01", "2026-11-01"), Err(2));
        assert_eq!(check("2026-12-01", "2026-12-01"), Err(2));
        assert_eq!(check("2026-11-01", "2026-12-01"), Ok(()));
    }

    #[test]
    fn a_month_is_a_period() {
        let ledger = Ledger {
            from: None,
            to: None,
            month: Some("1970-01".into()),
        };
        assert_eq!(ledger.period().unwrap(), (Some(0), Some(31 * 86_400_000)));
        let ledger = Ledger {
            from: Some("soon".into()),
            to: None,
            month: None,
        };
        assert!(ledger.period().is_err());
    }
}
