//! What usage costs: a price table, AWS's public one of us-east-1 unless the operator sets another.
//!
//! A period is priced as AWS prices a month: memory falls through the tiers of its architecture over all
//! functions together, so one function's cost is its share at the average price of the period. The
//! free tier is not deducted unless the operator sets one.

use crate::UsageTotals;
use serde::{Deserialize, Deserializer};

/// Prices in US dollars: `[prices]` of the settings file. A key that is left out keeps AWS's price.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PriceTable {
    /// For a million invokes.
    #[serde(deserialize_with = "amount")]
    pub million_requests: f64,
    /// Memory times time on x86-64.
    #[serde(deserialize_with = "tiers")]
    pub x86_64: Vec<PriceTier>,
    /// Memory times time on ARM.
    #[serde(deserialize_with = "tiers")]
    pub arm64: Vec<PriceTier>,
    /// For a GB-second of `/tmp` above 512 MB.
    #[serde(deserialize_with = "amount")]
    pub ephemeral_gb_second: f64,
    /// Invokes of a period that cost nothing.
    pub free_requests: u64,
    /// GB-seconds of a period that cost nothing, both architectures together.
    #[serde(deserialize_with = "amount")]
    pub free_gb_seconds: f64,
}

/// A price that holds up to an amount of usage.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceTier {
    /// Where the tier ends, in GB-seconds of the period; the last tier has no end.
    #[serde(default)]
    pub up_to_gb_seconds: Option<f64>,
    /// For a GB-second.
    pub gb_second: f64,
}

/// Average prices of one period: what each part of it costs per unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    request: f64,
    x86_64_gb_second: f64,
    arm64_gb_second: f64,
    ephemeral_gb_second: f64,
}

impl PriceTable {
    /// What a period costs, in US dollars.
    pub fn cost(&self, period: &UsageTotals) -> f64 {
        self.rates(period).cost(period)
    }

    /// Average prices of a period, from the totals of all its functions. The costs of the functions at
    /// these rates add up to the cost of the period.
    pub fn rates(&self, period: &UsageTotals) -> Rates {
        let gb_seconds = period.gb_seconds();
        let charged = share(gb_seconds - self.free_gb_seconds, gb_seconds);
        let charged_requests = period.requests.saturating_sub(self.free_requests);
        Rates {
            request: share(charged_requests as f64, period.requests as f64) * self.million_requests
                / 1e6,
            x86_64_gb_second: charged * average(&self.x86_64, period.x86_64_gb_seconds() * charged),
            arm64_gb_second: charged * average(&self.arm64, period.arm64_gb_seconds() * charged),
            ephemeral_gb_second: self.ephemeral_gb_second,
        }
    }
}

impl Rates {
    /// What usage of the period costs, in US dollars.
    pub fn cost(&self, usage: &UsageTotals) -> f64 {
        usage.requests as f64 * self.request
            + usage.x86_64_gb_seconds() * self.x86_64_gb_second
            + usage.arm64_gb_seconds() * self.arm64_gb_second
            + usage.ephemeral_gb_seconds() * self.ephemeral_gb_second
    }
}

impl Default for PriceTable {
    /// AWS's public prices of us-east-1, as of 2026.
    fn default() -> Self {
        let tier = |up_to_gb_seconds, gb_second| PriceTier {
            up_to_gb_seconds,
            gb_second,
        };
        Self {
            million_requests: 0.20,
            x86_64: vec![
                tier(Some(6e9), 0.000_016_666_7),
                tier(Some(15e9), 0.000_015),
                tier(None, 0.000_013_333_4),
            ],
            arm64: vec![
                tier(Some(7.5e9), 0.000_013_333_4),
                tier(Some(18.75e9), 0.000_012_000_1),
                tier(None, 0.000_010_666_7),
            ],
            ephemeral_gb_second: 0.000_000_030_9,
            free_requests: 0,
            free_gb_seconds: 0.0,
        }
    }
}

/// `part` of `whole`, between none and all of it; of nothing, all.
fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 {
        (part / whole).clamp(0.0, 1.0)
    } else {
        1.0
    }
}

/// Average price of a GB-second when `gb_seconds` of them are charged.
fn average(tiers: &[PriceTier], gb_seconds: f64) -> f64 {
    let mut cost = 0.0;
    let mut begin = 0.0;
    for tier in tiers {
        let end = tier.up_to_gb_seconds.unwrap_or(f64::INFINITY);
        cost += (gb_seconds.min(end) - begin).max(0.0) * tier.gb_second;
        begin = end;
    }
    if gb_seconds > 0.0 {
        cost / gb_seconds
    } else {
        tiers.first().map_or(0.0, |tier| tier.gb_second)
    }
}

fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let amount = f64::deserialize(deserializer)?;
    match amount.is_finite() && amount >= 0.0 {
        true => Ok(amount),
        false => Err(serde::de::Error::custom(
            "must be a number that is not negative",
        )),
    }
}

