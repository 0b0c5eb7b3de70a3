//! `seatwatch sink` and `seatwatch replay`: a person's word on one sink.

use std::io::Write as _;
use std::path::Path;

use chrono::SecondsFormat;

use super::exit::{Exit, Failure, Stop};
use super::output::{Format, Row, count, lane_name, local, row, shown, write_rows};
use super::when::When;
use super::{instance, order, waiting};
use crate::config::Config;
use crate::dispatch::{Act, Replayed, Tested};

/// Commands about one sink.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Sink {
    /// Sends an event that says it is a test, and that is never in the log.
    Test(Named),
    /// Lets it be: what happens is queued, and nothing is delivered until it is resumed.
    Pause(Named),
    /// Lets it go on after a pause, or after it stopped itself.
    Resume(Named),
}

/// The sink that is meant.
#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// The sink's name in the config.
    #[arg(value_name = "NAME")]
    sink: String,
}

/// Arguments of `replay`.
#[derive(Debug, clap::Args)]
pub(super) struct Replay {
    /// The sink's name in the config.
    #[arg(value_name = "SINK")]
    sink: String,

    /// From when on: a day, a time, `yesterday`, or `3d ago`.
    #[arg(long, value_name = "TIME")]
    since: When,
}

impl Sink {
    pub(super) fn run(self, config: &Path, format: Format) -> Result<Exit, Stop> {
        let config = instance::load(config)?;
        match self {
            Self::Test(Named { sink }) => test(&config, &sink, format),
            Self::Pause(Named { sink }) => word(&config, &sink, Act::Pause, format),
            Self::Resume(Named { sink }) => word(&config, &sink, Act::Resume, format),
        }
    }
}

fn test(config: &Config, name: &str, format: Format) -> Result<Exit, Stop> {
    let tried = match order::test_sink(config, order::sink(config, name)?)? {
        Ok(tried) => tried,
        Err(exit) => return Ok(exit),
    };
    let mut out = super::stdout();
    if format == Format::Table {
        for lane in &tried {
            match &lane.failure {
                None => writeln!(out, "sink {}: delivered", lane_name(name, &lane.lane))?,
                Some(failure) => super::complain(&format!(
                    "error: sink {}: not delivered: {}",
                    lane_name(name, &lane.lane),
                    shown(failure)
                )),
            }
        }
        waiting::write_hint(config, name, &mut out)?;
    } else {
        let row = |Tested { lane, failure }: &Tested| {
            row! {
                sink: name,
                lane: lane,
                ok: failure.is_none(),
                message: failure,
            }
        };
        let rows: Vec<Row> = tried.iter().map(row).collect();
        write_rows(format, &["sink", "lane", "ok", "message"], &rows, &mut out)?;
    }
    out.flush()?;
    let failed = tried.iter().any(|lane| lane.failure.is_some());
    Ok(if failed { Exit::Unavailable } else { Exit::Ok })
}

/// Pauses or resumes.
fn word(config: &Config, name: &str, act: Act, format: Format) -> Result<Exit, Stop> {
    order::sink(config, name)?;
    let acted = match order::act(config, name, act)? {
        Ok(acted) => acted,
        Err(exit) => return Ok(exit),
    };
    let (state, text) = match acted.paused {
        Some(since) => {
            let since = local(Some(since), config.timezone);
            ("paused", format!("paused since {since}: what happens is queued"))
        }
        None if acted.was_paused || !acted.restarted.is_empty() => ("ok", "goes on".to_owned()),
        None => ("ok", "was neither paused nor stopped".to_owned()),
    };
    let mut out = super::stdout();
    if format == Format::Table {
        writeln!(out, "sink {name}: {text}")?;
        if state == "ok" {
            waiting::write_hint(config, name, &mut out)?;
        }
    } else {
        let row = row! { sink: name, state: state };
        write_rows(format, &["sink", "state"], &[row], &mut out)?;
    }
    out.flush()?;
    Ok(Exit::Ok)
}

impl Replay {
    pub(super) fn run(self, config: &Path, format: Format) -> Result<Exit, Stop> {
        let config = instance::load(config)?;
        let Self { sink, since } = self;
        order::sink(&config, &sink)?;
        let now = instance::clock().now();
        let since = since.start(config.timezone, now);
        if since > now {
            let message = "nothing has happened since then: the time lies in the future";
            let hint = format!("it is {} now", local(Some(now), config.timezone));
            return Err(Failure::new(Exit::Usage, message).with_hint(hint).into());
        }
        let lanes = match order::act(&config, &sink, Act::Replay { since })? {
            Ok(acted) => acted.replayed,
            Err(exit) => return Ok(exit),
        };
        let mut out = super::stdout();
        if format == Format::Table {
            let time = local(Some(since), config.timezone);
            for Replayed { lane, again, queued } in &lanes {
                let (name, again) = (lane_name(&sink, lane), count(*again, "event"));
                let queued = count(*queued, "event");
                writeln!(out, "sink {name}: {again} since {time} again, {queued} queued")?;
            }
            waiting::write_hint(&config, &sink, &mut out)?;
        } else {
            let since = since.to_rfc3339_opts(SecondsFormat::Millis, true);
            let row = |Replayed { lane, again, queued }: &Replayed| {
                row! {
                    sink: sink,
                    lane: lane,
                    since: since,
                    again: again,
                    queued: queued,
                }
            };
            let rows: Vec<Row> = lanes.iter().map(row).collect();
            let columns = ["sink", "lane", "since", "again", "queued"];
            write_rows(format, &columns, &rows, &mut out)?;
        }
        out.flush()?;
        Ok(Exit::Ok)
    }
}
