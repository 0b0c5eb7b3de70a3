//! Codecov's JSON, and what it becomes.
//!
//! A page is opened in one pass that only tells its rows apart, so that a roster that is the same
//! as last time is never parsed; parsing it is one pass more. Unknown fields are ignored; a field
//! that is missing, of the wrong type or too long is a [`Fault`], which names the field but never
//! shows the value: it may be somebody's name. The pass that reads what is right does not know
//! what is wrong; where it fails, a slower one finds out. Nothing here allocates more than in
//! proportion to the rows that the caller agreed to.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::roster::{Member, UnnamedRow, Username};

/// The longest text that is taken.
const LONGEST_TEXT: usize = 1024;

/// The one 404 for an owner that is unknown, or whose members the token may not see, and for a
/// member who is not listed.
pub(super) const NO_OWNER: &str = "No Owner matches the given query.";
/// The 404 for a service that the server does not know.
pub(super) const NO_SERVICE: &str = "Invalid service for Owner.";
/// The 404 for a page past the end: the list has shrunk since the page before.
pub(super) const NO_PAGE: &str = "Invalid page.";
/// The only 401 that is sure to speak of Codecov's own token (section 3).
pub(super) const BAD_TOKEN: &str = "Invalid token.";
/// How the 401 begins that says that the token cannot even be read (section 3).
pub(super) const BAD_HEADER: &str = "Invalid token header.";
/// The 401 for a request that came without a token (section 3).
pub(super) const NO_TOKEN: &str = "Authentication credentials were not provided.";
/// The only 403 that is sure to say that the token's user is no admin (section 4).
pub(super) const NO_PERMISSION: &str = "You do not have permission to perform this action.";

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
    body: String,
    /// From the first row in `body` to the end of the last.
    results: Range<usize>,
}

impl Page {
    /// Opens a page; its rows are counted only.
    pub(super) fn open(body: Vec<u8>) -> Result<Self, Fault> {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            count: u64,
            total_pages: u64,
            #[serde(borrow)]
            results: Untouched<'a>,
        }
        let body = String::from_utf8(body).map_err(|_| Fault::Json)?;
        let Ok(Object(envelope)) = serde_json::from_str::<Object<Envelope<'_>>>(&body) else {
            return Err(Self::fault(&body));
        };
        let Envelope { count, total_pages, results: Untouched { rows, ends } } = envelope;
        let results = ends.map_or(0..0, |(first, last)| {
            place(&body, first.get()).start..place(&body, last.get()).end
        });
        Ok(Self { count, total_pages, rows, body, results })
    }

    /// What is wrong with a page that could not be opened.
    fn fault(body: &str) -> Fault {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            #[serde(borrow, default, deserialize_with = "present")]
            count: Field<'a>,
            #[serde(borrow, default, deserialize_with = "present")]
            total_pages: Field<'a>,
            #[serde(borrow, default, deserialize_with = "present")]
            results: Field<'a>,
        }
        let look = || {
            let envelope: Envelope<'_> = object(body.as_bytes())?;
            read::<u64>("count", envelope.count)?;
            read::<u64>("total_pages", envelope.total_pages)?;
            read::<Vec<IgnoredAny>>("results", envelope.results)
        };
        look().err().unwrap_or(Fault::Json)
    }

    /// The rows as they were sent, with what stands between them.
    pub(super) fn results(&self) -> &str {
        self.body.get(self.results.clone()).expect("rows begin and end at characters")
    }

    /// Reads the rows of a member list; a fault comes with the number of its row, from 1.
    pub(super) fn read_rows(&self) -> Result<Vec<Row>, (u64, Fault)> {
        #[derive(Deserialize)]
        struct Envelope<T> {
            results: Vec<T>,
        }
        if let Ok(Object(page)) = serde_json::from_str::<Object<Envelope<Row>>>(&self.body) {
            return Ok(page.results);
        }
        self.read_rows_as(Row::parse)
    }

    /// Reads the rows of any list, one by one; a fault comes with the number of its row, from 1.
    pub(super) fn read_rows_as<T>(
        &self,
        parse: impl Fn(&[u8]) -> Result<T, Fault>,
    ) -> Result<Vec<T>, (u64, Fault)> {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            #[serde(borrow)]
            results: Vec<&'a RawValue>,
        }
        let page = serde_json::from_str::<Object<Envelope<'_>>>(&self.body);
        let Object(page) = page.expect("it was opened");
        let rows = page.results.into_iter().zip(1..);
        rows.map(|(row, number)| parse(row.get().as_bytes()).map_err(|fault| (number, fault)))
            .collect()
    }
}

