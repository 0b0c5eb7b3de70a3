//! Whether the daemon makes progress: what the watchdog and `/-/healthy` ask.
//!
//! Two things must go on for anything else to: the loop goes round once a second, and the store
//! answers. A server or a receiver that hangs stops neither.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::store::Store;

/// Without a beat for so long, the loop is stuck.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// How often the store is asked.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// If it has not answered for so long, the disk is stuck: a large commit takes seconds.
const LONGEST_ANSWER: Duration = Duration::from_secs(60);

/// When the parts last showed that they live.
#[derive(Debug)]
pub(super) struct Pulse {
    store: Arc<Store>,
    signs: Mutex<Signs>,
}

#[derive(Debug)]
struct Signs {
    beat: Instant,
    /// Since when the store owes an answer.
    asked: Option<Instant>,
    answered: Instant,
}

impl Pulse {
    /// All have just shown it.
    pub(super) fn new(store: Arc<Store>) -> Self {
        let now = Instant::now();
        Self { store, signs: Mutex::new(Signs { beat: now, asked: None, answered: now }) }
    }

    /// The loop goes round.
    pub(super) fn beat(&self) {
        self.signs().beat = Instant::now();
    }

    /// What asks the store whether it lives, if it is time to.
    pub(super) fn question(self: &Arc<Self>) -> Option<impl Future<Output = ()> + use<>> {
        let mut signs = self.signs();
        let is_due = signs.asked.is_none() && signs.answered.elapsed() >= ASK_EVERY;
        if !is_due || self.store.is_purging() {
            return None;
        }
        signs.asked = Some(Instant::now());
        let pulse = Arc::clone(self);
        Some(async move {
            // That a write fails is for those to tell who write something: it is an answer. Whoever
            // is restarted because the disk is full finds it as full as before.
            drop(pulse.store.write(|_| Ok(())).await);
            let mut signs = pulse.signs();
            (signs.asked, signs.answered) = (None, Instant::now());
        })
    }

    /// What is stuck, if anything is.
    pub(super) fn trouble(&self) -> Option<String> {
        let signs = self.signs();
        let waited = signs.asked.map(|asked| asked.elapsed()).unwrap_or_default();
        if signs.beat.elapsed() > LONGEST_PAUSE {
            let seconds = signs.beat.elapsed().as_secs();
            return Some(format!("the scheduler has not moved for {seconds} s"));
        }
        // A large file takes minutes to be written anew. Whoever is restarted for that begins it
        // again, for ever.
        (waited > LONGEST_ANSWER && !self.store.is_purging())
            .then(|| format!("the store has not answered for {} s", waited.as_secs()))
    }

    /// The store has owed an answer for as long as can be borne, or is to be asked now.
    #[cfg(test)]
    pub(super) fn age(&self) {
        let mut signs = self.signs();
        let past = Instant::now().checked_sub(LONGEST_ANSWER + ASK_EVERY).unwrap();
        (signs.asked, signs.answered) = (signs.asked.map(|_| past), past);
    }

    fn signs(&self) -> MutexGuard<'_, Signs> {
        self.signs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
