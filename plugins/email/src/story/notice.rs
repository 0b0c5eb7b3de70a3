//! An event of an organization or of the whole installation, in words.

use chrono_tz::Tz;
use seatwatch_sdk::{Event, EventKind, Organization};
use serde::Serialize;

use super::Tone;
use super::details::Details;
use super::words::{self, NAME, SENTENCE, count, name_of, sentence};

/// Something that is said of an organization or of the whole installation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Notice {
    /// The event's word: `roster_held`.
    pub(crate) kind: EventKind,
    pub(crate) tone: Tone,
    /// What happened.
    pub(crate) title: String,
    /// More about it, a sentence each.
    pub(crate) lines: Vec<String>,
    /// What to do next, a sentence each.
    pub(crate) advice: Vec<String>,
    /// When.
    pub(crate) at: String,
}

/// What is said, before it is made a [`Notice`]: tone, title, lines, advice.
struct Said(Tone, String, Vec<String>, Vec<String>);

impl Notice {
    /// Tells an event that is about no member.
    pub(super) fn of(event: &Event, timezone: Tz) -> Self {
        let details = Details::of(&event.data);
        let kind = event.data.event;
        let organization = event.data.organization.as_ref();
        let Said(tone, title, lines, advice) = match kind {
            EventKind::RosterHeld => held(details, organization),
            EventKind::RosterReleased => released(details),
            EventKind::SyncFailing => failing(details, timezone),
            EventKind::SyncRecovered => recovered(details, timezone),
            EventKind::OrganizationVanished => vanished(details, timezone),
            EventKind::SeatLimitNear | EventKind::SeatLimitReached => limit(kind, details),
            EventKind::Baselined => baselined(),
            EventKind::Heartbeat => heartbeat(details),
            EventKind::Test => test(),
            kind => Said(Tone::Same, kind.word().replace('_', " "), Vec::new(), Vec::new()),
        };
        Self { kind, tone, title, lines, advice, at: words::at(event.time, timezone) }
    }

    /// Tells an event whose end is told further on: nobody has to do anything about it any more.
    pub(super) fn of_what_is_over(event: &Event, timezone: Tz) -> Self {
        let details = Details::of(&event.data);
        let Said(tone, title, lines, advice) = match event.data.event {
            EventKind::RosterHeld => held_until_now(details),
            EventKind::SyncFailing => failing_until_now(details, timezone),
            _ => return Self::of(event, timezone),
        };
        let kind = event.data.event;
        Self { kind, tone, title, lines, advice, at: words::at(event.time, timezone) }
    }
}

fn held(details: Details<'_>, organization: Option<&Organization>) -> Said {
    let organization = organization.map_or_else(|| "ORG".to_owned(), name_of);
    let advice = vec![
        "Look at the names: `seatwatch status` shows them all.".to_owned(),
        format!("If it is right, run `seatwatch approve {organization}`."),
        format!(
            "If it is not, find out why Codecov lists so few. `seatwatch reject {organization}` ends \
             the reminders; the next syncs look again."
        ),
    ];
    let title = "A roster lost so much that it was not believed. It waits for you, and nothing of \
                 it was stored or told.";
    Said(Tone::Alarm, title.to_owned(), losses(details), advice)
}

fn held_until_now(details: Details<'_>) -> Said {
    let title = "A roster lost so much that it was not believed at first.";
    Said(Tone::Same, title.to_owned(), losses(details), Vec::new())
}

/// What the roster that is held lacks.
fn losses(details: Details<'_>) -> Vec<String> {
    let members = details.number("members").map(|number| count(number, "member"));
    let of_them = members.map_or_else(String::new, |members| format!(" of {members}"));
    let leavers = details.some("leavers").map(|it| format!("{it}{of_them} would leave."));
    let losers = details
        .some("seat_losers")
        .map(|it| format!("{} who would stay would lose the seat.", count(it, "member")));
    let last = details.is("last_admin").then(|| "No admin would be left.".to_owned());
    let names = details.usernames("names");
    let names = (!names.is_empty()).then(|| format!("Among them: {}.", names.join(", ")));
    [leavers, losers, last, names].into_iter().flatten().collect()
}

fn released(details: Details<'_>) -> Said {
    let title = match details.text("how", NAME).as_deref() {
        Some("approved") => "The roster that was held was approved.",
        Some("within_bounds") => "The roster that was held is within bounds again.",
        _ => "The roster that was held is accepted now.",
    };
    let lines = vec!["What has changed since the last accepted roster is told now.".to_owned()];
    Said(Tone::Fine, title.to_owned(), lines, Vec::new())
}

