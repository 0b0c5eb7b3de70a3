//! Codecov's JSON, and what it becomes.
//!
//! A page is opened without looking at its rows, so that a roster that is the same as last time
//! is never parsed. Unknown fields are ignored; a field that is missing, of the wrong type or
//! too long is a [`Fault`], which names the field but never shows the value: it may be somebody's
//! name. Nothing here allocates more than in proportion to the rows that the caller agreed to.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::roster::{Member, UnnamedRow, Username};

/// The longest text that is taken.
const LONGEST_TEXT: usize = 1024;

/// What an answer has that it should not have, as the end of a sentence about the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("is not JSON of the expected kind")]
    Json,
    #[error("has no field `{0}`")]
    Missing(&'static str),
    #[error("has a field `{0}` of the wrong type")]
    Mistyped(&'static str),
    #[error("has a field `{0}` of more than {LONGEST_TEXT} bytes")]
    TooLong(&'static str),
}

/// One page of a list whose rows have not been looked at (`docs/CODECOV_API.md` section 1).
#[derive(Debug)]
pub(super) struct Page {
    /// How many rows there are on all pages together.
    pub(super) count: u64,
    pub(super) total_pages: u64,
    /// How many rows this page has.
    pub(super) rows: u64,
    results: Box<RawValue>,
}

impl Page {
    /// Opens a page; its rows are counted only.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Fault> {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            #[serde(borrow, default, deserialize_with = "present")]
            count: Field<'a>,
            #[serde(borrow, default, deserialize_with = "present")]
            total_pages: Field<'a>,
            #[serde(borrow, default, deserialize_with = "present")]
            results: Field<'a>,
        }
        let envelope: Envelope<'_> = object(body)?;
        let count = read("count", envelope.count)?;
        let total_pages = read("total_pages", envelope.total_pages)?;
        // A list of things without a size takes no memory, whatever its length.
        let rows: Vec<IgnoredAny> = read("results", envelope.results)?;
        let results = envelope.results.ok_or(Fault::Missing("results"))?.to_owned();
        Ok(Self { count, total_pages, rows: rows.len() as u64, results })
    }

    /// The JSON array of the rows, as it was sent.
    pub(super) fn array(&self) -> &str {
        self.results.get()
    }

    /// The rows, each still to be parsed with [`Row::parse`].
    pub(super) fn rows(&self) -> Vec<&RawValue> {
        serde_json::from_str(self.results.get()).expect("it is the array that was counted")
    }
}

/// One row of the member list (section 2).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Row {
    Named(Member),
    Unnamed(UnnamedRow),
}

impl Row {
    /// Reads a row and sorts out those that name nobody.
    pub(super) fn parse(json: &[u8]) -> Result<Self, Fault> {
        #[derive(Deserialize)]
        struct Wire<'a> {
            #[serde(borrow, default, deserialize_with = "present")]
            service: Field<'a>,
            #[serde(borrow, default, deserialize_with = "present")]
            username: Field<'a>,
            #[serde(borrow, default, deserialize_with = "present")]
            name: Field<'a>,
            #[serde(borrow, default, deserialize_with = "present")]
            activated: Field<'a>,
            #[serde(borrow, default, deserialize_with = "present")]
            is_admin: Field<'a>,
            #[serde(borrow, default, deserialize_with = "present")]
            email: Field<'a>,
        }
        let wire: Wire<'_> = object(json)?;
        let service = read_text("service", wire.service)?.ok_or(Fault::Mistyped("service"))?;
        let username = read_text("username", wire.username)?;
        let name = read_text("name", wire.name)?;
        let seat = read("activated", wire.activated)?;
        let admin = read("is_admin", wire.is_admin)?;
        let email = read_text("email", wire.email)?;
        let username = username.filter(|username| {
            *service != *"to_be_deleted" && !username.is_empty() && !is_of_deleted(username)
        });
        Ok(match username.map(Username::new) {
            Some(username) => Self::Named(Member { username, name, email, seat, admin }),
            None => Self::Unnamed(UnnamedRow { email, seat }),
        })
    }
}

/// The name of the owner that the public route shows (section 6).
pub(super) fn parse_owner(json: &[u8]) -> Result<String, Fault> {
    let owner = row_name(json)?.ok_or(Fault::Mistyped("username"))?;
    Ok(owner.shown().to_owned())
}

/// The name in a row, also in one that names nobody for us.
pub(super) fn row_name(json: &[u8]) -> Result<Option<Username>, Fault> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow, default, deserialize_with = "present")]
        username: Field<'a>,
    }
    let wire: Wire<'_> = object(json)?;
    Ok(read_text("username", wire.username)?.map(Username::new))
}

/// The `detail` by which most refusals explain themselves (section 3).
pub(super) fn parse_detail(json: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Wire {
        detail: String,
    }
    object(json).ok().map(|Wire { detail }| detail)
}

/// The name that Codecov gives to whom it is about to delete (section 2).
fn is_of_deleted(username: &str) -> bool {
    let number = username.strip_prefix("deleted_user_");
    number.is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Reads a JSON object. Derived types would also take an array of their fields' values.
fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Fault> {
    struct Fields<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }

    let mut json = serde_json::Deserializer::from_slice(json);
    let read = json.deserialize_map(Fields(PhantomData)).map_err(|_| Fault::Json)?;
    json.end().map_err(|_| Fault::Json)?;
    Ok(read)
}

