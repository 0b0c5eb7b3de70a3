//! What faults do to an answer.
//!
//! Two steps: [`list`] bends the JSON of a list and leaves a whole answer; [`send`] turns an
//! answer into what the connection does, which may be nothing.
//!
//! Knows neither the world nor who asked.

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream::{self, StreamExt as _};
use serde_json::{Map, Value, json};

use super::answer::{Answer, LIST_METHODS};
use super::faults::{Fault, RetryAfter, WrongDate};

/// Long enough for what was written to leave the machine before the connection goes.
const FLUSHED: Duration = Duration::from_millis(20);

/// Bends the list in a whole answer; what is not a list stays as it is.
pub(super) fn list(answer: Answer, bends: &[Fault]) -> Answer {
    if bends.is_empty() {
        return answer;
    }
    let page = serde_json::from_slice::<Map<String, Value>>(&answer.body);
    let Some(mut page) = page.ok().filter(|page| page.contains_key("results")) else {
        return answer;
    };
    for fault in bends {
        bend(&mut page, fault);
    }
    Answer { body: Answer::api(answer.status, LIST_METHODS, &page).body, ..answer }
}

fn bend(page: &mut Map<String, Value>, fault: &Fault) {
    if *fault == Fault::EmptyList {
        *page = Map::from_iter([
            ("count".to_owned(), json!(0)),
            ("next".to_owned(), Value::Null),
            ("previous".to_owned(), Value::Null),
            ("results".to_owned(), json!([])),
            ("total_pages".to_owned(), json!(1)),
        ]);
    }
    if let Fault::ShiftedCount(by) = fault {
        let count = page.get("count").and_then(Value::as_i64).unwrap_or_default();
        page.insert("count".to_owned(), json!(count + by));
    }
    let empty = &mut Vec::new();
    let rows = page.get_mut("results").and_then(Value::as_array_mut).unwrap_or(empty);
    match fault {
        Fault::ShortPage(missing) => rows.truncate(rows.len().saturating_sub(*missing)),
        Fault::DoubleRow => {
            rows.pop();
            if let Some(first) = rows.first().cloned() {
                rows.insert(0, first);
            }
        }
        Fault::WrongField { field, value } => {
            let row = rows.first_mut().and_then(Value::as_object_mut);
            match row.and_then(|row| row.get_mut(field)) {
                Some(place) => *place = value.clone(),
                None => drop(page.insert(field.clone(), value.clone())),
            }
        }
        Fault::MissingField(field) => {
            // `swap_remove`, the default, would move the other keys about.
            let row = rows.first_mut().and_then(Value::as_object_mut);
            if row.and_then(|row| row.shift_remove(field)).is_none() {
                page.shift_remove(field);
            }
        }
        _ => {}
    }
}

/// What the connection does.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// Sends this, after a while.
    Response { late: Duration, response: Box<Response<Body>> },
    /// Goes, without a byte.
    Reset,
    /// Stays, without a byte.
    Hang,
}

impl Outgoing {
    /// The status that is sent, if any is.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Response { response, .. } => Some(response.status().as_u16()),
            Self::Reset | Self::Hang => None,
        }
    }
}

/// Sends the answer as the fault has it. `reset` is raised when the connection is to be reset.
pub(super) fn send(
    answer: Answer,
    fault: Option<Fault>,
    now: DateTime<Utc>,
    reset: &Arc<AtomicBool>,
) -> Outgoing {
    let late = if let Some(Fault::Late(late)) = fault { late } else { Duration::ZERO };
    let response = match fault {
        Some(Fault::Reset) => return Outgoing::Reset,
        Some(Fault::Hang) => return Outgoing::Hang,
        Some(Fault::Status { status, retry_after }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT);
            let detail = status.canonical_reason().unwrap_or("unknown");
            let mut answer = match status {
                StatusCode::INTERNAL_SERVER_ERROR => Answer::server_error(),
                // As of a token that was revoked.
                StatusCode::UNAUTHORIZED => Answer::unauthorized(LIST_METHODS, "Invalid token."),
                _ => Answer::refusal(status, LIST_METHODS, detail),
            };
            let value = retry_after.and_then(|after| retry_after_header(after, now));
            answer.headers.extend(value.map(|value| (header::RETRY_AFTER, value)));
            whole(answer)
        }
        Some(Fault::InvalidPage) => whole(Answer::not_found(LIST_METHODS, "Invalid page.")),
        Some(Fault::Html) => whole(answer.into_html()),
        Some(Fault::Body(text)) => {
            whole(Answer::plain(StatusCode::OK, "application/json", text.into_bytes()))
        }
        Some(Fault::Redirect { status, location }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FOUND);
            let mut answer = Answer::plain(status, "text/html; charset=utf-8", Vec::new());
            let location = HeaderValue::from_str(&location).ok();
            answer.headers.extend(location.map(|location| (header::LOCATION, location)));
            whole(answer)
        }
        Some(Fault::TornJson(bytes)) => {
            let mut answer = answer;
            answer.body.truncate(bytes);
            whole(answer)
        }
        Some(Fault::CutOff(bytes)) => streamed(answer, |body| broken(&body, bytes, None)),
        Some(Fault::ResetInBody(bytes)) => {
            streamed(answer, |body| broken(&body, bytes, Some(Arc::clone(reset))))
        }
        Some(Fault::HangInBody(bytes)) => streamed(answer, |body| hanging(&body, bytes)),
        Some(Fault::Slow { bytes, every }) => streamed(answer, |body| slow(body, bytes, every)),
        Some(Fault::Endless) => endless(answer, None),
        Some(Fault::GzipBomb) => endless(answer, Some("gzip")),
        // Nothing happens to it on the way: it is late, or was bent before.
        _ => whole(answer),
    };
    Outgoing::Response { late, response: Box::new(response) }
}

