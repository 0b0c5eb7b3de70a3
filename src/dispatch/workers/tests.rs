//! Workers begin, hurry and end: one at a time a lane, and none leaves a receiver in mid-delivery.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use seatwatch_sdk::{
    Data, Delivery, EventKind, Failure, Origin, Outcome, Sink, SinkConfig, async_trait,
};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::*;
use crate::clock::SystemClock;
use crate::config::{OrganizationFilter, Timing};
use crate::dispatch::Obstacle;
use crate::metrics::{Metrics, Snapshot};
use crate::schedule::{Beat, Ticks};
use crate::store::{LockedDirectory, NewEvent, Store};

const GRACE: Duration = Duration::from_secs(600);

/// A receiver that takes a delivery once it is let.
struct Receiver {
    begun: Semaphore,
    may_end: Semaphore,
    /// Whether it takes nothing for now.
    fails: AtomicBool,
    /// The ids of what it has taken.
    taken: Mutex<Vec<String>>,
}

#[derive(Clone)]
struct Slow(Arc<Receiver>);

impl std::fmt::Debug for Slow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("slow")
    }
}

impl SinkConfig for Slow {
    fn resolve(&mut self, _: &Origin<'_>) {}

    fn max_events(&self) -> usize {
        1
    }

    fn build(&self, _: &str) -> Box<dyn Sink> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Sink for Slow {
    async fn check(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    async fn deliver(&mut self, delivery: &Delivery<'_>) -> Outcome {
        self.0.begun.add_permits(1);
        self.0.may_end.acquire().await.unwrap().forget();
        if self.0.fails.load(Ordering::Relaxed) {
            return Failure::retry("down").into();
        }
        self.0.taken.lock().unwrap().push(delivery.id.to_owned());
        Outcome::Accepted
    }
}

struct World {
    means: Means,
    beat: Beat,
    directory: TempDir,
    sink: Slow,
}

impl World {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let locked = LockedDirectory::lock(directory.path()).unwrap();
        let (beat, ticks) = Ticks::by_hand();
        let means = Means {
            store: Arc::new(Store::open(locked).unwrap()),
            clock: Arc::new(SystemClock),
            ticks,
            metrics: Metrics::new(),
        };
        let (begun, may_end) = (Semaphore::new(0), Semaphore::new(0));
        let sink = Slow(Arc::new(Receiver {
            begun,
            may_end,
            fails: AtomicBool::default(),
            taken: Mutex::default(),
        }));
        Self { means, beat, directory, sink }
    }

    async fn serve(&self, wait: Duration) -> (Workers, SinkEntry) {
        let entry = SinkEntry {
            name: "sink".to_owned(),
            kind: "slow".to_owned(),
            formerly: None,
            events: None,
            organizations: OrganizationFilter::all(),
            redact: BTreeSet::new(),
            timing: Timing::Wait(wait),
            give_up_after: None,
            config: Arc::new(self.sink.clone()),
        };
        let mut workers = Workers::new(self.means.clone());
        self.means.store.write(|tx| tx.lane("sink", "main")).await.unwrap();
        workers.serve(std::slice::from_ref(&entry), GRACE);
        (workers, entry)
    }

    /// As somebody else has it open.
    fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.directory.path().join("seatwatch.db")).unwrap()
    }

    async fn append(&self) {
        let time = self.means.clock.now();
        let append = move |tx: &crate::store::Tx<'_>| {
            let data = Data::of_instance(EventKind::Heartbeat);
            let event = NewEvent {
                sync: Uuid::from_u128(7),
                position: 0,
                organization: None,
                member: None,
                source: "/test",
                time,
                data: &data,
            };
            tx.append(&tx.key()?, &event)
        };
        self.means.store.write(append).await.unwrap();
    }

    async fn delivery_begins(&self) {
        self.sink.0.begun.acquire().await.unwrap().forget();
    }

    /// The deliveries that have begun, but for those that were waited for.
    fn more_begun(&self) -> usize {
        self.sink.0.begun.available_permits()
    }

    fn let_it_end(&self) {
        self.sink.0.may_end.add_permits(1);
    }

    fn taken(&self) -> usize {
        self.sink.0.taken.lock().unwrap().len()
    }

    fn accepted(&self) -> bool {
        let series = self.means.metrics.render(&Snapshot::default());
        series.contains("seatwatch_sink_deliveries_total{sink=\"sink\"} 1")
    }
}

