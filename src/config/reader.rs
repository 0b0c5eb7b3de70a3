//! Reads plain `#[derive(Deserialize)]` types from the tree, and finds all their problems.
//!
//! Serde stops at the first mistake. So a mistake is recorded, what it is about is pruned from
//! the tree, and the type is read again, until nothing is wrong with the rest. What is missing
//! only because it was pruned is not reported a second time. Nothing can be put in the place of a
//! key that is missing; whoever reads the type says which it needs.
//!
//! An error text that a type makes with `serde::de::Error::custom` may have a second line: that
//! is the hint.
//!
//! Knows no key of the configuration.

use std::fmt;

use seatwatch_sdk::AS_WRITTEN;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer as _, Visitor,
};
use serde::forward_to_deserialize_any;

use super::problem::{Position, Problem, Severity, did_you_mean};
use super::tree::{self, Entry, Node, Scalar, Step, Value};

/// More than these help nobody.
pub(crate) const MAX_PROBLEMS: usize = 100;

/// Why something could not be read, and where.
#[derive(Debug)]
pub(crate) struct Mistake {
    text: String,
    hint: Option<String>,
    what: What,
    position: Option<Position>,
    /// From the mistake outwards: the last step is the outermost.
    steps: Vec<Step>,
}

#[derive(Debug)]
enum What {
    Value,
    /// Another type or another number than was expected.
    Mismatch {
        expected: String,
    },
    UnknownKey {
        expected: &'static [&'static str],
    },
    MissingKey(&'static str),
}

impl Mistake {
    fn new(what: What, text: String) -> Self {
        Self { text, hint: None, what, position: None, steps: Vec::new() }
    }

    /// Where it is, unless that is known already: the innermost place is the right one.
    fn at(mut self, position: Position) -> Self {
        self.position.get_or_insert(position);
        self
    }

    /// Names what was found as it is written: what a number means is not what stands there.
    fn quoting(mut self, source: &str) -> Self {
        if let What::Mismatch { expected } = &self.what {
            self.text = format!("found `{source}`, expected {expected}");
        }
        self
    }

    /// A number or a truth value where a text is meant, which it would be in quotes.
    fn unquoted(source: &str) -> Self {
        let mut mistake = Self::new(What::Value, format!("found `{source}`, expected a text"));
        mistake.hint = Some(format!("put it in quotes: `\"{source}\"`"));
        mistake
    }

    fn within(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// The problem to report, given the path to the node that was read.
    fn into_problem(mut self, root: &[Step], others: &[&str]) -> Problem {
        self.steps.reverse();
        let path = [root, &self.steps].concat();
        if let (What::UnknownKey { expected }, [.., Step::Key(name)]) = (&self.what, &*path) {
            self.text = format!("`{name}` is not a known key");
            let known = if self.steps.len() == 1 { others } else { &[] };
            self.hint = Some(hint_about_key(name, &[known, expected].concat()));
        }
        Problem {
            severity: Severity::Error,
            file: None,
            position: self.position,
            path: tree::display(&path),
            text: self.text,
            hint: self.hint,
        }
    }
}

fn hint_about_key(name: &str, known: &[&str]) -> String {
    let secret = ["token", "password", "secret"];
    if secret.contains(&name) {
        return format!("secrets do not stand in this file; name a file in `{name}_file`");
    }
    did_you_mean(name, known)
}

impl std::error::Error for Mistake {}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl de::Error for Mistake {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let message = message.to_string();
        let mut mistake = match message.split_once('\n') {
            Some((text, _)) => Self::new(What::Value, text.to_owned()),
            None => Self::new(What::Value, message.clone()),
        };
        mistake.hint = message.split_once('\n').map(|(_, hint)| hint.to_owned());
        mistake
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = plain(expected);
        let found = match found {
            // Whoever writes a text in place of a whole section may have written anything.
            de::Unexpected::Str(_) if SECTIONS.contains(&expected.as_str()) => "a text".to_owned(),
            found => describe(found),
        };
        let text = format!("found {found}, expected {expected}");
        Self::new(What::Mismatch { expected }, text)
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let mut mistake =
            Self::new(What::Value, format!("`{variant}` is not one of {}", expected.join(", ")));
        mistake.hint = super::problem::nearest(variant, expected.iter().copied())
            .map(|name| format!("did you mean `{name}`?"));
        mistake
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(What::UnknownKey { expected }, String::new())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(What::MissingKey(field), missing(field))
    }
}