fn tiers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PriceTier>, D::Error> {
    let tiers = Vec::<PriceTier>::deserialize(deserializer)?;
    let ends: Vec<f64> = tiers
        .iter()
        .map(|tier| tier.up_to_gb_seconds.unwrap_or(f64::INFINITY))
        .collect();
    let rising = ends.iter().all(|end| *end > 0.0) && ends.is_sorted_by(|one, next| one < next);
    let priced = tiers
        .iter()
        .all(|tier| tier.gb_second.is_finite() && tier.gb_second >= 0.0);
    match rising && priced && ends.last() == Some(&f64::INFINITY) {
        true => Ok(tiers),
        false => Err(serde::de::Error::custom(
            "tiers need rising up_to_gb_seconds (the last one has none) and gb_second prices that are not negative",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB_MS_PER_GB_SECOND: u64 = 1_024_000;

    fn usage(requests: u64, x86_64_gb_seconds: u64, arm64_gb_seconds: u64) -> UsageTotals {
        UsageTotals {
            requests,
            x86_64_mb_ms: x86_64_gb_seconds * MB_MS_PER_GB_SECOND,
            arm64_mb_ms: arm64_gb_seconds * MB_MS_PER_GB_SECOND,
            ..UsageTotals::default()
        }
    }

    fn assert_close(actual: f64, expected: f64) {
        assert!(
            (actual - expected).abs() < 1e-9 * expected.max(1.0),
            "{actual} is not {expected}"
        );
    }

    #[test]
    fn requests_memory_and_storage_have_awss_prices() {
        let prices = PriceTable::default();
        assert_eq!(prices.cost(&UsageTotals::default()), 0.0);
        assert_close(prices.cost(&usage(3_000_000, 0, 0)), 0.60);
        assert_close(prices.cost(&usage(0, 1_000_000, 0)), 16.666_7);
        assert_close(prices.cost(&usage(0, 0, 1_000_000)), 13.333_4);
        let storage = UsageTotals {
            ephemeral_mb_ms: 1_000_000 * MB_MS_PER_GB_SECOND,
            ..Default::default()
        };
        assert_close(prices.cost(&storage), 0.030_9);
    }

    #[test]
    fn memory_falls_through_the_tiers_of_its_architecture() {
        let prices = PriceTable::default();
        let x86 = 6e9 * 0.000_016_666_7 + 9e9 * 0.000_015 + 1e9 * 0.000_013_333_4;
        assert_close(prices.cost(&usage(0, 16_000_000_000, 0)), x86);
        let arm = 7.5e9 * 0.000_013_333_4 + 11.25e9 * 0.000_012_000_1 + 0.25e9 * 0.000_010_666_7;
        assert_close(prices.cost(&usage(0, 0, 19_000_000_000)), arm);
    }

    #[test]
    fn the_costs_of_functions_add_up_to_the_cost_of_the_period() {
        let prices = PriceTable {
            free_requests: 100,
            free_gb_seconds: 5e9,
            ..PriceTable::default()
        };
        let functions = [
            usage(1_000, 7_000_000_000, 0),
            usage(9_000, 5_000_000_000, 8_000_000_000),
        ];
        let mut period = UsageTotals::default();
        functions.iter().for_each(|function| period.add(function));
        let rates = prices.rates(&period);
        assert_close(
            functions.iter().map(|function| rates.cost(function)).sum(),
            prices.cost(&period),
        );
    }

    #[test]
    fn a_free_tier_is_deducted_only_when_set() {
        let used = usage(1_000_000, 400_000, 0);
        assert_close(PriceTable::default().cost(&used), 0.20 + 6.666_68);
        let free = PriceTable {
            free_requests: 1_000_000,
            free_gb_seconds: 400_000.0,
            ..PriceTable::default()
        };
        assert_eq!(free.cost(&used), 0.0);
        assert_close(free.cost(&usage(2_000_000, 800_000, 0)), 0.20 + 6.666_68);
    }

    #[test]
    fn the_operator_replaces_single_prices() {
        let prices: PriceTable = serde_json::from_str(r#"{"million_requests": 1.5}"#).unwrap();
        assert_eq!(
            prices,
            PriceTable {
                million_requests: 1.5,
                ..PriceTable::default()
            }
        );
        let flat: PriceTable = serde_json::from_str(r#"{"x86_64": [{"gb_second": 2.0}]}"#).unwrap();
        assert_close(flat.cost(&usage(0, 10, 0)), 20.0);
    }

    #[test]
    fn prices_that_make_no_sense_are_refused() {
        for wrong in [
            r#"{"million_requests": -1}"#,
            r#"{"free": 1}"#,
            r#"{"x86_64": []}"#,
            r#"{"x86_64": [{"gb_second": 1, "up_to_gb_seconds": 5}]}"#,
            r#"{"arm64": [{"gb_second": 1, "up_to_gb_seconds": 5}, {"gb_second": 1, "up_to_gb_seconds": 4}, {"gb_second": 1}]}"#,
            r#"{"arm64": [{"gb_second": -1}]}"#,
        ] {
            assert!(
                serde_json::from_str::<PriceTable>(wrong).is_err(),
                "{wrong}"
            );
        }
    }
}