/// A field that has not been looked at; `None` where it is missing, while null is there.
type Field<'a> = Option<&'a RawValue>;

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Field<'de>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

fn read<T: DeserializeOwned>(name: &'static str, field: Field<'_>) -> Result<T, Fault> {
    let json = field.ok_or(Fault::Missing(name))?.get();
    serde_json::from_str(json).map_err(|_| Fault::Mistyped(name))
}

fn read_text(name: &'static str, field: Field<'_>) -> Result<Option<Box<str>>, Fault> {
    let text: Option<Box<str>> = read(name, field)?;
    match text {
        Some(text) if text.len() > LONGEST_TEXT => Err(Fault::TooLong(name)),
        text => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn row() -> Value {
        json!({
            "service": "github", "username": "Ann", "name": null, "activated": true,
            "is_admin": false, "email": "ann@example.test",
        })
    }

    fn parse(row: &Value) -> Result<Row, Fault> {
        Row::parse(row.to_string().as_bytes())
    }

    #[test]
    fn a_row_becomes_a_member() {
        let mut wire = row();
        wire["left_at"] = json!({ "unknown": ["fields", "are", "ignored"] });
        let member = Member {
            username: Username::new("Ann"),
            name: None,
            email: Some("ann@example.test".into()),
            seat: true,
            admin: false,
        };
        assert_eq!(parse(&wire), Ok(Row::Named(member)));
    }

    #[test]
    fn rows_that_name_nobody_are_unnamed() {
        for (field, value, unnamed) in [
            ("username", json!(null), true),
            ("username", json!(""), true),
            ("username", json!("deleted_user_4711"), true),
            ("service", json!("to_be_deleted"), true),
            ("username", json!("deleted_user_"), false),
            ("username", json!("deleted_user_4711x"), false),
            ("username", json!("123456"), false),
            ("username", json!("a/b"), false),
            ("service", json!("github_enterprise"), false),
        ] {
            let mut wire = row();
            wire[field] = value.clone();
            let row = parse(&wire).unwrap();
            assert_eq!(matches!(row, Row::Unnamed(_)), unnamed, "{field}: {value}");
        }
    }

    #[test]
    fn a_fault_names_the_field() {
        for field in ["service", "username", "name", "activated", "is_admin", "email"] {
            let mut wire = row();
            wire[field] = json!(7);
            assert_eq!(parse(&wire), Err(Fault::Mistyped(field)));
            wire.as_object_mut().unwrap().remove(field);
            assert_eq!(parse(&wire), Err(Fault::Missing(field)));
        }
        for field in ["service", "activated", "is_admin"] {
            let mut wire = row();
            wire[field] = json!(null);
            assert_eq!(parse(&wire), Err(Fault::Mistyped(field)));
        }
        for field in ["service", "username", "name", "email"] {
            let mut wire = row();
            wire[field] = json!("x".repeat(LONGEST_TEXT));
            assert!(parse(&wire).is_ok(), "{field}");
            wire[field] = json!("x".repeat(LONGEST_TEXT + 1));
            assert_eq!(parse(&wire), Err(Fault::TooLong(field)));
        }
        for json in ["", "7", "null", r#"{"username":"#] {
            assert_eq!(Row::parse(json.as_bytes()), Err(Fault::Json), "{json}");
        }
    }

    #[test]
    fn a_page_is_opened_without_its_rows() {
        let body = br#"{"count":9,"next":7,"results":[1, {"a":[]}] ,"total_pages":5,"x":{}}"#;
        let page = Page::parse(body).unwrap();
        assert_eq!((page.count, page.total_pages, page.rows), (9, 5, 2));
        assert_eq!(page.array(), r#"[1, {"a":[]}]"#);
    }

    #[test]
    fn what_is_no_page_is_refused() {
        for (body, fault) in [
            (r#"{"pulls":"http://x.test"}"#, Fault::Missing("count")),
            (r#"{"count":1,"results":[]}"#, Fault::Missing("total_pages")),
            (r#"{"count":1,"total_pages":1}"#, Fault::Missing("results")),
            (r#"{"count":-1,"total_pages":1,"results":[]}"#, Fault::Mistyped("count")),
            (r#"{"count":1e30,"total_pages":1,"results":[]}"#, Fault::Mistyped("count")),
            (r#"{"count":"1","total_pages":1,"results":[]}"#, Fault::Mistyped("count")),
            (r#"{"count":1,"total_pages":null,"results":[]}"#, Fault::Mistyped("total_pages")),
            (r#"{"count":1,"total_pages":1,"results":{}}"#, Fault::Mistyped("results")),
            (r#"{"count":1,"total_pages":1,"results":[{"a""#, Fault::Json),
            ("<!DOCTYPE html>", Fault::Json),
            ("7", Fault::Json),
            ("", Fault::Json),
        ] {
            assert_eq!(Page::parse(body.as_bytes()).unwrap_err(), fault, "{body}");
        }
    }
}
