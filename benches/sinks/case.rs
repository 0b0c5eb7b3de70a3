//! The kinds of sinks, what each is compared with, and what came of it.

use std::fmt;
use std::path::Path;

use crate::cost::{Cost, Sample};
use crate::fsyncs::{self, Fsyncs};
use crate::instance::Instance;
use crate::receiver::Receiver;
use crate::{daemon, floor};

/// What the sink is called.
pub(crate) const SINK: &str = "bench";

/// The plugin that the documentation says to copy.
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/samples/seatwatch-sink-lines");

/// A sink, and what is particular about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File {
        format: &'static str,
    },
    Email,
    /// Without a batch, each event is a request.
    Webhook {
        batch: Option<usize>,
    },
    /// A plugin that counts, and takes at most so many events at once; 0 stands for any number.
    Process {
        max_events: usize,
    },
    Sample,
}

impl Kind {
    pub(crate) fn all() -> [Self; 9] {
        [
            Self::File { format: "ndjson" },
            Self::File { format: "csv" },
            Self::Email,
            Self::Webhook { batch: None },
            Self::Webhook { batch: Some(100) },
            Self::Webhook { batch: Some(1_000) },
            Self::Process { max_events: 0 },
            Self::Process { max_events: 50 },
            Self::Sample,
        ]
    }

    /// The sink in the config.
    fn config(self, receiver: &Receiver, output: &Path) -> String {
        let path = output.display();
        match self {
            Self::File { format } => {
                format!("{{ type: file, path: '{path}', format: {format} }}")
            }
            Self::Email => format!(
                "{{ type: email, server: {{ host: 127.0.0.1, port: {}, tls: none }}, \
                 from: seatwatch@example.com, to: [it-ops@example.com] }}",
                receiver.smtp.port()
            ),
            Self::Webhook { batch } => {
                let batch = batch.map_or_else(String::new, |batch| format!(", batch: {batch}"));
                format!("{{ type: webhook, url: '{}'{batch} }}", receiver.accepting())
            }
            Self::Process { .. } => {
                let command = serde_json::to_string(&self.command()).unwrap();
                format!("{{ type: process, command: {command} }}")
            }
            Self::Sample => {
                format!("{{ type: process, command: ['{SAMPLE}'], config: {{ path: '{path}' }} }}")
            }
        }
    }

    /// The plugin and its arguments.
    fn command(self) -> Vec<String> {
        match self {
            Self::Process { max_events } => {
                let program = std::env::current_exe().unwrap().display().to_string();
                [&program, "--role", "plugin", &max_events.to_string()].map(str::to_owned).into()
            }
            _ => vec![SAMPLE.to_owned()],
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { format } => write!(f, "file, {format}"),
            Self::Email => write!(f, "email"),
            Self::Webhook { batch: None } => write!(f, "webhook, single"),
            Self::Webhook { batch: Some(batch) } => write!(f, "webhook, batch {batch}"),
            Self::Process { max_events: 0 } => write!(f, "process, any number"),
            Self::Process { max_events } => write!(f, "process, at most {max_events}"),
            Self::Sample => write!(f, "process, the sample"),
        }
    }
}

/// A sink that has a whole log before it.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) kind: Kind,
    pub(crate) instance: &'a Instance,
    pub(crate) receiver: &'a Receiver,
}

/// What was measured of it.
pub(crate) struct Figures<'a> {
    pub(crate) case: Case<'a>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) floors: Vec<Cost>,
    /// Of one run.
    pub(crate) deliveries: u64,
    pub(crate) fsyncs: Option<Fsyncs>,
}

impl<'a> Figures<'a> {
    pub(crate) fn new(case: Case<'a>) -> Self {
        Self { case, samples: Vec::new(), floors: Vec::new(), deliveries: 0, fsyncs: None }
    }

    /// Delivers the log, once by the daemon and once by the floor.
    pub(crate) fn measure(&mut self) {
        let Case { kind, instance, receiver } = self.case;
        let output = instance.output("measured");
        instance.configure(&[(SINK, &kind.config(receiver, &output))]);
        receiver.take_counts();
        let daemon = daemon::start(instance);
        let cost = daemon.drained(SINK);
        self.deliveries = daemon.deliveries(SINK).accepted;
        self.samples.push(Sample { cost, peak_mib: daemon.peak_mib() });
        daemon.stop();
        let counts = receiver.take_counts();
        let (events, floor) = match kind {
            Kind::File { .. } => {
                let lines = floor::lines(&output);
                // The table has a line before the first event.
                let header = usize::from(kind == Kind::File { format: "csv" });
                let sink = instance.output("floor");
                (lines.len() - header, floor::append(&lines, self.deliveries, &sink))
            }
            Kind::Email => {
                (instance.events, floor::mail(receiver.smtp, counts.mails, counts.bytes))
            }
            Kind::Webhook { batch } => {
                let bodies = floor::bodies(instance, batch);
                let floor = floor::post(&receiver.accepting(), batch, &bodies);
                assert_eq!(receiver.take_counts().bytes, counts.bytes, "the same bytes");
                (instance.events, floor)
            }
            Kind::Process { .. } => (instance.events, self.pipe(&serde_json::json!({}))),
            Kind::Sample => {
                let config = serde_json::json!({ "path": instance.output("floor") });
                (floor::lines(&output).len(), self.pipe(&config))
            }
        };
        assert_eq!(events, instance.events, "{kind}: events that came");
        self.floors.push(floor);
    }

    /// Hands the log to the plugin in as many pieces as the daemon did.
    fn pipe(&self, config: &serde_json::Value) -> Cost {
        let Case { kind, instance, .. } = self.case;
        let at_once = instance.events.div_ceil(usize::try_from(self.deliveries).unwrap());
        floor::pipe(&kind.command(), config, instance, at_once)
    }

    /// Once more, to see how often something is waited for on its way to the disk.
    pub(crate) fn count_fsyncs(&mut self) {
        let Case { kind, instance, receiver } = self.case;
        let output = instance.output("counted");
        instance.configure(&[(SINK, &kind.config(receiver, &output))]);
        self.fsyncs = Some(fsyncs::count(instance));
    }
}
