//! Draws how many seats were in use over a time, as a step chart: an inline SVG without scripts.
//!
//! Seats change at once and then stay, so the line goes in steps. What nobody looked at is shaded:
//! the line goes on there only because nothing else is known.
//!
//! Pure: numbers in, text out, the same bytes for the same numbers. No word of it was chosen by
//! anybody else, and every colour is a class, so that the [`STYLE`] of the page around decides.

mod axis;
mod line;

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use minijinja::{Environment, context};

use self::axis::{Axis, Tick};
use self::line::Steps;
use crate::templates::environment;
use crate::text::{count, grouped};

/// The colours of all pages, light and dark, and the rules for charts. Whoever shows a chart puts
/// this into the style sheet of the page.
pub const STYLE: &str = concat!(include_str!("chart/palette.css"), include_str!("chart/chart.css"));

/// Seats in use between two times.
#[derive(Clone, Copy, Debug)]
pub struct Chart<'a> {
    /// Where it begins.
    pub from: DateTime<Utc>,
    /// Where it ends; later than `from`.
    pub to: DateTime<Utc>,
    /// Whose days and hours are told.
    pub zone: Tz,
    /// How many seats were in use from each time on, in the order of time. The last one up to
    /// `from` is where the line begins; what is later than `to` is left out.
    pub points: &'a [(DateTime<Utc>, u64)],
    /// How many are paid for.
    pub limit: Option<u64>,
    /// When nobody looked: from, to.
    pub gaps: &'a [(DateTime<Utc>, DateTime<Utc>)],
}

/// What a chart is drawn on, in units of its own: the page decides how large one is.
#[derive(Clone, Copy)]
struct Canvas {
    width: f64,
    /// Of the part that the line is in.
    height: f64,
    /// Left, above and right of it.
    margin: f64,
}

const FULL: Canvas = Canvas { width: 640.0, height: 168.0, margin: 24.0 };
const SPARK: Canvas = Canvas { width: 120.0, height: 24.0, margin: 2.0 };

impl Chart<'_> {
    /// As large as a page is wide, with axes. It begins at no seats: what is filled is as large as
    /// what it stands for.
    pub fn full(&self) -> String {
        let (_, most) = self.range().unwrap_or_default();
        let most = self.limit.map_or(most, |limit| most.max(limit));
        self.draw("full.svg", FULL, Axis::of(0, most), self.limit)
    }

    /// As small as a word in a table: the line alone, and the limit where it is not far off. It
    /// begins with the fewest, so that a small change can be seen.
    pub fn sparkline(&self) -> String {
        let (least, most) = self.range().unwrap_or_default();
        // Where there is more room than that, it would press the line flat.
        let near = most.saturating_add(2 * (most - least).max(1));
        let limit = self.limit.filter(|limit| *limit <= near && self.range().is_some());
        let ends = limit.map_or((least, most), |limit| (least.min(limit), most.max(limit)));
        self.draw("spark.svg", SPARK, Axis::of(ends.0, ends.1), limit)
    }

    fn draw(&self, template: &str, canvas: Canvas, axis: Axis, limit: Option<u64>) -> String {
        let place = Place { chart: self, canvas, axis };
        let steps = Steps::of(self.shown().map(|(time, seats)| (place.x(time), seats)));
        let line = steps.path(|seats| place.y(seats), place.right());
        let gaps: Vec<_> = self.gaps.iter().filter_map(|gap| place.gap(*gap)).collect();
        let values: Vec<_> = axis.ticks().map(|seats| (place.y(seats), grouped(seats))).collect();
        let days: Vec<_> =
            axis::ticks(self.from, self.to, self.zone).map(|tick| place.tick(&tick)).collect();
        let context = context! {
            width => canvas.width,
            height => canvas.height,
            bottom => tenth(place.bottom()),
            begin => steps.first().map(tenth),
            end => tenth(place.right()),
            now => self.shown().last().map(|(_, seats)| place.y(seats)),
            limit => limit.map(|limit| (place.y(limit), grouped(limit))),
            description => self.description(),
            line, gaps, values, days,
        };
        let template = TEMPLATES.get_template(template).expect("it is one of the two below");
        template.render(context).expect("the templates are tested with all that they use")
    }

    /// The points of the line, from `from` on.
    fn shown(&self) -> impl Iterator<Item = (DateTime<Utc>, u64)> {
        let first = self.points.partition_point(|(time, _)| *time <= self.from).saturating_sub(1);
        let points = self.points.iter().skip(first);
        points
            .take_while(|(time, _)| *time <= self.to)
            .map(|(time, seats)| ((*time).max(self.from), *seats))
    }

    /// The fewest and the most seats; none where nothing is known.
    fn range(&self) -> Option<(u64, u64)> {
        let seats = self.shown().map(|(_, seats)| seats);
        seats.fold(None, |range, seats| {
            let (least, most) = range.unwrap_or((seats, seats));
            Some((least.min(seats), most.max(seats)))
        })
    }

    /// The chart in words, for those who do not see it.
    fn description(&self) -> String {
        let day = |time: DateTime<Utc>| time.with_timezone(&self.zone).format("%Y-%m-%d");
        let seats = |point: Option<(DateTime<Utc>, u64)>| point.map(|(_, seats)| seats);
        let ends = seats(self.shown().next()).zip(seats(self.shown().last()));
        let line = match (ends, self.range()) {
            (Some((begin, end)), Some((least, most))) => format!(
                "{} at first, {} at last, never below {} nor above {}.",
                count(begin, "seat"),
                grouped(end),
                grouped(least),
                grouped(most)
            ),
            _ => "nothing is known.".to_owned(),
        };
        let limit = self.limit.map(|limit| format!(" The limit is {}.", grouped(limit)));
        let gaps = self.gaps.iter().filter(|(from, to)| *from < self.to && *to > self.from).count();
        let gaps = (gaps > 0).then(|| format!(" Nobody looked in {}.", count(gaps as u64, "gap")));
        format!(
            "From {} to {}: {line}{}{}",
            day(self.from),
            day(self.to),
            limit.unwrap_or_default(),
            gaps.unwrap_or_default()
        )
    }
}

