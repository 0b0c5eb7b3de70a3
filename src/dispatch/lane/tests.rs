//! A lane over its life: whatever the receiver answers, wherever the process ends and whatever
//! is added meanwhile, every event that the filter lets pass is taken once or buried, in order.

use std::collections::VecDeque;
use std::sync::Mutex;

use chrono::TimeDelta;
use futures_util::future::BoxFuture;
use proptest::collection::vec;
use proptest::prelude::*;
use seatwatch_sdk::{Data, EventKind, Origin, SinkConfig, async_trait};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::super::by_hand::{Part, Retried};
use super::super::{Act, Obstacle, drain};
use super::*;
use crate::clock::SystemClock;
use crate::config::{OrganizationFilter, Timing};
use crate::store::{LockedDirectory, NewEvent};

/// A receiver that answers as it was told, then accepts; and what came to it.
#[derive(Default)]
struct Receiver {
    answers: VecDeque<Outcome>,
    /// Id, attempt and sequences of every delivery.
    tried: Vec<(String, u32, Vec<u64>)>,
    /// What it was shown in each of them: all, unless the sink kept back what was too much.
    shown: Vec<Vec<u64>>,
    /// What it has taken, in its order.
    taken: Vec<u64>,
    /// What happens while it has a delivery in its hands.
    meanwhile: Option<BoxFuture<'static, ()>>,
}

#[derive(Clone)]
struct Config {
    receiver: Arc<Mutex<Receiver>>,
    max_events: usize,
    version: u32,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "version {}", self.version)
    }
}

impl SinkConfig for Config {
    fn resolve(&mut self, _: &Origin<'_>) {}

    fn max_events(&self) -> usize {
        self.max_events
    }

    fn build(&self, _: &str) -> Box<dyn Sink> {
        Box::new(Fake(Arc::clone(&self.receiver)))
    }
}

struct Fake(Arc<Mutex<Receiver>>);

#[async_trait]
impl Sink for Fake {
    async fn check(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    async fn deliver(&mut self, delivery: &Delivery<'_>) -> Outcome {
        let meanwhile = self.0.lock().unwrap().meanwhile.take();
        if let Some(meanwhile) = meanwhile {
            meanwhile.await;
        }
        let mut receiver = self.0.lock().unwrap();
        let sequences: Vec<u64> = delivery.events.iter().map(|event| event.sequence).collect();
        let outcome = receiver.answers.pop_front().unwrap_or(Outcome::Accepted);
        let accepted = match &outcome {
            Outcome::Accepted => sequences.len(),
            Outcome::Refused { .. } => 0,
            Outcome::Partial { accepted, .. } | Outcome::Prefix { accepted } => *accepted,
        };
        receiver.taken.extend(sequences.iter().take(accepted));
        let kept_back = matches!(outcome, Outcome::Prefix { accepted: 1.. });
        let shown = sequences.iter().take(if kept_back { accepted } else { sequences.len() });
        receiver.shown.push(shown.copied().collect());
        receiver.tried.push((delivery.id.to_owned(), delivery.attempt, sequences));
        outcome
    }
}

/// A store with one lane, which wants only `left`.
struct World {
    runtime: Runtime,
    store: Arc<Store>,
    _directory: TempDir,
    config: Config,
    /// The sequences of what it wants.
    wanted: Vec<u64>,
}

impl World {
    fn new(max_events: usize) -> Self {
        let directory = TempDir::new().unwrap();
        let locked = LockedDirectory::lock(directory.path()).unwrap();
        let receiver = Arc::default();
        Self {
            runtime: Runtime::new().unwrap(),
            store: Arc::new(Store::open(locked).unwrap()),
            _directory: directory,
            config: Config { receiver, max_events, version: 0 },
            wanted: Vec::new(),
        }
    }

    /// The sink as the config has it.
    fn entry(&self) -> SinkEntry {
        SinkEntry {
            name: "sink".to_owned(),
            kind: "fake".to_owned(),
            formerly: None,
            events: Some([EventKind::Left].into()),
            organizations: OrganizationFilter::all(),
            redact: BTreeSet::new(),
            timing: Timing::Wait(Duration::ZERO),
            give_up_after: None,
            config: Arc::new(self.config.clone()),
        }
    }

