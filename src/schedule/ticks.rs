//! The beat that waiting hangs on: whoever waits for a time of day looks at the clock once a beat.
//!
//! A timer that is set to an hour ahead sleeps through a suspend and through a clock that is put
//! right; one look a second does not, and a test can strike the beat itself.

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use crate::clock::Clock;

/// Hears the beats. Every clone hears them all.
#[derive(Clone, Debug)]
pub struct Ticks(pub(super) watch::Receiver<()>);

/// Strikes the beats that its [`Ticks`] hear.
#[derive(Clone, Debug)]
pub struct Beat(watch::Sender<()>);

impl Beat {
    /// One beat.
    pub fn strike(&self) {
        self.0.send_modify(|()| ());
    }
}

impl Ticks {
    /// A beat that comes when it is struck: for whoever has a clock of their own.
    pub fn by_hand() -> (Beat, Self) {
        let (beat, ticks) = watch::channel(());
        (Beat(beat), Self(ticks))
    }

    /// Returns at the next beat, or at once after beats that nobody waited for: they are one.
    ///
    /// Once the beat is gone, nothing returns any more: an end that looked like a beat would make
    /// a loop spin. Whoever wants to end waits for the shutdown beside it; beats that fail to
    /// come are noticed by the daemon's watchdog, which hangs on them too.
    ///
    /// Cancel-safe: a beat is heard or waits to be.
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Returns at once if it is `time` or later, else at the first beat at which it is, or at which
    /// the clock turns out to have been set back: then the time has to be judged again.
    ///
    /// Cancel-safe.
    pub async fn until(&mut self, clock: &dyn Clock, time: DateTime<Utc>) {
        let begin = clock.now();
        while (begin..time).contains(&clock.now()) {
            self.next().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use chrono::TimeDelta;
    use futures_util::FutureExt as _;

    use super::*;

    struct Hand(Mutex<DateTime<Utc>>);

    impl Clock for Hand {
        fn now(&self) -> DateTime<Utc> {
            *self.0.lock().unwrap()
        }
    }

    #[test]
    fn beats_that_nobody_waited_for_are_one_and_every_clone_hears_them() {
        let (beat, mut ticks) = Ticks::by_hand();
        let mut clone = ticks.clone();
        assert_eq!(ticks.next().now_or_never(), None);
        beat.strike();
        beat.strike();
        assert_eq!(ticks.next().now_or_never(), Some(()));
        assert_eq!(ticks.next().now_or_never(), None);
        assert_eq!(clone.next().now_or_never(), Some(()));
    }

    #[test]
    fn a_beat_that_is_gone_is_no_beat() {
        let (beat, mut ticks) = Ticks::by_hand();
        beat.strike();
        drop(beat);
        assert_eq!(ticks.next().now_or_never(), Some(()), "what was struck before is heard");
        assert_eq!(ticks.next().now_or_never(), None);
    }

    #[test]
    fn until_waits_for_the_time_and_for_a_beat_to_look() {
        let time: DateTime<Utc> = "2026-11-23T10:00:00Z".parse().unwrap();
        let clock = Hand(Mutex::new(time - TimeDelta::seconds(2)));
        let (beat, mut ticks) = Ticks::by_hand();
        let mut other = ticks.clone();
        {
            let mut until = Box::pin(ticks.until(&clock, time));
            beat.strike();
            assert_eq!(until.as_mut().now_or_never(), None, "a beat too early");
            *clock.0.lock().unwrap() = time;
            assert_eq!(until.as_mut().now_or_never(), None, "the time, but no beat");
            beat.strike();
            assert_eq!(until.as_mut().now_or_never(), Some(()));
        }
        assert_eq!(other.until(&clock, time).now_or_never(), Some(()), "at once");
    }

    /// A time that was set by a clock that was ahead may be years away by the right one.
    #[test]
    fn until_ends_where_the_clock_is_set_back() {
        let begin: DateTime<Utc> = "2026-12-13T10:00:00Z".parse().unwrap();
        let clock = Hand(Mutex::new(begin));
        let (beat, mut ticks) = Ticks::by_hand();
        let mut until = Box::pin(ticks.until(&clock, begin + TimeDelta::hours(1)));
        assert_eq!(until.as_mut().now_or_never(), None);
        *clock.0.lock().unwrap() = begin - TimeDelta::days(20);
        beat.strike();
        assert_eq!(until.as_mut().now_or_never(), Some(()));
    }
}
