//! The YAML file as a tree in which everything knows its place.
//!
//! Derived types are read from the tree, not from the text, so that one run can report all
//! problems, each with line and column. A scalar keeps its source text: whether `007` is a name
//! or a number is decided by who asks.
//!
//! Knows YAML and nothing of the keys of the configuration. Its errors never quote the file:
//! the line beside a typo may hold a secret.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Location, Spanned};

use super::problem::{Position, Problem};

/// How deep mappings and sequences may stand in each other; ours need six.
const MAX_DEPTH: usize = 32;

/// One value of the file.
#[derive(Debug)]
pub(crate) struct Node {
    /// Where it starts, or where its alias stands.
    pub(crate) position: Position,
    pub(crate) value: Value,
}

/// What a node holds.
#[derive(Debug)]
pub(crate) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// Without quotes, and neither a number nor a truth value nor nothing; or in quotes.
    Text(String),
    /// A number or a truth value, if nobody asks for a text.
    Scalar(Scalar, String),
    Sequence(Vec<Node>),
    /// In the order of the file; no key stands in it twice.
    Mapping(Vec<Entry>),
    /// Was wrong and has been reported: readers pass over it.
    Pruned,
}

/// What the source text of a scalar means when it is not taken as a text.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scalar {
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

/// A key of a mapping and its value.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) position: Position,
    pub(crate) node: Node,
}

impl Node {
    /// Reads a whole file, which holds one document.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let raw: Spanned<Raw> =
            serde_yaml::from_str_with_options(text, options()).map_err(|error| explain(&error))?;
        let root = Self::from_raw(raw, text);
        if matches!(root.value, Value::Null) {
            return Err(Problem::of_file("the file is empty, expected a configuration")
                .with_hint("it needs at least `organizations`; config.example.yaml shows all"));
        }
        Ok(root)
    }

    /// The entry of a mapping; nothing for another kind of node.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The value of a mapping's entry; nothing for another kind of node.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The node that `path` leads to from here, to change it.
    pub(crate) fn descend(&mut self, path: &[Step]) -> Option<&mut Self> {
        let [step, rest @ ..] = path else { return Some(self) };
        let child = match (&mut self.value, step) {
            (Value::Mapping(entries), Step::Key(key)) => {
                &mut entries.iter_mut().find(|entry| &entry.key == key)?.node
            }
            (Value::Sequence(nodes), Step::Index(index)) => nodes.get_mut(*index)?,
            _ => return None,
        };
        child.descend(rest)
    }

    fn from_raw(raw: Spanned<Raw>, text: &str) -> Self {
        let source = |fallback: &dyn fmt::Display| {
            source(text, raw.defined).map_or_else(|| fallback.to_string(), str::to_owned)
        };
        let value = match raw.value {
            Raw::Null => Value::Null,
            Raw::Bool(value) => Value::Scalar(Scalar::Bool(value), source(&value)),
            Raw::Unsigned(value) => Value::Scalar(Scalar::Unsigned(value), source(&value)),
            Raw::Signed(value) => Value::Scalar(Scalar::Signed(value), source(&value)),
            Raw::Float(value) => Value::Scalar(Scalar::Float(value), source(&value)),
            Raw::Text(value) => Value::Text(value),
            Raw::Sequence(nodes) => {
                Value::Sequence(nodes.into_iter().map(|raw| Self::from_raw(raw, text)).collect())
            }
            Raw::Mapping(entries) => {
                let entry = |(key, raw): (Spanned<String>, Spanned<Raw>)| Entry {
                    position: position(key.referenced),
                    key: key.value,
                    node: Self::from_raw(raw, text),
                };
                Value::Mapping(entries.into_iter().map(entry).collect())
            }
        };
        Self { position: position(raw.referenced), value }
    }
}

/// One step from a node to a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

/// A path as people write it: `organizations[1].schedule`.
pub(crate) fn display(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.extend([".", key]),
            Step::Index(index) => text.extend(["[", &index.to_string(), "]"]),
        }
    }
    text
}

fn position(location: Location) -> Position {
    Position { line: location.line(), column: location.column() }
}

/// What stands in the file where a plain scalar was found.
fn source(text: &str, location: Location) -> Option<&str> {
    let span = location.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let len = usize::try_from(span.byte_len()?).ok()?;
    let found = text.get(start..start.checked_add(len)?)?.trim();
    (!found.is_empty()).then_some(found)
}

fn options() -> serde_yaml::Options {
    // A configuration of 60,000 organizations as mappings has about a million nodes. Aliases
    // save typing in a few places; thousands of them are an attack.
    let budget = serde_yaml::budget! {
        max_depth: MAX_DEPTH,
        flow_nesting_limit: MAX_DEPTH,
        max_nodes: 4_000_000,
        max_events: 12_000_000,
        max_aliases: 10_000,
        max_documents: 1,
    };
    serde_yaml::options! {
        budget: budget,
        strict_booleans: true,
        with_snippet: false,
    }
}