/// A list of rows that are told apart and no more.
struct Untouched<'a> {
    rows: u64,
    /// The first and the last.
    ends: Option<(&'a RawValue, &'a RawValue)>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Untouched<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rows;

        impl<'de> Visitor<'de> for Rows {
            type Value = Untouched<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut untouched = Untouched { rows: 0, ends: None };
                while let Some(row) = list.next_element::<&RawValue>()? {
                    let first = untouched.ends.map_or(row, |(first, _)| first);
                    untouched.ends = Some((first, row));
                    untouched.rows += 1;
                }
                Ok(untouched)
            }
        }

        deserializer.deserialize_seq(Rows)
    }
}

/// Where a part of a text stands in it.
fn place(whole: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
}

/// One row of the member list (section 2).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Row {
    Named(Member),
    Unnamed(UnnamedRow),
}

impl Row {
    /// Reads a row, and tells what is wrong with it.
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
        Ok(Fields { service, username, name, email, seat, admin }.into())
    }
}

/// What is asked of a row.
struct Fields<'a> {
    service: Cow<'a, str>,
    username: Option<Cow<'a, str>>,
    name: Option<Cow<'a, str>>,
    email: Option<Cow<'a, str>>,
    seat: bool,
    admin: bool,
}

impl From<Fields<'_>> for Row {
    /// Sorts out the rows that name nobody.
    fn from(fields: Fields<'_>) -> Self {
        let Fields { service, username, name, email, seat, admin } = fields;
        let named = username.filter(|username| {
            service != "to_be_deleted" && !username.is_empty() && !is_of_deleted(username)
        });
        match named {
            Some(username) => {
                let (name, email) = (name.as_deref(), email.as_deref());
                Self::Named(Member::new(&username, name, email, seat, admin))
            }
            None => Self::Unnamed(UnnamedRow { email: email.map(Into::into), seat }),
        }
    }
}

/// Reads a row that has nothing wrong, in one pass; the error says no more than that it has.
impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wire<'a> {
            #[serde(borrow)]
            service: Text<'a>,
            #[serde(borrow)]
            username: Text<'a>,
            #[serde(borrow)]
            name: Text<'a>,
            activated: bool,
            is_admin: bool,
            #[serde(borrow)]
            email: Text<'a>,
        }
        let Object(wire) = Object::<Wire<'de>>::deserialize(deserializer)?;
        let Wire { service, username, name, activated: seat, is_admin: admin, email } = wire;
        let service = service.0.ok_or_else(|| de::Error::missing_field("service"))?;
        let [username, name, email] = [username, name, email].map(|Text(text)| text);
        Ok(Fields { service, username, name, email, seat, admin }.into())
    }
}

/// A text of reasonable length, or null. It has to be there: unlike an [`Option`], which serde
/// takes for null where a field is missing.
struct Text<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrNull;

        impl<'de> Visitor<'de> for TextOrNull {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or null")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                short(text).map(|text| Text(Some(Cow::Borrowed(text))))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                short(text).map(|text| Text(Some(Cow::Owned(text.to_owned()))))
            }

            fn visit_unit<E>(self) -> Result<Text<'de>, E> {
                Ok(Text(None))
            }
        }

        fn short<E: de::Error>(text: &str) -> Result<&str, E> {
            if text.len() > LONGEST_TEXT { Err(E::custom("too long")) } else { Ok(text) }
        }

        deserializer.deserialize_any(TextOrNull)
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

/// A JSON object. Derived types would also take an array of their fields' values.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
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

        deserializer.deserialize_map(Fields(PhantomData)).map(Self)
    }
}

