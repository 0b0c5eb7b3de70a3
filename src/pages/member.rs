//! One member of an organization: what they are, or were last, and all that happened to them.

use serde::Serialize;

use super::change::Timeline;
use super::show::{self, Moment, SinceWhen};
use super::trouble::Trouble;
use super::{Content, Found, LifeQuery, Missing, Surroundings, link};
use crate::organization::OrganizationId;
use crate::roster::{Losses, Username};
use crate::standing::Standing;
use crate::store::{Life, View};

#[derive(Serialize)]
struct Model {
    id: String,
    /// The zone of its times.
    timezone: &'static str,
    organization: String,
    username: String,
    name: Option<String>,
    email: Option<String>,
    status: &'static str,
    member: SinceWhen,
    seat: Option<SinceWhen>,
    admin: Option<SinceWhen>,
    left_at: Option<Moment>,
    /// Earlier usernames and the ways to those who have them now, or had them last.
    formerly: Vec<(String, String)>,
    /// How many others went by the username that was asked for.
    others: usize,
    /// What is wrong with the organization.
    trouble: Option<Trouble>,
    /// When a roster was last taken over, where that is not as recent as it should be.
    as_of: Option<Moment>,
    /// What becomes of them with the roster that is held: `leave`, or `lose the seat`.
    would: Option<&'static str>,
    timeline: Timeline,
}

pub(super) fn page(
    view: &View<'_>,
    around: &Surroundings<'_>,
    id: &OrganizationId,
    username: &str,
    query: &LifeQuery,
) -> Found {
    let Some(number) = view.find(id)? else {
        return Ok(Err(match around.config.find(id) {
            Some(_) => missing(id, username),
            None => Missing::organization(view, around, &id.to_string())?,
        }));
    };
    let asked = Username::new(username);
    let named = view.members_named(Some(number), asked.key())?;
    let mut lives = Vec::new();
    for (_, member) in &named {
        lives.extend(view.life(number, *member)?);
    }
    let Some(life) = foremost(&lives, asked.key()) else {
        return Ok(Err(missing(id, username)));
    };

    let zone = around.config.zone_of(id);
    let path = link::member(id, username);
    let members = named.iter().map(|(_, member)| *member).collect();
    let to = |before: &str| {
        let mark = if path.contains('?') { '&' } else { '?' };
        if before.is_empty() { path.clone() } else { format!("{path}{mark}before={before}") }
    };
    let timeline = Timeline::load(view, number, Some(members), query.before.as_deref(), zone, to)?;
    let Some(timeline) = timeline else {
        return Ok(Err(Missing::part("The timeline", path)));
    };
    let known_since = view.known_since(number)?;
    let since_when = |at| SinceWhen::of(at, known_since, zone);
    let member = &life.member;
    let standing = Standing::load(view, id, None, true)?;
    let trouble = Trouble::load(view, around, id, &standing)?;
    let is_stale = trouble.as_ref().is_some_and(Trouble::is_stale);
    let is_old = is_stale || around.config.find(id).is_none();
    let last = view.roster_state(number)?.filter(|_| is_old);
    Ok(Ok(Content::of(
        "member.html",
        &Model {
            id: id.to_string(),
            timezone: zone.name(),
            organization: link::organization(id),
            username: show::name(member.username()),
            name: member.name().map(show::name),
            email: member.email().map(show::name),
            status: seatwatch_sdk::Status::of_seat(member.seat).word(),
            member: since_when(life.since.member),
            seat: life.since.seat.map(since_when),
            admin: life.since.admin.map(since_when),
            left_at: life.left_at.map(|at| Moment::of(at, zone)),
            formerly: life
                .formerly
                .iter()
                .map(|key| (show::name(key), link::member(id, key)))
                .collect(),
            others: lives.len() - 1,
            trouble,
            as_of: last.map(|roster| Moment::of(roster.read_at, zone)),
            would: standing.hold.as_ref().and_then(|hold| would(&hold.losses, member.key())),
            timeline,
        },
    )))
}

/// What becomes of a member with a roster that is held.
fn would(losses: &Losses, key: &str) -> Option<&'static str> {
    let stays = losses.seat_losers.contains(key).then_some("lose the seat");
    losses.leavers.contains(key).then_some("leave").or(stays)
}

/// Of all who ever went by a name, the one who does now; else who is still there; else who left
/// last.
fn foremost<'a>(lives: &'a [Life], key: &str) -> Option<&'a Life> {
    lives.iter().max_by_key(|life| {
        let is_there = life.left_at.is_none();
        (is_there && life.member.key() == key, is_there, life.left_at)
    })
}

fn missing(id: &OrganizationId, username: &str) -> Missing {
    Missing {
        title: "There is no such member".to_owned(),
        says: format!(
            "Nobody in {id} goes or went by the username {}, as far back as seatwatch remembers.",
            show::name(username)
        ),
        links: vec![
            (
                "Search the roster for it".to_owned(),
                link::with(&link::organization(id), &[("q", username)]),
            ),
            (id.to_string(), link::organization(id)),
        ],
    }
}
