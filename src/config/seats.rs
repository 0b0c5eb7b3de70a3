//! The seats in use next to those that are paid for.

use super::SeatsConfig;

impl SeatsConfig {
    /// How many seats more are in use than are paid for; none where that is none.
    pub fn over(&self, used: u64) -> Option<u64> {
        used.checked_sub(self.limit?).filter(|over| *over > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_above_the_limit_is_over_it() {
        let over = |limit, used| SeatsConfig { limit, ..SeatsConfig::default() }.over(used);
        assert_eq!(over(Some(20), 24), Some(4));
        assert_eq!(over(Some(20), 20), None);
        assert_eq!(over(Some(20), 3), None);
        assert_eq!(over(None, 3), None);
    }
}
