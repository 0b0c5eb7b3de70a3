//! What a receiver's answer means for the events: accepted, refused for good, or to be tried
//! again.
//!
//! A status of 2xx is enough; an endless body cannot hold it up. Of any other answer, the
//! beginning of the body is quoted, because there receivers say why.

use std::time::{Duration, SystemTime};

use reqwest::header::{LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use seatwatch_sdk::{Failure, Secret, quote, retry_after};
use tokio::time::timeout;
use url::{Position, Url};

use crate::proxy::Route;

/// How much of a body is read.
const BODY_BYTES: usize = 64 * 1024;

/// How long the rest of an error's body is waited for.
const ERROR_PATIENCE: Duration = Duration::from_secs(2);

/// How long the body of an acceptance is waited for: most come with the headers, and a connection
/// can be used again only after its answer was read.
const ACCEPTED_PATIENCE: Duration = Duration::from_millis(200);

/// Who was asked, and what must not be repeated from the answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// What to call the receiver.
    pub(crate) shown: &'a str,
    /// The way to it.
    pub(crate) route: &'a Route,
    /// What it may repeat.
    pub(crate) secrets: &'a [Secret],
    /// When the request was made.
    pub(crate) now: SystemTime,
}

/// The verdict on a delivery.
pub(crate) async fn judge(mut response: Response, asked: Asked<'_>) -> Result<(), Failure> {
    let status = response.status();
    if status.is_success() {
        read(&mut response, ACCEPTED_PATIENCE).await;
        return Ok(());
    }
    let mut what = describe(&mut response, asked).await;
    if let Some(hint) = hint(status, asked.route) {
        what = format!("{what}; {hint}");
    }
    Err(match status.as_u16() {
        400 | 413 | 415 | 422 => Failure::Reject { reason: what },
        410 => Failure::Disable {
            reason: format!(
                "{what}; the receiver wants no more events: set another `url`, or resume the sink \
                 once it is back"
            ),
        },
        _ => {
            let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            let after = after.and_then(|after| retry_after(after, asked.now));
            Failure::Retry { after, reason: what }
        }
    })
}

/// The verdict on a request that is no delivery: whoever answers at all is there. What to `POST`
/// it may not like, but what would stop every delivery counts.
pub(crate) async fn judge_check(mut response: Response, asked: Asked<'_>) -> Result<(), Failure> {
    let status = response.status();
    let is_barred = matches!(status.as_u16(), 401 | 403 | 407 | 410);
    if is_barred || status.is_redirection() {
        return judge(response, asked).await;
    }
    read(&mut response, ACCEPTED_PATIENCE).await;
    Ok(())
}

/// The answer in words: status, target of a redirect, beginning of the body.
async fn describe(response: &mut Response, asked: Asked<'_>) -> String {
    let status = response.status();
    let target = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let target = target.and_then(|target| response.url().join(target).ok());
    if let (true, Some(target)) = (status.is_redirection(), &target) {
        return format!(
            "`{}` redirects ({}) to `{}`, which is not followed; put the final URL into `url`",
            asked.shown,
            status.as_u16(),
            quote(&origin(target), asked.secrets).unwrap_or_default(),
        );
    }
    let body = read(response, ERROR_PATIENCE).await;
    let words = quote(&String::from_utf8_lossy(&body), asked.secrets);
    let words = words.map_or_else(String::new, |words| format!(": {words}"));
    format!("`{}` answered {status}{words}", asked.shown)
}

/// Of a redirect's target no more than this: the rest may carry a token.
fn origin(url: &Url) -> String {
    format!("{}://{}", url.scheme(), &url[Position::BeforeHost..Position::AfterPort])
}

fn hint(status: StatusCode, route: &Route) -> Option<&'static str> {
    Some(match status.as_u16() {
        401 | 403 => "check `bearer_token_file`, `headers_file`, `secret_file` and the clock",
        404 | 405 => "check `url`",
        407 => route.without_login(),
        415 => {
            "it must take `application/cloudevents+json`, or with `batch` \
             `application/cloudevents-batch+json`"
        }
        _ => return None,
    })
}

/// As much of the body as comes in time, and no more than is shown and drained.
async fn read(response: &mut Response, patience: Duration) -> Vec<u8> {
    let mut body = Vec::new();
    let reading = async {
        while body.len() < BODY_BYTES
            && let Ok(Some(chunk)) = response.chunk().await
        {
            body.extend_from_slice(&chunk);
        }
    };
    // A body that is cut short is still the best that there is to quote.
    timeout(patience, reading).await.ok();
    body.truncate(BODY_BYTES);
    body
}