fn missing(key: &str) -> String {
    format!("`{key}` is missing")
}

/// What was found, in the words of the file.
fn describe(found: de::Unexpected<'_>) -> String {
    match found {
        de::Unexpected::Unit => "nothing".to_owned(),
        de::Unexpected::Bool(value) => format!("`{value}`"),
        de::Unexpected::Unsigned(value) => format!("`{value}`"),
        de::Unexpected::Signed(value) => format!("`{value}`"),
        de::Unexpected::Float(value) => format!("`{value}`"),
        de::Unexpected::Str(text) => format!("the text `{text}`"),
        de::Unexpected::Seq => "a list".to_owned(),
        de::Unexpected::Map => "a mapping".to_owned(),
        other => other.to_string(),
    }
}

const SECTIONS: [&str; 2] = ["a list", "a mapping"];

/// What was expected: Rust's names for types mean nothing to who writes YAML.
fn plain(expected: &dyn Expected) -> String {
    let expected = expected.to_string();
    match expected.as_str() {
        "a string" | "path string" => "a text".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, not negative".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a mapping".to_owned(),
        text if text.starts_with("struct ") => "a mapping".to_owned(),
        _ => expected,
    }
}

/// Reads a `T` from `node`, which is at `path`, recording all that is wrong with it.
///
/// Returns what could be read without the pruned parts, for further checks; nothing if that is
/// nothing.
pub(crate) fn read<T: DeserializeOwned>(
    node: &mut Node,
    path: &[Step],
    problems: &mut Vec<Problem>,
) -> Option<T> {
    read_beside(node, path, &[], &[], problems, |reader| T::deserialize(reader))
}

/// The same with the function that reads it, for a type that shares a mapping with another:
/// `others` are the other's keys, which are passed over, and `needed` those that this one must have:
/// serde tells only of the first that is missing.
pub(crate) fn read_beside<T>(
    node: &mut Node,
    path: &[Step],
    others: &[&str],
    needed: &[String],
    problems: &mut Vec<Problem>,
    read: impl Fn(Reader<'_>) -> Result<T, Mistake>,
) -> Option<T> {
    loop {
        let mistake = match read(Reader { node, hidden: others }) {
            Ok(value) => return Some(value),
            Err(mistake) => mistake,
        };
        let position = node.position;
        let steps: Vec<Step> = mistake.steps.iter().rev().cloned().collect();
        let follows = matches!(mistake.what, What::MissingKey(key) if is_pruned(node, &steps, key));
        let first = match mistake.what {
            What::MissingKey(key) if steps.is_empty() => Some(key),
            _ => None,
        };
        if !follows {
            // Serde makes some mistakes where no place is known; the node that was read is near.
            problems.push(mistake.at(position).into_problem(path, others));
        }
        if let Some(first) = first {
            let also = needed.iter().filter(|key| *key != first && node.get(key).is_none());
            let also = also.map(|key| Mistake::new(What::Value, missing(key)).at(position));
            problems.extend(also.map(|mistake| mistake.into_problem(path, others)));
        }
        let pruned = node.descend(&steps).map(|node| node.value = Value::Pruned);
        if steps.is_empty() || pruned.is_none() || problems.len() >= MAX_PROBLEMS {
            return None;
        }
    }
}

fn is_pruned(root: &mut Node, steps: &[Step], key: &str) -> bool {
    root.descend(steps)
        .and_then(|node| node.get(key))
        .is_some_and(|node| matches!(node.value, Value::Pruned))
}

/// A node as serde sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    node: &'a Node,
    /// Keys of this mapping that are somebody else's.
    hidden: &'a [&'a str],
}

impl<'a> Reader<'a> {
    fn of(node: &'a Node) -> Self {
        Self { node, hidden: &[] }
    }

