//! Puts a pack into a folder: whole, or not at all.
//!
//! The files are written beside the folder and get its name when they are all on the disk. What is
//! there already is never touched, except that an empty folder may be taken.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use super::digest::digest;
use super::sheets::sheets;
use super::{Evidence, page};
use crate::rows::utc;

/// A file of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its name in the folder.
    pub name: String,
    /// How large it is.
    pub bytes: u64,
    /// SHA-256 of what is in it, in hexadecimal digits.
    pub sha256: String,
}

/// Writes a pack into a folder that is not there yet, or is empty. Nobody else can read it: it is
/// full of names.
///
/// # Errors
///
/// There is something in the folder, or it cannot be written; then nothing is left of it.
pub fn write(evidence: &Evidence<'_>, folder: &Path) -> io::Result<Vec<Written>> {
    refuse_what_is_there(folder)?;
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or_else(|| Path::new("."));
    // Only we can look into it.
    let work = tempfile::Builder::new().prefix(".seatwatch-report-").tempdir_in(parent)?;
    let mut names = Vec::new();
    for sheet in sheets(evidence) {
        let [csv, json] = ["csv", "json"].map(|ending| format!("{}.{ending}", sheet.name));
        let [mut csv_file, mut json_file] = [create(&work, &csv)?, create(&work, &json)?];
        sheet.write(evidence, &mut csv_file, &mut json_file)?;
        finish(csv_file)?;
        finish(json_file)?;
        names.extend([csv, json]);
    }
    let mut file = create(&work, PAGE)?;
    file.write_all(page::render(evidence).as_bytes())?;
    finish(file)?;
    names.push(PAGE.to_owned());
    names.sort();
    let files = names.into_iter().map(|name| hash(&work, name)).collect::<io::Result<Vec<_>>>()?;
    let mut file = create(&work, MANIFEST)?;
    serde_json::to_writer_pretty(&mut file, &manifest(evidence, &files))?;
    file.write_all(b"\n")?;
    finish(file)?;
    let mut all = files;
    all.push(hash(&work, MANIFEST.to_owned())?);
    fs::rename(work.path(), folder)?;
    // It is elsewhere now: nothing is there to be removed.
    drop(work.keep());
    File::open(parent)?.sync_all()?;
    Ok(all)
}

/// The page that needs nothing else.
const PAGE: &str = "report.html";

/// What the pack is of, and the digest of each file.
const MANIFEST: &str = "manifest.json";

fn refuse_what_is_there(folder: &Path) -> io::Result<()> {
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(io::ErrorKind::DirectoryNotEmpty.into()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn create(work: &TempDir, name: &str) -> io::Result<BufWriter<File>> {
    File::create_new(work.path().join(name)).map(BufWriter::new)
}

fn finish(file: BufWriter<File>) -> io::Result<()> {
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

fn hash(work: &TempDir, name: String) -> io::Result<Written> {
    let (bytes, sha256) = digest(&work.path().join(&name))?;
    Ok(Written { name, bytes, sha256 })
}

fn manifest(evidence: &Evidence<'_>, files: &[Written]) -> serde_json::Value {
    let organizations = evidence.organizations.iter().map(|chapter| chapter.id.to_string());
    let compared = evidence
        .compared
        .as_ref()
        .map(|compared| json!({ "list": compared.list, "sha256": compared.sha256 }));
    let files = files
        .iter()
        .map(|file| json!({ "name": file.name, "bytes": file.bytes, "sha256": file.sha256 }));
    json!({
        "seatwatch": env!("CARGO_PKG_VERSION"),
        "instance": evidence.instance,
        "config_sha256": evidence.config_sha256,
        "from": utc(Some(evidence.from)),
        "to": utc(Some(evidence.to)),
        "organizations": organizations.collect::<Vec<_>>(),
        "compared_with": compared,
        "files": files.collect::<Vec<_>>(),
    })
}
