//! The routes: from a request and the world to the honest answer.
//!
//! The checks come in Codecov's order (route, token, service, organization, membership, page),
//! because a client learns from which one it failed (`CODECOV_API.md` section 3).
//!
//! Knows no sockets and no faults. The only thing that happens to it from outside is what
//! [`Desk::between`] does to the world after the count and before the rows.

use axum::http::{Method, StatusCode, header};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;

use super::answer::{Answer, LIST_METHODS, USER_METHODS};
use super::listing::Filter;
use super::paging::Paging;
use super::request::{Credentials, Format, Request, Target};
use super::seat_patch;
use super::world::{GitHost, OwnerId, TO_BE_DELETED, World};
use crate::organization::Service;

pub(super) const NO_OWNER: &str = "No Owner matches the given query.";

/// A check that failed, with what the server says about it.
pub(super) type Refused = Box<Answer>;

/// What an answer is made from besides the request.
pub(super) struct Desk<'a> {
    pub(super) world: &'a mut World,
    /// Called in every list request after the count, before the rows.
    pub(super) between: &'a mut dyn FnMut(&mut World),
    /// An edge that allows fewer rows per page than the server does.
    pub(super) page_size_cap: Option<usize>,
    /// What the git host says, instead of what the organization has.
    pub(super) git_host: Option<GitHost>,
    pub(super) now: DateTime<Utc>,
}

/// Answers a request.
pub(super) fn answer(desk: &mut Desk<'_>, request: &Request) -> Answer {
    let answer = desk.answer(request).unwrap_or_else(|refused| *refused);
    // What the web framework says by itself has no page for people.
    let of_the_api = answer.headers.contains_key(header::ALLOW);
    if of_the_api && request.format == Format::Html { answer.into_html() } else { answer }
}

/// Who asks, in the words of the request log.
pub(super) fn caller_label(world: &World, credentials: &Credentials) -> Option<String> {
    match credentials {
        Credentials::None => None,
        Credentials::Token(token) => {
            Some(world.tokens.get(token).map_or("unknown", |token| &token.label).to_owned())
        }
        _ => Some("malformed".to_owned()),
    }
}