    fn text(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::Text(text) | Value::Scalar(_, text) => Some(text),
            _ => None,
        }
    }

    fn shows(&self, entry: &Entry) -> bool {
        !matches!(entry.node.value, Value::Pruned) && !self.hidden.contains(&entry.key.as_str())
    }

    fn sequence<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.value {
            Value::Sequence(nodes) => visitor.visit_seq(Items { nodes: nodes.iter().enumerate() }),
            _ => self.deserialize_any(visitor),
        }
    }

    fn mapping<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.value {
            Value::Mapping(entries) => {
                visitor.visit_map(Entries { reader: self, rest: entries.iter(), next: None })
            }
            _ => self.deserialize_any(visitor),
        }
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let result = match &self.node.value {
            Value::Null | Value::Pruned => visitor.visit_unit(),
            Value::Text(text) => visitor.visit_str(text),
            Value::Scalar(scalar, source) => {
                visit(*scalar, visitor).map_err(|mistake: Mistake| mistake.quoting(source))
            }
            Value::Sequence(_) => self.sequence(visitor),
            Value::Mapping(_) => self.mapping(visitor),
        };
        result.map_err(|mistake| mistake.at(self.node.position))
    }

    /// What would do as a text only needs quotes; what would not, says what is wrong with it.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let Some(text) = self.text() else { return self.deserialize_any(visitor) };
        let result = match (visitor.visit_str(text), &self.node.value) {
            (Ok(_), Value::Scalar(..)) => Err(Mistake::unquoted(text)),
            (result, _) => result,
        };
        result.map_err(|mistake: Mistake| mistake.at(self.node.position))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.value {
            Value::Null | Value::Pruned => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let result = match self.text() {
            Some(text) if name == AS_WRITTEN => visitor.visit_str(text),
            _ => visitor.visit_newtype_struct(self),
        };
        result.map_err(|mistake: Mistake| mistake.at(self.node.position))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let result = match &self.node.value {
            // A section whose keys are all commented out.
            Value::Null => visitor.visit_map(Entries { reader: self, rest: [].iter(), next: None }),
            // Derived types would take a list as their fields in order.
            Value::Sequence(_) => Err(de::Error::invalid_type(de::Unexpected::Seq, &visitor)),
            _ => self.mapping(visitor),
        };
        result.map_err(|mistake: Mistake| mistake.at(self.node.position))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let result = match self.text() {
            Some(text) => visitor.visit_enum(text.into_deserializer()),
            None => self.deserialize_any(visitor),
        };
        result.map_err(|mistake| mistake.at(self.node.position))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf
        unit unit_struct seq tuple tuple_struct map
    }
}

fn visit<'de, V: Visitor<'de>>(scalar: Scalar, visitor: V) -> Result<V::Value, Mistake> {
    match scalar {
        Scalar::Bool(value) => visitor.visit_bool(value),
        Scalar::Unsigned(value) => visitor.visit_u64(value),
        Scalar::Signed(value) => visitor.visit_i64(value),
        Scalar::Float(value) => visitor.visit_f64(value),
    }
}

/// The parts of a list that were not pruned.
struct Items<'a> {
    nodes: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
}

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Mistake> {
        let next = self.nodes.find(|(_, node)| !matches!(node.value, Value::Pruned));
        let Some((index, node)) = next else { return Ok(None) };
        let located = |mistake: Mistake| mistake.at(node.position).within(Step::Index(index));
        seed.deserialize(Reader::of(node)).map(Some).map_err(located)
    }
}

/// The entries of a mapping that were not pruned.
struct Entries<'a> {
    reader: Reader<'a>,
    rest: std::slice::Iter<'a, Entry>,
    next: Option<&'a Entry>,
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mistake> {
        let Some(entry) = self.rest.find(|entry| self.reader.shows(entry)) else {
            return Ok(None);
        };
        self.next = Some(entry);
        let located =
            |mistake: Mistake| mistake.at(entry.position).within(Step::Key(entry.key.clone()));
        seed.deserialize(entry.key.as_str().into_deserializer()).map(Some).map_err(located)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mistake> {
        let entry = self.next.take().expect("serde asks for a value after its key only");
        let located =
            |mistake: Mistake| mistake.at(entry.node.position).within(Step::Key(entry.key.clone()));
        seed.deserialize(Reader::of(&entry.node)).map_err(located)
    }
}
