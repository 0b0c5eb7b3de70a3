//! A progress bar on a terminal while rosters are read; nothing where nobody looks.

use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::codecov::Progress;

/// Shows how far all syncs together are.
#[derive(Clone)]
pub(super) struct Watch {
    bar: ProgressBar,
    walks: Arc<Mutex<Vec<Arc<Progress>>>>,
}

impl Watch {
    /// A bar for so many organizations, if stderr is a terminal and stdout is read by a person.
    pub(super) fn start(organizations: usize, wanted: bool) -> Self {
        let bar = if wanted && std::io::stderr().is_terminal() {
            let bar = ProgressBar::new(organizations as u64);
            let style = "{spinner} {pos}/{len} organizations  {msg}";
            bar.set_style(ProgressStyle::with_template(style).expect("the template is right"));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        } else {
            ProgressBar::hidden()
        };
        Self { bar, walks: Arc::default() }
    }

    /// Adds the walk of one more organization.
    pub(super) fn add(&self, walk: Arc<Progress>) {
        self.walks.lock().unwrap_or_else(PoisonError::into_inner).push(walk);
        self.show();
    }

    /// One more organization is done.
    pub(super) fn done(&self) {
        self.bar.inc(1);
        self.show();
    }

    /// Keeps the count of rows up to date until it is dropped.
    pub(super) async fn run(&self) {
        let mut ticks = tokio::time::interval(Duration::from_millis(200));
        loop {
            ticks.tick().await;
            self.show();
        }
    }

    /// Writes something while the bar is out of the way.
    pub(super) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn show(&self) {
        if self.bar.is_hidden() {
            return;
        }
        let walks = self.walks.lock().unwrap_or_else(PoisonError::into_inner);
        let read: u64 = walks.iter().map(|walk| walk.rows_read()).sum();
        let expected: u64 = walks.iter().map(|walk| walk.rows_expected()).sum();
        self.bar.set_message(format!("{read}/{expected} members"));
    }
}