impl Desk<'_> {
    fn answer(&mut self, request: &Request) -> Result<Answer, Refused> {
        match &request.target {
            Target::Unknown => Ok(Answer::page_not_found()),
            Target::Health => {
                let body = b"26.7.6 is live!".to_vec();
                Ok(Answer::plain(StatusCode::OK, "text/html; charset=utf-8", body)
                    .with(header::VARY, "Cookie, origin"))
            }
            Target::OwnersWithoutSlash => {
                let answer = Answer::plain(
                    StatusCode::MOVED_PERMANENTLY,
                    "text/html; charset=utf-8",
                    Vec::new(),
                );
                let location = header::HeaderValue::from_str(&format!("{}/", request.path));
                let mut answer = answer.with(header::VARY, "Cookie, origin");
                answer.headers.extend(location.map(|location| (header::LOCATION, location)));
                Ok(answer)
            }
            _ if request.path.contains('\0') => Ok(Answer::server_error()),
            Target::OtherApi { pulls } => {
                let url = format!("{}{pulls}", request.origin);
                Ok(Answer::api(StatusCode::OK, LIST_METHODS, &json!({ "pulls": url })))
            }
            Target::Owners { service } => self.owners(request, service),
            Target::Owner { service, owner } => self.owner(request, service, owner),
            Target::Users { service, owner } => self.users(request, service, owner),
            Target::Sessions { service, owner } => self.sessions(request, service, owner),
            Target::User { service, owner, user } => self.user(request, service, owner, user),
        }
    }

    /// `/api/v2/{service}/{owner}/users/`
    fn users(&mut self, request: &Request, service: &str, owner: &str) -> Result<Answer, Refused> {
        let caller = self.token_owner(request, LIST_METHODS)?;
        let organization = self.organization(service, owner, LIST_METHODS)?;
        self.membership(caller, organization, LIST_METHODS)?;
        only_get(request, LIST_METHODS, "User List")?;
        let filter = filter(request)?;
        let count = self.world.count(organization, &filter);
        (self.between)(self.world);
        page(request, self.page_size_cap, count, |range| {
            self.world.page(organization, &filter, range)
        })
    }

    /// `/api/v2/{service}/{owner}/user-sessions/`: the same people in the same order.
    fn sessions(
        &mut self,
        request: &Request,
        service: &str,
        owner: &str,
    ) -> Result<Answer, Refused> {
        let caller = self.token_owner(request, LIST_METHODS)?;
        let organization = self.organization(service, owner, LIST_METHODS)?;
        self.admin(caller, organization)?;
        only_get(request, LIST_METHODS, "User Session List")?;
        let count = self.world.count(organization, &Filter::default());
        (self.between)(self.world);
        page(request, self.page_size_cap, count, |range| {
            let listed = self.world.listed(organization);
            let end = range.end.min(listed.len());
            let people = listed.get(range.start..end).unwrap_or_default().iter();
            people.filter_map(|person| SessionRow::of(self.world, *person, self.now)).collect()
        })
    }

    /// `/api/v2/{service}/{owner}/users/{user}/`
    fn user(
        &mut self,
        request: &Request,
        service: &str,
        owner: &str,
        user: &str,
    ) -> Result<Answer, Refused> {
        let caller = self.token_owner(request, USER_METHODS)?;
        let organization = self.organization(service, owner, USER_METHODS)?;
        self.membership(caller, organization, USER_METHODS)?;
        if request.method != Method::PATCH {
            only_get(request, USER_METHODS, "User")?;
        }
        let person = self.listed_user(organization, user)?;
        if request.method == Method::PATCH {
            return seat_patch::answer(self.world, organization, person, request);
        }
        let row = self.world.row(organization, person);
        Ok(Answer::api(StatusCode::OK, USER_METHODS, &row))
    }

    /// `/api/v2/{service}/`: the caller's organizations there, and the caller.
    fn owners(&mut self, request: &Request, service: &str) -> Result<Answer, Refused> {
        let caller = self.token_owner(request, LIST_METHODS)?;
        let Some(service) = service_word(service) else {
            let detail = format!("Service not found: {service}");
            return Err(Answer::not_found(LIST_METHODS, &detail).into());
        };
        only_get(request, LIST_METHODS, "Owner List")?;
        let known = self.world.owners.get(&caller).and_then(|owner| owner.organizations.clone());
        let Some(mut owners) = known else { return Err(Answer::server_error().into()) };
        owners.insert(caller);
        let owners: Vec<_> =
            owners.into_iter().filter_map(|id| Face::of(self.world, id, service)).collect();
        page(request, self.page_size_cap, owners.len(), |range| {
            owners.get(range).unwrap_or_default().to_vec()
        })
    }

    /// `/api/v2/{service}/{owner}/`: public, and people are found as well as organizations.
    fn owner(&mut self, request: &Request, service: &str, owner: &str) -> Result<Answer, Refused> {
        self.caller(request, LIST_METHODS)?;
        let id = self.organization(service, owner, LIST_METHODS)?;
        only_get(request, LIST_METHODS, "Owner")?;
        let face = service_word(service).and_then(|service| Face::of(self.world, id, service));
        Ok(Answer::api(StatusCode::OK, LIST_METHODS, &face))
    }
}

