//! What the rows for machines say of a member, a person, an event, a change, a sync, a gap, a
//! log-in and the seats in use: the same wherever they are asked for, from a command or in a
//! report.
//!
//! The keys are those of the events where these have them.

use chrono::{DateTime, Utc};
use seatwatch_sdk::{Data, Event, EventKind, Status};

use crate::config::Price;
use crate::coverage::Gap;
use crate::dormant::{LogIn, Seat};
use crate::identity::Person;
use crate::organization::OrganizationId;
use crate::roster::{Member, UnnamedRow};
use crate::rows::{Row, row, utc};
use crate::store::{PastMember, Run, Sums};
use crate::sync::NetChange;

/// Of a member of a roster.
pub(crate) const MEMBER: &[&str] = &[
    "organization",
    "username",
    "name",
    "email",
    "seat",
    "admin",
    "status",
    "member_since",
    "seat_since",
    "admin_since",
    "known_since",
];

/// A member of a roster, and since when.
pub(crate) fn member(id: &OrganizationId, past: &PastMember, known_since: DateTime<Utc>) -> Row {
    let PastMember { member, since, .. } = past;
    row! {
        organization: id.to_string(),
        username: member.username(),
        name: member.name(),
        email: member.email(),
        seat: member.seat,
        admin: member.admin,
        status: Status::of_seat(member.seat).word(),
        member_since: utc(Some(since.member)),
        seat_since: utc(since.seat),
        admin_since: utc(since.admin),
        known_since: utc(Some(known_since)),
    }
}

/// Of a person in several organizations.
pub(crate) const PERSON: &[&str] =
    &["emails", "usernames", "names", "organizations", "seats", "admin"];

/// A person, and in which organizations they are what.
pub(crate) fn person(person: &Person<'_>) -> Row {
    let names = |ids: Vec<&OrganizationId>| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    row! {
        emails: person.emails(),
        usernames: person.usernames(),
        names: person.names(),
        organizations: names(person.organizations(|_| true)),
        seats: names(person.organizations(|member| member.seat)),
        admin: names(person.organizations(|member| member.admin)),
    }
}

/// A row with a seat that names nobody, next to persons: without it, their seats would be too few.
pub(crate) fn nobody(organization: &OrganizationId, row: &UnnamedRow) -> Row {
    let organization = organization.to_string();
    row! {
        emails: row.email.as_slice(),
        usernames: [] as [&str; 0],
        names: [] as [&str; 0],
        organizations: [&organization],
        seats: [&organization],
        admin: [] as [&str; 0],
    }
}

/// Of an event of the log.
pub(crate) const EVENT: &[&str] = &[
    "id",
    "sequence",
    "time",
    "organization",
    "event",
    "username",
    "formerly",
    "name",
    "email",
    "seat",
    "admin",
    "status",
    "before",
    "subject",
    "details",
];

/// An event of the log.
pub(crate) fn event(event: &Event) -> Row {
    let data = &event.data;
    let profile = data.member.as_ref().map(|member| &member.profile);
    let organization = data.organization.as_ref();
    row! {
        id: event.id,
        sequence: event.sequence_text(),
        time: utc(Some(event.time)),
        organization: organization.map(ToString::to_string),
        event: data.event,
        username: profile.map(|profile| &profile.username),
        formerly: formerly(data),
        name: profile.map(|profile| &profile.name),
        email: profile.map(|profile| &profile.email),
        seat: profile.map(|profile| profile.seat),
        admin: profile.map(|profile| profile.admin),
        status: data.member.as_ref().map(|member| member.status),
        before: data.before,
        subject: event.subject,
        details: data.details,
    }
}

/// The username before a rename.
pub(crate) fn formerly(data: &Data) -> Option<&str> {
    let before = data.before.as_ref().filter(|_| data.event == EventKind::Renamed);
    before.map(|before| before.username.as_str())
}

/// Of a net change.
pub(crate) const CHANGE: &[&str] = &[
    "organization",
    "from",
    "to",
    "event",
    "username",
    "formerly",
    "name",
    "email",
    "seat",
    "admin",
    "status",
    "before",
];

