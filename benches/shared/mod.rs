//! What the benches have in common: the process of the other side, and the count of fsyncs.

pub(crate) mod counterpart;
pub(crate) mod strace;
