//! What systemd is told: <https://www.freedesktop.org/software/systemd/man/sd_notify.html>.
//!
//! Without `$NOTIFY_SOCKET` nothing is said. `WATCHDOG=1` comes from the loop itself while the
//! store answers, so that a daemon that is stuck is restarted.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use tracing::debug;

use super::pulse::Pulse;

/// Says how it goes.
pub(super) struct Notify {
    wanted: bool,
    /// How often systemd wants to hear that we are alive.
    watchdog: Option<Duration>,
    last_sign: Option<Instant>,
    changed: bool,
    said: String,
}

impl Notify {
    pub(super) fn new(wanted: bool) -> Self {
        let wanted = wanted && std::env::var_os("NOTIFY_SOCKET").is_some();
        // Half of what systemd waits, as its manual advises.
        let watchdog = sd_notify::watchdog_enabled().filter(|_| wanted).map(|limit| limit / 2);
        Self { wanted, watchdog, last_sign: None, changed: true, said: String::new() }
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

    /// What the status sentence says may have changed.
    pub(super) fn changed(&mut self) {
        self.changed = true;
    }

    /// Once a second: a sign of life when it is time for one and nothing is stuck, and the status
    /// when it changed.
    pub(super) fn beat(&mut self, pulse: &Pulse, sentence: impl FnOnce() -> Option<String>) {
        if !self.wanted {
            return;
        }
        let due = |every: Duration| self.last_sign.is_none_or(|last| last.elapsed() >= every);
        if self.watchdog.is_some_and(due) && pulse.trouble().is_none() {
            self.say(&[NotifyState::Watchdog]);
            self.last_sign = Some(Instant::now());
        }
        if std::mem::take(&mut self.changed)
            && let Some(sentence) = sentence()
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