/// The checks, in the order in which they are made.
impl Desk<'_> {
    /// Who asks, if anybody; content negotiation comes before even that.
    fn caller(&self, request: &Request, methods: &'static str) -> Result<Option<OwnerId>, Refused> {
        let refused = match (request.format, &request.credentials) {
            (Format::NotAcceptable, _) => Answer::refusal(
                StatusCode::NOT_ACCEPTABLE,
                methods,
                "Could not satisfy the request Accept header.",
            ),
            (Format::Unknown, _) => Answer::not_found(methods, "Not found."),
            (_, Credentials::None) => return Ok(None),
            (_, Credentials::Basic) => Answer::server_error(),
            (_, Credentials::Empty) => {
                Answer::unauthorized(methods, "Invalid token header. No credentials provided.")
            }
            (_, Credentials::Spaces) => Answer::unauthorized(
                methods,
                "Invalid token header. Token string should not contain spaces.",
            ),
            (_, Credentials::Malformed) => Answer::unauthorized(methods, "Invalid token."),
            (_, Credentials::Token(token)) => match self.world.tokens.get(token) {
                Some(token) if !token.expired => return Ok(Some(token.owner)),
                Some(_) | None => Answer::unauthorized(methods, "Invalid token."),
            },
        };
        Err(refused.into())
    }

    fn token_owner(&self, request: &Request, methods: &'static str) -> Result<OwnerId, Refused> {
        let detail = "Authentication credentials were not provided.";
        self.caller(request, methods)?.ok_or_else(|| Answer::unauthorized(methods, detail).into())
    }

    /// The owner in the path, who may turn out to be a person.
    fn organization(
        &self,
        service: &str,
        owner: &str,
        methods: &'static str,
    ) -> Result<OwnerId, Refused> {
        let service = service_word(service)
            .ok_or_else(|| Answer::not_found(methods, "Invalid service for Owner."))?;
        let found = self.world.find_word(service, owner);
        found.ok_or_else(|| Answer::not_found(methods, NO_OWNER).into())
    }

    /// Members, and who asks about themselves: so one's own user name is an empty list.
    fn membership(
        &self,
        caller: OwnerId,
        organization: OwnerId,
        methods: &'static str,
    ) -> Result<(), Refused> {
        let owner = self.world.owners.get(&caller);
        let organizations = owner.and_then(|owner| owner.organizations.as_ref());
        let member = organizations.is_some_and(|ids| ids.contains(&organization));
        if member || caller == organization {
            return Ok(());
        }
        Err(Answer::not_found(methods, NO_OWNER).into())
    }

    /// The rule of `user-sessions`: recorded admins pass, about others the git host is asked.
    fn admin(&self, caller: OwnerId, id: OwnerId) -> Result<(), Refused> {
        let forbidden = "You do not have permission to perform this action.";
        let refuse = |status, detail: &str| {
            Err(Refused::from(Answer::refusal(status, LIST_METHODS, detail)))
        };
        if let Some(admins) = &self.world.installation_admins {
            let passes = admins.contains(&caller);
            return if passes { Ok(()) } else { refuse(StatusCode::FORBIDDEN, forbidden) };
        }
        let organization = self.world.organizations.get(&id);
        let recorded = organization.is_some_and(|found| found.admins.contains(&caller));
        if recorded || caller == id {
            return Ok(());
        }
        let service = self.world.owners.get(&id).map_or("", |owner| owner.service);
        let host = match service.split('_').next() {
            Some("gitlab") => "Gitlab",
            Some("bitbucket") => "Bitbucket",
            _ => "Github",
        };
        let recorded = organization.map(|organization| organization.git_host);
        match self.git_host.or(recorded).unwrap_or_default() {
            GitHost::Admin => Ok(()),
            GitHost::Member => refuse(StatusCode::FORBIDDEN, forbidden),
            GitHost::NotFound => refuse(StatusCode::NOT_FOUND, &format!("{host} API: Not Found")),
            GitHost::Unauthorized => refuse(
                StatusCode::UNAUTHORIZED,
                &format!("{host} API unauthorized error: Unauthorized"),
            ),
            GitHost::Forbidden => refuse(StatusCode::FORBIDDEN, &format!("{host} API: Forbidden")),
            GitHost::RateLimited => refuse(
                StatusCode::FORBIDDEN,
                &format!("{host} API rate limit error: secondary rate limit"),
            ),
            GitHost::Broken => Err(Answer::server_error().into()),
        }
    }

    /// Somebody in the list, by username or by internal id. Two matches are a server error.
    fn listed_user(&self, organization: OwnerId, user: &str) -> Result<OwnerId, Refused> {
        let listed = self.world.listed(organization);
        let listed = |id: &OwnerId| listed.binary_search(id).is_ok();
        let service = self.world.owners.get(&organization).map_or("", |owner| owner.service);
        let by_name = self.world.find_word(service, user).filter(listed);
        let by_id = user.parse().ok().map(OwnerId).filter(listed);
        match (by_name, by_id) {
            (Some(one), Some(other)) if one != other => Err(Answer::server_error().into()),
            (Some(found), _) | (None, Some(found)) => Ok(found),
            (None, None) => Err(Answer::not_found(USER_METHODS, NO_OWNER).into()),
        }
    }
}

