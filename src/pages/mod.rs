//! The pages that people look at: all organizations, one of them, one of its members.
//!
//! A page is made of what is committed at one moment and of the config, and shows at most so many
//! rows: what there is more of is on the next page. It is HTML that needs no script, is read out as
//! well as seen, and loads nothing but its style sheet. What others chose (names, addresses,
//! messages) is made fit for eyes here, once for all templates, and the templates escape it again
//! for HTML.
//!
//! Knows the store and how organizations stand; neither HTTP nor the daemon.

mod change;
mod link;
mod member;
mod organization;
mod overview;
mod paging;
mod render;
mod show;
mod trouble;

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use minijinja::Value;
use minijinja::value::Serde;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use self::organization::RosterQuery;
pub use self::overview::ListQuery;
use self::show::Moment;
use crate::chart;
use crate::config::Config;
use crate::dispatch::LaneStatus;
use crate::organization::OrganizationId;
use crate::store::View;

/// The style sheet of all pages.
pub static STYLE: LazyLock<String> =
    LazyLock::new(|| [chart::STYLE, include_str!("style.css")].concat());

/// Where the style sheet is, with a digest of it: another one is at another place.
pub static STYLE_PATH: LazyLock<String> = LazyLock::new(|| {
    let digest = Sha256::digest(STYLE.as_bytes());
    let (head, _) = digest.split_first_chunk().unwrap_or((&[0; 8], &[]));
    format!("/-/style.css?v={:016x}", u64::from_be_bytes(*head))
});

/// What stands in the tab of a browser.
pub const ICON: &str = include_str!("icon.svg");

/// A page as somebody asks for it. What they ask may name what is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// All organizations.
    Overview(ListQuery),
    /// One of them.
    Organization {
        /// The git service.
        service: String,
        /// The owner on it.
        owner: String,
        /// Which part of its roster.
        query: RosterQuery,
    },
    /// One of its members.
    Member {
        /// The git service.
        service: String,
        /// The owner on it.
        owner: String,
        /// A username that they have or had.
        username: String,
        /// Which part of their life.
        query: LifeQuery,
    },
    /// Anything else.
    Nothing,
}

/// Which part of a timeline is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct LifeQuery {
    /// Only what was before the event of this sequence.
    pub before: Option<String>,
}

/// A page, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Whether it is what was asked for; else it says that there is no such thing, and what is.
    pub found: bool,
    /// The page itself.
    pub html: String,
}

/// What pages are made of, beside the store.
pub struct Surroundings<'a> {
    /// What is watched.
    pub config: &'a Config,
    /// How every lane of every sink stands.
    pub lanes: Vec<LaneStatus>,
    /// When the page is made.
    pub now: DateTime<Utc>,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The store could not be read.
    #[error("the store cannot be read")]
    Store(#[from] rusqlite::Error),
    /// A template does not fit what it is given: a mistake in seatwatch.
    #[error("a page cannot be put together, a mistake in seatwatch")]
    Template(#[from] minijinja::Error),
}

/// Makes the page that was asked for.
///
/// # Errors
///
/// The disk or the database failed.
pub fn page(view: &View<'_>, around: &Surroundings<'_>, asked: &Asked) -> Result<Page, PageError> {
    let found = match asked {
        Asked::Overview(query) => overview::page(view, around, query)?,
        Asked::Organization { service, owner, query } => match named(service, owner) {
            Some(id) => organization::page(view, around, &id, query)?,
            None => Err(Missing::organization(view, around, &format!("{service}/{owner}"))?),
        },
        Asked::Member { service, owner, username, query } => match named(service, owner) {
            Some(id) => member::page(view, around, &id, username, query)?,
            None => Err(Missing::organization(view, around, &format!("{service}/{owner}"))?),
        },
        Asked::Nothing => Err(Missing::page()),
    };
    let frame = Frame::of(around);
    match found {
        Ok(Content { template, model }) => {
            Ok(Page { found: true, html: render::render(template, &frame, model)? })
        }
        Err(missing) => {
            let model = Value::from(Serde(&missing));
            Ok(Page { found: false, html: render::render("missing.html", &frame, model)? })
        }
    }
}

fn named(service: &str, owner: &str) -> Option<OrganizationId> {
    OrganizationId::new(service.parse().ok()?, owner).ok()
}

/// What a template shows.
struct Content {
    template: &'static str,
    model: Value,
}

impl Content {
    fn of(template: &'static str, model: &impl Serialize) -> Self {
        Self { template, model: Value::from(Serde(model)) }
    }
}

/// A page, or what is shown in its place; or the store failed.
type Found = rusqlite::Result<Result<Content, Missing>>;

/// What stands around every page.
#[derive(Serialize)]
struct Frame {
    instance: String,
    style: &'static str,
    made_at: Moment,
    timezone: &'static str,
    version: &'static str,
}

impl Frame {
    fn of(around: &Surroundings<'_>) -> Self {
        let zone = around.config.timezone;
        Self {
            instance: show::name(&around.config.instance),
            style: &STYLE_PATH,
            made_at: Moment::of(around.now, zone),
            timezone: zone.name(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// What is not there, and where to go instead.
#[derive(Serialize)]
struct Missing {
    title: String,
    says: String,
    links: Vec<(String, String)>,
}

impl Missing {
    fn page() -> Self {
        Self {
            title: "There is no such page".to_owned(),
            says: "The address leads nowhere. All that there is can be reached from the overview."
                .to_owned(),
            links: Vec::new(),
        }
    }

    /// A part of a list or a timeline that there is not.
    fn part(of: &str, href: String) -> Self {
        Self {
            title: "There is no such part".to_owned(),
            says: format!("{of} may have become shorter since you were there."),
            links: vec![(format!("{of}, from the start"), href)],
        }
    }

    /// A part of a list that is none of those that there are; an empty word is the whole.
    fn choice(
        key: &str,
        asked: &str,
        words: impl IntoIterator<Item = &'static str>,
        (of, href): (&str, String),
    ) -> Self {
        let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
        let (asked, words) = (show::name(asked), words.join(", "));
        Self { says: format!("{key} is one of {words}, and not {asked}."), ..Self::part(of, href) }
    }

    fn organization(
        view: &View<'_>,
        around: &Surroundings<'_>,
        asked: &str,
    ) -> rusqlite::Result<Self> {
        let watched = around.config.organizations.iter().map(|one| one.id.clone());
        let mut known: Vec<String> =
            watched.chain(view.organizations()?).map(|id| id.to_string()).collect();
        known.sort();
        known.dedup();
        let moved = around.config.organizations.iter().find(|organization| {
            organization.formerly.as_ref().is_some_and(|formerly| formerly.to_string() == asked)
        });
        let near = match moved {
            Some(moved) => Some(moved.id.to_string()),
            None => {
                crate::config::nearest(asked, known.iter().map(String::as_str)).map(str::to_owned)
            }
        };
        let near = near.and_then(|near| near.parse::<OrganizationId>().ok());
        Ok(Self {
            title: "There is no such organization".to_owned(),
            says: format!(
                "{} is neither in the configuration nor in the store.",
                show::name(asked)
            ),
            links: near
                .iter()
                .map(|id| (format!("Did you mean {id}?"), link::organization(id)))
                .collect(),
        })
    }
}
