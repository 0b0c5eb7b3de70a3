//! A list as JSON: an array of objects, or an object that has one such array in it.
//!
//! Read as it comes: no object is kept.

use std::collections::HashMap;
use std::fmt;
use std::io::BufRead;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::error::Category;

use super::columns::{self, Columns, Roles};
use super::error::ErrorKind;
use super::gather::Gathering;

/// Reads all objects.
pub(super) fn read(
    text: impl BufRead,
    columns: Option<&Columns>,
    gathering: &mut Gathering,
) -> Result<(), ErrorKind> {
    let mut reading = Reading {
        columns,
        gathering,
        keys: Vec::new(),
        roles: HashMap::new(),
        rows: None,
        failure: None,
    };
    let mut json = serde_json::Deserializer::from_reader(text);
    let read = Document(&mut reading).deserialize(&mut json).and_then(|()| json.end());
    let Reading { keys, rows, failure, .. } = reading;
    if let Some(failure) = failure {
        return Err(failure);
    }
    read.map_err(failed)?;
    if rows == Some(0) {
        return Err(ErrorKind::Nobody);
    }
    columns::check(columns, keys.iter().map(String::as_str)).map_err(|error| match error {
        ErrorKind::NoKnownColumn { found } => ErrorKind::NoKnownKey { found },
        error => error,
    })
}

fn failed(error: serde_json::Error) -> ErrorKind {
    if error.classify() == Category::Io {
        return ErrorKind::Unreadable(error.into());
    }
    let (line, column) = (error.line(), error.column());
    let message = error.to_string();
    let place = format!(" at line {line} column {column}");
    let message = message.strip_suffix(&place).unwrap_or(&message).to_owned();
    ErrorKind::Json { line, column, message }
}

/// What is known while the list is read.
struct Reading<'a> {
    columns: Option<&'a Columns>,
    gathering: &'a mut Gathering,
    /// All keys of all objects, in the order in which they came.
    keys: Vec<String>,
    roles: HashMap<String, Roles>,
    /// How many objects were read; nothing before the array.
    rows: Option<u32>,
    /// Why the list is refused although it is JSON.
    failure: Option<ErrorKind>,
}

impl Reading<'_> {
    fn roles(&mut self, key: String) -> Roles {
        if let Some(roles) = self.roles.get(&key) {
            return *roles;
        }
        let roles = columns::roles(self.columns, &key);
        self.keys.push(key.clone());
        self.roles.insert(key, roles);
        roles
    }
}

/// The array, or the object around it.
struct Document<'a, 'b>(&'a mut Reading<'b>);

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of people")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, rows: A) -> Result<(), A::Error> {
        Rows(self.0).visit_seq(rows)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key::<IgnoredAny>()?.is_some() {
            map.next_value_seed(Rows(self.0))?;
        }
        match self.0.rows {
            None => Err(A::Error::custom("an object without an array, expected one of people")),
            Some(_) => Ok(()),
        }
    }
}

/// The array; whatever else is passed over.
struct Rows<'a, 'b>(&'a mut Reading<'b>);

impl<'de> DeserializeSeed<'de> for Rows<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of people")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        if self.0.rows.replace(0).is_some() {
            return Err(A::Error::custom("a second array, expected only one of people"));
        }
        while rows.next_element_seed(Object(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A person.
struct Object<'a, 'b>(&'a mut Reading<'b>);

impl<'de> DeserializeSeed<'de> for Object<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object for each person")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(reading) = self;
        while let Some(key) = map.next_key()? {
            let roles = reading.roles(key);
            if roles.is_any() {
                map.next_value_seed(Cell { roles, gathering: reading.gathering })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        let number = reading.rows.map_or(1, |rows| rows.saturating_add(1));
        reading.rows = Some(number);
        reading.gathering.end_row(number).map_err(|failure| {
            reading.failure = Some(failure);
            A::Error::custom("refused")
        })
    }
}

/// A value that matters.
struct Cell<'a> {
    roles: Roles,
    gathering: &'a mut Gathering,
}

impl<'de> DeserializeSeed<'de> for Cell<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl Visitor<'_> for Cell<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number or null as an email, a username or a name")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.gathering.cell(self.roles, text);
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<(), E> {
        self.visit_str(&number.to_string())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}
