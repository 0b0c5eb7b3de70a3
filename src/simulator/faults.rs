//! What can go wrong with an answer, and for which requests it does.
//!
//! A fault is data, so that a script can write it down. Faults are kept in the order in which
//! they were added. Those that bend the list apply all together; of those that stand in for the
//! answer or break it on the way only the first that matches is used up, so that two of them in
//! a row happen to two requests in a row.
//!
//! Pure: what a fault does is in `bend`.

use std::mem;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::request::{Request, Target};
use super::world::GitHost;
use crate::organization::OrganizationId;

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Another status, with a small JSON body: Codecov's own for 401 and 500.
    Status {
        /// Such as 429 or 503.
        status: u16,
        /// The `Retry-After` header, if there is one.
        #[serde(default)]
        retry_after: Option<RetryAfter>,
    },
    /// The connection is reset before the first byte.
    Reset,
    /// The connection is reset after so many bytes of the body.
    ResetInBody(usize),
    /// No answer, ever.
    Hang,
    /// No more than so many bytes of the body, and the connection stays open.
    HangInBody(usize),
    /// The right answer, later.
    Late(#[serde(deserialize_with = "duration")] Duration),
    /// The right answer, so many bytes at a time.
    Slow {
        /// The size of a piece.
        bytes: usize,
        /// The pause between two pieces.
        #[serde(deserialize_with = "duration")]
        every: Duration,
    },
    /// `Content-Length` promises all of the body, and the connection ends after so many bytes.
    CutOff(usize),
    /// So many bytes of the body with a `Content-Length` to match.
    TornJson(usize),
    /// 200 with a page for people.
    Html,
    /// 200 with this text as JSON.
    Body(String),
    /// To somewhere else.
    Redirect {
        /// 301, 302 or 307.
        status: u16,
        /// The `Location` header.
        location: String,
    },
    /// 200 with a list that never ends.
    Endless,
    /// 200 with a list of blanks that never ends and is a thousand times smaller on the wire.
    GzipBomb,
    /// 404 `Invalid page.`
    InvalidPage,

    /// An organization with nobody in it.
    EmptyList,
    /// An edge lets no more than so many rows on a page, and counts pages accordingly.
    CappedPageSize(usize),
    /// So many rows fewer than the page should have.
    ShortPage(usize),
    /// The first row of the page is there twice and the last is not.
    DoubleRow,
    /// `count` is off by so much.
    ShiftedCount(i64),
    /// A field of the first row, or of the page, has this value.
    WrongField {
        /// Its key.
        field: String,
        /// What stands there.
        value: Value,
    },
    /// A field of the first row, or of the page, is not there.
    MissingField(String),
    /// The git host says something else about who is not a recorded admin.
    GitHost(GitHost),
    /// The server's clock is wrong, or it does not tell the time.
    WrongDate(WrongDate),
}

impl Fault {
    /// Tells whether the answer is still Codecov's, only bent.
    fn bends(&self) -> bool {
        matches!(
            self,
            Self::EmptyList
                | Self::CappedPageSize(_)
                | Self::ShortPage(_)
                | Self::DoubleRow
                | Self::ShiftedCount(_)
                | Self::WrongField { .. }
                | Self::MissingField(_)
                | Self::GitHost(_)
                | Self::WrongDate(_)
        )
    }
}

/// The two forms of the header, and anything else that may stand there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// A number.
    Seconds(u64),
    /// An HTTP date so far from now.
    DateIn(#[serde(deserialize_with = "duration")] Duration),
    /// As it stands.
    Raw(String),
}

/// What the `Date` header says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrongDate {
    /// A time so far from now, in the past.
    Behind(#[serde(deserialize_with = "duration")] Duration),
    /// A time so far from now, in the future.
    Ahead(#[serde(deserialize_with = "duration")] Duration),
    /// As it stands.
    Raw(String),
    /// There is none.
    Missing,
}

pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text).map_err(serde::de::Error::custom)
}

