//! The file of a list: opened without waiting, and in which encoding it is.
//!
//! It is read twice: whether bytes are UTF-8 shows only at their end.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek as _, Take};
use std::path::Path;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use seatwatch_sdk::open_at_once;

use super::error::ErrorKind;

/// Some million people, with a few hundred bytes of what is told of each.
const MOST_BYTES: u64 = 1024 * 1024 * 1024;

/// With what workbooks begin: ZIP archives (`.xlsx`, `.ods`, Numbers), and OLE files (`.xls`).
const WORKBOOKS: [&[u8]; 2] = [b"PK\x03\x04", b"\xd0\xcf\x11\xe0"];

/// Opens a regular file, and tells how to decode it.
pub(super) fn open(path: &Path) -> Result<(Take<File>, &'static Encoding), ErrorKind> {
    let mut file = open_at_once(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(ErrorKind::NotRegular);
    }
    if metadata.len() > MOST_BYTES {
        return Err(ErrorKind::TooLarge { most_bytes: MOST_BYTES });
    }
    let mut bytes = BufReader::with_capacity(1 << 16, (&mut file).take(MOST_BYTES + 1));
    let encoding = encoding(&mut bytes)?;
    // What somebody appends in the meantime is no part of it.
    let length = MOST_BYTES + 1 - bytes.get_ref().limit();
    if length > MOST_BYTES {
        return Err(ErrorKind::TooLarge { most_bytes: MOST_BYTES });
    }
    file.rewind()?;
    Ok((file.take(length), encoding))
}

/// The encoding that the first bytes name, else UTF-8 if it is, else what Windows writes in the
/// west. Reads to the end.
fn encoding(bytes: &mut impl BufRead) -> Result<&'static Encoding, ErrorKind> {
    let start = bytes.fill_buf()?;
    if WORKBOOKS.iter().any(|magic| start.starts_with(magic)) {
        return Err(ErrorKind::Workbook);
    }
    let named = Encoding::for_bom(start).map(|(encoding, _)| encoding);
    let mut is_utf8 = true;
    // The beginning of a character whose end is still to come.
    let mut rest = Vec::new();
    loop {
        let chunk = bytes.fill_buf()?;
        if chunk.is_empty() {
            break;
        }
        if named.is_none() && chunk.contains(&0) {
            return Err(ErrorKind::NotText);
        }
        if named.is_none() && is_utf8 {
            rest.extend_from_slice(chunk);
            match std::str::from_utf8(&rest) {
                Ok(_) => rest.clear(),
                Err(error) if error.error_len().is_none() => {
                    rest.drain(..error.valid_up_to());
                }
                Err(_) => is_utf8 = false,
            }
        }
        let length = chunk.len();
        bytes.consume(length);
    }
    let found = if is_utf8 && rest.is_empty() { UTF_8 } else { WINDOWS_1252 };
    Ok(named.unwrap_or(found))
}
