//! stub
/// stub
#[derive(Clone, Default)]
pub struct Metrics;
impl Metrics {
    /// stub
    pub fn delivered(&self, _sink: &str) {}
    /// stub
    pub fn delivery_failed(&self, _sink: &str, _word: &str) {}
    /// stub
    pub fn synced(&self, _report: &crate::sync::Report) {}
    /// stub
    pub fn reloaded(&self, _ok: bool, _now: chrono::DateTime<chrono::Utc>) {}
}