/// The routes that a fault can be kept to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of the routes")]
pub enum Route {
    Users,
    User,
    Sessions,
    Owners,
    Owner,
    Other,
}

impl Route {
    fn of(target: &Target) -> Self {
        match target {
            Target::Users { .. } => Self::Users,
            Target::User { .. } => Self::User,
            Target::Sessions { .. } => Self::Sessions,
            Target::Owners { .. } => Self::Owners,
            Target::Owner { .. } => Self::Owner,
            Target::OwnersWithoutSlash
            | Target::Health
            | Target::OtherApi { .. }
            | Target::Unknown => Self::Other,
        }
    }
}

/// Which requests a fault happens to; what is not said does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    route: Option<Route>,
    organization: Option<OrganizationId>,
    page: Option<u64>,
    from_request: Option<u64>,
    times: Option<u64>,
}

impl When {
    /// Every request from now on.
    pub fn always() -> Self {
        Self::default()
    }

    /// The next request.
    pub fn once() -> Self {
        Self::always().times(1)
    }

    /// The next so many of the requests that match.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Requests of that kind.
    #[must_use]
    pub fn on(self, route: Route) -> Self {
        Self { route: Some(route), ..self }
    }

    /// Requests about that organization.
    #[must_use]
    pub fn organization(self, organization: OrganizationId) -> Self {
        Self { organization: Some(organization), ..self }
    }

    /// Requests for that page.
    #[must_use]
    pub fn page(self, page: u64) -> Self {
        Self { page: Some(page), ..self }
    }

    /// Not before the request of that number; the first one is 1.
    #[must_use]
    pub fn from_request(self, number: u64) -> Self {
        Self { from_request: Some(number), ..self }
    }

    fn matches(&self, number: u64, request: &Request) -> bool {
        let page = || match request.parameter("page") {
            None | Some("") => Some(1),
            Some(text) => text.parse().ok(),
        };
        self.times != Some(0)
            && self.from_request.is_none_or(|from| number >= from)
            && self.route.is_none_or(|route| route == Route::of(&request.target))
            && self.page.is_none_or(|wanted| page() == Some(wanted))
            && self
                .organization
                .as_ref()
                .is_none_or(|wanted| request.target.organization().as_ref() == Some(wanted))
    }
}

impl Target {
    fn organization(&self) -> Option<OrganizationId> {
        match self {
            Self::Owner { service, owner }
            | Self::Users { service, owner }
            | Self::User { service, owner, .. }
            | Self::Sessions { service, owner } => {
                OrganizationId::new(service.parse().ok()?, owner).ok()
            }
            _ => None,
        }
    }
}

/// The faults that are still to come.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    rules: Vec<(When, Fault)>,
}

/// What happens to one request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Happening {
    /// All that bend the list, in order.
    pub(super) bends: Vec<Fault>,
    /// The one that replaces or breaks the answer.
    pub(super) breaks: Option<Fault>,
}

impl Faults {
    pub(super) fn add(&mut self, when: When, fault: Fault) {
        self.rules.push((when, fault));
    }

    /// What happens to the request, and is used up by it.
    pub(super) fn take(&mut self, number: u64, request: &Request) -> Happening {
        let mut happening = Happening::default();
        for (when, fault) in &mut self.rules {
            let rival = |other: &Fault| {
                let alike = mem::discriminant(other) == mem::discriminant(fault);
                alike || !(fault.bends() || other.bends())
            };
            let taken = happening.bends.iter().chain(&happening.breaks).any(rival);
            if taken || !when.matches(number, request) {
                continue;
            }
            when.times = when.times.map(|times| times - 1);
            if fault.bends() {
                happening.bends.push(fault.clone());
            } else {
                happening.breaks = Some(fault.clone());
            }
        }
        self.rules.retain(|(when, _)| when.times != Some(0));
        happening
    }
}