/// From the first start on, not only after a reload.
#[tokio::test]
async fn a_delivery_under_way_gets_the_grace() {
    let world = World::new();
    let (mut workers, _) = world.serve(Duration::ZERO).await;
    world.append().await;
    world.delivery_begins().await;
    let soon = Duration::from_millis(50);
    let ended = tokio::time::timeout(soon, workers.end_all()).await;
    assert!(ended.is_err(), "broken off");
    world.let_it_end();
    workers.end_all().await;
    assert_eq!(world.taken(), 1);
}

#[tokio::test]
async fn a_sink_that_comes_back_begins_when_its_old_worker_has_ended() {
    let world = World::new();
    let (mut workers, entry) = world.serve(Duration::ZERO).await;
    world.append().await;
    world.delivery_begins().await;
    workers.serve(&[], GRACE);
    workers.serve(&[entry], GRACE);
    // The new one hears it at once; the answer comes when it has nothing to do.
    let hurried = workers.hurry();
    world.let_it_end();
    assert_eq!(hurried.await, []);
    workers.end_all().await;
    assert_eq!(world.taken(), 1);
}

#[tokio::test]
async fn what_is_delivered_in_a_hurry_counts_like_everything_else() {
    let world = World::new();
    let (mut workers, _) = world.serve(GRACE).await;
    world.append().await;
    world.let_it_end();
    assert_eq!(workers.hurry().await, []);
    assert!(world.accepted());
    workers.end_all().await;
}

/// Orders that come while a delivery is under way are carried out one after the other once it has
/// ended: none breaks it off, and none the other.
#[tokio::test]
async fn orders_wait_for_a_delivery_that_is_under_way() {
    let world = World::new();
    let (mut workers, _) = world.serve(Duration::ZERO).await;
    world.append().await;
    world.delivery_begins().await;
    let pause = workers.act("sink", &Act::Pause).unwrap();
    let skip = workers.act("sink", &Act::Skip { lane: None }).unwrap();
    let (ended, ()) = tokio::join!(async { tokio::join!(pause, skip) }, async {
        tokio::task::yield_now().await;
        world.let_it_end();
    });
    let (paused, skipped) = (ended.0.unwrap().unwrap(), ended.1.unwrap().unwrap());
    assert!(paused.paused.is_some());
    assert_eq!(skipped.skipped, [], "it was taken");
    assert_eq!(world.taken(), 1);
    world.append().await;
    assert_eq!(workers.hurry().await.len(), 1, "it waits");
    let resumed = workers.act("sink", &Act::Resume).unwrap().await.unwrap().unwrap();
    assert!(resumed.was_paused);
    world.delivery_begins().await;
    world.let_it_end();
    workers.end_all().await;
    assert_eq!(world.taken(), 2);
}

/// Whoever wants the sink to be left alone waits for the delivery that is under way, and not for
/// what others want to be tried after it.
#[tokio::test]
async fn an_order_comes_before_what_is_hurried() {
    for wait in [Duration::ZERO, GRACE] {
        let world = World::new();
        let (mut workers, _) = world.serve(wait).await;
        world.append().await;
        world.append().await;
        // The delivery that is under way is the first of those that are hurried, or was before.
        let hurried = workers.hurry();
        world.delivery_begins().await;
        let pause = workers.act("sink", &Act::Pause).unwrap();
        let orders = &workers.sinks["sink"].lanes[0].orders;
        let end = async {
            while orders.capacity() == orders.max_capacity() {
                tokio::task::yield_now().await;
            }
            world.let_it_end();
        };
        let (hurried, paused, ()) = tokio::join!(hurried, pause, end);
        assert!(paused.unwrap().unwrap().paused.is_some());
        assert_eq!((hurried[0].queued, world.taken(), world.more_begun()), (1, 1, 0));
        workers.end_all().await;
    }
}

