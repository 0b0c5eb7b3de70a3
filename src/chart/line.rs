//! The line of a chart, thinned out to what can be seen.

/// Of so many points at one place, only the first, the lowest, the highest and the last are drawn:
/// they look the same, and no peak is lost.
const SEEN_AT_ONCE: usize = 4;

/// Where the line steps to which value, from left to right.
pub(super) struct Steps(Vec<(f64, u64)>);

impl Steps {
    /// Thins out points that stand within one unit.
    pub(super) fn of(points: impl Iterator<Item = (f64, u64)>) -> Self {
        let points: Vec<_> = points.collect();
        let columns = points.chunk_by(|(a, _), (b, _)| a.floor().total_cmp(&b.floor()).is_eq());
        Self(columns.flat_map(thinned).collect())
    }

    /// Where the line begins, if there is one.
    pub(super) fn first(&self) -> Option<f64> {
        self.0.first().map(|(x, _)| *x)
    }

    /// The line in the words of SVG, on to `right`.
    pub(super) fn path(&self, y: impl Fn(u64) -> f64, right: f64) -> String {
        let steps = self.0.iter().enumerate().map(|(index, (x, seats))| {
            let (x, y) = (super::tenth(*x), y(*seats));
            if index == 0 { format!("M{x} {y}") } else { format!("H{x}V{y}") }
        });
        let end = self.first().map(|_| format!("H{}", super::tenth(right)));
        steps.chain(end).collect()
    }
}

fn thinned(column: &[(f64, u64)]) -> Vec<(f64, u64)> {
    if column.len() <= SEEN_AT_ONCE {
        return column.to_vec();
    }
    let by_seats = |&index: &usize| column.get(index).map(|(_, seats)| *seats);
    let all = || 0..column.len();
    let mut seen: Vec<usize> = [
        Some(0),
        all().min_by_key(by_seats),
        all().max_by_key(by_seats),
        column.len().checked_sub(1),
    ]
    .into_iter()
    .flatten()
    .collect();
    seen.sort_unstable();
    seen.dedup();
    seen.into_iter().filter_map(|index| column.get(index).copied()).collect()
}
