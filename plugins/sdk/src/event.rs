//! One change, as every sink and every machine reads it: a CloudEvents 1.0 JSON object.
//!
//! The envelope follows <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>
//! with the `sequence` extension. No personal data stands in an attribute: names and addresses
//! are in `data` only.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One change of one member, or of one organization's health.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The sync and the position in it; the same on every delivery, so a receiver can drop repeats.
    pub id: String,
    /// `/seatwatch/INSTANCE/codecov/SERVICE/OWNER`.
    pub source: String,
    /// An opaque name of the member that survives renames; none for an organization's events.
    pub subject: Option<String>,
    /// When the sync that found it was committed.
    pub time: DateTime<Utc>,
    /// Position in the log: what orders events. Never reused.
    pub sequence: u64,
    /// The sync (`UUIDv7`) that found it: equal in all events of one sync.
    pub correlationid: String,
    /// What happened.
    pub data: Data,
}

impl Event {
    /// The CloudEvents `type`: `dev.seatwatch.seat_lost.v1`.
    pub fn type_name(&self) -> &'static str {
        self.data.event.type_name()
    }

    /// The `sequence` as it is written: 20 digits, so that as texts, too, they are in the order of
    /// the log.
    pub fn sequence_text(&self) -> String {
        format!("{:020}", self.sequence)
    }
}

/// The JSON form of an [`Event`]: its attributes in the order in which they are written.
#[derive(Serialize, JsonSchema)]
struct Envelope<'a> {
    /// Always `1.0`.
    specversion: &'a str,
    /// The sync and the position in it: the same on every delivery, so a receiver can drop repeats.
    id: &'a str,
    /// `/seatwatch/INSTANCE/codecov/SERVICE/OWNER`.
    source: &'a str,
    /// `dev.seatwatch.EVENT.v1`.
    r#type: &'a str,
    /// An opaque name of the member that survives renames; absent on organization events.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    /// RFC 3339, in UTC, to the millisecond.
    time: &'a str,
    /// Always `application/json`.
    datacontenttype: &'a str,
    /// The position in the log, 20 digits: what orders events. Never reused.
    sequence: &'a str,
    /// The sync that found it: equal in all events of one sync.
    correlationid: &'a str,
    /// What happened.
    data: &'a Data,
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let envelope = Envelope {
            specversion: "1.0",
            id: &self.id,
            source: &self.source,
            r#type: self.type_name(),
            subject: self.subject.as_deref(),
            time: &self.time.to_rfc3339_opts(SecondsFormat::Millis, true),
            datacontenttype: "application/json",
            sequence: &self.sequence_text(),
            correlationid: &self.correlationid,
            data: &self.data,
        };
        envelope.serialize(serializer)
    }
}

/// The attributes that say something; the others are the same in all events, or follow from them.
#[derive(Deserialize)]
struct Attributes {
    id: String,
    source: String,
    subject: Option<String>,
    time: DateTime<Utc>,
    sequence: String,
    correlationid: String,
    data: Data,
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Attributes { id, source, subject, time, sequence, correlationid, data } =
            Attributes::deserialize(deserializer)?;
        let sequence = sequence.parse().map_err(|_| {
            let unexpected = serde::de::Unexpected::Str(&sequence);
            serde::de::Error::invalid_value(unexpected, &"20 digits")
        })?;
        Ok(Self { id, source, subject, time, sequence, correlationid, data })
    }
}

impl JsonSchema for Event {
    fn schema_name() -> Cow<'static, str> {
        "Event".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Envelope::json_schema(generator)
    }
}

/// What happened, to whom, and what that makes of the organization.
///
/// `member`, `before` and `after` stand in member events only; there, `before` or `after` is
/// null for who joined or left.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
pub struct Data {
    /// What happened.
    pub event: EventKind,
    /// Where; absent from events of the whole instance.
    #[serde(default)]
    pub organization: Option<Organization>,
    /// The newest known state: `after`, or `before` for who left.
    #[serde(default)]
    pub member: Option<Member>,
    /// The member as the last sync knew them.
    #[serde(default)]
    pub before: Option<Profile>,
    /// The member as this sync found them.
    #[serde(default)]
    pub after: Option<Profile>,
    /// Of the whole sync, after it: the same in all its events. Null before the first roster.
    pub totals: Option<Totals>,
    /// Of the whole sync, before it. Null at a quiet baseline.
    pub previous_totals: Option<Totals>,
    /// When the roster that this one was compared with was read. Null at the baseline.
    pub since: Option<DateTime<Utc>>,
    /// More about an organization event; its keys depend on `event`.
    #[serde(default)]
    pub details: Option<serde_json::Value>,
}

impl Data {
    /// An event of the whole instance, with nothing but what happened.
    pub fn of_instance(event: EventKind) -> Self {
        Self {
            event,
            organization: None,
            member: None,
            before: None,
            after: None,
            totals: None,
            previous_totals: None,
            since: None,
            details: None,
        }
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("event", &self.event)?;
        if let Some(organization) = &self.organization {
            map.serialize_entry("organization", organization)?;
        }
        if let Some(member) = &self.member {
            map.serialize_entry("member", member)?;
            map.serialize_entry("before", &self.before)?;
            map.serialize_entry("after", &self.after)?;
        }
        map.serialize_entry("totals", &self.totals)?;
        map.serialize_entry("previous_totals", &self.previous_totals)?;
        let since = self.since.map(|since| since.to_rfc3339_opts(SecondsFormat::Millis, true));
        map.serialize_entry("since", &since)?;
        if let Some(details) = &self.details {
            map.serialize_entry("details", details)?;
        }
        map.end()
    }
}