/// Where on the canvas what is.
struct Place<'a> {
    chart: &'a Chart<'a>,
    canvas: Canvas,
    axis: Axis,
}

impl Place<'_> {
    fn x(&self, time: DateTime<Utc>) -> f64 {
        let milliseconds =
            |from: DateTime<Utc>, to: DateTime<Utc>| number((to - from).num_milliseconds());
        let whole = milliseconds(self.chart.from, self.chart.to).max(1.0);
        let part = (milliseconds(self.chart.from, time) / whole).clamp(0.0, 1.0);
        self.canvas.margin + part * (self.right() - self.canvas.margin)
    }

    fn y(&self, seats: u64) -> f64 {
        let part = self.axis.part(seats);
        tenth(self.bottom() - part * (self.bottom() - self.canvas.margin))
    }

    fn right(&self) -> f64 {
        self.canvas.width - self.canvas.margin
    }

    fn bottom(&self) -> f64 {
        // Half a line is below the lowest value.
        self.canvas.height - 2.0
    }

    /// From where and how wide.
    fn gap(&self, (from, to): (DateTime<Utc>, DateTime<Utc>)) -> Option<(f64, f64)> {
        let seen = from < self.chart.to && to > self.chart.from;
        let (from, to) = (self.x(from), self.x(to));
        seen.then(|| (tenth(from), tenth((to - from).max(1.0))))
    }

    /// Where, which side of the text is there, and the text.
    fn tick(&self, tick: &Tick) -> (f64, &'static str, String) {
        let x = self.x(tick.time);
        let side = if x < 2.0 * self.canvas.margin {
            "start"
        } else if x > self.canvas.width - 2.0 * self.canvas.margin {
            "end"
        } else {
            "middle"
        };
        (tenth(x), side, tick.label.clone())
    }
}

/// Nobody sees less than a tenth of a unit.
fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[expect(clippy::cast_precision_loss, reason = "nobody sees the difference")]
fn number(value: i64) -> f64 {
    value as f64
}

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    environment(&[
        ("full.svg", include_str!("chart/full.svg")),
        ("spark.svg", include_str!("chart/spark.svg")),
    ])
});

#[cfg(test)]
mod tests;