/// A net change between two times: a row for each of its kinds.
pub(crate) fn change(
    id: &OrganizationId,
    change: &NetChange<'_>,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> impl Iterator<Item = Row> {
    let newest = change.newest();
    change.kinds.iter().map(move |kind| {
        row! {
            organization: id.to_string(),
            from: utc(Some(from)),
            to: utc(Some(to)),
            event: kind,
            username: newest.username(),
            formerly: change.formerly(*kind).map(Member::username),
            name: newest.name(),
            email: newest.email(),
            seat: newest.seat,
            admin: newest.admin,
            status: Status::of_seat(newest.seat).word(),
            before: change.before.map(Member::profile),
        }
    })
}

/// Of syncs.
pub(crate) const SYNC: &[&str] = &[
    "organization",
    "outcome",
    "reason",
    "message",
    "started_at",
    "first_finished_at",
    "last_finished_at",
    "count",
];

/// One sync, or several that ended alike. Where they may go on past the time that is told of, their
/// end and number are left out, and the message, which is that of the last.
pub(crate) fn sync(id: &OrganizationId, run: &Run, is_over: bool) -> Row {
    let failure = run.failure.as_ref();
    row! {
        organization: id.to_string(),
        outcome: run.outcome.word(),
        reason: failure.map(|failure| &failure.reason),
        message: failure.filter(|_| is_over).map(|failure| &failure.message),
        started_at: utc(Some(run.started_at)),
        first_finished_at: utc(Some(run.finished_at)),
        last_finished_at: utc(is_over.then_some(run.last_finished_at)),
        count: is_over.then_some(run.count),
    }
}

/// Of a gap.
pub(crate) const GAP: &[&str] =
    &["organization", "from", "to", "failed", "held", "missed", "reasons"];

/// A time of which only the ends are known.
pub(crate) fn gap(id: &OrganizationId, gap: &Gap) -> Row {
    row! {
        organization: id.to_string(),
        from: utc(Some(gap.from)),
        to: utc(Some(gap.to)),
        failed: gap.failed,
        held: gap.held,
        missed: gap.missed,
        reasons: gap.reasons,
    }
}

/// Of seats in use.
pub(crate) const SEATS: &[&str] = &[
    "organization",
    "time",
    "members",
    "seats",
    "admins",
    "unnamed_members",
    "unnamed_seats",
    "seats_used",
    "cost",
    "currency",
];

/// The sums from a time on.
pub(crate) fn seats(id: &OrganizationId, sums: &Sums, price: Option<Price>) -> Row {
    let Sums { at, totals } = sums;
    let cost = price.map(|price| price.of(totals.seats_used()));
    row! {
        organization: id.to_string(),
        time: utc(Some(*at)),
        members: totals.members,
        seats: totals.seats,
        admins: totals.admins,
        unnamed_members: totals.unnamed.members,
        unnamed_seats: totals.unnamed.seats,
        seats_used: totals.seats_used(),
        cost: cost.map(|cost| cost.amount.to_string()),
        currency: cost.map(|cost| cost.currency.to_string()),
    }
}

/// Of the log-in of somebody who has a seat.
pub(crate) const LOG_IN: &[&str] = &[
    "organization",
    "username",
    "name",
    "email",
    "seat",
    "admin",
    "status",
    "log_in",
    "expired_at",
    "asked_at",
];

/// Whether somebody who has a seat was logged in at Codecov.
pub(crate) fn log_in(id: &OrganizationId, seat: &Seat<'_>, asked_at: DateTime<Utc>) -> Row {
    let expired_at = match seat.log_in {
        LogIn::Dormant { expired_at } => expired_at,
        LogIn::Active | LogIn::Unknown => None,
    };
    row! {
        organization: id.to_string(),
        username: seat.member.username(),
        name: seat.member.name(),
        email: seat.member.email(),
        seat: seat.member.seat,
        admin: seat.member.admin,
        status: Status::of_seat(seat.member.seat).word(),
        log_in: seat.log_in.word(),
        expired_at: utc(expired_at),
        asked_at: utc(Some(asked_at)),
    }
}
