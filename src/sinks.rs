//! The registry: the one place that knows which kinds of sinks there are.
//!
//! A new built-in kind is a crate in `plugins/` and one line here.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use seatwatch_sdk::SinkConfig;
use serde::de::DeserializeOwned;

use crate::config::{Mistake, Reader};

/// All built-in kinds.
pub const KINDS: &[Kind] = &[Kind::of::<seatwatch_file::FileConfig>("file")];

/// A kind of sink.
#[derive(Debug)]
pub struct Kind {
    /// What `type` calls it.
    pub name: &'static str,
    /// Reads its own part of the configuration.
    pub(crate) read: fn(Reader<'_>) -> Result<Box<dyn SinkConfig>, Mistake>,
    /// What that part may hold.
    pub(crate) schema: fn(&mut SchemaGenerator) -> Schema,
}

impl Kind {
    const fn of<C>(name: &'static str) -> Self
    where
        C: SinkConfig + DeserializeOwned + JsonSchema + 'static,
    {
        Self { name, read: read::<C>, schema: C::json_schema }
    }
}

fn read<C>(reader: Reader<'_>) -> Result<Box<dyn SinkConfig>, Mistake>
where
    C: SinkConfig + DeserializeOwned + 'static,
{
    C::deserialize(reader).map(|config| Box::new(config) as Box<dyn SinkConfig>)
}

/// The kind that `type` names, if it is a built-in one.
pub(crate) fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}
