//! Medians and percentiles.

/// A percentile of sorted nanoseconds, in microseconds; 0 when there is nothing.
pub(super) fn percentile(sorted_ns: &[u64], percent: f64) -> f64 {
    let last = sorted_ns.len().saturating_sub(1);
    let index = (last as f64 * percent / 100.0).round() as usize;
    sorted_ns.get(index).map_or(0.0, |ns| *ns as f64 / 1_000.0)
}

/// The middle value; 0 when there is nothing.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// The median of `values[i] / floors[i]`, round by round.
pub(super) fn median_ratio(values: &[f64], floors: &[f64]) -> f64 {
    let ratios: Vec<f64> = values
        .iter()
        .zip(floors)
        .map(|(value, floor)| value / floor)
        .collect();
    median(&ratios)
}
