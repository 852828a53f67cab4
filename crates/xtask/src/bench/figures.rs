//! What was measured: figures by name and round, and the ratios of two figures inside the same rounds.

use std::collections::BTreeMap;

use super::statistics::median;

/// Every figure of a run. A name is `row/subject/figure_unit`.
#[derive(Default, serde::Serialize)]
#[serde(transparent)]
pub(super) struct Figures(BTreeMap<String, BTreeMap<u32, f64>>);

impl Figures {
    pub(super) fn push(&mut self, round: u32, name: impl Into<String>, value: f64) {
        self.0.entry(name.into()).or_default().insert(round, value);
    }

    /// The median over the rounds; nothing when it was never measured.
    pub(super) fn median(&self, name: &str) -> Option<f64> {
        let values: Vec<f64> = self.0.get(name)?.values().copied().collect();
        Some(median(&values))
    }

    /// `name` over `floor`, each round that has both.
    pub(super) fn ratios(&self, name: &str, floor: &str) -> Vec<f64> {
        let (Some(values), Some(floors)) = (self.0.get(name), self.0.get(floor)) else {
            return Vec::new();
        };
        values
            .iter()
            .filter_map(|(round, value)| Some(value / floors.get(round)?))
            .collect()
    }

    /// The values of every round.
    pub(super) fn values(&self, name: &str) -> Vec<f64> {
        self.0
            .get(name)
            .map(|rounds| rounds.values().copied().collect())
            .unwrap_or_default()
    }

    /// Names and medians, in order.
    pub(super) fn medians(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.keys().filter_map(|name| {
            let value = self.median(name)?;
            Some((name.as_str(), value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_taken_inside_its_round() {
        let mut figures = Figures::default();
        for (round, ours, floor) in [(0, 10.0, 5.0), (1, 400.0, 100.0), (2, 9.0, 3.0)] {
            figures.push(round, "ours", ours);
            figures.push(round, "floor", floor);
        }
        figures.push(3, "ours", 7.0);
        assert_eq!(figures.ratios("ours", "floor"), [2.0, 4.0, 3.0]);
        assert_eq!(figures.median("ours"), Some(10.0));
        assert!(figures.ratios("ours", "nothing").is_empty());
    }
}
