//! From what was measured in several rounds to a figure, and how far it can be trusted.

use serde::{Deserialize, Serialize};

/// A figure that was measured in several rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    /// Half of what lies between the quartiles: half of all rounds are this near to the median, or nearer.
    pub(crate) spread: f64,
}

impl Figure {
    /// Of the rounds' values; `None` where there is none.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let quartiles = (quantile(&sorted, 0.25)?, quantile(&sorted, 0.75)?);
        Some(Self { median: quantile(&sorted, 0.5)?, spread: (quartiles.1 - quartiles.0) / 2.0 })
    }

    /// The spread as a part of the median.
    pub(crate) fn relative_spread(&self) -> f64 {
        if self.spread == 0.0 { 0.0 } else { (self.spread / self.median).abs() }
    }
}

/// The value below which this part of sorted values lies, between two of them where it falls so.
pub(crate) fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = float(last) * part.clamp(0.0, 1.0);
    // Where it falls on no value, the neighbours count by their nearness.
    let below = (0..=last).rev().find(|index| float(*index) <= place)?;
    let low = sorted.get(below)?;
    let high = sorted.get(below.saturating_add(1)).unwrap_or(low);
    Some(low + (high - low) * (place - float(below)))
}

/// Round by round, what `values` has over `base`.
pub(crate) fn differences(values: &[f64], base: &[f64]) -> Vec<f64> {
    values.iter().zip(base).map(|(value, base)| value - base).collect()
}

/// Round by round, how often `base` goes into `values`; a round whose base is not above zero has none.
pub(crate) fn ratios(values: &[f64], base: &[f64]) -> Vec<f64> {
    values.iter().zip(base).filter(|(_, base)| **base > 0.0).map(|(value, base)| value / base).collect()
}

/// A count as a number to calculate with.
pub(crate) fn float(count: impl TryInto<u64>) -> f64 {
    #[expect(
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "counts are far below 2^53, above which a double has gaps"
    )]
    let float = count.try_into().unwrap_or(u64::MAX) as f64;
    float
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_half_the_distance_of_the_quartiles() {
        for (values, median, spread) in [
            (vec![5.0], 5.0, 0.0),
            (vec![3.0, 1.0], 2.0, 0.5),
            (vec![1.0, 100.0, 2.0, 3.0, 4.0], 3.0, 1.0),
            (vec![10.0, 10.0, 10.0], 10.0, 0.0),
        ] {
            assert_eq!(Figure::of(&values), Some(Figure { median, spread }), "{values:?}");
        }
        assert_eq!(Figure::of(&[]), None);
    }

    #[test]
    fn a_spread_is_told_as_a_part_of_the_median() {
        assert!((Figure { median: -200.0, spread: 4.0 }.relative_spread() - 0.02).abs() < 1e-12);
        assert!(Figure { median: 0.0, spread: 0.0 }.relative_spread().abs() < 1e-12);
        assert!(Figure { median: 0.0, spread: 4.0 }.relative_spread().is_infinite());
    }

    #[test]
    fn quantiles_lie_between_values() {
        let sorted = [0.0, 10.0, 20.0, 30.0];
        for (part, expected) in [(0.0, 0.0), (0.5, 15.0), (0.99, 29.7), (1.0, 30.0), (7.0, 30.0)] {
            let quantile = quantile(&sorted, part).unwrap();
            assert!((quantile - expected).abs() < 1e-9, "{part}: {quantile}");
        }
    }

    #[test]
    fn rounds_are_compared_with_their_own_base() {
        assert_eq!(differences(&[5.0, 7.0], &[1.0, 2.0]), [4.0, 5.0]);
        assert_eq!(ratios(&[6.0, 9.0, 1.0], &[2.0, 3.0, 0.0]), [3.0, 3.0]);
    }
}