fn failing(details: Details<'_>, timezone: Tz) -> Said {
    let title = match details.number("failures") {
        Some(failures) => format!("Syncs keep failing: {} in a row.", count(failures, "failure")),
        None => "Syncs keep failing.".to_owned(),
    };
    let since = details.time("since", timezone).map(|since| format!("Since {since}."));
    let known = match details.time("last_success", timezone) {
        Some(time) => format!("What seatwatch knows is from {time}."),
        None => "No sync has succeeded yet.".to_owned(),
    };
    let lines = [why(details), since, Some(known)].into_iter().flatten().collect();
    let hint = details.text("hint", SENTENCE).as_deref().map(sentence);
    let goes_on = "Syncs go on. What changes until then is told as soon as one succeeds.";
    let advice = [hint, Some(goes_on.to_owned())].into_iter().flatten().collect();
    Said(Tone::Alarm, title, lines, advice)
}

fn failing_until_now(details: Details<'_>, timezone: Tz) -> Said {
    let failures = details.number("failures");
    let failures = failures.map(|it| format!(": {} in a row", count(it, "failure")));
    let title = format!("Syncs kept failing{}.", failures.unwrap_or_default());
    let since = details.time("since", timezone).map(|since| format!("From {since} on."));
    Said(Tone::Same, title, [why(details), since].into_iter().flatten().collect(), Vec::new())
}

/// Why syncs fail, with the word for it.
fn why(details: Details<'_>) -> Option<String> {
    let reason = details.text("reason", NAME);
    let message = details.text("message", SENTENCE);
    let why = match (message, reason) {
        (Some(message), Some(reason)) => Some(format!("{message} ({reason})")),
        (message, reason) => message.or(reason),
    };
    why.as_deref().map(sentence)
}

fn recovered(details: Details<'_>, timezone: Tz) -> Said {
    let after = details.some("failures").map(|it| format!(" after {}", count(it, "failure")));
    let title = format!("Syncs work again{}.", after.unwrap_or_default());
    let since = details.time("failing_since", timezone);
    let lines = since.map(|since| format!("They had been failing since {since}."));
    Said(Tone::Fine, title, lines.into_iter().collect(), Vec::new())
}

fn vanished(details: Details<'_>, timezone: Tz) -> Said {
    let title = "The organization is not in the list of those that the token sees any more.";
    let seen = details.time("last_seen", timezone);
    let seen = seen.map(|time| format!("It was last seen there {time}."));
    let goes_on = "It is still watched: its syncs go on, and what is known of it is kept.";
    let lines = seen.into_iter().chain([goes_on.to_owned()]).collect();
    let advice = vec![
        "Find out whether it was renamed or deleted, or the token's owner has left it. If it need \
         not be watched any more, name it in `exclude` of its rule in `discover`."
            .to_owned(),
    ];
    Said(Tone::Alarm, title.to_owned(), lines, advice)
}

fn limit(kind: EventKind, details: Details<'_>) -> Said {
    let is_reached = kind == EventKind::SeatLimitReached;
    let what = if is_reached { "The seat limit is reached" } else { "The seat limit is near" };
    let title = match (details.number("used"), details.number("limit")) {
        (Some(used), Some(limit)) => {
            format!("{what}: {used} of {} are in use.", count(limit, "seat"))
        }
        _ => format!("{what}."),
    };
    let lines = match (is_reached, details.number("warn_at")) {
        (false, Some(warn_at)) => vec![format!("This is told from {warn_at} on.")],
        _ => Vec::new(),
    };
    let advice = vec![
        "Take seats back from those who no longer need one, or buy more and set `seats.limit` \
         to what you have."
            .to_owned(),
    ];
    Said(Tone::Alarm, title, lines, advice)
}

fn baselined() -> Said {
    let title = "The baseline is stored: the first roster.".to_owned();
    let lines = vec!["From now on, changes are told.".to_owned()];
    Said(Tone::Fine, title, lines, Vec::new())
}

fn heartbeat(details: Details<'_>) -> Said {
    let states = details.within("organizations");
    let state = |key: &str| states.some(key).map(|number| format!("{number} {key}"));
    let found = ["connected", "held", "failing", "new"].map(state);
    let found: Vec<_> = found.into_iter().flatten().collect();
    let organizations =
        (!found.is_empty()).then(|| format!("Organizations: {}.", found.join(", ")));
    let queued = details.number("queued_events");
    let queued = queued.map(|it| format!("Waiting to be delivered: {}.", count(it, "event")));
    let letters = details.number("dead_letters");
    let letters = letters.map(|it| format!("Given up: {}.", count(it, "dead letter")));
    let is_ill = states.some("failing").or(states.some("held")).is_some();
    let ill = is_ill.then(|| "`seatwatch status` tells more.".to_owned());
    let outbox = details.some("dead_letters");
    let outbox = outbox.map(|_| "`seatwatch outbox list` shows the dead letters.".to_owned());
    let advice: Vec<_> = [ill, outbox].into_iter().flatten().collect();
    let tone = if advice.is_empty() { Tone::Fine } else { Tone::Alarm };
    let lines = [organizations, queued, letters].into_iter().flatten().collect();
    Said(tone, "seatwatch is running.".to_owned(), lines, advice)
}

fn test() -> Said {
    let title = "This is a test mail. Nothing has happened.".to_owned();
    let lines = vec!["If you can read it, mails of this sink get through to you.".to_owned()];
    Said(Tone::Fine, title, lines, Vec::new())
}