fn retry_after_header(after: RetryAfter, now: DateTime<Utc>) -> Option<HeaderValue> {
    let text = match after {
        RetryAfter::Seconds(seconds) => seconds.to_string(),
        RetryAfter::DateIn(duration) => http_date(now + duration),
        RetryAfter::Raw(text) => text,
    };
    HeaderValue::from_str(&text).ok()
}

/// The `Date` header of an answer; none where a fault takes it away.
pub(super) fn date(bends: &[Fault], now: DateTime<Utc>) -> Option<HeaderValue> {
    let wrong = bends.iter().find_map(|fault| match fault {
        Fault::WrongDate(wrong) => Some(wrong),
        _ => None,
    });
    let text = match wrong {
        None => http_date(now),
        Some(WrongDate::Behind(duration)) => http_date(now - *duration),
        Some(WrongDate::Ahead(duration)) => http_date(now + *duration),
        Some(WrongDate::Raw(text)) => text.clone(),
        Some(WrongDate::Missing) => return None,
    };
    HeaderValue::from_str(&text).ok()
}

fn http_date(time: DateTime<Utc>) -> String {
    time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn whole(answer: Answer) -> Response<Body> {
    streamed(answer, Body::from)
}

/// A response that promises the whole body, whatever then becomes of it.
fn streamed(answer: Answer, body: impl FnOnce(Bytes) -> Body) -> Response<Body> {
    let length = HeaderValue::from(answer.body.len());
    let mut response = Response::new(body(Bytes::from(answer.body)));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response.headers_mut().insert(header::CONTENT_LENGTH, length);
    response
}

fn broken(body: &Bytes, bytes: usize, reset: Option<Arc<AtomicBool>>) -> Body {
    let sent = body.slice(..bytes.min(body.len()));
    let end = async move {
        tokio::time::sleep(FLUSHED).await;
        if let Some(reset) = reset {
            reset.store(true, Ordering::Relaxed);
        }
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    };
    Body::from_stream(stream::iter([Ok(sent)]).chain(stream::once(end)))
}

fn hanging(body: &Bytes, bytes: usize) -> Body {
    let sent = body.slice(..bytes.min(body.len()));
    Body::from_stream(stream::iter([Ok::<_, Infallible>(sent)]).chain(stream::pending()))
}

fn slow(body: Bytes, bytes: usize, every: Duration) -> Body {
    let pieces = stream::unfold(body, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(every).await;
        let piece = rest.split_to(bytes.clamp(1, rest.len()));
        Some((Ok::<_, Infallible>(piece), rest))
    });
    Body::from_stream(pieces)
}

/// A list that opens and never closes, in pieces of one MiB.
fn endless(mut answer: Answer, encoding: Option<&'static str>) -> Response<Body> {
    answer.headers.extend(
        encoding.map(|encoding| (header::CONTENT_ENCODING, HeaderValue::from_static(encoding))),
    );
    let mut gzip = encoding.map(|_| GzEncoder::new(Vec::new(), Compression::fast()));
    let start: &[u8] = br#"{"count":1000000000,"next":null,"previous":null,"results":["#;
    let blanks = Bytes::from(vec![b' '; 1 << 20]);
    let plain = std::iter::once(Bytes::from_static(start)).chain(std::iter::repeat(blanks));
    let pieces = plain.map(move |piece| match &mut gzip {
        None => Ok(piece),
        Some(gzip) => {
            gzip.write_all(&piece)?;
            gzip.flush()?;
            io::Result::Ok(Bytes::from(std::mem::take(gzip.get_mut())))
        }
    });
    let mut response = Response::new(Body::from_stream(stream::iter(pieces)));
    *response.headers_mut() = answer.headers;
    response
}
