//! A script: what happens to the world and to the answers, and when.
//!
//! ```yaml
//! steps:
//!   - at: 5s                    # after the start
//!     change: { organization: github/acme, username: ada-albers, action: leave_and_unseat }
//!   - at: 10s
//!     change: { organization: github/acme, username: bela-brandt, action: { rename: bela } }
//!   - after_request: 20         # once the 20th request has been answered
//!     fault: { status: { status: 429, retry_after: { seconds: 2 } } }
//!     when: { route: users, organization: github/acme, times: 3 }
//!   - after_request: 0          # before the first one
//!     fault: reset
//!   - between_count_and_rows: 3 # of the third request, or of the first later one for a list
//!     change: { organization: github/acme, username: ada-albers, action: join }
//! ```
//!
//! A step has one time and one thing that happens. A fault without `when` happens to the next
//! request; with one, to every request that matches, or to the next `times` of them. The actions
//! are those of [`Action`](super::Action), the faults those of [`Fault`], both in
//! snake case; `docs/simulator.md` has an example of each.
//!
//! Pure: reads text, runs nothing.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::change::Change;
use super::faults::{self, Fault, When};

/// The steps, in the order in which they are written; in that order happens what is due at one time.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    pub(super) steps: Vec<Step>,
}

/// One thing that happens at one time.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// While nothing is answered.
    Timed(Time, Event),
    /// While the request of that number is answered, or else the first later one for a list: when
    /// its rows have been counted and not yet read.
    Race(u64, Change),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Time {
    /// So long after the script was started.
    At(Duration),
    /// Once so many requests have been answered.
    AfterRequest(u64),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    Change(Change),
    Fault(When, Fault),
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    ///
    /// It is not one; the text says where (`LINE:COLUMN: `, where that is known) and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_yaml::from_str(text).map_err(|error| explain(&error))
    }
}

/// In one line, without the text around it.
fn explain(error: &serde_yaml::Error) -> String {
    use serde_yaml::Error as E;

    let error = error.without_snippet();
    let text = match error {
        // Such as the new name of who is renamed.
        E::Unexpected { expected: "string scalar", .. } => {
            "a text is missing, as in `{ rename: bobby }`".into()
        }
        E::DuplicateMappingKey { key: Some(key), .. } => format!("`{key}` stands twice").into(),
        other => {
            let formatter = serde_yaml::DefaultMessageFormatter;
            serde_yaml::MessageFormatter::format_message(&formatter, other)
        }
    };
    match error.location().filter(|place| *place != serde_yaml::Location::UNKNOWN) {
        Some(place) => format!("{}:{}: {text}", place.line(), place.column()),
        None => text.into_owned(),
    }
}

/// A step as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default, deserialize_with = "some_duration")]
    at: Option<Duration>,
    after_request: Option<u64>,
    between_count_and_rows: Option<u64>,
    change: Option<Change>,
    fault: Option<Fault>,
    when: Option<When>,
}

fn some_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    faults::duration(deserializer).map(Some)
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let error = <D::Error as serde::de::Error>::custom::<&str>;
        let written = Written::deserialize(deserializer)?;
        let event = match (written.change, written.fault, written.when) {
            (Some(change), None, None) => Event::Change(change),
            (None, Some(fault), when) => Event::Fault(when.unwrap_or_else(When::once), fault),
            (Some(_), None, Some(_)) => return Err(error("`when` goes with a `fault`")),
            _ => return Err(error("a step has either a `change` or a `fault`")),
        };
        match (written.at, written.after_request, written.between_count_and_rows, event) {
            (Some(at), None, None, event) => Ok(Self::Timed(Time::At(at), event)),
            (None, Some(number), None, event) => Ok(Self::Timed(Time::AfterRequest(number), event)),
            (None, None, Some(number), Event::Change(change)) => Ok(Self::Race(number, change)),
            (None, None, Some(_), Event::Fault(..)) => {
                Err(error("`between_count_and_rows` goes with a `change`"))
            }
            _ => Err(error("a step has one of `at`, `after_request` and `between_count_and_rows`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Action, RetryAfter, Route};
    use super::*;

    #[test]
    fn every_kind_of_step_is_read() {
        let script = Script::parse(
            "steps:\n\
             - at: 5s\n  \
               change: { organization: GH/Acme, username: ann, action: leave }\n\
             - after_request: 2\n  \
               change: { organization: github/acme, username: bob, action: { rename: bobby } }\n\
             - at: 1m 500ms\n  \
               fault: { status: { status: 429, retry_after: { seconds: 2 } } }\n  \
               when: { route: users, organization: github/acme, times: 3 }\n\
             - after_request: 9\n  \
               fault: reset\n\
             - between_count_and_rows: 3\n  \
               change: { organization: github/acme, username: cat, action: join }\n",
        )
        .unwrap();
        let acme = || "github/acme".parse().unwrap();
        let change = |username: &str, action| Change {
            organization: acme(),
            username: username.to_owned(),
            action,
        };
        let limited = Fault::Status { status: 429, retry_after: Some(RetryAfter::Seconds(2)) };
        let when = When::always().on(Route::Users).organization(acme()).times(3);
        let changes = |username: &str, action| Event::Change(change(username, action));
        let renamed = Action::Rename("bobby".to_owned());
        let expected = [
            Step::Timed(Time::At(Duration::from_secs(5)), changes("ann", Action::Leave)),
            Step::Timed(Time::AfterRequest(2), changes("bob", renamed)),
            Step::Timed(Time::At(Duration::from_millis(60_500)), Event::Fault(when, limited)),
            Step::Timed(Time::AfterRequest(9), Event::Fault(When::once(), Fault::Reset)),
            Step::Race(3, change("cat", Action::Join)),
        ];
        assert_eq!(script.steps, expected);
    }

    #[track_caller]
    fn refused(step: &str, why: &str) {
        let error = Script::parse(&format!("steps:\n- {step}\n")).unwrap_err();
        assert!(error.contains(why), "{error}");
    }

    #[test]
    fn what_is_not_a_step_is_refused() {
        refused("{ fault: reset }", "one of `at`, `after_request`");
        refused("{ at: 1s, after_request: 1, fault: reset }", "one of `at`, `after_request`");
        refused("{ between_count_and_rows: 1, fault: reset }", "goes with a `change`");
        refused("{ at: 1s }", "either a `change` or a `fault`");
        refused("{ at: 1s, fault: rest }", "rest");
        refused("{ at: 1s, fault: reset, wen: {} }", "wen");
        refused("{ at: soon, fault: reset }", "number");
        refused(
            "{ at: 1s, change: { organization: acme, username: a, action: join } }",
            "service/owner",
        );
    }
}