/// Reads an object whatever else is in it; what its fields are is looked at later.
pub(super) fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Fault> {
    serde_json::from_slice(json).map(|Object(value)| value).map_err(|_| Fault::Json)
}

/// A field that has not been looked at; `None` where it is missing, while null is there.
pub(super) type Field<'a> = Option<&'a RawValue>;

/// Notes a field that is there.
pub(super) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Field<'de>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads a field that has to be there.
pub(super) fn read<T: DeserializeOwned>(name: &'static str, field: Field<'_>) -> Result<T, Fault> {
    let json = field.ok_or(Fault::Missing(name))?.get();
    serde_json::from_str(json).map_err(|_| Fault::Mistyped(name))
}

/// Reads a text, or null, that is not too long.
pub(super) fn read_text(
    name: &'static str,
    field: Field<'_>,
) -> Result<Option<Cow<'static, str>>, Fault> {
    let text: Option<String> = read(name, field)?;
    match text {
        Some(text) if text.len() > LONGEST_TEXT => Err(Fault::TooLong(name)),
        text => Ok(text.map(Cow::Owned)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
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
        let member = Member::new("Ann", None, Some("ann@example.test"), true, false);
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
        let page = Page::open(body.to_vec()).unwrap();
        assert_eq!((page.count, page.total_pages, page.rows), (9, 5, 2));
        assert_eq!(page.results(), r#"1, {"a":[]}"#);
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
            assert_eq!(Page::open(body.into()).unwrap_err(), fault, "{body}");
        }
    }

    /// JSON that is a row but for what one field has, or for a field more or less; or no row.
    fn rows_of_all_kinds() -> impl Strategy<Value = String> {
        let text = prop_oneof![
            "[a-zA-Z0-9]{0,6}".prop_map(|text| json!(text)),
            any::<String>().prop_map(|text| json!(text)),
            (LONGEST_TEXT - 1..LONGEST_TEXT + 2).prop_map(|length| json!("x".repeat(length))),
        ];
        let wrong = [json!(7), json!([]), json!({}), json!(1e300), json!(null), json!("\u{1}")];
        let value = prop_oneof![
            8 => text,
            2 => any::<bool>().prop_map(|bit| json!(bit)),
            1 => proptest::sample::select(wrong.to_vec()),
        ];
        let names = ["service", "username", "name", "activated", "is_admin", "email", "more", "id"];
        let change = (proptest::sample::select(names.to_vec()), proptest::option::of(value));
        let changed = proptest::collection::vec(change, 0..3).prop_map(|changes| {
            let mut row = row();
            for (name, value) in changes {
                match value {
                    Some(value) => row[name] = value,
                    None => drop(row.as_object_mut().unwrap().remove(name)),
                }
            }
            row.to_string()
        });
        let odd = [
            r#"["github","ann",null,true,false,null]"#,
            r#"{"service":"github","service":"gitlab"}"#,
            r#"{"service":"github","username":"\ud800","name":null,"activated":true,"is_admin":false,"email":null}"#,
            "{}",
            "null",
        ];
        prop_oneof![9 => changed, 1 => proptest::sample::select(odd.map(str::to_owned).to_vec())]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// What is read in one pass is what the slow look at every row finds, faults included.
        #[test]
        fn a_page_is_read_as_its_rows_are(
            rows in proptest::collection::vec(rows_of_all_kinds(), 0..4),
        ) {
            let body = format!(r#"{{"count":1,"total_pages":1,"results":[{}]}}"#, rows.join(", "));
            let page = Page::open(body.into_bytes()).unwrap();
            prop_assert_eq!(page.rows, rows.len() as u64);
            prop_assert_eq!(page.results(), rows.join(", "));
            let one_by_one = rows.iter().zip(1..).map(|(row, number)| {
                Row::parse(row.as_bytes()).map_err(|fault| (number, fault))
            });
            prop_assert_eq!(page.read_rows(), one_by_one.collect::<Result<Vec<_>, _>>());
        }
    }
}
