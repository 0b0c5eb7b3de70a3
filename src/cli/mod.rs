//! The commands, a file each: arguments in, output and exit code out.

pub mod simulate;
