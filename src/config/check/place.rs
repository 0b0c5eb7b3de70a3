//! Where in the file something stands, for problems that only a comparison brings to light.
//!
//! Looks places up when there is something to report, so that nothing is kept for what is right.

use crate::config::problem::{Position, Problem, Severity};
use crate::config::tree::{self, Node, Step, Value};

/// A key of the file and where it stands.
#[derive(Clone, Debug)]
pub(in crate::config) struct Place {
    pub(super) position: Position,
    pub(super) path: String,
}

impl Place {
    pub(in crate::config) fn error(&self, text: impl Into<String>) -> Problem {
        self.problem(Severity::Error, text)
    }

    pub(super) fn warning(&self, text: impl Into<String>) -> Problem {
        self.problem(Severity::Warning, text)
    }

    fn problem(&self, severity: Severity, text: impl Into<String>) -> Problem {
        Problem {
            severity,
            file: None,
            position: Some(self.position),
            path: self.path.clone(),
            text: text.into(),
            hint: None,
        }
    }
}

/// A mapping of the file, to look up places in.
#[derive(Clone, Copy)]
pub(in crate::config) struct Section<'a> {
    pub(in crate::config) node: &'a Node,
    pub(in crate::config) path: &'a [Step],
}

impl Section<'_> {
    /// Whether the file says anything at the end of `keys`, right or wrong.
    pub(in crate::config) fn has(self, keys: &[&str]) -> bool {
        let mut node = self.node;
        for key in keys {
            match node.get(key) {
                Some(Node { value: Value::Pruned, .. }) => return true,
                Some(next) => node = next,
                None => return false,
            }
        }
        !matches!(node.value, Value::Null)
    }

    /// Whether what stands at the end of `keys`, or on the way there, was wrong when it was read.
    /// One wrong part of a list is enough: for whoever has read it, the others have moved up.
    pub(in crate::config) fn is_pruned(self, keys: &[&str]) -> bool {
        let is_pruned = |node: &Node| match &node.value {
            Value::Pruned => true,
            Value::Sequence(nodes) => nodes.iter().any(|node| matches!(node.value, Value::Pruned)),
            _ => false,
        };
        let way = keys.iter().scan(self.node, |node, key| {
            *node = child(node, key)?.1;
            Some(*node)
        });
        way.into_iter().any(is_pruned)
    }

    /// Where the value at the end of `keys`, which may be indices of lists, stands, or as much of
    /// the way as there is.
    pub(in crate::config) fn place(self, keys: &[&str]) -> Place {
        let mut path = self.path.to_vec();
        let mut node = self.node;
        for key in keys {
            let Some((step, next)) = child(node, key) else { break };
            node = next;
            path.push(step);
        }
        Place { position: node.position, path: tree::display(&path) }
    }
}

/// The part of a mapping, or of a list, that `key` names.
fn child<'a>(node: &'a Node, key: &str) -> Option<(Step, &'a Node)> {
    if let Value::Sequence(nodes) = &node.value {
        let index = key.parse().ok()?;
        return Some((Step::Index(index), nodes.get(index)?));
    }
    Some((Step::Key(key.to_owned()), node.get(key)?))
}