/// Says in our words what the parser found; never with the lines around it.
fn explain(error: &serde_yaml::Error) -> Problem {
    use serde_yaml::Error as E;
    use serde_yaml::budget::BudgetBreach as Breach;

    let error = error.without_snippet();
    let location = error.location().filter(|location| *location != Location::UNKNOWN);
    let problem = match error {
        E::AliasError { error, .. } => explain(error),
        E::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().map(|key| format!(" `{key}`")).unwrap_or_default();
            Problem::of_file(format!("the key{key} stands twice in one mapping"))
                .with_hint("keep one of them")
        }
        E::MultipleDocuments { .. } | E::Budget { breach: Breach::Documents { .. }, .. } => {
            Problem::of_file("a second document begins, expected one")
                .with_hint("remove the line `---`")
        }
        E::Eof { .. } => Problem::of_file("the file is empty, expected a configuration")
            .with_hint("it needs at least `organizations`; config.example.yaml shows all"),
        E::Budget { breach: Breach::Depth { .. }, .. } => too_deep(),
        E::Budget { .. }
        | E::AliasReplayLimitExceeded { .. }
        | E::AliasExpansionLimitExceeded { .. }
        | E::AliasReplayStackDepthExceeded { .. } => {
            Problem::of_file("too large: aliases that repeat aliases, or millions of values")
                .with_hint("write out what the aliases (`*name`) stand for")
        }
        E::NullIntoString { .. } => Problem::of_file("a key is missing before `:`"),
        E::UnknownAnchor { .. } => unquoted_star(),
        E::RecursiveReferencesRequireWeakTypes { .. } => {
            Problem::of_file("an alias (`*name`) stands inside of what it stands for")
                .with_hint("write out what it stands for")
        }
        other => {
            let formatter = serde_yaml::DefaultMessageFormatter;
            let text = serde_yaml::MessageFormatter::format_message(&formatter, other);
            match other {
                E::ExternalMessage { .. } => syntax(&text),
                _ => Problem::of_file(format!("not valid YAML: {text}")),
            }
        }
    };
    match location {
        Some(location) => problem.at(position(location)),
        None => problem,
    }
}

fn too_deep() -> Problem {
    Problem::of_file(format!("nested more than {MAX_DEPTH} levels deep"))
}

/// To YAML, `*/15` is an alias.
fn unquoted_star() -> Problem {
    Problem::of_file("a text that begins with `*` needs quotes")
        .with_hint("write `schedule: \"*/15 * * * *\"`")
}

/// A mistake that the scanner explains itself.
fn syntax(text: &str) -> Problem {
    if text.contains("recursion limit") {
        return too_deep();
    }
    if text.contains("anchor or alias") {
        return unquoted_star();
    }
    let hint = if text.contains("tab") {
        "indent with spaces; YAML does not allow tabs there"
    } else if text.contains("unexpected character") {
        "a text that begins with this character needs quotes"
    } else {
        "look for an open bracket or quote, or a `:` that needs quotes"
    };
    let first_line = text.lines().next().unwrap_or_default();
    Problem::of_file(format!("not valid YAML: {first_line}")).with_hint(hint)
}

/// A value as the YAML library gives it, which for numbers is without their text.
enum Raw {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    Sequence(Vec<Spanned<Raw>>),
    Mapping(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(u64::try_from(value).map_or(Raw::Signed(value), Raw::Unsigned))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut nodes: A) -> Result<Raw, A::Error> {
        let mut all = Vec::new();
        while let Some(node) = nodes.next_element()? {
            all.push(node);
        }
        Ok(Raw::Sequence(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut all = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            all.push(entry);
        }
        Ok(Raw::Mapping(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree in one line: `{key@1:1: text@1:6}`.
    fn show(node: &Node) -> String {
        let value = match &node.value {
            Value::Null => "null".to_owned(),
            Value::Text(text) => format!("{text:?}"),
            Value::Scalar(scalar, text) => format!("{scalar:?} {text}"),
            Value::Sequence(nodes) => {
                format!("[{}]", nodes.iter().map(show).collect::<Vec<_>>().join(", "))
            }
            Value::Mapping(entries) => {
                let entry = |entry: &Entry| {
                    format!("{}@{}: {}", entry.key, entry.position, show(&entry.node))
                };
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
            Value::Pruned => "pruned".to_owned(),
        };
        format!("{value}@{}", node.position)
    }

    #[track_caller]
    fn check(text: &str, tree: &str) {
        assert_eq!(show(&Node::parse(text).unwrap()), tree);
    }

    #[test]
    fn everything_knows_its_place() {
        check("a: [1, x]\n", "{a@1:1: [Unsigned(1) 1@1:5, \"x\"@1:8]@1:4}@1:1");
        check("ä: ü\nb:\n  c: yes\n", "{ä@1:1: \"ü\"@1:4, b@2:1: {c@3:3: \"yes\"@3:6}@3:3}@1:1");
    }

    #[test]
    fn scalars_keep_their_text() {
        check(
            "- 007\n- 1.50\n- -3\n- 1e3\n- true\n- 'ü'\n- 0x1F\n- ~",
            "[Float(7.0) 007@1:3, Float(1.5) 1.50@2:3, Signed(-3) -3@3:3, Float(1000.0) 1e3@4:3, \
             Bool(true) true@5:3, \"ü\"@6:3, Unsigned(31) 0x1F@7:3, null@8:3]@1:1",
        );
        check(
            "- ü\n- &a 1.50\n- *a\n- '1.50'",
            "[\"ü\"@1:3, Float(1.5) 1.50@2:6, Float(1.5) 1.50@3:3, \"1.50\"@4:3]@1:1",
        );
    }

    #[test]
    fn merged_mappings_are_part_of_the_mapping() {
        check(
            "a: &a {x: 1}\nb:\n  <<: *a\n  y: 2\n",
            "{a@1:1: {x@1:8: Unsigned(1) 1@1:11}@1:7, \
             b@2:1: {y@4:3: Unsigned(2) 2@4:6, x@3:7: Unsigned(1) 1@3:7}@3:3}@1:1",
        );
    }
}