    /// The lane as a process that starts now opens it.
    fn open(&self) -> Lane {
        let (store, clock) = (Arc::clone(&self.store), Arc::new(SystemClock));
        self.runtime.block_on(Lane::open(store, clock, &self.entry(), "main")).unwrap()
    }

    /// Adds events to the log, in one commit: the wanted kind where it says so.
    fn append(&mut self, events: &[bool]) {
        self.append_of(None, events);
    }

    /// The same, of one organization.
    fn append_of(&mut self, organization: Option<store::Organization>, events: &[bool]) {
        let first = self.end_of_log() + 1;
        self.wanted.extend((first..).zip(events).filter(|(_, wanted)| **wanted).map(|(s, _)| s));
        let of_none = events.iter().map(|wanted| (*wanted, None)).collect();
        let append = appended(7, of_none, organization);
        self.runtime.block_on(self.store.write(append)).unwrap();
    }

    /// Adds the events of a sync to the log, all of them wanted, about these members.
    fn append_about(&self, organization: store::Organization, sync: u128, members: &[Option<i64>]) {
        let wanted = members.iter().map(|member| (true, *member)).collect();
        let append = appended(sync, wanted, Some(organization));
        self.runtime.block_on(self.store.write(append)).unwrap();
    }

    fn step(&self, lane: &mut Lane) -> Step {
        let deadline = Instant::now() + Duration::from_secs(60);
        self.runtime.block_on(lane.step(Pace::Hurried, deadline)).unwrap()
    }

    /// The lane as the store has it.
    fn kept(&self) -> (store::Lane, u64) {
        let kept = self.store.read(|view| {
            let lane = view.find_lane("sink", "main")?.unwrap();
            Ok((lane, view.dead_letters("sink", "main")?.0))
        });
        kept.unwrap()
    }

    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method is not general enough"
    )]
    fn end_of_log(&self) -> u64 {
        self.store.read(|view| view.end_of_log()).unwrap()
    }

    fn receiver(&self) -> std::sync::MutexGuard<'_, Receiver> {
        self.config.receiver.lock().unwrap()
    }
}

