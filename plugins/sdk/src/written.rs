//! Values that a configuration may write as a number or as a text, read as they are written.
//!
//! A number that serde hands over is without its text: `007` would be 7, and `12.50` 12.5. So a
//! configuration asks for these by a name that its reader knows, and gets the text. A format that
//! does not know the name gives what it has.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserializer, de};

/// The name of the newtype by which a deserializer is asked for the text of a scalar.
pub const AS_WRITTEN: &str = "$seatwatch::as_written";

/// Reads a value that is written as one text, with quotes or, where it is a number or a truth
/// value, without; `what` says what such texts are.
///
/// # Errors
///
/// It is no single value, or its text is refused.
pub fn read_as_written<'de, T, D>(deserializer: D, what: &'static str) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_newtype_struct(AS_WRITTEN, Reading(what, PhantomData))
}

/// Reads a value that is written as one text; `what` says what such texts are.
///
/// # Errors
///
/// It is no text, or a text that is refused.
pub fn read_text<'de, T, D>(deserializer: D, what: &'static str) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_str(Reading(what, PhantomData))
}

struct Reading<T>(&'static str, PhantomData<T>);

impl<'de, T: FromStr<Err: fmt::Display>> de::Visitor<'de> for Reading<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_str(self)
    }
}