/// The long word for any spelling that the server takes.
fn service_word(text: &str) -> Option<&'static str> {
    match text.parse::<Service>() {
        Ok(service) => Some(service.word()),
        Err(_) => text.eq_ignore_ascii_case(TO_BE_DELETED).then_some(TO_BE_DELETED),
    }
}

fn only_get(request: &Request, methods: &'static str, view: &str) -> Result<(), Refused> {
    if request.method == Method::GET || request.method == Method::HEAD {
        return Ok(());
    }
    let answer = if request.method == Method::OPTIONS {
        let parses =
            ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"];
        let renders = ["application/json", "text/html"];
        let about = json!({"name": view, "description": "", "renders": renders, "parses": parses});
        Answer::api(StatusCode::OK, methods, &about)
    } else {
        let detail = format!("Method \"{}\" not allowed.", request.method);
        Answer::refusal(StatusCode::METHOD_NOT_ALLOWED, methods, &detail)
    };
    Err(answer.into())
}

/// Reads the filters; a value that is not understood filters nothing.
fn filter(request: &Request) -> Result<Filter, Refused> {
    let bit = |name| match request.parameter(name) {
        Some("true" | "True" | "2") => Some(true),
        Some("false" | "False" | "3") => Some(false),
        Some(_) | None => None,
    };
    let search = request.parameter("search").unwrap_or_default();
    if search.contains('\0') {
        let refused = json!(["Null characters are not allowed."]);
        return Err(Answer::api(StatusCode::BAD_REQUEST, LIST_METHODS, &refused).into());
    }
    let separator = |c: char| c == ',' || c.is_whitespace();
    let words = search.split(separator).filter(|word| !word.is_empty());
    Ok(Filter {
        seated: bit("activated"),
        admin: bit("is_admin"),
        words: words.map(str::to_lowercase).collect(),
    })
}

/// A page, keys in Codecov's order.
#[derive(Serialize)]
struct Page<T> {
    count: usize,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<T>,
    total_pages: usize,
}

fn page<T: Serialize>(
    request: &Request,
    page_size_cap: Option<usize>,
    count: usize,
    rows: impl FnOnce(std::ops::Range<usize>) -> Vec<T>,
) -> Result<Answer, Refused> {
    let window = Paging::of(request, page_size_cap)
        .window(count)
        .ok_or_else(|| Answer::not_found(LIST_METHODS, "Invalid page."))?;
    let page = Page {
        count,
        next: window.next(request),
        previous: window.previous(request),
        total_pages: window.total_pages,
        results: rows(window.rows),
    };
    Ok(Answer::api(StatusCode::OK, LIST_METHODS, &page))
}

/// A row of `user-sessions`.
#[derive(Serialize)]
struct SessionRow<'a> {
    username: Option<&'a str>,
    name: Option<&'a str>,
    has_active_session: bool,
    expiry_date: Option<String>,
}

impl<'a> SessionRow<'a> {
    fn of(world: &'a World, id: OwnerId, now: DateTime<Utc>) -> Option<Self> {
        let owner = world.owners.get(&id)?;
        let expires = owner.session_expires;
        Some(Self {
            username: owner.person.username.as_deref(),
            name: owner.person.name.as_deref(),
            has_active_session: expires.is_some_and(|expires| expires > now),
            expiry_date: expires
                .map(|expires| expires.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()),
        })
    }
}

/// What is public about an owner.
#[derive(Clone, Serialize)]
struct Face {
    service: &'static str,
    username: Option<String>,
    name: Option<String>,
}

impl Face {
    fn of(world: &World, id: OwnerId, service: &str) -> Option<Self> {
        let owner = world.owners.get(&id).filter(|owner| owner.service == service)?;
        let person = &owner.person;
        Some(Self {
            service: owner.service,
            username: person.username.clone(),
            name: person.name.clone(),
        })
    }
}
