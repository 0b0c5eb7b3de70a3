//! The registry: the one place that knows which kinds of sinks there are.
//!
//! A new built-in kind is a crate in `plugins/` and one line here.

use std::time::Duration;

use schemars::{Schema, SchemaGenerator};
use seatwatch_sdk::{BuiltIn, SinkConfig};

use crate::config::{Mistake, Reader};

/// All built-in kinds.
pub const KINDS: &[Kind] = &[Kind::of::<seatwatch_file::FileConfig>()];

/// A kind of sink.
#[derive(Debug)]
pub struct Kind {
    /// What `type` calls it.
    pub name: &'static str,
    /// For how long it groups events where its `wait` does not say.
    pub wait: Duration,
    /// Reads its own part of the configuration.
    pub(crate) read: fn(Reader<'_>) -> Result<Box<dyn SinkConfig>, Mistake>,
    /// What that part may hold.
    pub(crate) schema: fn(&mut SchemaGenerator) -> Schema,
}

impl Kind {
    const fn of<C: BuiltIn>() -> Self {
        Self { name: C::TYPE, wait: C::WAIT, read: read::<C>, schema: C::json_schema }
    }
}

fn read<C: BuiltIn>(reader: Reader<'_>) -> Result<Box<dyn SinkConfig>, Mistake> {
    C::deserialize(reader).map(|config| Box::new(config) as Box<dyn SinkConfig>)
}

/// The kind that `type` names, if it is a built-in one.
pub(crate) fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}
