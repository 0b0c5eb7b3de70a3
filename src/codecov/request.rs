//! One question and its answer: sent, limited, and tried again where that can help.
//!
//! Here an answer is only bytes with a status. What the status means is decided in
//! [`session`](super::session), what the bytes mean in [`wire`](super::wire).

use std::error::Error as StdError;
use std::io;
use std::iter::successors;
use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue, LOCATION};
use reqwest::{Response, StatusCode};
use seatwatch_sdk::{CertificateKeys, Untrusted, io_reason};
use secrecy::ExposeSecret as _;

use super::answer::{Answer, shown_status};
use super::asker::Asker;
use super::error::{Error, Reason};
use super::retry::retry_after;
use super::route::Question;
use super::sent::Sent;
use super::skew;

/// The largest body that is read, counted after decompression. What is still compressed is
/// never held: it is unpacked as it comes, within the time limit of the request.
const LARGEST_BODY: u64 = 64 * 1024 * 1024;

const CERTIFICATE_KEYS: CertificateKeys =
    CertificateKeys { address: "codecov.base_url", authorities: "codecov.ca_file" };

/// Why there is no answer.
enum Failure {
    /// It may be there next time, though not sooner than the server asks for.
    Passing { error: Error, retry_after: Option<Duration> },
    /// It would be the same again.
    Lasting(Error),
}

impl Asker {
    /// Asks until there is an answer that is neither 408, 429 nor 5xx, or no use in asking on.
    ///
    /// Cancel-safe: a GET changes nothing.
    ///
    /// # Errors
    ///
    /// After all attempts, that of the last; [`Reason::RateLimited`] with the time to come back
    /// where the server asks for a longer wait than the session has left; [`Reason::Timeout`]
    /// when its time is up.
    pub(super) async fn ask(&self, question: &Question) -> Result<Answer, Error> {
        let answer = tokio::time::timeout_at(self.deadline, self.ask_on(question)).await;
        answer.unwrap_or_else(|_| Err(Self::time_is_up(question)))
    }