/// Appends the events of a sync in one commit: the wanted kind where it says so, about that member.
fn appended(
    sync: u128,
    events: Vec<(bool, Option<i64>)>,
    organization: Option<store::Organization>,
) -> impl FnOnce(&store::Tx<'_>) -> rusqlite::Result<()> + Send + 'static {
    move |tx| {
        for (position, (wanted, member)) in (0..).zip(&events) {
            let event = if *wanted { EventKind::Left } else { EventKind::Joined };
            let data = Data::of_instance(event);
            let event = NewEvent {
                sync: Uuid::from_u128(sync),
                position,
                organization,
                member: *member,
                source: "/test",
                time: DateTime::UNIX_EPOCH,
                data: &data,
            };
            tx.append(&tx.key()?, &event)?;
        }
        Ok(())
    }
}

/// What happens to a lane.
#[derive(Clone, Debug)]
enum Action {
    Append(Vec<bool>),
    Step(Outcome),
    Restart,
}

fn actions() -> impl Strategy<Value = Action> {
    let reason = || "why".to_owned();
    let then = prop_oneof![
        Just(Failure::retry("why")),
        Just(Failure::Reject { reason: reason() }),
        Just(Failure::Disable { reason: reason() }),
    ];
    let outcome = prop_oneof![
        Just(Outcome::Accepted),
        (0usize..4, then).prop_map(|(accepted, then)| Outcome::Partial { accepted, then }),
        (0usize..4).prop_map(|accepted| Outcome::Prefix { accepted }),
        Just(Outcome::Refused { reason: reason() }),
    ];
    prop_oneof![
        2 => vec(any::<bool>(), 1..5).prop_map(Action::Append),
        4 => outcome.prop_map(Action::Step),
        1 => Just(Action::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_event_is_taken_once_or_buried(
        max_events in 1usize..4,
        actions in vec(actions(), 1..20),
    ) {
        let mut world = World::new(max_events);
        let mut lane = world.open();
        for action in actions {
            match action {
                Action::Append(events) => world.append(&events),
                Action::Step(outcome) => {
                    world.receiver().answers = [outcome].into();
                    world.step(&mut lane);
                }
                Action::Restart => lane = world.open(),
            }
        }
        world.receiver().answers.clear();
        // Another config starts a lane that was stopped.
        world.config.version += 1;
        lane = world.open();
        while matches!(world.step(&mut lane), Step::Moved { .. }) {}
        prop_assert_eq!(world.step(&mut lane), Step::Idle);

        let (_, dead) = world.kept();
        let receiver = world.receiver();
        prop_assert!(receiver.taken.is_sorted_by(|a, b| a < b), "out of order or twice: {:?}", receiver.taken);
        prop_assert!(receiver.taken.iter().all(|sequence| world.wanted.contains(sequence)));
        prop_assert_eq!(receiver.taken.len() as u64 + dead, world.wanted.len() as u64);
        for (index, (id, attempt, sequences)) in receiver.tried.iter().enumerate() {
            prop_assert!(!sequences.is_empty() && sequences.len() <= max_events);
            // A delivery is the same on every attempt, and its attempts are counted.
            for (same, earlier, as_before) in &receiver.tried[..index] {
                prop_assert!(same != id || (earlier < attempt && as_before == sequences));
            }
            // Whoever sees an event for the second time is told that it may be one.
            let seen = receiver.shown[..index].iter().any(|before| before.contains(&sequences[0]));
            prop_assert!(!seen || *attempt > 1);
        }
    }
}

/// What the filter leaves out must not pin the log, however few events come at a time.
#[test]
fn a_lane_that_wants_nothing_follows_the_log() {
    let mut world = World::new(10);
    let mut lane = world.open();
    for _ in 0..8 {
        world.append(&[false; 300]);
        assert_eq!(world.step(&mut lane), Step::Idle);
        let end = world.end_of_log();
        assert_eq!(world.kept().0.cursor, end);
    }
    world.append(&[false, true, false]);
    assert!(matches!(world.step(&mut lane), Step::Moved { .. }));
    assert_eq!(world.receiver().taken, [2402]);
    assert_eq!(world.kept().0.cursor, 2403);
}

/// A process that ends in the middle of an attempt leaves nobody who knows how far it came.
#[test]
fn the_first_attempt_after_a_restart_is_a_repeat() {
    let mut world = World::new(10);
    let mut lane = world.open();
    world.append(&[true, true]);
    world.receiver().answers = [Failure::retry("down").into()].into();
    assert_eq!(world.step(&mut lane), Step::Failed { reason: "down".to_owned(), attempt: 1 });
    let mut lane = world.open();
    assert!(matches!(world.step(&mut lane), Step::Moved { .. }));
    let tried = world.receiver().tried.clone();
    assert_eq!(tried[0].0, tried[1].0);
    assert_eq!((tried[0].1, tried[1].1), (1, 2));
    assert_eq!((&tried[0].2, &tried[1].2), (&vec![1, 2], &vec![1, 2]));
}

/// Nor does a person's order tell how far it came.
#[test]
fn an_order_makes_no_first_attempt_of_a_repeat() {
    let mut world = World::new(10);
    let mut lane = world.open();
    world.append(&[true]);
    // The process ends while the receiver has it, and nobody hears of that.
    let cut = world.runtime.block_on(lane.next_cut(Pace::Hurried)).unwrap();
    assert_eq!(cut.cut().unwrap().attempt, 1);
    let mut lane = world.open();
    world.runtime.block_on(lane.obey(&Act::Resume, || true)).unwrap();
    assert_eq!(world.step(&mut lane), Step::Moved { events: 1, attempt: 2 });
}

/// Whoever wants a sink to be left alone does not wait for all its dead letters.
#[test]
fn a_retry_of_many_can_be_interrupted() {
    let mut world = World::new(1);
    let mut lane = world.open();
    world.append(&[true; 3]);
    world.receiver().answers = vec![Failure::Reject { reason: "no".to_owned() }.into(); 3].into();
    while matches!(world.step(&mut lane), Step::Buried { .. }) {}
    let retried = world.runtime.block_on(lane.obey(&Act::Retry { ids: None }, || false)).unwrap();
    let Part::Retried(retried) = retried else { panic!("{retried:?}") };
    assert_eq!((retried.delivered, retried.left), (1, 2));
    assert!(retried.reason.unwrap().contains("something else was ordered"));
    assert_eq!(world.receiver().taken, [1]);
    let retried = world.runtime.block_on(lane.obey(&Act::Retry { ids: None }, || true)).unwrap();
    let Part::Retried(retried) = retried else { panic!("{retried:?}") };
    assert_eq!((retried.delivered, retried.left, retried.reason), (2, 0, None));
}

/// A receiver that is gone is gone also for dead letters, until a person says that it is back.
#[test]
fn a_retry_stops_a_sink_and_starts_none() {
    let mut world = World::new(2);
    let mut lane = world.open();
    world.append(&[true; 3]);
    world.receiver().answers = vec![Failure::Reject { reason: "no".to_owned() }.into(); 3].into();
    while matches!(world.step(&mut lane), Step::Buried { .. }) {}
    let gone = Failure::Disable { reason: "gone".to_owned() };
    let mut retry = |answer: Option<Outcome>| {
        world.receiver().answers = answer.into_iter().collect();
        let retry = lane.obey(&Act::Retry { ids: None }, || true);
        match world.runtime.block_on(retry).unwrap() {
            Part::Retried(Retried { delivered, left, reason, .. }) => (delivered, left, reason),
            other => panic!("{other:?}"),
        }
    };
    let reason = Some("stopped: gone".to_owned());
    assert_eq!(retry(Some(Outcome::Partial { accepted: 1, then: gone })), (1, 2, reason));
    let reason = "stopped: gone; `seatwatch sink resume sink` comes first".to_owned();
    assert_eq!(retry(None), (0, 2, Some(reason)));
    assert_eq!(world.receiver().taken, [1]);
}

/// That a sink has stopped is told, also where nothing waits for it.
#[test]
fn a_sink_that_takes_all_and_stops_is_told() {
    let mut world = World::new(2);
    let mut lane = world.open();
    world.append(&[true; 2]);
    let disable = Failure::Disable { reason: "gone".to_owned() };
    world.receiver().answers = [Outcome::Partial { accepted: 2, then: disable }].into();
    let drained = |lane: &mut Lane| {
        let soon = || Instant::now() + Duration::from_secs(60);
        let mut buried = None;
        let drained = drain(lane, soon(), soon, |_, _| true, &mut buried);
        world.runtime.block_on(drained).unwrap()
    };
    let undelivered = drained(&mut lane).unwrap();
    assert_eq!(undelivered.obstacle, Some(Obstacle::Disabled("gone".to_owned())));
    assert_eq!((undelivered.queued, world.receiver().taken.clone()), (0, vec![1, 2]));
    assert!(world.kept().0.disabled.is_some());
    assert_eq!(drained(&mut lane), None, "once is enough");
}

struct At(DateTime<Utc>);

impl Clock for At {
    fn now(&self) -> DateTime<Utc> {
        self.0
    }
}

/// What was not tried for weeks because a person wanted so has not failed for weeks.
#[test]
fn a_pause_costs_no_event() {
    let mut world = World::new(10);
    let mut lane = world.open();
    world.append(&[true]);
    world.receiver().answers = [Failure::retry("down").into()].into();
    assert!(matches!(world.step(&mut lane), Step::Failed { .. }));
    let act = |act, days| {
        let clock: Arc<dyn Clock> = Arc::new(At(SystemClock.now() + TimeDelta::days(days)));
        let entry = world.entry();
        world.runtime.block_on(super::super::act(&world.store, &clock, &entry, &act)).unwrap()
    };
    act(Act::Pause, 0);
    assert!(act(Act::Resume, 30).was_paused);
    let cut = world.store.read(|view| view.cut(&view.find_lane("sink", "main")?.unwrap()));
    let failed = cut.unwrap().unwrap().failed.unwrap();
    let failing = failed.next_attempt_at - failed.first_failed_at;
    assert!(failing < TimeDelta::minutes(10), "{failing}");
}

impl World {
    /// Lets this be forgotten while the receiver is busy, when whatever is made ready is ready.
    fn forgets(&self, organization: store::Organization) {
        let store = Arc::clone(&self.store);
        let forgets = async move {
            for _ in 0..3 {
                store.write(|_| Ok(())).await.unwrap();
            }
            store.write(move |tx| tx.forget(organization)).await.unwrap();
        };
        self.receiver().meanwhile = Some(forgets.boxed());
    }

    fn organization(&self) -> store::Organization {
        let found = self.store.write(|tx| tx.organization(&"github/acme".parse().unwrap()));
        self.runtime.block_on(found).unwrap()
    }
}

/// A receiver that is busy gets nothing afterwards that was erased meanwhile, though it had been
/// made ready by then.
#[test]
fn what_was_made_ready_and_is_erased_is_not_sent() {
    let mut world = World::new(2);
    let mut lane = world.open();
    let organization = world.organization();
    world.append(&[true; 4]);
    world.append_of(Some(organization), &[true; 4]);
    world.append(&[true]);
    assert!(matches!(world.step(&mut lane), Step::Moved { .. }));
    world.forgets(organization);
    while matches!(world.step(&mut lane), Step::Moved { .. }) {}
    assert_eq!(world.receiver().taken, [1, 2, 3, 4, 9]);
}

/// Nor the rest of what it had in its hands, if it has not seen that.
#[test]
fn what_is_left_of_a_delivery_and_is_erased_is_not_sent() {
    let mut world = World::new(3);
    let mut lane = world.open();
    let organization = world.organization();
    world.append(&[true]);
    world.append_of(Some(organization), &[true; 2]);
    world.receiver().answers = [Outcome::Prefix { accepted: 1 }].into();
    world.forgets(organization);
    while matches!(world.step(&mut lane), Step::Moved { .. }) {}
    assert_eq!(world.receiver().taken, [1]);
}

/// What one sync says of one member comes together, unless it is more than a delivery can hold.
#[test]
fn a_full_delivery_ends_with_a_member() {
    let world = World::new(3);
    let mut lane = world.open();
    let organization = world.organization();
    world.append_about(organization, 1, &[Some(1), Some(1), Some(2), Some(2), Some(2), Some(2)]);
    // The same member in another sync, and events about none.
    world.append_about(organization, 2, &[Some(2), None, None, None]);
    while matches!(world.step(&mut lane), Step::Moved { .. }) {}
    let tried: Vec<_> = world.receiver().tried.iter().map(|(.., them)| them.clone()).collect();
    assert_eq!(tried, [vec![1, 2], vec![3, 4, 5], vec![6, 7, 8], vec![9, 10]]);
}

/// What comes while the receiver is busy, and is cut at once, is counted, also where it then fails.
#[test]
fn what_came_while_the_receiver_was_busy_is_counted() {
    let mut world = World::new(10);
    let mut lane = world.open();
    world.append(&[true]);
    let (store, appended) = (Arc::clone(&world.store), appended(7, vec![(true, None); 2], None));
    world.receiver().meanwhile = Some(async move { store.write(appended).await.unwrap() }.boxed());
    world.receiver().answers = [Outcome::Accepted, Failure::retry("down").into()].into();
    assert!(matches!(world.step(&mut lane), Step::Moved { .. }));
    assert_eq!(lane.kept.lag.queued, 2);
    assert!(matches!(world.step(&mut lane), Step::Failed { .. }));
    assert_eq!(lane.kept.lag.queued, 2);
}

/// What is erased is not counted any more, nor is a dead letter that nobody keeps.
#[test]
fn what_is_erased_is_not_counted() {
    let mut world = World::new(1);
    let mut lane = world.open();
    let organization = world.organization();
    world.append_of(Some(organization), &[true; 3]);
    let refused = || Outcome::Refused { reason: "no".to_owned() };
    world.receiver().answers = [refused(), refused(), Failure::retry("down").into()].into();
    assert!(matches!(world.step(&mut lane), Step::Buried { .. }));
    assert_eq!((lane.kept.dead_letters, lane.kept.lag.queued), (1, 2));
    world.forgets(organization);
    assert!(matches!(world.step(&mut lane), Step::Buried { .. }));
    world.runtime.block_on(lane.count()).unwrap();
    assert_eq!((lane.kept.dead_letters, lane.kept.lag.clone()), (0, Lag::default()));
}
