//! What functions used in a period, and what it costs.

use super::query;
use crate::error::Error;
use crate::lambda::Context;
use crate::response::{self, Body};
use http::{Response, StatusCode};
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};
use lambkin_model::{PriceTable, Timestamp, UsageTotals};
use lambkin_store::FunctionUsage;
use lambkin_wire::admin::{Ledger, LedgerLine, NetworkLine};

pub(super) async fn answer(
    context: &Context<'_>,
    parameters: Option<&str>,
) -> Result<Response<Body>, Error> {
    let (month_start, month_end) = month(&Zoned::now().with_time_zone(TimeZone::UTC))?;
    let from_ms = query::parsed(parameters, "from_ms")?.unwrap_or(month_start);
    let to_ms = query::parsed(parameters, "to_ms")?.unwrap_or(month_end);
    let usage = context.engine.store().usage();
    let totals = usage
        .totals(context.engine.scope(), Timestamp(from_ms), Timestamp(to_ms))
        .await;
    let totals = totals.map_err(|error| Error::Internal(error.to_string()))?;
    response::json(
        StatusCode::OK,
        &ledger(&context.shared.prices, from_ms, to_ms, &totals),
    )
}

/// The calendar month of a moment: its first millisecond and that of the next.
fn month(now: &Zoned) -> Result<(i64, i64), Error> {
    let beyond = |error: jiff::Error| Error::Internal(format!("the clock: {error}"));
    let first = now
        .first_of_month()
        .and_then(|day| day.start_of_day())
        .map_err(beyond)?;
    let next = first.checked_add(1.month()).map_err(beyond)?;
    Ok((
        first.timestamp().as_millisecond(),
        next.timestamp().as_millisecond(),
    ))
}

fn ledger(prices: &PriceTable, from_ms: i64, to_ms: i64, usage: &[FunctionUsage]) -> Ledger {
    let mut period = UsageTotals::default();
    usage.iter().for_each(|one| period.add(&one.totals));
    let rates = prices.rates(&period);
    let line = |one: &FunctionUsage| LedgerLine {
        function: one.function.to_string(),
        requests: one.totals.requests,
        errors: one.totals.errors,
        cold: one.totals.starts.cold,
        warm: one.totals.starts.warm,
        pooled: one.totals.starts.pooled,
        cloned: one.totals.starts.cloned,
        gb_seconds: one.totals.gb_seconds(),
        cost: rates.cost(&one.totals),
        network: network(&one.totals),
    };
    Ledger {
        from_ms,
        to_ms,
        requests: period.requests,
        gb_seconds: period.gb_seconds(),
        cost: rates.cost(&period),
        network: network(&period),
        functions: usage.iter().map(line).collect(),
    }
}

fn network(totals: &UsageTotals) -> NetworkLine {
    let network = &totals.network;
    NetworkLine {
        connections: network.connections,
        sent_bytes: network.sent_bytes,
        received_bytes: network.received_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambkin_model::{FunctionName, NetworkUsage};

    #[test]
    fn a_month_starts_and_ends_at_midnight_utc() {
        let now: jiff::Timestamp = "2026-12-24T18:30:00Z".parse().unwrap();
        let (start, end) = month(&now.to_zoned(TimeZone::UTC)).unwrap();
        let ms = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        assert_eq!(
            (start, end),
            (ms("2026-12-01T00:00:00Z"), ms("2027-01-01T00:00:00Z"))
        );
    }

    #[test]
    fn the_parts_add_up_to_the_whole() {
        let one = |name: &str, requests, mb_ms| FunctionUsage {
            function: FunctionName::new(name).unwrap(),
            totals: UsageTotals {
                requests,
                x86_64_mb_ms: mb_ms,
                network: NetworkUsage {
                    connections: 1,
                    sent_bytes: 20,
                    received_bytes: 300,
                },
                ..UsageTotals::default()
            },
        };
        let usage = [one("a", 3, 1_024_000), one("b", 1, 2_048_000)];
        let ledger = ledger(&PriceTable::default(), 0, 1, &usage);
        assert_eq!((ledger.requests, ledger.gb_seconds), (4, 3.0));
        assert_eq!(ledger.network.received_bytes, 600);
        assert_eq!(ledger.functions[0].network.sent_bytes, 20);
        let parts: f64 = ledger.functions.iter().map(|line| line.cost).sum();
        assert!((parts - ledger.cost).abs() < 1e-12 && ledger.cost > 0.0);
    }
}
