//! Whether a delivery would get through: what `check` asks, and each delivery again. Only reads.
//!
//! A path may be mistyped, or lead to a file of another format. So a file has to begin and to end
//! as ours do before anything is added to it or cut off.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::place::explain;
use crate::{Format, place, tail};

/// Tells what stands in the way of a delivery. Neither creates nor changes a file.
pub(crate) fn check(path: &Path, format: Format) -> Result<(), String> {
    let Some(file) = place::existing(path)? else { return place::check_creatable(path) };
    check_head(path, &file, format)?;
    let ours = file.metadata().and_then(|metadata| tail::is_ours(&file, metadata.len(), format));
    match ours {
        Ok(true) => Ok(()),
        Ok(false) => Err(foreign_end(path)),
        Err(error) => Err(explain(path, "cannot read", &error)),
    }
}

/// Refuses a file that begins as none of ours does.
pub(crate) fn check_head(path: &Path, file: &File, format: Format) -> Result<(), String> {
    let head = read_head(file).map_err(|error| explain(path, "cannot read", &error))?;
    format.check_head(&head).map_err(|what| {
        let path = path.display();
        format!("`{path}` {what}; it was left as it is: move it away, or set another `path`")
    })
}

/// The reason to refuse a file that ends as none of ours does.
pub(crate) fn foreign_end(path: &Path) -> String {
    format!(
        "`{}` ends in half a line that is no event; it was left as it is: \
         end it with a line feed, or move the file away",
        path.display()
    )
}

fn read_head(file: &File) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut block = [0; Format::HEAD_BYTES];
    while head.len() < Format::HEAD_BYTES {
        match file.read_at(&mut block, head.len() as u64) {
            Ok(0) => break,
            Ok(count) => head.extend_from_slice(&block[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(head)
}
