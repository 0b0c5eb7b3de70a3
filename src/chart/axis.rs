//! Round numbers and round times for the two sides of a chart.

use chrono::{DateTime, Datelike as _, Months, NaiveDate, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;

/// At most so many lines across.
const LINES: u64 = 4;
/// At most so many times below.
const TIMES: usize = 7;

/// The values from the lowest to the highest line: `low` and `high` are multiples of `step`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    low: u64,
    high: u64,
    step: u64,
}

impl Axis {
    /// Holds all values from `least` to `most`.
    pub(super) fn of(least: u64, most: u64) -> Self {
        // One value alone stands between the lines above and below.
        let (least, most) = if least == most {
            (least.saturating_sub(1), most.saturating_add(1))
        } else {
            (least, most)
        };
        let fits = |step: &u64| most.div_ceil(*step) - least / step <= LINES;
        let decades = std::iter::successors(Some(1_u64), |decade| decade.checked_mul(10));
        let steps = decades.flat_map(|decade| [1, 2, 5].map(|part| decade.saturating_mul(part)));
        let step = steps.into_iter().find(fits).unwrap_or(u64::MAX);
        Self { low: least / step * step, high: most.div_ceil(step).saturating_mul(step), step }
    }

    /// The lines, from below.
    pub(super) fn ticks(self) -> impl Iterator<Item = u64> {
        let next = move |tick: &u64| tick.checked_add(self.step).filter(|tick| *tick <= self.high);
        std::iter::successors(Some(self.low), next)
    }

    /// How far up a value is: 0 is the lowest line, 1 the highest.
    #[expect(clippy::cast_precision_loss, reason = "nobody sees the difference")]
    pub(super) fn part(self, value: u64) -> f64 {
        value.saturating_sub(self.low) as f64 / (self.high - self.low) as f64
    }
}

/// A time below the chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tick {
    pub(super) time: DateTime<Utc>,
    pub(super) label: String,
}

/// From one round time to the next.
#[derive(Clone, Copy)]
enum Stride {
    Hours(i64),
    Days(i64),
    Months(u32),
}

const STRIDES: [Stride; 13] = [
    Stride::Hours(1),
    Stride::Hours(3),
    Stride::Hours(6),
    Stride::Hours(12),
    Stride::Days(1),
    Stride::Days(2),
    Stride::Days(7),
    Stride::Days(14),
    Stride::Months(1),
    Stride::Months(2),
    Stride::Months(3),
    Stride::Months(6),
    Stride::Months(12),
];

/// A Monday, from which days are counted so that weeks begin with theirs.
const MONDAY: NaiveDate = NaiveDate::from_ymd_opt(1970, 1, 5).expect("it is in every calendar");

/// Times from `from` to `to` that are round in a zone, as many as there is room for.
pub(super) fn ticks(
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    zone: Tz,
) -> impl Iterator<Item = Tick> {
    let span = [from, to];
    // Counted as a clock on the wall shows them, which is the same as if that were UTC.
    let [from, to] = span.map(|time| time.with_timezone(&zone).naive_local().and_utc());
    let all = |stride: Stride| {
        let next = move |time: &DateTime<Utc>| stride.after(*time);
        std::iter::successors(stride.first(from), next).take_while(move |time| *time <= to)
    };
    let fits = |stride: &Stride| all(*stride).take(TIMES + 1).count() <= TIMES;
    let stride = STRIDES.into_iter().find(fits).unwrap_or(Stride::Months(120));
    all(stride).filter_map(move |wall| {
        let time = zone.from_local_datetime(&wall.naive_utc()).earliest()?.to_utc();
        let is_within = span[0] <= time && time <= span[1];
        is_within.then(|| Tick { time, label: stride.label(wall) })
    })
}

impl Stride {
    /// The first round time at or after one.
    fn first(self, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Hours(hours) => round_up(from, TimeDelta::hours(hours)),
            Self::Days(days) => round_up(from, TimeDelta::days(days)),
            Self::Months(months) => {
                let month = from.date_naive().with_day(1)?;
                let of_era = u32::try_from(month.year()).ok()?.checked_mul(12)? + month.month0();
                let back = of_era % months;
                let round =
                    month.checked_sub_months(Months::new(back))?.and_time(chrono::NaiveTime::MIN);
                if round.and_utc() < from {
                    self.after(round.and_utc())
                } else {
                    Some(round.and_utc())
                }
            }
        }
    }

    fn after(self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Hours(hours) => time.checked_add_signed(TimeDelta::hours(hours)),
            Self::Days(days) => time.checked_add_signed(TimeDelta::days(days)),
            Self::Months(months) => time.checked_add_months(Months::new(months)),
        }
    }

    fn label(self, time: DateTime<Utc>) -> String {
        let format = match self {
            Self::Hours(_) => "%-d %b %H:%M",
            Self::Days(_) => "%-d %b",
            Self::Months(_) => "%b %Y",
        };
        time.format(format).to_string()
    }
}

/// The first time at or after one that is a multiple of `stride` from that Monday.
fn round_up(time: DateTime<Utc>, stride: TimeDelta) -> Option<DateTime<Utc>> {
    let origin = MONDAY.and_time(chrono::NaiveTime::MIN).and_utc();
    let stride = stride.num_milliseconds();
    let past = (time - origin).num_milliseconds().rem_euclid(stride);
    let missing = if past == 0 { 0 } else { stride - past };
    time.checked_add_signed(TimeDelta::milliseconds(missing))
}