/// An organization as events name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Organization {
    /// The git service's long word: `github`.
    pub service: String,
    /// The owner in lower case: `acme`.
    pub owner: String,
}

/// `github/acme`.
impl fmt::Display for Organization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.owner)
    }
}

/// What was known of a member at one sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Profile {
    /// As Codecov shows it; compared without letter case.
    pub username: String,
    /// Free text, or nothing.
    pub name: Option<String>,
    /// Free text, not validated by Codecov, or nothing.
    pub email: Option<String>,
    /// Whether they hold a paid seat.
    pub seat: bool,
    /// Whether Codecov has them as an admin of the organization.
    pub admin: bool,
}

/// The member that an event is about: a profile and the status that follows from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Member {
    /// The profile, whose fields stand beside `status`.
    #[serde(flatten)]
    pub profile: Profile,
    /// `enabled` with a seat, `disabled` without.
    pub status: Status,
}

/// By hand: what serde makes for flattened fields puts every value into a buffer first, and a
/// first sync of a large organization reads some hundred thousand of them.
impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Flat {
            username: String,
            name: Option<String>,
            email: Option<String>,
            seat: bool,
            admin: bool,
            status: Status,
        }
        let Flat { username, name, email, seat, admin, status } = Flat::deserialize(deserializer)?;
        Ok(Self { profile: Profile { username, name, email, seat, admin }, status })
    }
}

impl From<Profile> for Member {
    fn from(profile: Profile) -> Self {
        let status = Status::of_seat(profile.seat);
        Self { profile, status }
    }
}

/// Whether a member can use Codecov: that is what the seat decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Holds a seat.
    Enabled,
    /// Holds none.
    Disabled,
}

impl Status {
    /// The status of somebody with (`true`) or without a seat.
    pub fn of_seat(seat: bool) -> Self {
        if seat { Self::Enabled } else { Self::Disabled }
    }

    /// `enabled` or `disabled`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
        }
    }
}

/// How many there are of each in an organization.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Totals {
    /// Members with a username.
    pub members: u64,
    /// Seats that they hold.
    pub seats: u64,
    /// Admins among them.
    pub admins: u64,
    /// Rows without a username, counted apart.
    pub unnamed: Unnamed,
}

impl Totals {
    /// Seats that are paid for: those of members and those of unnamed rows.
    pub fn seats_used(&self) -> u64 {
        self.seats + self.unnamed.seats
    }
}

/// Rows that name nobody: deleted accounts and names that were taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unnamed {
    /// All of them.
    pub members: u64,
    /// Those that hold a seat.
    pub seats: u64,
}

macro_rules! event_kinds {
    ($($(#[doc = $doc:literal])+ $name:ident $word:literal,)+) => {
        /// What can happen. Its word is what filters, metrics and the CloudEvents `type` use.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema
        )]
        pub enum EventKind {
            $($(#[doc = $doc])+ #[serde(rename = $word)] $name,)+
            /// A trial of a sink. It is never in the log, and no filter can ask for it.
            #[serde(rename = "test")]
            Test,
        }

        impl EventKind {
            /// All kinds that the log may hold, in the order in which the events of one member
            /// stand in a sync.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The word in JSON, filters, metrics: `seat_lost`.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                    Self::Test => "test",
                }
            }

            /// The CloudEvents `type`: `dev.seatwatch.seat_lost.v1`.
            pub fn type_name(self) -> &'static str {
                match self {
                    $(Self::$name => concat!("dev.seatwatch.", $word, ".v1"),)+
                    Self::Test => "dev.seatwatch.test.v1",
                }
            }
        }
    };
}

event_kinds! {
    /// The first roster of an organization was stored.
    Baselined "baselined",
    /// Syncs of an organization keep failing.
    SyncFailing "sync_failing",
    /// They succeed again.
    SyncRecovered "sync_recovered",
    /// A roster lost too much to be believed; it waits for a person.
    RosterHeld "roster_held",
    /// A held roster was approved, or came back within bounds.
    RosterReleased "roster_released",
    /// The seats in use came near the limit.
    SeatLimitNear "seat_limit_near",
    /// The seats in use reached the limit.
    SeatLimitReached "seat_limit_reached",
    /// An organization that a rule of `discover` had found is not in the token's listing any more.
    OrganizationVanished "organization_vanished",
    /// A sign of life of the whole instance.
    Heartbeat "heartbeat",
    /// Is on the roster now.
    Joined "joined",
    /// Is no longer on the roster.
    Left "left",
    /// Goes by another username now.
    Renamed "renamed",
    /// Has a seat now.
    SeatGained "seat_gained",
    /// Has no seat any more.
    SeatLost "seat_lost",
    /// Is an admin now.
    AdminGranted "admin_granted",
    /// Is no admin any more.
    AdminRevoked "admin_revoked",
    /// Name, email or the username's letter case changed.
    Updated "updated",
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for EventKind {
    type Err = UnknownEvent;

    fn from_str(text: &str) -> Result<Self, UnknownEvent> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.word() == text)
            .ok_or_else(|| UnknownEvent(text.to_owned()))
    }
}

/// A text that is no event's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownEvent(pub String);

impl fmt::Display for UnknownEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not an event", self.0)
    }
}

impl std::error::Error for UnknownEvent {}

#[cfg(all(test, feature = "samples"))]
mod tests {
    use super::*;
    use crate::samples::events;

    #[test]
    fn an_event_is_read_as_it_was_written() {
        for event in events(64) {
            let text = serde_json::to_string(&event).unwrap();
            assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
        }
    }
}
