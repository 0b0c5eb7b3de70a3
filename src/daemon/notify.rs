//! What systemd is told: <https://www.freedesktop.org/software/systemd/man/sd_notify.html>.
//!
//! Without `$NOTIFY_SOCKET` nothing is said. `WATCHDOG=1` comes from the loop itself while the
//! store answers, so that a daemon that is stuck is restarted.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use tracing::debug;

use super::overview::Overview;
use super::pulse::Pulse;

/// Says how it goes.
pub(super) struct Notify {
    wanted: bool,
    /// How often systemd wants to hear that we are alive.
    watchdog: Option<Duration>,
    last_sign: Option<Instant>,
    /// How many events were queued or dead when the sentence was made.
    queued: (u64, u64),
    said: String,
}

impl Notify {
    pub(super) fn new(wanted: bool) -> Self {
        let wanted = wanted && std::env::var_os("NOTIFY_SOCKET").is_some();
        // Half of what systemd waits, as its manual advises.
        let watchdog = sd_notify::watchdog_enabled().filter(|_| wanted).map(|limit| limit / 2);
        Self { wanted, watchdog, last_sign: None, queued: (0, 0), said: String::new() }
    }

    pub(super) fn ready(&self) {
        self.say(&[NotifyState::Ready]);
    }

    pub(super) fn reloading(&self) {
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            self.say(&[NotifyState::Reloading, now]);
        }
    }

    pub(super) fn stopping(&self) {
        self.say(&[NotifyState::Stopping]);
    }

    /// Once a second: a sign of life when it is time for one and nothing is stuck, and the status
    /// when it changed.
    pub(super) fn beat(&mut self, pulse: &Pulse, overview: &Overview) {
        if !self.wanted {
            return;
        }
        let due = |every: Duration| self.last_sign.is_none_or(|last| last.elapsed() >= every);
        if self.watchdog.is_some_and(due) && pulse.trouble().is_none() {
            self.say(&[NotifyState::Watchdog]);
            self.last_sign = Some(Instant::now());
        }
        let queued = overview.queued();
        let moved = std::mem::replace(&mut self.queued, queued) != queued;
        if (overview.has_changed() || moved)
            && let Ok(sentence) = overview.sentence()
            && sentence != self.said
        {
            self.say(&[NotifyState::Status(&sentence)]);
            self.said = sentence;
        }
    }

    fn say(&self, states: &[NotifyState<'_>]) {
        if !self.wanted {
            return;
        }
        if let Err(error) = sd_notify::notify(states) {
            debug!(%error, "systemd does not hear");
        }
    }
}
