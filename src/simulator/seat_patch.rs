//! `PATCH …/users/{user}/`: giving and taking a seat, with everything odd about it.
//!
//! seatwatch never sends it. It is here because any token can: a test that shows that only GET
//! is sent shows something only where PATCH would have worked.
//!
//! Pure: the caller has been checked and the person found.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, USER_METHODS};
use super::api::{NO_OWNER, Refused};
use super::request::Request;
use super::world::{OwnerId, World};

/// Changes the seat as the body says and answers with the new row.
pub(super) fn answer(
    world: &mut World,
    organization: OwnerId,
    person: OwnerId,
    request: &Request,
) -> Result<Answer, Refused> {
    if wanted(request)? {
        let plan = world.organizations.get(&organization);
        let seats = plan.and_then(|plan| Some((plan.seats?, plan.seated.len() as u64)));
        match seats {
            None => return Err(Answer::server_error().into()),
            // Who is seated already is refused like everybody else.
            Some((seats, taken)) if taken >= seats => {
                let detail = "Cannot activate user -- not enough seats left.";
                return Err(bad_request(&json!({ "detail": detail })).into());
            }
            Some(_) => world.seat(organization, person),
        }
    } else {
        world.unseat(organization, person);
    }
    // Who was listed for the seat alone is not found any more, although the seat was taken.
    if world.listed(organization).binary_search(&person).is_err() {
        return Err(Answer::not_found(USER_METHODS, NO_OWNER).into());
    }
    Ok(Answer::api(StatusCode::OK, USER_METHODS, &world.row(organization, person)))
}

fn wanted(request: &Request) -> Result<bool, Refused> {
    let media_type = request.content_type.split(';').next().unwrap_or_default().trim();
    let body = match media_type {
        _ if request.body.is_empty() => json!({}),
        "application/json" => serde_json::from_slice(&request.body).map_err(|_| {
            let detail = "JSON parse error - Expecting value: line 1 column 1 (char 0)";
            bad_request(&json!({ "detail": detail }))
        })?,
        "application/x-www-form-urlencoded" => {
            let pairs = url::form_urlencoded::parse(&request.body).into_owned();
            pairs.map(|(key, value)| (key, Value::String(value))).collect()
        }
        other => {
            let detail = format!("Unsupported media type \"{other}\" in request.");
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Answer::refusal(status, USER_METHODS, &detail).into());
        }
    };
    let problem = |text: &str| Refused::from(bad_request(&json!({ "activated": [text] })));
    if body.is_array() {
        let text = "Invalid data. Expected a dictionary, but got list.";
        return Err(bad_request(&json!({ "non_field_errors": [text] })).into());
    }
    match body.get("activated") {
        None => Err(problem("This field is required.")),
        Some(Value::Null) => Err(problem("This field may not be null.")),
        Some(value) => truth(value).ok_or_else(|| problem("Must be a valid boolean.")),
    }
}

/// The coercions of the server's boolean field.
fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Number(number) if number.as_f64() == Some(1.0) => Some(true),
        Value::Number(number) if number.as_f64() == Some(0.0) => Some(false),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "on" | "1" => Some(true),
            "false" | "f" | "no" | "n" | "off" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn bad_request(body: &Value) -> Answer {
    Answer::api(StatusCode::BAD_REQUEST, USER_METHODS, body)
}
