//! stub
use crate::clock::Clock;
use chrono::{DateTime, Utc};
use tokio::sync::watch;
/// stub
#[derive(Clone)]
pub struct Ticks(watch::Receiver<u64>);
/// stub
pub struct Beat(watch::Sender<u64>);
impl Beat {
    /// stub
    pub fn strike(&self) {
        self.0.send_modify(|n| *n += 1);
    }
}
impl Ticks {
    /// stub
    pub fn by_hand() -> (Beat, Self) {
        let (a, b) = watch::channel(0);
        (Beat(a), Self(b))
    }
    /// stub
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await
        }
    }
    /// stub
    pub async fn until(&mut self, clock: &dyn Clock, time: DateTime<Utc>) {
        while clock.now() < time {
            self.next().await
        }
    }
}
