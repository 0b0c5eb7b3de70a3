//! Who asks: one token, at one server, until a deadline; and what can be said of an answer that
//! is not what was asked for.
//!
//! Knows no question. What there is to ask is in [`session`](super::session) of an organization,
//! and in [`owners`](super::owners) of a token.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use secrecy::SecretString;

use super::answer::{Answer, shown_status};
use super::error::{Error, Reason};
use super::quote::{quote, quote_target};
use super::route::Question;
use super::server::Server;
use super::wire::{BAD_HEADER, BAD_TOKEN, Fault, NO_TOKEN};
use crate::clock::Clock;

/// What all requests for one purpose have in common.
pub(super) struct Asker {
    pub(super) server: Server,
    pub(super) token: SecretString,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) deadline: tokio::time::Instant,
    pub(super) requests: AtomicU64,
    /// How far ahead the server's clock is, as the last answer that told it says.
    clock_ahead: Mutex<Option<TimeDelta>>,
}

impl Asker {
    pub(super) fn new(
        server: Server,
        token: SecretString,
        clock: Arc<dyn Clock>,
        deadline: tokio::time::Instant,
    ) -> Self {
        let (requests, clock_ahead) = (AtomicU64::default(), Mutex::default());
        Self { server, token, clock, deadline, requests, clock_ahead }
    }

    /// How many requests have been sent so far, repeated ones included.
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// How far ahead of ours the server's clock is, negative where it is behind; nothing where no
    /// answer has told it.
    pub(super) fn clock_ahead(&self) -> Option<TimeDelta> {
        *self.clock_ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note_clock(&self, ahead: Option<TimeDelta>) {
        if ahead.is_some() {
            *self.clock_ahead.lock().unwrap_or_else(PoisonError::into_inner) = ahead;
        }
    }

    /// What no question has a better word for.
    ///
    /// Only Codecov's own words are about the token: with any others it is something in front of
    /// Codecov that refuses (`docs/CODECOV_API.md` section 3).
    pub(super) fn refusal(&self, question: &Question, answer: &Answer) -> Error {
        let what = self.what_was_answered(question, answer);
        let detail = answer.detail().filter(|_| question.needs_token);
        match (answer.status.as_u16(), detail.as_deref()) {
            (401, Some(detail)) if detail == BAD_TOKEN || detail.starts_with(BAD_HEADER) => {
                Error::new(Reason::TokenRefused, what)
            }
            (401, Some(NO_TOKEN)) => Error::new(Reason::TokenRefused, what).with_hint(
                "the token was sent and did not arrive: see to it that no proxy in front of \
                 Codecov takes the `Authorization` header off",
            ),
            _ if answer.is_redirect() => Error::new(Reason::BadResponse, what).with_hint(
                "redirects are not followed, because the token would go along: set \
                 `codecov.base_url` to where the server really is",
            ),
            _ => Error::new(Reason::BadResponse, what),
        }
    }

    /// What came back instead of what was asked for, as a part of a sentence.
    pub(super) fn what_was_answered(&self, question: &Question, answer: &Answer) -> String {
        let (url, status) = (&question.shown, shown_status(answer.status));
        let target = answer.location.as_deref().filter(|_| answer.is_redirect());
        if let Some(target) = target {
            let target = quote_target(target, &self.server.inner().api_root, &self.token);
            return format!("`{url}` redirects to `{target}`");
        }
        match answer.detail() {
            Some(detail) => format!("`{url}` answered {status}: `{}`", quote(&detail, &self.token)),
            None => format!("`{url}` answered {status}"),
        }
    }

    /// An answer that came whole and is not what was asked for.
    pub(super) fn faulty(question: &Question, fault: Fault) -> Error {
        let what = format!("the answer to `{}` {fault}", question.shown);
        Error::new(Reason::BadResponse, what)
    }
}
