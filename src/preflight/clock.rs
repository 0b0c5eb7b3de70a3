//! How far the machine's clock is off that of a server.
//!
//! Where it is off by minutes, schedules and `--as-of` mean other times than people think; by more,
//! certificates seem to be of the past or the future, and no server is trusted any more.

use chrono::TimeDelta;

use super::{Finding, Found};
use crate::exit::Exit;

/// From here on it is worth a word.
const NOTICEABLE: TimeDelta = TimeDelta::seconds(30);
/// From here on it breaks things.
const HARMFUL: TimeDelta = TimeDelta::minutes(5);

/// What to say of a server whose clock is ahead of ours by so much; nothing where it did not say.
pub fn clock(server: &str, ahead: Option<TimeDelta>) -> Finding {
    let result = match ahead {
        None => Found::Good(format!("not compared: no answer of {server} told the time")),
        Some(ahead) if ahead.abs() <= NOTICEABLE => Found::Good(format!("right, says {server}")),
        Some(ahead) => {
            let side = if ahead > TimeDelta::zero() { "behind" } else { "ahead of" };
            let off = roughly(ahead.abs());
            let message = format!("this machine's clock is {off} {side} that of {server}");
            let hint = "`timedatectl` says whether the clock is synchronized; if it is, that of \
                        the server is wrong";
            if ahead.abs() <= HARMFUL {
                Found::warning(message, hint)
            } else {
                Found::bad(Exit::Unavailable, message, hint)
            }
        }
    };
    Finding { check: "clock", result }
}

/// To the nearest whole number of the largest unit of which there are two.
fn roughly(time: TimeDelta) -> String {
    const UNITS: [(i64, &str); 5] = [
        (365 * 86_400, "years"),
        (86_400, "days"),
        (3_600, "hours"),
        (60, "minutes"),
        (1, "seconds"),
    ];
    let seconds = time.num_seconds();
    let unit = UNITS.into_iter().find(|(size, _)| seconds >= 2 * size);
    let (size, unit) = unit.unwrap_or((1, "seconds"));
    format!("{} {unit}", (seconds + size / 2) / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seconds: i64, expected: &str) {
        let found = clock("it", Some(TimeDelta::seconds(seconds))).result;
        let shown = match found {
            Found::Good(text) => text,
            Found::Warning { message, .. } => format!("warning: {message}"),
            Found::Bad(failure) => format!("{}: {}", failure.exit as u8, failure.message),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn half_a_minute_is_worth_a_word_and_five_minutes_are_too_much() {
        check(0, "right, says it");
        check(30, "right, says it");
        check(-30, "right, says it");
        check(31, "warning: this machine's clock is 31 seconds behind that of it");
        check(-119, "warning: this machine's clock is 119 seconds ahead of that of it");
        check(300, "warning: this machine's clock is 5 minutes behind that of it");
        check(301, "69: this machine's clock is 5 minutes behind that of it");
        check(-100_000, "69: this machine's clock is 28 hours ahead of that of it");
        check(251_000_000_000, "69: this machine's clock is 7959 years behind that of it");
    }
}