/// Many who ask at the same time are one more attempt, not many.
#[tokio::test]
async fn one_attempt_answers_all_who_wait_for_it() {
    let world = World::new();
    world.sink.0.fails.store(true, Ordering::Relaxed);
    let (mut workers, _) = world.serve(Duration::ZERO).await;
    world.append().await;
    world.delivery_begins().await;
    let hurried = [workers.hurry(), workers.hurry(), workers.hurry()];
    world.let_it_end();
    world.delivery_begins().await;
    world.let_it_end();
    for hurried in hurried {
        let undelivered = hurried.await;
        assert_eq!(undelivered[0].obstacle, Some(Obstacle::Failed("down".to_owned())));
    }
    assert_eq!(world.more_begun(), 0);
    workers.end_all().await;
}

/// More may ask than a worker keeps in mind: those wait until it has room for them.
#[tokio::test]
async fn all_who_ask_are_answered() {
    let world = World::new();
    let (mut workers, _) = world.serve(Duration::ZERO).await;
    world.append().await;
    world.delivery_begins().await;
    let hurried: Vec<_> = (0..100).map(|_| workers.hurry()).collect();
    world.let_it_end();
    for hurried in futures_util::future::join_all(hurried).await {
        assert_eq!(hurried, []);
    }
    workers.end_all().await;
}

/// Nobody is told that all is delivered because nobody can tell.
#[tokio::test]
async fn whoever_gets_no_answer_is_told_what_waits() {
    let world = World::new();
    world.sink.0.fails.store(true, Ordering::Relaxed);
    let (mut workers, _) = world.serve(Duration::ZERO).await;
    world.append().await;
    world.delivery_begins().await;
    let hurried = workers.hurry();
    world.let_it_end();
    workers.end_all().await;
    let hurried = hurried.await;
    assert_eq!((hurried.len(), hurried[0].queued), (1, 1));
}

/// What is known of a lane is shown also while its new worker has its first delivery under way.
#[tokio::test]
async fn a_lane_is_never_shown_as_empty_meanwhile() {
    let world = World::new();
    let (mut workers, entry) = world.serve(Duration::ZERO).await;
    world.append().await;
    world.delivery_begins().await;
    assert_eq!(workers.watch()[0].borrow().lag.queued, 1);
    let changed = SinkEntry { give_up_after: Some(GRACE), ..entry };
    workers.serve(&[changed], GRACE);
    assert_eq!(workers.watch()[0].borrow().lag.queued, 1);
    world.let_it_end();
    world.let_it_end();
    workers.end_all().await;
}

/// Nor is an event that comes while the lane has nothing to do, and is tried at once.
#[tokio::test]
async fn what_is_tried_for_the_first_time_is_shown() {
    let world = World::new();
    let (mut workers, _) = world.serve(Duration::ZERO).await;
    assert_eq!(workers.hurry().await, []);
    world.append().await;
    world.delivery_begins().await;
    assert_eq!(workers.watch()[0].borrow().lag.queued, 1);
    world.let_it_end();
    workers.end_all().await;
}

/// An order that comes while the store fails waits until the lane is served again.
#[tokio::test]
async fn an_order_outlasts_a_failure_of_the_store() {
    let world = World::new();
    let (mut workers, _) = world.serve(GRACE).await;
    world.append().await;
    let hurried = workers.hurry();
    world.delivery_begins().await;
    let test = workers.test_sink("sink", "test").unwrap();
    let orders = &workers.sinks["sink"].lanes[0].orders;
    let database = world.database();
    let end = async {
        while orders.capacity() == orders.max_capacity() {
            tokio::task::yield_now().await;
        }
        database.execute_batch("ALTER TABLE deliveries RENAME TO away").unwrap();
        world.let_it_end();
    };
    let mend = async {
        let (hurried, ()) = tokio::join!(hurried, end);
        assert_eq!(hurried[0].queued, 1, "the store failed");
        database.execute_batch("ALTER TABLE away RENAME TO deliveries").unwrap();
        world.let_it_end();
        loop {
            world.beat.strike();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let tested = tokio::select! {
        tested = test => tested,
        () = mend => unreachable!("it goes on and on"),
    };
    assert_eq!(tested.unwrap()[0].failure, None);
    workers.end_all().await;
}