    /// As [`ask`](Self::ask), with a single attempt. Where the server asks to be left alone for a
    /// while, that while has passed when this returns.
    pub(super) async fn ask_once(&self, question: &Question) -> Result<Answer, Error> {
        let answer = tokio::time::timeout_at(self.deadline, self.attempt(question)).await;
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Failure::Passing { error, retry_after: Some(wait) })) => {
                let left = self.deadline.saturating_duration_since(tokio::time::Instant::now());
                if wait > left {
                    return Err(self.asked_to_wait(question, wait).caused_by(error));
                }
                tokio::time::sleep(wait).await;
                Err(error)
            }
            Ok(Err(Failure::Passing { error, .. } | Failure::Lasting(error))) => Err(error),
            Err(_) => Err(Self::time_is_up(question)),
        }
    }

    async fn ask_on(&self, question: &Question) -> Result<Answer, Error> {
        let mut delays = self.server.inner().policy.delays();
        let mut attempts = 0;
        loop {
            let (error, retry_after) = match self.attempt(question).await {
                Ok(answer) => return Ok(answer),
                Err(Failure::Lasting(error)) => return Err(error),
                Err(Failure::Passing { error, retry_after }) => (error, retry_after),
            };
            attempts += 1;
            let asked_for = retry_after.unwrap_or_default();
            let left = self.deadline.saturating_duration_since(tokio::time::Instant::now());
            if asked_for > left {
                return Err(self.asked_to_wait(question, asked_for).caused_by(error));
            }
            match delays.next().map(|delay| delay.max(asked_for)) {
                Some(delay) if delay < left => {
                    tracing::debug!(%error, attempts, ?delay, "no answer yet, will ask again");
                    tokio::time::sleep(delay).await;
                }
                Some(_) | None => {
                    let error = error.after_attempts(attempts);
                    return Err(match retry_after {
                        Some(wait) => error.postponed_until(self.clock.now() + wait),
                        None => error,
                    });
                }
            }
        }
    }

    async fn attempt(&self, question: &Question) -> Result<Answer, Failure> {
        let server = self.server.inner();
        server.limiter.until_ready().await;
        let mut request = server.client.get(question.url.clone());
        if question.needs_token {
            request = request.header(AUTHORIZATION, self.bearer().map_err(Failure::Lasting)?);
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        let sent = Sent::now(self.server.observer());
        let sent_at = self.clock.now();
        let response = request.send().await.map_err(|error| self.transport(question, error))?;
        tracing::debug!(
            method = "GET",
            url = question.shown,
            status = response.status().as_u16(),
            duration_ms = sent.elapsed().as_millis(),
            "Codecov answered"
        );
        self.note_clock(skew::ahead(response.headers(), sent_at, self.clock.now()));
        let status = response.status();
        let is_passing =
            matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
        if is_passing || status.is_server_error() {
            sent.answered(status.as_u16());
            return Err(self.refused_for_now(question, &response));
        }
        let location = response.headers().get(LOCATION);
        let location = location.map(|value| String::from_utf8_lossy(value.as_bytes()).into());
        let body = self.read_body(question, response).await?;
        sent.answered(status.as_u16());
        Ok(Answer { status, body, location })
    }

    async fn read_body(
        &self,
        question: &Question,
        mut response: Response,
    ) -> Result<Vec<u8>, Failure> {
        let too_large = || {
            let url = &question.shown;
            let mebibytes = LARGEST_BODY >> 20;
            let what = format!("the answer to `{url}` is larger than {mebibytes} MiB");
            let hint = "if the organization is that large, lower `codecov.page_size`";
            Failure::Lasting(Error::new(Reason::BadResponse, what).with_hint(hint))
        };
        let length = response.content_length().unwrap_or_default();
        if length > LARGEST_BODY {
            return Err(too_large());
        }
        let mut body = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        while let Some(chunk) =
            response.chunk().await.map_err(|error| self.transport(question, error))?
        {
            if (body.len() + chunk.len()) as u64 > LARGEST_BODY {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn refused_for_now(&self, question: &Question, response: &Response) -> Failure {
        let (url, status) = (&question.shown, response.status());
        let reason = match status {
            StatusCode::REQUEST_TIMEOUT => Reason::Timeout,
            StatusCode::TOO_MANY_REQUESTS => Reason::RateLimited,
            _ => Reason::ServerError,
        };
        let what = format!("`{url}` answered {}", shown_status(status));
        let error = Error::new(reason, what);
        Failure::Passing { error, retry_after: retry_after(response.headers(), self.clock.now()) }
    }

    /// Sorts out what went wrong below HTTP. The URL is cut off: it is in our own sentence.
    fn transport(&self, question: &Question, error: reqwest::Error) -> Failure {
        let (url, timeout) = (&question.shown, self.server.inner().timeout);
        let error = error.without_url();
        // From a decompressor, or from chunks that are none.
        let undecodable = |error: &io::Error| {
            matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)
        };
        match find::<rustls::Error>(&error) {
            // The first bytes that came were no TLS at all, so certificates have no part in it.
            Some(rustls::Error::InvalidMessage(_)) => {
                let what = format!("no trusted connection for `{url}`: the server speaks no TLS");
                let hint = "check scheme and port of `codecov.base_url`, and the proxy in the \
                            environment";
                return Failure::Lasting(Error::new(Reason::Tls, what).with_hint(hint));
            }
            Some(rustls::Error::InvalidCertificate(fault)) => {
                let host = question.url.host_str().unwrap_or_default();
                let Untrusted { fault, advice } = Untrusted::new(fault, host, CERTIFICATE_KEYS);
                let what = format!("no trusted connection for `{url}`: {fault}");
                return Failure::Lasting(Error::new(Reason::Tls, what).with_hint(advice));
            }
            Some(rustls::Error::AlertReceived(alert)) => {
                let what = format!(
                    "no trusted connection for `{url}`: the server ended the TLS handshake ({alert:?})"
                );
                let hint = "it may know no TLS as new as 1.2, or ask for a certificate of ours: check \
                            that `codecov.base_url` is Codecov, and what stands in between";
                return Failure::Lasting(Error::new(Reason::Tls, what).with_hint(hint));
            }
            Some(fault) => {
                let what = format!("no trusted connection for `{url}`: {fault}");
                return Failure::Lasting(Error::new(Reason::Tls, what));
            }
            None => {}
        }
        if error.is_decode() && find::<io::Error>(&error).is_some_and(undecodable) {
            let what = format!("the answer to `{url}` cannot be decoded");
            let error = Error::new(Reason::BadResponse, what).caused_by(innermost(&error));
            return Failure::Lasting(error);
        }
        if find::<hyper::Error>(&error).is_some_and(hyper::Error::is_parse) {
            let what = format!("the answer to `{url}` is not HTTP");
            let error = Error::new(Reason::BadResponse, what).caused_by(innermost(&error));
            return Failure::Lasting(error);
        }
        let error = if error.is_timeout() {
            let timeout = humantime::format_duration(timeout);
            Error::new(Reason::Timeout, format!("no whole answer within {timeout} to `{url}`"))
        } else {
            let what = if error.is_connect() {
                format!("no connection for `{url}`")
            } else {
                format!("the connection broke before the end of `{url}`")
            };
            Error::new(Reason::Unreachable, what).caused_by(innermost(&error))
        };
        Failure::Passing { error, retry_after: None }
    }

    fn asked_to_wait(&self, question: &Question, wait: Duration) -> Error {
        let (url, seconds) = (&question.shown, Duration::from_secs(wait.as_secs()));
        let wait_shown = humantime::format_duration(seconds);
        let what = format!("`{url}` asks to wait {wait_shown}, longer than the time that is left");
        Error::new(Reason::RateLimited, what).postponed_until(self.clock.now() + wait)
    }

    fn time_is_up(question: &Question) -> Error {
        let what =
            format!("the time for this sync was up before the answer to `{}`", question.shown);
        Error::new(Reason::Timeout, what)
    }

    fn bearer(&self) -> Result<HeaderValue, Error> {
        let bearer = format!("Bearer {}", self.token.expose_secret());
        let mut bearer = HeaderValue::try_from(bearer).map_err(|_| {
            let what = "the token holds a character that no token has, such as a line break";
            Error::new(Reason::TokenRefused, what)
        })?;
        bearer.set_sensitive(true);
        Ok(bearer)
    }
}

/// What lies at the bottom: what the libraries above it say, such as `error sending request`, is
/// nothing to who reads of it in a mail.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    let deepest = successors(Some(error), |&error| error.source()).last().unwrap_or(error);
    let text = deepest.downcast_ref().map_or_else(|| deepest.to_string(), io_reason);
    // The type of these two is private to the client.
    if text.contains("proxy authorization required") {
        "the proxy asks for user name and password".to_owned()
    } else if text.contains("tunnel error") {
        "the proxy makes no connection to it".to_owned()
    } else {
        text
    }
}

/// The first error of that type in a chain, also where an [`io::Error`] wraps it, which
/// [`source`](StdError::source) skips.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = wrapped.and_then(|wrapped| find(wrapped)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}
